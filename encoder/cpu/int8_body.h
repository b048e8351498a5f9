/*
 * int8 products, written once over the compiler's vector type. Included by one file an instruction set, which defines
 * LANES, PRODUCT_ROWS and PRODUCT_VECTORS as for product_body.h, TABLE and ISA_NAME, and, with vector.h:
 *   x_value, GROUP              how an activation is kept; GROUP of them are 4 bytes
 *   to_ints(v)                  rounds to the nearest, ties to even
 *   keep(out, q, zero)          LANES activations from bytes q of any size above 255
 *   weights(w)                  GROUP * LANES weights as dot wants them
 *   dot(acc, x, w)              acc + the products of each group, exact
 *   start(sums, zero)           what a sum starts with, so that activations count from zero
 *
 * The tile is the f32 product's, GROUP inputs a step. Every output's scale, bias and residual join while it is in a
 * register; activations run over a tile that is still in the first-level cache.
 */
#include "encoder/cpu/finish_body.h"
#include "encoder/cpu/narrow.h"

#include <float.h>

enum { PANEL_COLS = PRODUCT_VECTORS * LANES, PREFETCH_TILES = 16, STEP_BYTES = PANEL_COLS * GROUP };

static inline vf some(const float *p, size_t n)
{
    return n >= LANES ? load(p) : load_some(p, n);
}

/* The span of a row and 0, its end first; both are not a number where the row has something that is not finite. */
static inline float range_of(const float *x, size_t n, float *minus_low)
{
    vf high = all(0), low = all(0), poison = all(0);
    for (size_t i = 0; i < n; i += LANES) {
        vf v = some(x + i, n - i);
        high = larger(v, high);
        low = larger(-v, low);
        poison += v * all(0);
    }
    float bad = sum_of(poison);
    *minus_low = max_of(low) + bad;
    return max_of(high) + bad;
}

static void narrow_row(const float *x, size_t n, x_value *out, float *scale, int32_t *zero)
{
    float minus_low, high = range_of(x, n, &minus_low);
    float step = (high + minus_low) * (1.0f / 255);
    if (!(step >= FLT_MIN)) {
        memset(out, 0, n * sizeof *out);
        *scale = isnan(step) ? NAN : 0;
        *zero = 0;
        return;
    }
    float per_step = 1 / step;
    int32_t at_zero = (int32_t)lrintf(minus_low * per_step);
    vi shift = at_zero - (vi){0};
    for (size_t i = 0; i < n; i += LANES)
        keep(out + i, to_ints(some(x + i, n - i) * all(per_step)) + shift, shift);
    *scale = step;
    *zero = at_zero;
}

static void narrow(const float *x, size_t n_rows, size_t n_in, const cpu_narrow_rows *rows)
{
    for (size_t r = 0; r < n_rows; r++) {
        x_value *out = (x_value *)rows->values + r * cpu_narrow_width(n_in);
        narrow_row(x + r * n_in, n_in, out, &rows->scales[r], &rows->zeros[r]);
    }
}

/* The part of the panel after this one that a tile of these rows fetches into the second-level cache. */
static inline const int8_t *next_panel(const cpu_narrow_weight *w, size_t row, size_t col)
{
    size_t part = row / PRODUCT_ROWS % PREFETCH_TILES, next = col + PANEL_COLS < w->n_out ? col + PANEL_COLS : 0;
    return (const int8_t *)w->panels + next * w->n_groups * GROUP + part * w->n_groups * STEP_BYTES / PREFETCH_TILES;
}

static inline void put(const cpu_narrow_product *p, size_t row, size_t col, vi sum)
{
    const cpu_narrow_weight *w = p->w;
    float *y = p->y + row * w->n_out + col;
    vf value =
        __builtin_convertvector(sum, vf) * (all(p->x->scales[row]) * load(w->scales + col)) + load(p->bias + col);
    if (w->n_out >= col + LANES)
        store(y, p->add ? value + load(y) : value);
    else if (w->n_out > col)
        store_some(y, p->add ? value + load_some(y, w->n_out - col) : value, w->n_out - col);
}

static inline __attribute__((always_inline)) void multiply_tile(const cpu_narrow_product *p, size_t row, size_t col,
                                                                const int n_rows)
{
    const size_t n_groups = p->w->n_groups, width = cpu_narrow_width(p->w->n_in);
    const x_value *x = (const x_value *)p->x->values + row * width;
    const int8_t *w = (const int8_t *)p->w->panels + col * n_groups * GROUP, *next = next_panel(p->w, row, col);
    vi acc[PRODUCT_ROWS][PRODUCT_VECTORS];
    UNROLL
    for (int v = 0; v < PRODUCT_VECTORS; v++) {
        UNROLL
        for (int r = 0; r < n_rows; r++)
            acc[r][v] = start(p->w->sums + col + v * LANES, p->x->zeros[row + (size_t)r]);
    }
    UNROLL_TWICE
    for (size_t g = 0; g < n_groups; g++) {
        vi b[PRODUCT_VECTORS];
        __builtin_prefetch(next + g * STEP_BYTES / PREFETCH_TILES, 0, 2);
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++)
            b[v] = weights(w + g * STEP_BYTES + (size_t)v * LANES * GROUP);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            int32_t a;
            memcpy(&a, x + (size_t)r * width + g * GROUP, sizeof a);
            vi group = a - (vi){0};
            UNROLL
            for (int v = 0; v < PRODUCT_VECTORS; v++)
                acc[r][v] = dot(acc[r][v], group, b[v]);
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++)
            put(p, row + (size_t)r, col + (size_t)v * LANES, acc[r][v]);
    }
}

/* A number of rows that the compiler knows, so that the tile fits registers. */
static void multiply_rows(const cpu_narrow_product *p, size_t row, size_t col, size_t n_rows)
{
    switch (n_rows) {
    case 1:
        multiply_tile(p, row, col, 1);
        return;
    case 2:
        multiply_tile(p, row, col, 2);
        return;
    case 3:
        multiply_tile(p, row, col, 3);
        return;
    case 4:
        multiply_tile(p, row, col, 4);
        return;
    case 5:
        multiply_tile(p, row, col, 5);
        return;
    default:
        multiply_tile(p, row, col, PRODUCT_ROWS);
    }
}

static void product(const cpu_narrow_product *p)
{
    size_t n_out = p->w->n_out;
    for (size_t col = 0; col < n_out; col += PANEL_COLS) {
        size_t n_cols = n_out - col < PANEL_COLS ? n_out - col : PANEL_COLS;
        for (size_t row = 0; row < p->n_rows; row += PRODUCT_ROWS) {
            size_t n_rows = p->n_rows - row < PRODUCT_ROWS ? p->n_rows - row : PRODUCT_ROWS;
            multiply_rows(p, row, col, n_rows);
            if (p->activation != CPU_IDENTITY)
                finish(p->y + row * n_out + col, n_out, NULL, n_rows, n_cols, p->activation);
        }
    }
}

const cpu_narrow TABLE = {
    .isa = ISA_NAME,
    .panel_cols = PANEL_COLS,
    .group = GROUP,
    .x_bytes = sizeof(x_value),
    .narrow = narrow,
    .product = product,
};
