/*
 * The floor under the encoder's time. The same product is timed in three ways, because none is the fastest one on every
 * processor, and a floor that is set too low flatters.
 */
#include "bench/product.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/pool.h"
#include "encoder/cpu/gemm.h"
#include "encoder/cpu/kernels.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_LANES = 64, MAX_SAMPLES = 4096, N_WARM_UP = 3 };

struct bench_product {
    int n_threads;
    base_pool *pool;
    cpu_gemm *gemm;
    cpu_gemm_weight *weight;
    cpu_gemm_lane *lanes[MAX_LANES];
    float *x, *w, *y; /* aligned; owned */
    float *panels;    /* w for our product; owned; NULL: there is none */
    float *bias;      /* zeros; owned */
    rrk_status lane_status[MAX_LANES];
};

static const double PRODUCT_GFLOP = 2e-9 * BENCH_PRODUCT_ROWS * BENCH_PRODUCT_OUT * BENCH_PRODUCT_IN;

void bench_product_close(bench_product *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_threads; i++) {
        if (p->lanes[i])
            cpu_gemm_lane_free(p->lanes[i]);
    }
    cpu_gemm_weight_free(p->weight);
    cpu_gemm_close(p->gemm);
    base_pool_free(p->pool);
    base_free_aligned(p->x);
    base_free_aligned(p->w);
    base_free_aligned(p->y);
    base_free_aligned(p->panels);
    base_free(p->bias);
    base_free(p);
}

/* Small numbers of both signs: nothing overflows and nothing is denormal. */
static float *some_matrix(size_t rows, size_t cols)
{
    float *m = base_alloc_aligned(rows * cols, sizeof *m);
    for (size_t i = 0; m && i < rows * cols; i++)
        m[i] = ((float)(i * 37 % 101) - 50.0f) / 64.0f;
    return m;
}

static rrk_status pack_ours(bench_product *p, rrk_error *err)
{
    const cpu_kernels *k = cpu_kernels_best();
    if (!k->product || BENCH_PRODUCT_OUT % k->panel_cols != 0)
        return RRK_OK;
    p->panels = base_alloc_aligned(BENCH_PRODUCT_OUT, BENCH_PRODUCT_IN * sizeof *p->panels);
    p->bias = base_calloc(BENCH_PRODUCT_OUT, sizeof *p->bias);
    if (!p->panels || !p->bias)
        return base_fail_nomem(err, BENCH_PRODUCT_OUT * (size_t)BENCH_PRODUCT_IN * sizeof *p->panels);
    cpu_pack_panels(p->w, BENCH_PRODUCT_OUT, BENCH_PRODUCT_IN, k->panel_cols, p->panels);
    return RRK_OK;
}

rrk_status bench_product_open(bench_product **out, int n_threads, rrk_error *err)
{
    if (n_threads < 1 || n_threads > MAX_LANES)
        return base_fail(err, RRK_E_INVALID, 0, "%d threads, expected 1 to %d", n_threads, (int)MAX_LANES);
    bench_product *p RRK_AUTO(bench_product_close_ptr) = base_calloc(1, sizeof *p);
    if (!p)
        return base_fail_nomem(err, sizeof *p);
    p->n_threads = n_threads;
    p->x = some_matrix(BENCH_PRODUCT_ROWS, BENCH_PRODUCT_IN);
    p->w = some_matrix(BENCH_PRODUCT_OUT, BENCH_PRODUCT_IN);
    p->y = some_matrix(BENCH_PRODUCT_ROWS + CPU_GEMM_ROW_STEP, BENCH_PRODUCT_OUT);
    if (!p->x || !p->w || !p->y)
        return base_fail_nomem(err, (size_t)BENCH_PRODUCT_ROWS * BENCH_PRODUCT_OUT * sizeof(float));
    RRK_TRY(pack_ours(p, err));
    RRK_TRY(base_pool_new(&p->pool, n_threads, err));
    RRK_TRY(cpu_gemm_open(&p->gemm, err));
    RRK_TRY(cpu_gemm_pack(p->gemm, p->w, BENCH_PRODUCT_OUT, BENCH_PRODUCT_IN, &p->weight, err));
    for (int i = 0; i < n_threads; i++)
        RRK_TRY(cpu_gemm_lane_new(p->gemm, &p->lanes[i], err));
    *out = RRK_STEAL(p);
    return RRK_OK;
}

/* oneDNN rounds rows up to its step, so shares are whole steps. */
static size_t share_start(const bench_product *p, size_t share)
{
    return BENCH_PRODUCT_ROWS / CPU_GEMM_ROW_STEP * share / (size_t)p->n_threads * CPU_GEMM_ROW_STEP;
}

