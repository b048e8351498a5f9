/* How fast this processor multiplies f32 matrices: what an encoder's speed is measured against. */
#ifndef RRK_BENCH_PRODUCT_H
#define RRK_BENCH_PRODUCT_H

#include "base/error.h"

/* The feed-forward product of a small BERT: y [rows, out] = x [rows, in] Wᵀ, as many rows as 25 passages have. */
#define BENCH_PRODUCT_ROWS 2560
#define BENCH_PRODUCT_OUT 1536
#define BENCH_PRODUCT_IN 384

typedef struct bench_product bench_product;

rrk_status bench_product_open(bench_product **out, int n_threads, rrk_error *err);
void bench_product_close(bench_product *product);
static inline void bench_product_close_ptr(bench_product **product)
{
    bench_product_close(*product);
}

typedef struct bench_rate {
    double gflops;     /* by the clock on the wall, the median */
    double cpu_gflops; /* as if n_threads processors had worked on nothing else: from CPU time, over all samples */
} bench_rate;

typedef struct bench_rates {
    bench_rate ours;   /* our product, packed weights, a thread a block of rows; 0 where there is none */
    bench_rate blocks; /* oneDNN in the same way */
    bench_rate whole;  /* oneDNN, one call for all rows, its own threads */
} bench_rates;

double bench_best_gflops(const bench_rates *rates);
double bench_best_cpu_gflops(const bench_rates *rates);

/* Takes about seconds for each way. */
rrk_status bench_product_measure(bench_product *product, double seconds, bench_rates *out, rrk_error *err);

double bench_cpu_seconds(void); /* of this process, all threads */

#endif
