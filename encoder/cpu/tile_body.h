/*
 * The walk over a product's tiles, which products of all types take. Included once tiled_product names the product's
 * type and multiply_tile(p, row, col, n_rows) computes a tile of it.
 */

/* A number of rows that the compiler knows, so that the tile fits registers. */
static void multiply_rows(const tiled_product *p, size_t row, size_t col, size_t n_rows)
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
#if PRODUCT_ROWS > 4
    case 4:
        multiply_tile(p, row, col, 4);
        return;
    case 5:
        multiply_tile(p, row, col, 5);
        return;
#endif
    default:
        multiply_tile(p, row, col, PRODUCT_ROWS);
    }
}

/* Panel by panel; the activation runs over a tile that is still in the first-level cache. */
static inline void multiply_panels(const tiled_product *p, float *y, size_t n_all_rows, size_t n_out,
                                   cpu_activation activation)
{
    for (size_t col = 0; col < n_out; col += PANEL_COLS) {
        size_t n_cols = n_out - col < PANEL_COLS ? n_out - col : PANEL_COLS;
        for (size_t row = 0; row < n_all_rows; row += PRODUCT_ROWS) {
            size_t n_rows = n_all_rows - row < PRODUCT_ROWS ? n_all_rows - row : PRODUCT_ROWS;
            multiply_rows(p, row, col, n_rows);
            if (activation != CPU_IDENTITY)
                finish(y + row * n_out + col, n_out, NULL, n_rows, n_cols, activation);
        }
    }
}