/* A thread's share of the rows, in blocks as the encoder has them. */
static void our_share(void *ctx, size_t share, int worker)
{
    (void)worker;
    const bench_product *p = ctx;
    size_t row = share_start(p, share), end = share_start(p, share + 1);
    for (; row < end; row += CPU_GEMM_MAX_ROWS) {
        cpu_product product = {
            .x = p->x + row * BENCH_PRODUCT_IN,
            .panels = p->panels,
            .bias = p->bias,
            .y = p->y + row * BENCH_PRODUCT_OUT,
            .n_rows = RRK_MIN((size_t)CPU_GEMM_MAX_ROWS, end - row),
            .n_in = BENCH_PRODUCT_IN,
            .n_out = BENCH_PRODUCT_OUT,
        };
        cpu_kernels_best()->product(&product);
    }
}

static void one_share(void *ctx, size_t share, int worker)
{
    bench_product *p = ctx;
    rrk_error error = {0};
    size_t row = share_start(p, share), end = share_start(p, share + 1);
    for (; row < end; row += CPU_GEMM_MAX_ROWS) {
        rrk_status status =
            cpu_gemm_run(p->lanes[worker], p->weight, p->x + row * BENCH_PRODUCT_IN,
                         RRK_MIN((size_t)CPU_GEMM_MAX_ROWS, end - row), p->y + row * BENCH_PRODUCT_OUT, &error);
        if (status != RRK_OK)
            p->lane_status[worker] = status;
    }
}

static bool ours(bench_product *p)
{
    base_pool_run(p->pool, (size_t)p->n_threads, our_share, p);
    return true;
}

static bool by_blocks(bench_product *p)
{
    base_pool_run(p->pool, (size_t)p->n_threads, one_share, p);
    for (int i = 0; i < p->n_threads; i++) {
        if (p->lane_status[i] != RRK_OK)
            return false;
    }
    return true;
}

static bool as_a_whole(bench_product *p)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(p->n_threads);
    dnnl_status_t status = dnnl_sgemm('N', 'T', BENCH_PRODUCT_ROWS, BENCH_PRODUCT_OUT, BENCH_PRODUCT_IN, 1.0f, p->x,
                                      BENCH_PRODUCT_IN, p->w, BENCH_PRODUCT_IN, 0.0f, p->y, BENCH_PRODUCT_OUT);
    omp_set_num_threads(before);
    return status == dnnl_success;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static rrk_status time_one_way(bench_product *p, bool (*way)(bench_product *), double seconds, bench_rate *out,
                               rrk_error *err)
{
    double samples_ms[MAX_SAMPLES];
    size_t n = 0;
    for (int i = 0; i < N_WARM_UP; i++) {
        if (!way(p))
            return base_fail(err, RRK_E_DEVICE, 0, "oneDNN failed in the reference product");
    }
    int64_t start = base_now_ns();
    double cpu_start = bench_cpu_seconds();
    do {
        int64_t before = base_now_ns();
        if (!way(p))
            return base_fail(err, RRK_E_DEVICE, 0, "oneDNN failed in the reference product");
        samples_ms[n++] = base_ms_since(before);
    } while (n < MAX_SAMPLES && base_ms_since(start) < seconds * 1e3);
    out->cpu_gflops = PRODUCT_GFLOP * (double)n * p->n_threads / (bench_cpu_seconds() - cpu_start);
    qsort(samples_ms, n, sizeof *samples_ms, compare_doubles);
    out->gflops = PRODUCT_GFLOP / (samples_ms[n / 2] * 1e-3);
    return RRK_OK;
}

rrk_status bench_product_measure(bench_product *p, double seconds, bench_rates *out, rrk_error *err)
{
    *out = (bench_rates){0};
    if (p->panels)
        RRK_TRY(time_one_way(p, ours, seconds, &out->ours, err));
    RRK_TRY(time_one_way(p, by_blocks, seconds, &out->blocks, err));
    return time_one_way(p, as_a_whole, seconds, &out->whole, err);
}

double bench_best_gflops(const bench_rates *rates)
{
    return RRK_MAX(rates->ours.gflops, RRK_MAX(rates->blocks.gflops, rates->whole.gflops));
}

double bench_best_cpu_gflops(const bench_rates *rates)
{
    return RRK_MAX(rates->ours.cpu_gflops, RRK_MAX(rates->blocks.cpu_gflops, rates->whole.cpu_gflops));
}
