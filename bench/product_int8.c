/* The floor under an encoder in int8: see product_int8.h. Apart from product.c, whose operands are f32. */
#include "bench/product_int8.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/pool.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 96, MAX_THREADS = 64, MAX_SAMPLES = 4096, N_WARM_UP = 3, N_LAYERS = 4 };

typedef struct layer {
    size_t n_out, n_in;
    bool add;
    cpu_activation activation;
} layer;

/* all-MiniLM-L6-v2's. The second one is the product of product.h. */
static const layer LAYERS[N_LAYERS] = {
    {1152, 384, false, CPU_IDENTITY},
    {384, 384, true, CPU_IDENTITY},
    {BENCH_PRODUCT_OUT, BENCH_PRODUCT_IN, false, CPU_GELU_ERF},
    {384, 1536, true, CPU_IDENTITY},
};
enum { PRODUCT_LAYER = 2, MAX_WIDTH = BENCH_PRODUCT_OUT };

typedef struct bench_int8 {
    const cpu_narrow *table;
    int n_threads;
    base_pool *pool;
    cpu_narrow_weight weights[N_LAYERS];
    cpu_narrow_rows rows[MAX_THREADS];
    cpu_narrow_rows all_rows;   /* of the product alone: narrowed before */
    float *x, *y;               /* [BENCH_PRODUCT_ROWS, MAX_WIDTH]; owned */
    float *hidden[MAX_THREADS]; /* [BLOCK_ROWS, MAX_WIDTH], between the two layers of a feed-forward; owned */
    float *bias;                /* [MAX_WIDTH], zeros; owned */
    uint8_t *bytes_x;           /* owned */
    int8_t *bytes_w;            /* owned */
    int32_t *sums;              /* owned */
} bench_int8;

static void clear(bench_int8 *b)
{
    for (size_t i = 0; i < N_LAYERS; i++)
        cpu_narrow_weight_clear(&b->weights[i]);
    for (int i = 0; i < b->n_threads; i++) {
        cpu_narrow_rows_clear(&b->rows[i]);
        base_free_aligned(b->hidden[i]);
    }
    cpu_narrow_rows_clear(&b->all_rows);
    base_pool_free(b->pool);
    base_free_aligned(b->x);
    base_free_aligned(b->y);
    base_free_aligned(b->bias);
    base_free_aligned(b->bytes_x);
    base_free_aligned(b->bytes_w);
    base_free_aligned(b->sums);
}

static rrk_status make_operands(bench_int8 *b, rrk_error *err)
{
    size_t n = (size_t)BENCH_PRODUCT_ROWS * MAX_WIDTH;
    b->x = base_alloc_aligned(n, sizeof *b->x);
    b->y = base_alloc_aligned(n, sizeof *b->y);
    b->sums = base_alloc_aligned(n, sizeof *b->sums);
    b->bias = base_alloc_aligned(MAX_WIDTH, sizeof *b->bias);
    b->bytes_x = base_alloc_aligned(n, 1);
    b->bytes_w = base_alloc_aligned((size_t)BENCH_PRODUCT_OUT * BENCH_PRODUCT_IN, 1);
    if (!b->x || !b->y || !b->sums || !b->bias || !b->bytes_x || !b->bytes_w)
        return base_fail_nomem(err, n * sizeof(float));
    memset(b->bias, 0, MAX_WIDTH * sizeof *b->bias);
    memset(b->y, 0, n * sizeof *b->y);
    for (size_t i = 0; i < n; i++) {
        b->x[i] = ((float)(i * 37 % 101) - 50.0f) / 64.0f;
        b->bytes_x[i] = (uint8_t)(i * 37 % 251);
    }
    for (size_t i = 0; i < (size_t)BENCH_PRODUCT_OUT * BENCH_PRODUCT_IN; i++)
        b->bytes_w[i] = (int8_t)((int)(i * 53 % 255) - 127);
    return RRK_OK;
}

static rrk_status prepare(bench_int8 *b, rrk_error *err)
{
    RRK_TRY(make_operands(b, err));
    for (size_t i = 0; i < N_LAYERS; i++)
        RRK_TRY(cpu_narrow_pack(b->table, b->x, LAYERS[i].n_out, LAYERS[i].n_in, &b->weights[i], err));
    for (int i = 0; i < b->n_threads; i++) {
        RRK_TRY(cpu_narrow_rows_new(b->table, BLOCK_ROWS, MAX_WIDTH, &b->rows[i], err));
        b->hidden[i] = base_alloc_aligned((size_t)BLOCK_ROWS * MAX_WIDTH, sizeof(float));
        if (!b->hidden[i])
            return base_fail_nomem(err, (size_t)BLOCK_ROWS * MAX_WIDTH * sizeof(float));
    }
    RRK_TRY(cpu_narrow_rows_new(b->table, BENCH_PRODUCT_ROWS, BENCH_PRODUCT_IN, &b->all_rows, err));
    b->table->narrow(b->x, BENCH_PRODUCT_ROWS, BENCH_PRODUCT_IN, &b->all_rows);
    return base_pool_new(&b->pool, b->n_threads, err);
}

static size_t share_start(const bench_int8 *b, size_t share)
{
    return BENCH_PRODUCT_ROWS * share / (size_t)b->n_threads;
}

