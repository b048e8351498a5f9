/*
 * The CPU device: the operations of compute.h as blocks of rows that stay in a core's cache. A block goes through its
 * matrix product (linear.h) and, while it is still hot, through the vector loop that finishes it (kernels.h). One session
 * is one thread's; nothing here starts threads.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "encoder/cpu/session.h"

#include <stdio.h>
#include <string.h>

/* --- weights --- */

rrk_status cpu_widen(const enc_weight *weight, float **out, rrk_error *err)
{
    float *values = base_alloc_aligned(weight->n_values, sizeof *values);
    if (!values)
        return base_fail_nomem(err, weight->n_values * sizeof *values);
    *out = values;
    return enc_weight_to_f32(weight, values, err);
}

static rrk_status pack_linear(cpu_device *cpu, const enc_weight *const *parts, const enc_weight *const *biases,
                              size_t n_parts, const cpu_narrow *narrow, enc_linear **out, rrk_error *err)
{
    enc_linear *linear = base_calloc(1, sizeof *linear);
    if (!linear)
        return base_fail_nomem(err, sizeof *linear);
    linear->next = cpu->linears;
    cpu->linears = *out = linear;
    linear->n_in = parts[0]->shape[1];
    for (size_t i = 0; i < n_parts; i++)
        linear->n_out += parts[i]->shape[0];
    cpu_packing packing = {cpu->gemm, cpu->kernels, narrow};
    return cpu_linear_pack(linear, parts, biases, n_parts, &packing, err);
}

static rrk_status add_linear(enc_device *device, const enc_weight *const *parts, const enc_weight *const *biases,
                             size_t n_parts, enc_linear **out, rrk_error *err)
{
    cpu_device *cpu = (cpu_device *)device;
    return pack_linear(cpu, parts, biases, n_parts, cpu->narrow, out, err);
}

static rrk_status add_head_linear(enc_device *device, const enc_weight *const *parts, const enc_weight *const *biases,
                                  size_t n_parts, enc_linear **out, rrk_error *err)
{
    return pack_linear((cpu_device *)device, parts, biases, n_parts, NULL, out, err);
}

static rrk_status add_norm(enc_device *device, const enc_weight *gain, const enc_weight *shift, float eps,
                           enc_norm **out, rrk_error *err)
{
    cpu_device *cpu = (cpu_device *)device;
    enc_norm *norm = base_calloc(1, sizeof *norm);
    if (!norm)
        return base_fail_nomem(err, sizeof *norm);
    norm->next = cpu->norms;
    cpu->norms = *out = norm;
    norm->eps = eps;
    norm->d = gain->n_values;
    RRK_TRY(cpu_widen(gain, &norm->gain, err));
    return shift ? cpu_widen(shift, &norm->shift, err) : RRK_OK;
}

/* --- sessions --- */

static void session_free(enc_session *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < ENC_N_SLOTS; i++)
        base_free_aligned(session->slots[i].data);
    base_free_aligned(session->delta);
    base_free_aligned(session->normed);
    base_free_aligned(session->hidden);
    base_free_aligned(session->attention.data);
    base_free_aligned(session->step.data);
    base_free_aligned(session->views.data);
    base_free_aligned(session->bias.data);
    base_free(session->narrow_start);
    cpu_narrow_rows_clear(&session->rows);
    cpu_gemm_lane_free(session->worker.lane);
    base_free(session);
}

static void session_free_ptr(enc_session **session)
{
    session_free(*session);
}

rrk_status cpu_alloc_floats(float **out, size_t n_rows, size_t n_cols, rrk_error *err)
{
    *out = base_alloc_aligned(n_rows, n_cols * sizeof **out);
    if (!*out)
        return base_fail_nomem(err, n_rows * n_cols * sizeof **out);
    memset(*out, 0, n_rows * n_cols * sizeof **out);
    return RRK_OK;
}

static rrk_status session_new(enc_device *device, const enc_shape *shape, enc_session **out, rrk_error *err)
{
    enc_session *session RRK_AUTO(session_free_ptr) = base_calloc(1, sizeof *session);
    if (!session)
        return base_fail_nomem(err, sizeof *session);
    session->device = (cpu_device *)device;
    size_t widest = 0;
    for (size_t i = 0; i < ENC_N_SLOTS; i++) {
        session->slots[i].n_cols = shape->n_cols[i];
        widest = RRK_MAX(widest, shape->n_cols[i]);
    }
    RRK_TRY(cpu_alloc_floats(&session->delta, CPU_BLOCK_ROWS, widest, err));
    RRK_TRY(cpu_alloc_floats(&session->normed, CPU_BLOCK_ROWS, widest, err));
    RRK_TRY(cpu_alloc_floats(&session->hidden, CPU_BLOCK_ROWS, shape->d_ff, err));
    RRK_TRY(cpu_gemm_lane_new(session->device->gemm, &session->worker.lane, err));
    session->worker.kernels = session->device->kernels;
    session->worker.delta = session->delta;
    if (session->device->narrow) {
        size_t max_in = RRK_MAX(widest, shape->d_ff);
        RRK_TRY(cpu_narrow_rows_new(session->device->narrow, CPU_BLOCK_ROWS, max_in, &session->rows, err));
        session->worker.rows = &session->rows;
    }
    *out = RRK_STEAL(session);
    return RRK_OK;
}

