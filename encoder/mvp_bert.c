/*
 * The multi-view head on BERT (MVP, arXiv 2509.07485, on another backbone): a decoder of one position that begins with
 * a learned vector, looks at one view's vectors of all passages of a list, and has the norm after each residual, like
 * the backbone. Its output is the view's anchor. There is no self-attention: over one position it is a constant.
 */
#include "base/alloc.h"
#include "encoder/bert.h"

#include <math.h>
#include <stdio.h>

enum { MAX_NAME = 96 };

struct enc_mvp_layer {
    enc_linear *query;
    enc_cross *cross;
    enc_linear *output;
    enc_norm *cross_norm;
    enc_linear *ffn_in;
    enc_linear *ffn_out;
    enc_norm *ffn_norm;
};

/* The start vector is a table of one row. */
static rrk_status load_start(const enc_bert_source *s, enc_table **out, rrk_error *err)
{
    size_t d = s->config->d_model;
    const enc_weight *start;
    RRK_TRY(enc_weights_require(s->weights, "mvp.start", 1, &d, &start, err));
    enc_weight row = *start;
    row.n_dims = 2;
    row.shape[0] = 1;
    row.shape[1] = d;
    return s->device->ops->table(s->device, &row, out, err);
}

static rrk_status load_norm(const enc_bert_source *s, const char *name, enc_norm **out, rrk_error *err)
{
    char full[2 * MAX_NAME];
    size_t d = s->config->d_model;
    const enc_weight *gain, *shift;
    snprintf(full, sizeof full, "%s.weight", name);
    RRK_TRY(enc_weights_require(s->weights, full, 1, &d, &gain, err));
    snprintf(full, sizeof full, "%s.bias", name);
    RRK_TRY(enc_weights_require(s->weights, full, 1, &d, &shift, err));
    return s->device->ops->norm(s->device, gain, shift, s->config->norm_eps, out, err);
}

static rrk_status load_cross(const enc_bert_source *s, size_t i, enc_cross **out, rrk_error *err)
{
    static const char *const PARTS[] = {"key.weight", "value.weight"};
    const enc_weight *weights[2], *bias;
    char name[MAX_NAME];
    size_t d = s->config->d_model;
    for (size_t p = 0; p < RRK_COUNT(PARTS); p++) {
        snprintf(name, sizeof name, "mvp.decoder.%zu.cross.%s", i, PARTS[p]);
        RRK_TRY(enc_weights_require(s->weights, name, 2, (size_t[]){d, d}, &weights[p], err));
    }
    snprintf(name, sizeof name, "mvp.decoder.%zu.cross.value.bias", i);
    RRK_TRY(enc_weights_require(s->weights, name, 1, &d, &bias, err));
    return s->device->ops->cross(s->device, weights[0], weights[1], bias, out, err);
}

static rrk_status load_layer(const enc_bert_source *s, size_t i, enc_mvp_layer *out, rrk_error *err)
{
    char prefix[MAX_NAME], name[MAX_NAME];
    size_t d = s->config->d_model, ff = s->config->d_ff;
    snprintf(prefix, sizeof prefix, "mvp.decoder.%zu.", i);
    RRK_TRY(enc_load_head_linear(s->device, s->weights, prefix, "cross.query", d, d, &out->query, err));
    RRK_TRY(load_cross(s, i, &out->cross, err));
    RRK_TRY(enc_load_head_linear(s->device, s->weights, prefix, "cross.output", d, d, &out->output, err));
    RRK_TRY(enc_load_head_linear(s->device, s->weights, prefix, "ffn.in", ff, d, &out->ffn_in, err));
    RRK_TRY(enc_load_head_linear(s->device, s->weights, prefix, "ffn.out", d, ff, &out->ffn_out, err));
    snprintf(name, sizeof name, "mvp.decoder.%zu.cross_norm", i);
    RRK_TRY(load_norm(s, name, &out->cross_norm, err));
    snprintf(name, sizeof name, "mvp.decoder.%zu.ffn_norm", i);
    return load_norm(s, name, &out->ffn_norm, err);
}

rrk_status enc_mvp_head_load(enc_mvp_head *out, enc_device *device, const enc_config *config,
                             const enc_weights *weights, rrk_error *err)
{
    enc_bert_source s = {device, weights, config, ""};
    size_t n = config->mvp.n_decoder_layers;
    out->layers = base_calloc(n, sizeof *out->layers);
    if (!out->layers)
        return base_fail_nomem(err, n * sizeof *out->layers);
    RRK_TRY(load_start(&s, &out->start, err));
    for (size_t i = 0; i < n; i++)
        RRK_TRY(load_layer(&s, i, &out->layers[i], err));
    return RRK_OK;
}

void enc_mvp_head_free(enc_mvp_head *head)
{
    base_free(head->layers);
}

static rrk_status run_layer(const enc_mvp_layer *l, enc_session *session, const enc_ops *ops, const enc_config *c,
                            const enc_keys *keys, rrk_error *err)
{
    float scale = 1 / sqrtf((float)(c->d_model / c->n_heads));
    RRK_TRY(ops->project(session, l->query, ENC_SLOT_X, ENC_SLOT_CONTEXT, err));
    RRK_TRY(ops->cross_attention(session, l->cross, c->n_heads, scale, keys, ENC_SLOT_CONTEXT, ENC_SLOT_CONTEXT, err));
    RRK_TRY(ops->project_add_norm(session, l->output, l->cross_norm, ENC_SLOT_CONTEXT, ENC_SLOT_X, err));
    return ops->feed_forward(session, l->ffn_in, c->activation, l->ffn_out, l->ffn_norm, ENC_SLOT_X, err);
}

rrk_status enc_mvp_head_run(const enc_mvp_head *head, enc_session *session, const enc_ops *ops,
                            const enc_config *config, const float *vectors, size_t n, const enc_stop *stop,
                            float *scores, float *anchors, rrk_error *err)
{
    size_t n_views = config->n_views, stride = n_views * config->d_model + config->mvp.is_block;
    enc_keys keys = {.host = vectors, .host_stride = stride, .n_rows = n};
    enc_step step RRK_AUTO(enc_step_free) = {0};
    RRK_TRY(enc_step_begin(&step, session, ops, n_views, 0, err));
    RRK_TRY(ops->embed(session, ENC_SLOT_X, head->start, NULL, NULL, NULL, err));
    for (size_t i = 0; i < config->mvp.n_decoder_layers; i++) {
        if (stop->asked(stop->ctx))
            return RRK_E_CANCELLED;
        RRK_TRY(run_layer(&head->layers[i], session, ops, config, &keys, err));
    }
    RRK_TRY(ops->dot_keys(session, &keys, ENC_SLOT_X, scores, err));
    for (size_t i = 0; i < n * n_views; i++) {
        float base = config->mvp.is_block ? vectors[i / n_views * stride + stride - 1] : 0;
        scores[i] = base + config->mvp.score_scale * scores[i];
    }
    return anchors ? ops->download_tokens(session, ENC_SLOT_X, anchors, err) : RRK_OK;
}
