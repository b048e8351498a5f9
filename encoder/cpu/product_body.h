/*
 * y = act(x Wᵀ + b), or y += x Wᵀ + b, with bias, residual and activation inside. W lies in panels of PANEL_COLS
 * outputs, so that one step along n_in is PRODUCT_VECTORS loads in a row; PRODUCT_ROWS rows of x are read in place, a
 * float at a time into all lanes, and the tile of y stays in registers until it is done.
 *
 * The floor is 2 * n_rows * n_out * n_in FLOP at two vector additions and multiplications a cycle: with AVX-512 24 of
 * them stand beside 4 loads and 6 broadcasts, so the multipliers are never short of operands. A panel (98 kB at n_in 384)
 * is read from the second-level cache by one tile after the other, n_rows of x stay there as well, and what comes from
 * further away is each panel once: 64 * n_in * 4 bytes for 128 * n_in * n_rows FLOP, at 96 rows 48 FLOP a byte.
 */

enum { PANEL_COLS = PRODUCT_VECTORS * LANES, PREFETCH_TILES = 16, PREFETCH_COLS = PANEL_COLS / PREFETCH_TILES };

/* The part of the panel after this one that a tile of these rows fetches into the second-level cache. */
static inline const float *next_panel(const cpu_product *p, size_t row, size_t col)
{
    size_t part = row / PRODUCT_ROWS % PREFETCH_TILES, next = col + PANEL_COLS < p->n_out ? col + PANEL_COLS : 0;
    return p->panels + next * p->n_in + part * p->n_in * PREFETCH_COLS;
}

static inline __attribute__((always_inline)) void multiply_tile(const cpu_product *p, size_t row, size_t col,
                                                                const int n_rows)
{
    const float *x = p->x + row * p->n_in, *w = p->panels + col * p->n_in;
    float *y = p->y + row * p->n_out + col;
    const float *next = next_panel(p, row, col);
    vf acc[PRODUCT_ROWS][PRODUCT_VECTORS];
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++) {
            acc[r][v] = load(p->bias + col + v * LANES);
            if (p->add)
                acc[r][v] += load(y + (size_t)r * p->n_out + v * LANES);
        }
    }
    UNROLL_TWICE
    for (size_t i = 0; i < p->n_in; i++) {
        vf b[PRODUCT_VECTORS];
        __builtin_prefetch(next + i * PREFETCH_COLS, 0, 2);
        UNROLL
        for (int v = 0; v < PRODUCT_VECTORS; v++)
            b[v] = load(w + i * PANEL_COLS + v * LANES);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            vf a = all(x[(size_t)r * p->n_in + i]);
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

typedef cpu_product tiled_product;
#include "encoder/cpu/tile_body.h"

static void product(const cpu_product *p)
{
    multiply_panels(p, p->y, p->n_rows, p->n_out, p->activation);
}