/* Products write whole steps of rows, so every slot has room to round up; zeroed once, so what is there is a number. */
static rrk_status reserve(cpu_slot *s, size_t n_rows, rrk_error *err)
{
    if (n_rows <= s->cap_rows || s->n_cols == 0)
        return RRK_OK;
    size_t cap = (n_rows + CPU_GEMM_ROW_STEP - 1) / CPU_GEMM_ROW_STEP * CPU_GEMM_ROW_STEP;
    base_free_aligned(RRK_STEAL(s->data));
    s->cap_rows = 0;
    RRK_TRY(cpu_alloc_floats(&s->data, cap, s->n_cols, err));
    s->cap_rows = cap;
    return RRK_OK;
}

static rrk_status begin(enc_session *session, const enc_batch *batch, rrk_error *err)
{
    session->batch = *batch;
    session->start_before = NULL;
    for (size_t i = 0; i < ENC_N_SLOTS; i++) {
        bool by_sequence = i == ENC_SLOT_POOLED || i == ENC_SLOT_HEAD;
        RRK_TRY(reserve(&session->slots[i], by_sequence ? batch->n_seqs : batch->n_tokens, err));
    }
    return RRK_OK;
}

/* --- operations --- */

static rrk_status project(enc_session *session, const enc_linear *w, enc_slot in, enc_slot out, rrk_error *err)
{
    for (size_t r = 0; r < session->batch.n_tokens; r += CPU_BLOCK_ROWS) {
        size_t n = RRK_MIN(session->batch.n_tokens - r, (size_t)CPU_BLOCK_ROWS);
        float *y = session->slots[out].data + r * w->n_out;
        RRK_TRY(cpu_linear_run(&session->worker, w, session->slots[in].data + r * w->n_in, n, CPU_IDENTITY, y, err));
    }
    return RRK_OK;
}

static rrk_status project_add_norm(enc_session *session, const enc_linear *w, const enc_norm *norm, enc_slot in,
                                   enc_slot x, rrk_error *err)
{
    for (size_t r = 0; r < session->batch.n_tokens; r += CPU_BLOCK_ROWS) {
        size_t n = RRK_MIN(session->batch.n_tokens - r, (size_t)CPU_BLOCK_ROWS);
        const float *from = session->slots[in].data + r * w->n_in;
        float *to = session->slots[x].data + r * w->n_out;
        RRK_TRY(cpu_linear_add_norm(&session->worker, w, norm, from, n, to, err));
    }
    return RRK_OK;
}

cpu_activation cpu_activation_of(enc_activation activation)
{
    switch (activation) {
    case ENC_GELU_ERF:
        return CPU_GELU_ERF;
    case ENC_GELU_TANH:
        return CPU_GELU_TANH;
    case ENC_RELU:
        return CPU_RELU;
    }
    return CPU_IDENTITY;
}

static rrk_status feed_forward(enc_session *session, const enc_linear *w1, enc_activation activation,
                               const enc_linear *w2, const enc_norm *norm, enc_slot x, rrk_error *err)
{
    const cpu_worker *worker = &session->worker;
    for (size_t r = 0; r < session->batch.n_tokens; r += CPU_BLOCK_ROWS) {
        size_t n = RRK_MIN(session->batch.n_tokens - r, (size_t)CPU_BLOCK_ROWS);
        float *rows = session->slots[x].data + r * w1->n_in;
        RRK_TRY(cpu_linear_run(worker, w1, rows, n, cpu_activation_of(activation), session->hidden, err));
        RRK_TRY(cpu_linear_add_norm(worker, w2, norm, session->hidden, n, rows, err));
    }
    return RRK_OK;
}

rrk_status cpu_scratch_reserve(cpu_scratch *scratch, size_t n, rrk_error *err)
{
    if (n <= scratch->n)
        return RRK_OK;
    base_free_aligned(RRK_STEAL(scratch->data));
    scratch->n = 0;
    RRK_TRY(cpu_alloc_floats(&scratch->data, n, 1, err));
    scratch->n = n;
    return RRK_OK;
}

