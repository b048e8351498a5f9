/*
 * y = act(x Wᵀ + b), or y += x Wᵀ + b, with bias, residual and activation inside. W lies in panels of PANEL_COLS
 * outputs, so that one step along n_in is PRODUCT_VECTORS loads in a row; PRODUCT_ROWS rows of x are read in place, a
 * float at a time into all lanes, and the tile of y stays in registers until it is done.
 *
 * The floor is 2 * n_rows * n_out * n_in FLOP at two vector additions and multiplications a cycle: with AVX-512 24 of
 * them stand beside 4 loads and 6 broadcasts, so the multipliers are never short of operands. A panel (98 kB at n_in 384)
 * is read from the second-level cache by one tile after the other, n_rows of x stay there as well, and what comes from
 * further away is each panel once: 64 * n_in * 4 bytes for 128 * n_in * n_rows FLOP, at 96 rows 48 FLOP a byte.
 *
 * Where n_in is too large for that, the product goes slice by slice of it, and y, half a percent of the traffic, holds
 * the sums meanwhile; they are the same sums in the same order.
 */

enum { PANEL_COLS = PRODUCT_VECTORS * LANES, PREFETCH_TILES = 16, PREFETCH_COLS = PANEL_COLS / PREFETCH_TILES };

/* At 768 a panel, the next one and 96 rows of x are 0.7 MB. */
enum { SLICE_MOST = 768 };

/* Inputs [first, first + n) of a product. */
typedef struct slice {
    const cpu_product *p;
    size_t first;
    size_t n;
} slice;

/* The part of the panel after this one that a tile of these rows fetches into the second-level cache. */
static inline const float *next_panel(const slice *s, size_t row, size_t col)
{
    const cpu_product *p = s->p;
    size_t part = row / PRODUCT_ROWS % PREFETCH_TILES, first = s->first, next = col + PANEL_COLS;
    if (next >= p->n_out) {
        next = 0;
        first = first + s->n < p->n_in ? first + s->n : 0;
    }
    return p->panels + next * p->n_in + first * PANEL_COLS + part * s->n * PREFETCH_COLS;
}

static inline __attribute__((always_inline)) void multiply_tile(const slice *s, size_t row, size_t col,
                                                                const int n_rows)
{
    const cpu_product *p = s->p;
    const size_t n_in = p->n_in, n = s->n;
    const float *x = p->x + row * n_in + s->first, *w = p->panels + col * n_in + s->first * PANEL_COLS;
    float *y = p->y + row * p->n_out + col;
    const float *next = next_panel(s, row, col);
    const bool begins = s->first == 0, adds = p->add || !begins;
    vf acc[PRODUCT_ROWS][PRODUCT_VECTORS];
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++) {
            acc[r][v] = begins ? load(p->bias + col + v * LANES) : all(0);
            if (adds)
                acc[r][v] += load(y + (size_t)r * p->n_out + v * LANES);
        }
    }
    UNROLL_TWICE
    for (size_t i = 0; i < n; i++) {
        vf b[PRODUCT_VECTORS];
        __builtin_prefetch(next + i * PREFETCH_COLS, 0, 2);
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++)
            b[v] = load(w + i * PANEL_COLS + v * LANES);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            vf a = all(x[(size_t)r * n_in + i]);
            UNROLL
            for (int v = 0; v < PRODUCT_VECTORS; v++)
                acc[r][v] += a * b[v];
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++)
            store(y + (size_t)r * p->n_out + v * LANES, acc[r][v]);
    }
}

typedef slice tiled_product;
#include "encoder/cpu/tile_body.h"

static void product(const cpu_product *p)
{
    size_t n_slices = (p->n_in + SLICE_MOST - 1) / SLICE_MOST, n = (p->n_in + n_slices - 1) / n_slices;
    for (size_t first = 0; first < p->n_in; first += n) {
        slice s = {p, first, p->n_in - first < n ? p->n_in - first : n};
        bool ends = first + s.n == p->n_in;
        multiply_panels(&s, p->y, p->n_rows, p->n_out, ends ? p->activation : CPU_IDENTITY);
    }
}
