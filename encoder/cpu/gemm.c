/* oneDNN 2.6 and 3.x: see gemm.h. */
#include "encoder/cpu/gemm.h"
#include "base/alloc.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <string.h>

/* A borrowed description of a memory's layout. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t const_desc;
#else
typedef const dnnl_memory_desc_t *const_desc;
#endif

enum { N_STEPS = CPU_GEMM_MAX_ROWS / CPU_GEMM_ROW_STEP, PAD = 16 };

struct cpu_gemm {
    dnnl_engine_t engine;
};

struct cpu_gemm_weight {
    cpu_gemm *gemm;
    size_t n_out;
    size_t n_in;
    float *packed; /* aligned; owned */
    dnnl_memory_t memory;
    dnnl_primitive_t products[N_STEPS]; /* for 16, 32, ... rows */
    const_desc src[N_STEPS];            /* owned by the primitives */
    const_desc dst[N_STEPS];
    const_desc scratch[N_STEPS];
    size_t scratch_bytes; /* the largest of all steps */
};

struct cpu_gemm_lane {
    cpu_gemm *gemm;
    dnnl_stream_t stream;
    void *scratch; /* aligned; owned */
    size_t scratch_bytes;
};

static rrk_status check(dnnl_status_t status, const char *what, rrk_error *err)
{
    if (status == dnnl_success)
        return RRK_OK;
    if (status == dnnl_out_of_memory)
        return base_fail(err, RRK_E_NOMEM, (int)status, "out of memory in oneDNN: %s", what);
    return base_fail(err, RRK_E_DEVICE, (int)status, "oneDNN failed with status %d: %s", (int)status, what);
}

/* --- what differs between the two APIs --- */

typedef dnnl_memory_desc_t desc;

#if DNNL_VERSION_MAJOR >= 3
static dnnl_status_t make_desc(desc *out, size_t rows, size_t cols, dnnl_format_tag_t tag)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)cols};
    return dnnl_memory_desc_create_with_tag(out, 2, dims, dnnl_f32, tag);
}

static dnnl_status_t make_strided(desc *out, size_t rows, size_t cols, size_t stride)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)cols}, strides = {(dnnl_dim_t)stride, 1};
    return dnnl_memory_desc_create_with_strides(out, 2, dims, dnnl_f32, strides);
}

static const_desc view(const desc *d)
{
    return *d;
}

static void free_desc(desc *d)
{
    if (*d)
        dnnl_memory_desc_destroy(*d);
}

static dnnl_status_t make_product(dnnl_primitive_desc_t *out, dnnl_engine_t engine, const_desc src, const_desc weights,
                                  const_desc dst, const_dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(out, engine, src, weights, NULL, dst, attr);
}
#else
static dnnl_status_t make_desc(desc *out, size_t rows, size_t cols, dnnl_format_tag_t tag)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)cols};
    return dnnl_memory_desc_init_by_tag(out, 2, dims, dnnl_f32, tag);
}

static dnnl_status_t make_strided(desc *out, size_t rows, size_t cols, size_t stride)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)cols}, strides = {(dnnl_dim_t)stride, 1};
    return dnnl_memory_desc_init_by_strides(out, 2, dims, dnnl_f32, strides);
}

static const_desc view(const desc *d)
{
    return d;
}

static void free_desc(desc *d)
{
    (void)d;
}

static dnnl_status_t make_product(dnnl_primitive_desc_t *out, dnnl_engine_t engine, const_desc src, const_desc weights,
                                  const_desc dst, const_dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, src, weights, NULL, dst);
    return status ? status : dnnl_primitive_desc_create(out, &operation, attr, engine, NULL);
}
#endif

/* --- from here on both are alike --- */

/* oneDNN asks its OpenMP runtime for threads: one is enough, and the program's own setting comes back afterwards. */
static int hold_team(void)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

rrk_status cpu_gemm_open(cpu_gemm **out, rrk_error *err)
{
    cpu_gemm *gemm = base_calloc(1, sizeof *gemm);
    if (!gemm)
        return base_fail_nomem(err, sizeof *gemm);
    rrk_status status = check(dnnl_engine_create(&gemm->engine, dnnl_cpu, 0), "creating its engine", err);
    if (status != RRK_OK) {
        base_free(gemm);
        return status;
    }
    *out = gemm;
    return RRK_OK;
}

void cpu_gemm_close(cpu_gemm *gemm)
{
    if (!gemm)
        return;
    dnnl_engine_destroy(gemm->engine);
    base_free(gemm);
}

void cpu_gemm_weight_free(cpu_gemm_weight *weight)
{
    if (!weight)
        return;
    for (size_t i = 0; i < N_STEPS; i++) {
        if (weight->products[i])
            dnnl_primitive_destroy(weight->products[i]);
    }
    if (weight->memory)
        dnnl_memory_destroy(weight->memory);
    base_free_aligned(weight->packed);
    base_free(weight);
}