static size_t longest_of(const uint32_t *start, size_t n_seqs)
{
    size_t longest = 0;
    for (size_t s = 0; s < n_seqs; s++)
        longest = RRK_MAX(longest, (size_t)(start[s + 1] - start[s]));
    return longest;
}

/* What is alike for all sequences, the longest of which has so many tokens. */
static rrk_status begin_attention(enc_session *session, const enc_attention *options, size_t longest, size_t d,
                                  cpu_attention *out, rrk_error *err)
{
    RRK_TRY(cpu_scratch_reserve(&session->attention, cpu_attention_scratch(longest, d / options->n_heads), err));
    *out = (cpu_attention){
        .d = d, .n_heads = options->n_heads, .scale = options->scale, .scratch = session->attention.data};
    if (!options->bias)
        return RRK_OK;
    RRK_TRY(cpu_spread_bias(session, options->bias, longest, &out->bias, err));
    out->bias_stride = cpu_bias_stride(session->bias_tokens);
    return RRK_OK;
}

static rrk_status attention(enc_session *session, const enc_attention *options, enc_slot qkv, enc_slot out,
                            rrk_error *err)
{
    const enc_batch *batch = &session->batch;
    size_t d = session->slots[out].n_cols;
    cpu_attention a;
    RRK_TRY(begin_attention(session, options, longest_of(batch->start, batch->n_seqs), d, &a, err));
    a.q_stride = a.kv_stride = 3 * d;
    for (size_t s = 0; s < batch->n_seqs; s++) {
        a.q = session->slots[qkv].data + batch->start[s] * a.q_stride;
        a.kv = a.q + d;
        a.out = session->slots[out].data + batch->start[s] * d;
        a.n_queries = a.n_tokens = batch->start[s + 1] - batch->start[s];
        session->device->kernels->attention(&a);
    }
    return RRK_OK;
}

static rrk_status attention_of_read(enc_session *session, const enc_attention *options, enc_slot q, enc_slot kv,
                                    enc_slot out, rrk_error *err)
{
    const enc_batch *batch = &session->batch;
    const uint32_t *before = session->start_before;
    size_t d = session->slots[out].n_cols;
    if (!before)
        return base_fail(err, RRK_E_INVALID, 0, "attention of rows that are read, but all are");
    cpu_attention a;
    RRK_TRY(begin_attention(session, options, longest_of(before, batch->n_seqs), d, &a, err));
    a.q_stride = d;
    a.kv_stride = 2 * d;
    a.first_query = session->first_read;
    for (size_t s = 0; s < batch->n_seqs; s++) {
        a.q = session->slots[q].data + batch->start[s] * d;
        a.kv = session->slots[kv].data + before[s] * a.kv_stride;
        a.out = session->slots[out].data + batch->start[s] * d;
        a.n_queries = batch->start[s + 1] - batch->start[s];
        a.n_tokens = before[s + 1] - before[s];
        session->device->kernels->attention(&a);
    }
    return RRK_OK;
}

static rrk_status pool(enc_session *session, enc_pooling pooling, bool normalize, enc_slot in, enc_slot out,
                       rrk_error *err)
{
    const enc_batch *batch = &session->batch;
    const cpu_kernels *k = session->device->kernels;
    size_t d = session->slots[in].n_cols;
    for (size_t s = 0; s < batch->n_seqs; s++) {
        const float *rows = session->slots[in].data + (size_t)batch->start[s] * d;
        float *row = session->slots[out].data + s * d;
        size_t n_rows = pooling == ENC_POOL_MEAN ? batch->start[s + 1] - batch->start[s] : 1;
        k->mean(row, rows, n_rows, d);
        if (normalize)
            k->normalize(row, d);
    }
    return RRK_OK;
}

static rrk_status head(enc_session *session, const enc_linear *w, bool tanh, enc_slot in, enc_slot out, rrk_error *err)
{
    for (size_t r = 0; r < session->batch.n_seqs; r += CPU_BLOCK_ROWS) {
        size_t n = RRK_MIN(session->batch.n_seqs - r, (size_t)CPU_BLOCK_ROWS);
        /* By way of delta, so that in and out may be one slot, and out may be narrower than a step of rows. */
        RRK_TRY(cpu_linear_run(&session->worker, w, session->slots[in].data + r * w->n_in, n,
                               tanh ? CPU_TANH : CPU_IDENTITY, session->delta, err));
        memcpy(session->slots[out].data + r * w->n_out, session->delta, n * w->n_out * sizeof(float));
    }
    return RRK_OK;
}

