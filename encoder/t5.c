/*
 * T5's encoder and what stands on it: a vector of the whole text, the views' vectors, or a decoder step over the
 * states. Against BERT: the norm (RMS, without a mean) comes before a layer, scores are not divided by sqrt(d_head) but
 * shifted by a bias of their distance, and there are no positions and no token types.
 */
#include "encoder/t5.h"
#include "base/alloc.h"
#include "encoder/heads.h"

#include <math.h>

static rrk_status load(enc_model **out, enc_device *device, const enc_config *config, const enc_weights *weights,
                       rrk_error *err)
{
    enc_t5 *t5 = base_calloc(1, sizeof *t5);
    if (!t5)
        return base_fail_nomem(err, sizeof *t5);
    *out = &t5->model;
    t5->model.kind = &enc_t5_model;
    t5->config = config;
    t5->ops = device->ops;
    return enc_t5_load(t5, device, weights, err);
}

static void unload(enc_model *model)
{
    enc_t5 *t5 = (enc_t5 *)model;
    if (!t5)
        return;
    base_free(t5->layers);
    base_free(t5->decoder);
    base_free(t5);
}

static enc_shape shape_of(const enc_config *c)
{
    size_t inner = (size_t)c->n_heads * c->t5.d_head;
    enc_shape shape = {.d_ff = (c->t5.is_gated ? 2 : 1) * (size_t)c->d_ff};
    shape.n_cols[ENC_SLOT_X] = shape.n_cols[ENC_SLOT_NORMED] = c->d_model;
    shape.n_cols[ENC_SLOT_QKV] = 3 * inner;
    shape.n_cols[ENC_SLOT_CONTEXT] = inner;
    if (c->head == RRK_HEAD_EMBEDDING)
        shape.n_cols[ENC_SLOT_POOLED] = c->d_model;
    if (c->head == RRK_HEAD_SEQ2SEQ) {
        shape.n_cols[ENC_SLOT_STATES] = c->d_model;
        shape.n_cols[ENC_SLOT_HEAD] = ENC_N_ANSWERS;
    }
    return shape;
}

static rrk_status attend(const enc_t5 *t5, const t5_layer *l, enc_session *session, rrk_error *err)
{
    static const enc_slot READ[] = {ENC_SLOT_X, ENC_SLOT_NORMED};
    const enc_ops *ops = t5->ops;
    enc_attention attention = {.n_heads = t5->config->n_heads, .scale = 1, .bias = t5->bias};
    if (l->qkv) {
        RRK_TRY(ops->project(session, l->qkv, ENC_SLOT_NORMED, ENC_SLOT_QKV, err));
        return ops->attention(session, &attention, ENC_SLOT_QKV, ENC_SLOT_CONTEXT, err);
    }
    /* Beyond its keys and values, only the rows that the head reads go through the last layer. */
    enc_read read = enc_rows_read(t5->config);
    RRK_TRY(ops->project(session, l->keys_values, ENC_SLOT_NORMED, ENC_SLOT_QKV, err));
    RRK_TRY(ops->narrow(session, read.first, read.count, READ, RRK_COUNT(READ), err));
    RRK_TRY(ops->project(session, l->query, ENC_SLOT_NORMED, ENC_SLOT_CONTEXT, err));
    return ops->attention_of_read(session, &attention, ENC_SLOT_CONTEXT, ENC_SLOT_QKV, ENC_SLOT_CONTEXT, err);
}

static rrk_status run_layer(const enc_t5 *t5, size_t i, enc_session *session, rrk_error *err)
{
    const enc_ops *ops = t5->ops;
    const enc_config *c = t5->config;
    const t5_layer *l = &t5->layers[i];
    RRK_TRY(ops->apply_norm(session, l->norm, ENC_SLOT_X, ENC_SLOT_NORMED, err));
    RRK_TRY(attend(t5, l, session, err));
    RRK_TRY(ops->project_add(session, l->output, ENC_SLOT_CONTEXT, ENC_SLOT_X, err));
    return ops->norm_feed_forward(session, l->feed_forward.norm, l->feed_forward.in, c->activation, l->feed_forward.out,
                                  ENC_SLOT_X, err);
}

/* The first step's logits of the answers, [n_seqs, ENC_N_ANSWERS]. A tied head comes with a factor. */
static rrk_status answer(const enc_t5 *t5, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                         float *out, rrk_error *err)
{
    const enc_config *c = t5->config;
    enc_keys keys = {.slot = ENC_SLOT_STATES, .start = batch->start};
    enc_step step RRK_AUTO(enc_step_free) = {0};
    RRK_TRY(enc_t5_step(t5, session, &step, batch->n_seqs, &keys, stop, err));
    RRK_TRY(t5->ops->head(session, t5->answers, false, ENC_SLOT_NORMED, ENC_SLOT_HEAD, err));
    RRK_TRY(t5->ops->download(session, ENC_SLOT_HEAD, out, err));
    float factor = c->t5.is_tied ? 1 / sqrtf((float)c->d_model) : 1;
    for (size_t i = 0; i < batch->n_seqs * ENC_N_ANSWERS; i++)
        out[i] *= factor;
    return RRK_OK;
}

static rrk_status run(const enc_model *model, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                      float *out, rrk_error *err)
{
    const enc_t5 *t5 = (const enc_t5 *)model;
    const enc_ops *ops = t5->ops;
    RRK_TRY(ops->begin(session, batch, err));
    RRK_TRY(ops->embed(session, ENC_SLOT_X, t5->words, NULL, NULL, NULL, err));
    for (size_t i = 0; i < t5->config->n_layers; i++) {
        if (stop->asked(stop->ctx))
            return RRK_E_CANCELLED;
        RRK_TRY(run_layer(t5, i, session, err));
    }
    enc_slot states = t5->config->head == RRK_HEAD_SEQ2SEQ ? ENC_SLOT_STATES : ENC_SLOT_X;
    RRK_TRY(ops->apply_norm(session, t5->norm, ENC_SLOT_X, states, err));
    if (t5->config->head == RRK_HEAD_SEQ2SEQ)
        return answer(t5, session, batch, stop, out, err);
    if (t5->config->head == RRK_HEAD_VIEWS)
        return ops->download_tokens(session, ENC_SLOT_X, out, err);
    return enc_embedding_head(session, ops, t5->config, out, err);
}

static rrk_status run_anchors(const enc_model *model, enc_session *session, const float *vectors, size_t n,
                              const enc_stop *stop, float *scores, float *anchors, rrk_error *err)
{
    const enc_t5 *t5 = (const enc_t5 *)model;
    const enc_config *c = t5->config;
    enc_keys keys = {.host = vectors, .host_stride = (size_t)c->n_views * c->d_model, .n_rows = n};
    enc_step step RRK_AUTO(enc_step_free) = {0};
    RRK_TRY(enc_t5_step(t5, session, &step, t5->config->n_views, &keys, stop, err));
    RRK_TRY(t5->ops->dot_keys(session, &keys, ENC_SLOT_NORMED, scores, err));
    return anchors ? t5->ops->download_tokens(session, ENC_SLOT_NORMED, anchors, err) : RRK_OK;
}

const enc_model_kind enc_t5_model = {
    .load = load,
    .free = unload,
    .shape = shape_of,
    .run = run,
    .anchors = run_anchors,
};