static void free_weight_ptr(cpu_gemm_weight **weight)
{
    cpu_gemm_weight_free(*weight);
}

static void free_primitive_desc(dnnl_primitive_desc_t *d)
{
    if (*d)
        dnnl_primitive_desc_destroy(*d);
}

static void free_attr(dnnl_primitive_attr_t *attr)
{
    if (*attr)
        dnnl_primitive_attr_destroy(*attr);
}

/* The product of one row count; weights is the packed layout, or "any" to be told the best one. */
static rrk_status describe_product(const cpu_gemm_weight *w, size_t n_rows, const_desc weights,
                                   dnnl_primitive_desc_t *out, rrk_error *err)
{
    desc src RRK_AUTO(free_desc), dst RRK_AUTO(free_desc);
    dnnl_primitive_attr_t attr RRK_AUTO(free_attr) = NULL;
    memset(&src, 0, sizeof src);
    memset(&dst, 0, sizeof dst);
    /* Scratch is ours, so that one primitive can run on several threads at once. */
    if (make_desc(&src, n_rows, w->n_in, dnnl_ab) || make_desc(&dst, n_rows, w->n_out, dnnl_ab) ||
        dnnl_primitive_attr_create(&attr) || dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user))
        return base_fail(err, RRK_E_NOMEM, 0, "oneDNN cannot describe a product of %zu x %zu", w->n_out, w->n_in);
    return check(make_product(out, w->gemm->engine, view(&src), weights, view(&dst), attr), "planning a product", err);
}

/* Asks for the layout that suits the largest product and keeps the weights in it. */
static rrk_status pack(cpu_gemm_weight *w, const float *values, rrk_error *err)
{
    desc any RRK_AUTO(free_desc), plain RRK_AUTO(free_desc);
    memset(&any, 0, sizeof any);
    memset(&plain, 0, sizeof plain);
    RRK_TRY(check(make_desc(&any, w->n_in, w->n_out, dnnl_format_tag_any), "describing weights", err));
    RRK_TRY(check(make_desc(&plain, w->n_in, w->n_out, dnnl_ba), "describing weights", err));
    dnnl_primitive_desc_t best RRK_AUTO(free_primitive_desc) = NULL;
    RRK_TRY(describe_product(w, CPU_GEMM_MAX_ROWS, view(&any), &best, err));
    const_desc layout = dnnl_primitive_desc_query_md(best, dnnl_query_weights_md, 0);
    /*
     * Without AVX-512, 2.6 takes plain rows. When these are a multiple of 2 KiB they fall into few sets of the cache and
     * the product loses a quarter; PAD more columns cost nothing and avoid that whatever the length is.
     */
    desc rows RRK_AUTO(free_desc), padded RRK_AUTO(free_desc);
    memset(&rows, 0, sizeof rows);
    memset(&padded, 0, sizeof padded);
    RRK_TRY(check(make_desc(&rows, w->n_in, w->n_out, dnnl_ab), "describing weights", err));
    RRK_TRY(check(make_strided(&padded, w->n_in, w->n_out, w->n_out + PAD), "describing weights", err));
    if (dnnl_memory_desc_equal(layout, view(&rows)) || dnnl_memory_desc_equal(layout, view(&plain)))
        layout = view(&padded);
    size_t bytes = dnnl_memory_desc_get_size(layout);
    w->packed = base_alloc_aligned(bytes, 1);
    if (!w->packed)
        return base_fail_nomem(err, bytes);
    RRK_TRY(check(dnnl_memory_create(&w->memory, layout, w->gemm->engine, w->packed), "packing weights", err));
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t plan RRK_AUTO(free_primitive_desc) = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = dnnl_memory_create(&from, view(&plain), w->gemm->engine, (void *)(uintptr_t)values);
    if (!status)
        status =
            dnnl_reorder_primitive_desc_create(&plan, view(&plain), w->gemm->engine, layout, w->gemm->engine, NULL);
    if (!status)
        status = dnnl_primitive_create(&reorder, plan);
    if (!status)
        status = dnnl_stream_create(&stream, w->gemm->engine, dnnl_stream_default_flags);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, w->memory}};
    if (!status)
        status = dnnl_primitive_execute(reorder, stream, 2, args);
    if (!status)
        status = dnnl_stream_wait(stream);
    if (stream)
        dnnl_stream_destroy(stream);
    if (reorder)
        dnnl_primitive_destroy(reorder);
    if (from)
        dnnl_memory_destroy(from);
    return check(status, "packing weights", err);
}

