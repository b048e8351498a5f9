/*
 * Narrow products, written once over the compiler's vector type. Included by one file an instruction set and type, which
 * defines LANES, PRODUCT_ROWS and PRODUCT_VECTORS as for product_body.h, TABLE, ISA_NAME and DTYPE, and, with vector.h:
 *   x_value, w_value, GROUP     how an activation and a weight are kept; GROUP activations are 4 bytes
 *   STEP_GROUPS, SHARED, SHARED_MOST   groups that dot takes at once, and the table's rule of packing that follows
 *   sums                        a vector of LANES sums
 *   narrow(...)                 as in the table
 *   weights(w)                  GROUP * LANES weights as dot wants them
 *   dot(acc, x, w)              acc + the products of STEP_GROUPS groups, each a vector of x and one of w
 *   start(p, row, col)          what a vector of sums starts with
 *   row_scale, scale_of_row(p, row), scale_of_outputs(scales, col), to_f32(sum, row_scale, scale)
 *                               what sums are worth, by their row and by their outputs
 *
 * The tile is the f32 product's, STEP_GROUPS * GROUP inputs a step. Every output's scale, bias and residual join while it is in a
 * register; activations run over a tile that is still in the first-level cache.
 */
#include "encoder/cpu/finish_body.h"

enum { PANEL_COLS = PRODUCT_VECTORS * LANES, PREFETCH_TILES = 16, STEP = PANEL_COLS * GROUP, LINE = 64 };

/* The part of the panel after this one that a tile of these rows fetches into the second-level cache. */
static inline const w_value *next_panel(const cpu_narrow_weight *w, size_t row, size_t col)
{
    size_t part = row / PRODUCT_ROWS % PREFETCH_TILES, next = col + PANEL_COLS < w->n_out ? col + PANEL_COLS : 0;
    return (const w_value *)w->panels + next * w->n_groups * GROUP + part * w->n_groups * STEP / PREFETCH_TILES;
}

/*
 * A tile's sums to y. What a vector of outputs shares is read once; p's members are read before anything is stored, which
 * could have changed them as far as the compiler knows.
 */
static inline __attribute__((always_inline)) void put_tile(const cpu_narrow_product *p, size_t row, size_t col,
                                                           sums acc[PRODUCT_ROWS][PRODUCT_VECTORS], const int n_rows)
{
    const size_t n_out = p->w->n_out;
    const bool add = p->add;
    const float *bias = p->bias + col;
    float *y = p->y + row * n_out + col;
    row_scale row_scales[PRODUCT_ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        row_scales[r] = scale_of_row(p, row + (size_t)r);
    const float *scales = p->w->scales;
    UNROLL
    for (int v = 0; v < PRODUCT_VECTORS; v++) {
        size_t at = (size_t)v * LANES;
        vf b = load(bias + at), scale = scale_of_outputs(scales, col + at);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            float *to = y + (size_t)r * n_out + at;
            vf value = to_f32(acc[r][v], row_scales[r], scale) + b;
            if (n_out >= col + at + LANES)
                store(to, add ? value + load(to) : value);
            else if (n_out > col + at)
                store_some(to, add ? value + load_some(to, n_out - col - at) : value, n_out - col - at);
        }
    }
}

/* acc += STEP_GROUPS groups of every row of x with those of w. */
static inline __attribute__((always_inline)) void multiply_step(sums acc[PRODUCT_ROWS][PRODUCT_VECTORS],
                                                                const x_value *x, size_t width, const w_value *w,
                                                                const int n_rows)
{
    vi b[PRODUCT_VECTORS][STEP_GROUPS];
    UNROLL
    for (int v = 0; v < PRODUCT_VECTORS * STEP_GROUPS; v++)
        b[v % PRODUCT_VECTORS][v / PRODUCT_VECTORS] = weights(w + (size_t)v * LANES * GROUP);
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        vi a[STEP_GROUPS];
        UNROLL
        for (int g = 0; g < STEP_GROUPS; g++) {
            int32_t group;
            memcpy(&group, x + (size_t)r * width + g * GROUP, sizeof group);
            a[g] = group - (vi){0};
        }
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++)
            acc[r][v] = dot(acc[r][v], a, b[v]);
    }
}

/* The tile of y is on its way from memory while the sums for it are made. */
static inline __attribute__((always_inline)) void fetch_tile(const cpu_narrow_product *p, size_t row, size_t col,
                                                             const int n_rows)
{
    const float *y = p->y + row * p->w->n_out + col;
    for (int r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < PANEL_COLS; i += LINE / sizeof *y)
            __builtin_prefetch(y + (size_t)r * p->w->n_out + i, 1, 3);
    }
}

static inline __attribute__((always_inline)) void multiply_tile(const cpu_narrow_product *p, size_t row, size_t col,
                                                                const int n_rows)
{
    const size_t n_groups = p->w->n_groups, width = cpu_narrow_width(p->w->n_in);
    const x_value *x = (const x_value *)p->x->values + row * width;
    const w_value *w = (const w_value *)p->w->panels + col * n_groups * GROUP, *next = next_panel(p->w, row, col);
    sums acc[PRODUCT_ROWS][PRODUCT_VECTORS];
    fetch_tile(p, row, col, n_rows);
    UNROLL
    for (int v = 0; v < PRODUCT_VECTORS; v++) {
        UNROLL
        for (int r = 0; r < n_rows; r++)
            acc[r][v] = start(p, row + (size_t)r, col + (size_t)v * LANES);
    }
    /* Every PREFETCH_TILES steps this tile owes the next panel one step's worth of bytes. */
    for (size_t first = 0; first < n_groups; first += PREFETCH_TILES) {
        size_t end = n_groups - first < PREFETCH_TILES ? n_groups : first + PREFETCH_TILES;
        for (size_t i = 0; i < STEP; i += LINE / sizeof *next)
            __builtin_prefetch(next + first / PREFETCH_TILES * STEP + i, 0, 2);
        UNROLL_TWICE
        for (size_t g = first; g < end; g += STEP_GROUPS)
            multiply_step(acc, x + g * GROUP, width, w + g * STEP, n_rows);
    }
    put_tile(p, row, col, acc, n_rows);
}

typedef cpu_narrow_product tiled_product;
#include "encoder/cpu/tile_body.h"

static void product(const cpu_narrow_product *p)
{
    multiply_panels(p, p->y, p->n_rows, p->w->n_out, p->activation);
}

const cpu_narrow TABLE = {
    .isa = ISA_NAME,
    .dtype = DTYPE,
    .panel_cols = PANEL_COLS,
    .group = GROUP,
    .step_groups = STEP_GROUPS,
    .shared = SHARED,
    .shared_most = SHARED_MOST,
    .x_bytes = sizeof(x_value),
    .narrow = narrow,
    .product = product,
};