static void product_share(void *ctx, size_t share, int worker)
{
    (void)worker;
    const bench_int8 *b = ctx;
    size_t end = share_start(b, share + 1), width = cpu_narrow_width(BENCH_PRODUCT_IN) * b->table->x_bytes;
    for (size_t row = share_start(b, share); row < end; row += BLOCK_ROWS) {
        cpu_narrow_rows rows = {(char *)b->all_rows.values + row * width, b->all_rows.scales + row,
                                b->all_rows.zeros + row};
        b->table->product(&(cpu_narrow_product){.x = &rows,
                                                .w = &b->weights[PRODUCT_LAYER],
                                                .bias = b->bias,
                                                .y = b->y + row * BENCH_PRODUCT_OUT,
                                                .n_rows = RRK_MIN((size_t)BLOCK_ROWS, end - row)});
    }
}

static void run_layer(const bench_int8 *b, size_t number, int worker, const float *x, size_t n_rows, float *y)
{
    const layer *l = &LAYERS[number];
    b->table->narrow(x, n_rows, l->n_in, &b->rows[worker]);
    b->table->product(&(cpu_narrow_product){.x = &b->rows[worker],
                                            .w = &b->weights[number],
                                            .bias = b->bias,
                                            .y = y,
                                            .n_rows = n_rows,
                                            .add = l->add,
                                            .activation = l->activation});
}

/* In the encoder's order: two layers over all rows, then the feed-forward's two a block of rows. */
static void layers_share(void *ctx, size_t share, int worker)
{
    const bench_int8 *b = ctx;
    size_t end = share_start(b, share + 1);
    for (size_t i = 0; i < PRODUCT_LAYER; i++) {
        for (size_t row = share_start(b, share); row < end; row += BLOCK_ROWS)
            run_layer(b, i, worker, b->x + row * LAYERS[i].n_in, RRK_MIN((size_t)BLOCK_ROWS, end - row),
                      b->y + row * LAYERS[i].n_out);
    }
    for (size_t row = share_start(b, share); row < end; row += BLOCK_ROWS) {
        size_t n_rows = RRK_MIN((size_t)BLOCK_ROWS, end - row);
        run_layer(b, PRODUCT_LAYER, worker, b->x + row * BENCH_PRODUCT_IN, n_rows, b->hidden[worker]);
        run_layer(b, PRODUCT_LAYER + 1, worker, b->hidden[worker], n_rows, b->y + row * BENCH_PRODUCT_IN);
    }
}

static bool ours(bench_int8 *b)
{
    base_pool_run(b->pool, (size_t)b->n_threads, product_share, b);
    return true;
}

static bool layers(bench_int8 *b)
{
    base_pool_run(b->pool, (size_t)b->n_threads, layers_share, b);
    return true;
}

static bool as_a_whole(bench_int8 *b)
{
    int before = omp_get_max_threads();
    int32_t no_offset = 0;
    omp_set_num_threads(b->n_threads);
    dnnl_status_t status = dnnl_gemm_u8s8s32('N', 'T', 'F', BENCH_PRODUCT_ROWS, BENCH_PRODUCT_OUT, BENCH_PRODUCT_IN,
                                             1.0f, b->bytes_x, BENCH_PRODUCT_IN, 0, b->bytes_w, BENCH_PRODUCT_IN, 0,
                                             0.0f, b->sums, BENCH_PRODUCT_OUT, &no_offset);
    omp_set_num_threads(before);
    return status == dnnl_success;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static rrk_status time_one_way(bench_int8 *b, bool (*way)(bench_int8 *), double gop, double seconds, bench_rate *out,
                               rrk_error *err)
{
    double samples_ms[MAX_SAMPLES];
    size_t n = 0;
    for (int i = 0; i < N_WARM_UP; i++) {
        if (!way(b))
            return base_fail(err, RRK_E_DEVICE, 0, "oneDNN failed in the int8 product");
    }
    int64_t start = base_now_ns();
    double cpu_start = bench_cpu_seconds();
    do {
        int64_t before = base_now_ns();
        way(b);
        samples_ms[n++] = base_ms_since(before);
    } while (n < MAX_SAMPLES && base_ms_since(start) < seconds * 1e3);
    out->cpu_gflops = gop * (double)n * b->n_threads / (bench_cpu_seconds() - cpu_start);
    qsort(samples_ms, n, sizeof *samples_ms, compare_doubles);
    out->gflops = gop / (samples_ms[n / 2] * 1e-3);
    return RRK_OK;
}

rrk_status bench_int8_measure(const cpu_narrow *table, int n_threads, double seconds, bench_int8_rates *out,
                              rrk_error *err)
{
    if (n_threads < 1 || n_threads > MAX_THREADS)
        return base_fail(err, RRK_E_INVALID, 0, "%d threads, expected 1 to %d", n_threads, (int)MAX_THREADS);
    bench_int8 b RRK_AUTO(clear) = {.table = table, .n_threads = n_threads};
    RRK_TRY(prepare(&b, err));
    double product_gop = 2e-9 * BENCH_PRODUCT_ROWS * BENCH_PRODUCT_OUT * BENCH_PRODUCT_IN, layers_gop = 0;
    for (size_t i = 0; i < N_LAYERS; i++)
        layers_gop += 2e-9 * BENCH_PRODUCT_ROWS * (double)(LAYERS[i].n_out * LAYERS[i].n_in);
    RRK_TRY(time_one_way(&b, ours, product_gop, seconds, &out->ours, err));
    RRK_TRY(time_one_way(&b, as_a_whole, product_gop, seconds, &out->whole, err));
    return time_one_way(&b, layers, layers_gop, seconds, &out->layers, err);
}