static rrk_status plan_step(cpu_gemm_weight *w, size_t i, rrk_error *err)
{
    const_desc layout;
    RRK_TRY(check(dnnl_memory_get_memory_desc(w->memory, &layout), "reading a layout", err));
    dnnl_primitive_desc_t plan RRK_AUTO(free_primitive_desc) = NULL;
    RRK_TRY(describe_product(w, (i + 1) * CPU_GEMM_ROW_STEP, layout, &plan, err));
    RRK_TRY(check(dnnl_primitive_create(&w->products[i], plan), "building a product", err));
    const_dnnl_primitive_desc_t kept;
    RRK_TRY(check(dnnl_primitive_get_primitive_desc(w->products[i], &kept), "reading a plan", err));
    w->src[i] = dnnl_primitive_desc_query_md(kept, dnnl_query_src_md, 0);
    w->dst[i] = dnnl_primitive_desc_query_md(kept, dnnl_query_dst_md, 0);
    w->scratch[i] = dnnl_primitive_desc_query_md(kept, dnnl_query_scratchpad_md, 0);
    size_t bytes = w->scratch[i] ? dnnl_memory_desc_get_size(w->scratch[i]) : 0;
    w->scratch_bytes = RRK_MAX(w->scratch_bytes, bytes);
    return RRK_OK;
}

rrk_status cpu_gemm_pack(cpu_gemm *gemm, const float *values, size_t n_out, size_t n_in, cpu_gemm_weight **out,
                         rrk_error *err)
{
    cpu_gemm_weight *w RRK_AUTO(free_weight_ptr) = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_nomem(err, sizeof *w);
    w->gemm = gemm;
    w->n_out = n_out;
    w->n_in = n_in;
    int before = hold_team();
    rrk_status status = pack(w, values, err);
    for (size_t i = 0; status == RRK_OK && i < N_STEPS; i++)
        status = plan_step(w, i, err);
    omp_set_num_threads(before);
    RRK_TRY(status);
    *out = RRK_STEAL(w);
    return RRK_OK;
}

rrk_status cpu_gemm_lane_new(cpu_gemm *gemm, cpu_gemm_lane **out, rrk_error *err)
{
    cpu_gemm_lane *lane = base_calloc(1, sizeof *lane);
    if (!lane)
        return base_fail_nomem(err, sizeof *lane);
    lane->gemm = gemm;
    rrk_status status =
        check(dnnl_stream_create(&lane->stream, gemm->engine, dnnl_stream_default_flags), "creating a stream", err);
    if (status != RRK_OK) {
        base_free(lane);
        return status;
    }
    *out = lane;
    return RRK_OK;
}

void cpu_gemm_lane_free(cpu_gemm_lane *lane)
{
    if (!lane)
        return;
    dnnl_stream_destroy(lane->stream);
    base_free_aligned(lane->scratch);
    base_free(lane);
}

static rrk_status grow_scratch(cpu_gemm_lane *lane, size_t bytes, rrk_error *err)
{
    if (bytes <= lane->scratch_bytes)
        return RRK_OK;
    base_free_aligned(RRK_STEAL(lane->scratch));
    lane->scratch_bytes = 0;
    lane->scratch = base_alloc_aligned(bytes, 1);
    if (!lane->scratch)
        return base_fail_nomem(err, bytes);
    lane->scratch_bytes = bytes;
    return RRK_OK;
}

static dnnl_status_t execute(cpu_gemm_lane *lane, const cpu_gemm_weight *w, size_t step, const float *x, float *y)
{
    dnnl_engine_t engine = lane->gemm->engine;
    dnnl_memory_t src = NULL, dst = NULL, scratch = NULL;
    dnnl_status_t status = dnnl_memory_create(&src, w->src[step], engine, (void *)(uintptr_t)x);
    if (!status)
        status = dnnl_memory_create(&dst, w->dst[step], engine, y);
    if (!status && w->scratch_bytes)
        status = dnnl_memory_create(&scratch, w->scratch[step], engine, lane->scratch);
    dnnl_exec_arg_t args[] = {
        {DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, w->memory}, {DNNL_ARG_DST, dst}, {DNNL_ARG_SCRATCHPAD, scratch}};
    if (!status)
        status = dnnl_primitive_execute(w->products[step], lane->stream, scratch ? 4 : 3, args);
    if (!status)
        status = dnnl_stream_wait(lane->stream);
    if (src)
        dnnl_memory_destroy(src);
    if (dst)
        dnnl_memory_destroy(dst);
    if (scratch)
        dnnl_memory_destroy(scratch);
    return status;
}

rrk_status cpu_gemm_run(cpu_gemm_lane *lane, const cpu_gemm_weight *weight, const float *x, size_t n_rows, float *y,
                        rrk_error *err)
{
    RRK_TRY(grow_scratch(lane, weight->scratch_bytes, err));
    size_t step = (n_rows + CPU_GEMM_ROW_STEP - 1) / CPU_GEMM_ROW_STEP - 1;
    int before = hold_team();
    dnnl_status_t status = execute(lane, weight, step, x, y);
    omp_set_num_threads(before);
    return check(status, "running a product", err);
}
