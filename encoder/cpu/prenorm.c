/*
 * Operations of models that normalise before a layer (T5), and those that drop the rows nobody reads. As in device.c,
 * rows go through in blocks that stay in a core's cache.
 */
#include "base/alloc.h"
#include "encoder/cpu/session.h"

#include <string.h>

rrk_status cpu_add_bias(enc_device *device, const float *by_distance, size_t n_heads, size_t reach, enc_bias **out,
                        rrk_error *err)
{
    cpu_device *cpu = (cpu_device *)device;
    enc_bias *bias = base_calloc(1, sizeof *bias);
    if (!bias)
        return base_fail_nomem(err, sizeof *bias);
    bias->next = cpu->biases;
    cpu->biases = *out = bias;
    bias->n_heads = n_heads;
    bias->reach = reach;
    RRK_TRY(cpu_alloc_floats(&bias->by_distance, n_heads, 2 * reach + 1, err));
    memcpy(bias->by_distance, by_distance, n_heads * (2 * reach + 1) * sizeof *by_distance);
    return RRK_OK;
}

/* From -(n_tokens - 1) to n_tokens - 1, and what a vector may read beyond. */
size_t cpu_bias_stride(size_t n_tokens)
{
    return 2 * n_tokens + CPU_BIAS_PAD;
}

static void spread_head(const enc_bias *bias, size_t head, size_t n_tokens, float *out)
{
    const float *from = bias->by_distance + head * (2 * bias->reach + 1);
    size_t last = 2 * bias->reach;
    for (size_t i = 0; i < cpu_bias_stride(n_tokens); i++) {
        /* i is the distance plus n_tokens; by_distance begins at -reach. */
        size_t at = i + bias->reach > n_tokens ? i + bias->reach - n_tokens : 0;
        out[i] = from[RRK_MIN(at, last)];
    }
}

rrk_status cpu_spread_bias(enc_session *session, const enc_bias *bias, size_t n_tokens, const float **out,
                           rrk_error *err)
{
    if (session->bias_of != bias || session->bias_tokens < n_tokens) {
        size_t stride = cpu_bias_stride(n_tokens);
        session->bias_of = NULL;
        RRK_TRY(cpu_scratch_reserve(&session->bias, bias->n_heads * stride, err));
        for (size_t h = 0; h < bias->n_heads; h++)
            spread_head(bias, h, n_tokens, session->bias.data + h * stride);
        session->bias_of = bias;
        session->bias_tokens = n_tokens;
    }
    *out = session->bias.data + session->bias_tokens;
    return RRK_OK;
}

static void normalise(const cpu_kernels *k, const enc_norm *norm, const float *in, size_t n_rows, float *out)
{
    if (!norm->shift) {
        k->rms_norm(out, in, norm->gain, norm->eps, n_rows, norm->d);
        return;
    }
    if (out != in)
        memcpy(out, in, n_rows * norm->d * sizeof *out);
    k->add_norm(out, NULL, NULL, norm->gain, norm->shift, norm->eps, n_rows, norm->d);
}

rrk_status cpu_apply_norm(enc_session *session, const enc_norm *norm, enc_slot in, enc_slot out, rrk_error *err)
{
    normalise(session->device->kernels, norm, session->slots[in].data, session->batch.n_tokens,
              session->slots[out].data);
    return RRK_OK;
}

rrk_status cpu_project_add(enc_session *session, const enc_linear *w, enc_slot in, enc_slot x, rrk_error *err)
{
    for (size_t r = 0; r < session->batch.n_tokens; r += CPU_BLOCK_ROWS) {
        size_t n = RRK_MIN(session->batch.n_tokens - r, (size_t)CPU_BLOCK_ROWS);
        RRK_TRY(cpu_linear_add(&session->worker, w, session->slots[in].data + r * w->n_in, n,
                               session->slots[x].data + r * w->n_out, err));
    }
    return RRK_OK;
}

rrk_status cpu_norm_feed_forward(enc_session *session, const enc_norm *norm, const enc_linear *w1,
                                 enc_activation activation, const enc_linear *w2, enc_slot x, rrk_error *err)
{
    const cpu_worker *worker = &session->worker;
    cpu_activation act = cpu_activation_of(activation);
    bool gated = w1->n_out != w2->n_in;
    for (size_t r = 0; r < session->batch.n_tokens; r += CPU_BLOCK_ROWS) {
        size_t n = RRK_MIN(session->batch.n_tokens - r, (size_t)CPU_BLOCK_ROWS);
        float *rows = session->slots[x].data + r * w1->n_in;
        normalise(worker->kernels, norm, rows, n, session->normed);
        RRK_TRY(cpu_linear_run(worker, w1, session->normed, n, gated ? CPU_IDENTITY : act, session->hidden, err));
        if (gated)
            worker->kernels->gate(session->hidden, n, w2->n_in, act);
        RRK_TRY(cpu_linear_add(worker, w2, session->hidden, n, rows, err));
    }
    return RRK_OK;
}

/* Rows only ever move towards the front, so they move in place. */
static void move_rows(cpu_slot *slot, const enc_batch *batch, size_t first, size_t count)
{
    size_t row = slot->n_cols, bytes = count * row * sizeof *slot->data;
    for (size_t s = 0; s < batch->n_seqs; s++)
        memmove(slot->data + s * count * row, slot->data + (batch->start[s] + first) * row, bytes);
}

rrk_status cpu_narrow_batch(enc_session *session, size_t first, size_t count, const enc_slot *slots, size_t n_slots,
                            rrk_error *err)
{
    enc_batch *batch = &session->batch;
    for (size_t s = 0; s < batch->n_seqs; s++) {
        size_t n = batch->start[s + 1] - batch->start[s];
        if (n < first + count)
            return base_fail(err, RRK_E_INVALID, 0, "a row has %zu tokens, fewer than the %zu that are read", n,
                             first + count);
    }
    uint32_t *start = base_alloc(batch->n_seqs + 1, sizeof *start);
    if (!start)
        return base_fail_nomem(err, (batch->n_seqs + 1) * sizeof *start);
    for (size_t i = 0; i < n_slots; i++)
        move_rows(&session->slots[slots[i]], batch, first, count);
    for (size_t s = 0; s <= batch->n_seqs; s++)
        start[s] = (uint32_t)(s * count);
    base_free(session->narrow_start);
    session->narrow_start = start;
    session->start_before = batch->start;
    session->first_read = first;
    batch->start = start;
    batch->n_tokens = batch->n_seqs * count;
    return RRK_OK;
}

rrk_status cpu_download_tokens(enc_session *session, enc_slot slot, float *out, rrk_error *err)
{
    memcpy(out, session->slots[slot].data, session->batch.n_tokens * session->slots[slot].n_cols * sizeof *out);
    return RRK_OK;
}
