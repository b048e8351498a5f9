/* How fast this processor multiplies bytes, and how fast our int8 layers are with all that surrounds their products. */
#ifndef RRK_BENCH_PRODUCT_INT8_H
#define RRK_BENCH_PRODUCT_INT8_H

#include "bench/product.h"
#include "encoder/cpu/narrow.h"

typedef struct bench_int8_rates {
    bench_rate ours;   /* our product from bytes to f32: scales and bias, a thread a block of rows */
    bench_rate whole;  /* oneDNN, unsigned by signed bytes to 32-bit integers and nothing else, one call */
    bench_rate layers; /* the four layers of a small BERT from f32 to f32: narrowing, products, GELU, residuals */
} bench_int8_rates;

/* Takes about seconds for each; the product is the one of product.h. */
rrk_status bench_int8_measure(const cpu_narrow *table, int n_threads, double seconds, bench_int8_rates *out,
                              rrk_error *err);

#endif