static rrk_status download(enc_session *session, enc_slot from, float *out, rrk_error *err)
{
    memcpy(out, session->slots[from].data, session->batch.n_seqs * session->slots[from].n_cols * sizeof *out);
    return RRK_OK;
}

/* --- the device --- */

static const char *describe(const enc_device *device)
{
    return ((const cpu_device *)device)->description;
}

static void free_linears(enc_linear *linear)
{
    while (linear) {
        enc_linear *next = linear->next;
        cpu_linear_clear(linear);
        base_free(linear);
        linear = next;
    }
}

static void close_device(enc_device *device)
{
    if (!device)
        return;
    cpu_device *cpu = (cpu_device *)device;
    free_linears(cpu->linears);
    while (cpu->tables) {
        enc_table *next = cpu->tables->next;
        base_free_aligned(cpu->tables->copy);
        base_free_aligned(cpu->tables->scales);
        base_free(cpu->tables);
        cpu->tables = next;
    }
    while (cpu->norms) {
        enc_norm *next = cpu->norms->next;
        base_free_aligned(cpu->norms->gain);
        base_free_aligned(cpu->norms->shift);
        base_free(cpu->norms);
        cpu->norms = next;
    }
    while (cpu->biases) {
        enc_bias *next = cpu->biases->next;
        base_free_aligned(cpu->biases->by_distance);
        base_free(cpu->biases);
        cpu->biases = next;
    }
    while (cpu->crosses) {
        enc_cross *next = cpu->crosses->next;
        base_free_aligned(cpu->crosses->keys);
        base_free_aligned(cpu->crosses->values);
        base_free_aligned(cpu->crosses->value_bias);
        base_free(cpu->crosses);
        cpu->crosses = next;
    }
    cpu_gemm_close(cpu->gemm);
    base_free(cpu);
}

static const enc_ops CPU_OPS = {
    .describe = describe,
    .table = cpu_add_table,
    .linear = add_linear,
    .head_linear = add_head_linear,
    .norm = add_norm,
    .bias = cpu_add_bias,
    .cross = cpu_add_cross,
    .session = session_new,
    .session_free = session_free,
    .begin = begin,
    .embed = cpu_embed,
    .project = project,
    .project_add_norm = project_add_norm,
    .feed_forward = feed_forward,
    .attention = attention,
    .attention_of_read = attention_of_read,
    .view_attention = cpu_view_attention,
    .apply_norm = cpu_apply_norm,
    .project_add = cpu_project_add,
    .norm_feed_forward = cpu_norm_feed_forward,
    .narrow = cpu_narrow_batch,
    .download_tokens = cpu_download_tokens,
    .cross_attention = cpu_cross_attention,
    .dot_keys = cpu_dot_keys,
    .pool = pool,
    .head = head,
    .download = download,
    .close = close_device,
};

/* "cpu int8 avx512-vnni", or what runs instead. */
static void choose(cpu_device *cpu, rrk_dtype dtype)
{
    size_t cap = sizeof cpu->description;
    const char *isa = cpu->kernels->isa, *name = dtype == RRK_DTYPE_INT8 ? "int8" : "bf16";
    cpu->narrow = cpu_narrow_for(cpu->kernels, dtype);
    cpu->device.dtype = cpu->narrow ? dtype : RRK_DTYPE_F32;
    if (cpu->narrow) {
        snprintf(cpu->description, cap, "cpu %s %s", name, cpu->narrow->isa);
    } else if (dtype == RRK_DTYPE_INT8 || dtype == RRK_DTYPE_BF16) {
        snprintf(cpu->description, cap, "cpu f32 %s (no %s here)", isa, name);
        base_log(RRK_LOG_WARNING, "%s would not be faster with this instruction set (%s): f32 is used", name, isa);
    } else {
        snprintf(cpu->description, cap, "cpu f32 %s", isa);
    }
}

rrk_status enc_cpu_open(enc_device **out, const cpu_kernels *kernels, rrk_error *err)
{
    return enc_cpu_open_as(out, kernels, RRK_DTYPE_F32, err);
}

rrk_status enc_cpu_open_as(enc_device **out, const cpu_kernels *kernels, rrk_dtype dtype, rrk_error *err)
{
    cpu_device *cpu = base_calloc(1, sizeof *cpu);
    if (!cpu)
        return base_fail_nomem(err, sizeof *cpu);
    cpu->device.ops = &CPU_OPS;
    cpu->kernels = kernels ? kernels : cpu_kernels_best();
    choose(cpu, dtype);
    rrk_status status = cpu_gemm_open(&cpu->gemm, err);
    if (status != RRK_OK) {
        base_free(cpu);
        return status;
    }
    *out = &cpu->device;
    return RRK_OK;
}
