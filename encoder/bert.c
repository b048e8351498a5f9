/*
 * BERT (Devlin et al., 2018) as Hugging Face lays out its tensors, whose names may carry the prefix "bert.", and RoBERTa,
 * the same with "roberta." and positions that begin further on: embeddings, layers with the norm after each residual,
 * written once against compute.h. Heads sit on top of it in files of their own.
 */
#include "encoder/bert.h"
#include "base/alloc.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 160, MAX_PARTS = 3 };

static rrk_status require(const enc_bert_source *s, uint32_t n_dims, const size_t *shape, const enc_weight **out,
                          rrk_error *err, const char *format, ...) __attribute__((format(printf, 6, 7)));

static rrk_status require(const enc_bert_source *s, uint32_t n_dims, const size_t *shape, const enc_weight **out,
                          rrk_error *err, const char *format, ...)
{
    char name[MAX_NAME], rest[MAX_NAME / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(rest, sizeof rest, format, args);
    va_end(args);
    snprintf(name, sizeof name, "%s%s", s->prefix, rest);
    return enc_weights_require(s->weights, name, n_dims, shape, out, err);
}

static rrk_status find_linear(const enc_weights *weights, const char *prefix, const char *name, size_t n_out,
                              size_t n_in, const enc_weight **w, const enc_weight **b, rrk_error *err)
{
    enc_bert_source s = {.weights = weights, .prefix = prefix};
    RRK_TRY(require(&s, 2, (size_t[]){n_out, n_in}, w, err, "%s.weight", name));
    return require(&s, 1, (size_t[]){n_out}, b, err, "%s.bias", name);
}

rrk_status enc_load_linear(enc_device *device, const enc_weights *weights, const char *prefix, const char *name,
                           size_t n_out, size_t n_in, enc_linear **out, rrk_error *err)
{
    const enc_weight *w, *b;
    RRK_TRY(find_linear(weights, prefix, name, n_out, n_in, &w, &b, err));
    return device->ops->linear(device, &w, &b, 1, out, err);
}

rrk_status enc_load_head_linear(enc_device *device, const enc_weights *weights, const char *prefix, const char *name,
                                size_t n_out, size_t n_in, enc_linear **out, rrk_error *err)
{
    const enc_weight *w, *b;
    RRK_TRY(find_linear(weights, prefix, name, n_out, n_in, &w, &b, err));
    return device->ops->head_linear(device, &w, &b, 1, out, err);
}

static rrk_status load_table(const enc_bert_source *s, const char *name, size_t n_rows, size_t d, enc_table **out,
                             rrk_error *err)
{
    const enc_weight *w;
    RRK_TRY(require(s, 2, (size_t[]){n_rows, d}, &w, err, "embeddings.%s.weight", name));
    return s->device->ops->table(s->device, w, out, err);
}

/* The rows of the table that positions from 0 on mean. */
static rrk_status load_positions(const enc_bert_source *s, const enc_config *c, enc_table **out, rrk_error *err)
{
    const enc_weight *all;
    size_t shape[] = {c->first_position + c->n_positions, c->d_model};
    RRK_TRY(require(s, 2, shape, &all, err, "embeddings.position_embeddings.weight"));
    enc_weight used = enc_weight_rows(all, c->first_position, c->n_positions);
    return s->device->ops->table(s->device, &used, out, err);
}

/* Old checkpoints call a norm's gain and shift gamma and beta. */
static rrk_status load_norm(const enc_bert_source *s, const char *name, size_t d, float eps, enc_norm **out,
                            rrk_error *err)
{
    char old[MAX_NAME];
    snprintf(old, sizeof old, "%s%s.gamma", s->prefix, name);
    bool is_old = enc_weights_find(s->weights, old) != NULL;
    const enc_weight *gain, *shift;
    RRK_TRY(require(s, 1, &d, &gain, err, "%s.%s", name, is_old ? "gamma" : "weight"));
    RRK_TRY(require(s, 1, &d, &shift, err, "%s.%s", name, is_old ? "beta" : "bias"));
    return s->device->ops->norm(s->device, gain, shift, eps, out, err);
}

rrk_status enc_bert_load_attention(const enc_bert_source *s, const char *layer, const char *const *parts,
                                   size_t n_parts, enc_linear **out, rrk_error *err)
{
    const enc_weight *weights[MAX_PARTS], *biases[MAX_PARTS];
    size_t d = s->config->d_model;
    for (size_t p = 0; p < n_parts; p++) {
        RRK_TRY(require(s, 2, (size_t[]){d, d}, &weights[p], err, "%sattention.self.%s.weight", layer, parts[p]));
        RRK_TRY(require(s, 1, &d, &biases[p], err, "%sattention.self.%s.bias", layer, parts[p]));
    }
    return s->device->ops->linear(s->device, weights, biases, n_parts, out, err);
}

rrk_status enc_bert_load_tail(const enc_bert_source *s, const char *layer, enc_bert_tail *out, rrk_error *err)
{
    static const char *const NAMES[] = {"attention.output.dense", "intermediate.dense", "output.dense",
                                        "attention.output.LayerNorm", "output.LayerNorm"};
    char names[RRK_COUNT(NAMES)][MAX_NAME / 2];
    for (size_t n = 0; n < RRK_COUNT(NAMES); n++)
        snprintf(names[n], sizeof names[n], "%s%s", layer, NAMES[n]);
    const enc_config *c = s->config;
    size_t d = c->d_model, ff = c->d_ff;
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[0], d, d, &out->output, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[1], ff, d, &out->ffn_in, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[2], d, ff, &out->ffn_out, err));
    RRK_TRY(load_norm(s, names[3], d, c->norm_eps, &out->output_norm, err));
    return load_norm(s, names[4], d, c->norm_eps, &out->ffn_norm, err);
}

/* One product, or two where queries are wanted of a few rows only. */
static rrk_status load_qkv(const enc_bert_source *s, const char *layer, size_t i, enc_bert_layer *out, rrk_error *err)
{
    static const char *const PARTS[MAX_PARTS] = {"query", "key", "value"};
    if (enc_rows_read(s->config).count == 0 || i + 1 < s->config->n_layers)
        return enc_bert_load_attention(s, layer, PARTS, MAX_PARTS, &out->qkv, err);
    RRK_TRY(enc_bert_load_attention(s, layer, PARTS, 1, &out->query, err));
    return enc_bert_load_attention(s, layer, PARTS + 1, 2, &out->keys_values, err);
}

static rrk_status load_layer(const enc_bert_source *s, size_t i, enc_bert_layer *out, rrk_error *err)
{
    char layer[MAX_NAME / 4];
    snprintf(layer, sizeof layer, "encoder.layer.%zu.", i);
    RRK_TRY(load_qkv(s, layer, i, out, err));
    return enc_bert_load_tail(s, layer, &out->tail, err);
}

static rrk_status load_head(enc_bert *b, const enc_bert_source *s, rrk_error *err)
{
    const enc_config *c = b->config;
    if (c->head == RRK_HEAD_CROSS)
        return enc_cross_head_load(&b->cross, s->device, c, s->weights, s->prefix, err);
    if (c->mvp.is_block)
        RRK_TRY(enc_mvp_block_load(&b->block, s->device, c, s->weights, err));
    return c->head == RRK_HEAD_VIEWS ? enc_mvp_head_load(&b->mvp, s->device, c, s->weights, err) : RRK_OK;
}

static rrk_status load_all(enc_bert *b, const enc_bert_source *s, rrk_error *err)
{
    const enc_config *c = b->config;
    RRK_TRY(load_table(s, "word_embeddings", c->n_vocab, c->d_model, &b->words, err));
    RRK_TRY(load_positions(s, c, &b->positions, err));
    RRK_TRY(load_table(s, "token_type_embeddings", c->n_types, c->d_model, &b->types, err));
    RRK_TRY(load_norm(s, "embeddings.LayerNorm", c->d_model, c->norm_eps, &b->norm, err));
    for (size_t i = 0; i < c->n_layers; i++)
        RRK_TRY(load_layer(s, i, &b->layers[i], err));
    return load_head(b, s, err);
}

/* A model with a head has its body's tensors behind a prefix, a body alone has not. */
static const char *find_prefix(const enc_config *c, const enc_weights *weights)
{
    const char *prefix = c->family == ENC_FAMILY_ROBERTA ? "roberta." : "bert.";
    char words[MAX_NAME];
    snprintf(words, sizeof words, "%sembeddings.word_embeddings.weight", prefix);
    return enc_weights_find(weights, words) ? prefix : "";
}

static rrk_status load(enc_model **out, enc_device *device, const enc_config *config, const enc_weights *weights,
                       rrk_error *err)
{
    enc_bert *b = base_calloc(1, sizeof *b);
    if (!b)
        return base_fail_nomem(err, sizeof *b);
    *out = &b->model;
    b->model.kind = &enc_bert_model;
    b->config = config;
    b->ops = device->ops;
    b->layers = base_calloc(config->n_layers, sizeof *b->layers);
    if (!b->layers)
        return base_fail_nomem(err, config->n_layers * sizeof *b->layers);
    enc_bert_source s = {device, weights, config, find_prefix(config, weights)};
    return load_all(b, &s, err);
}

static void unload(enc_model *model)
{
    enc_bert *b = (enc_bert *)model;
    if (!b)
        return;
    enc_mvp_block_free(&b->block);
    enc_mvp_head_free(&b->mvp);
    base_free(b->layers);
    base_free(b);
}

static enc_shape shape_of(const enc_config *c)
{
    enc_shape shape = {.d_ff = c->d_ff};
    shape.n_cols[ENC_SLOT_X] = shape.n_cols[ENC_SLOT_CONTEXT] = shape.n_cols[ENC_SLOT_POOLED] = c->d_model;
    shape.n_cols[ENC_SLOT_QKV] = 3 * (size_t)c->d_model;
    shape.n_cols[ENC_SLOT_HEAD] = c->head == RRK_HEAD_CROSS ? 1 : 0;
    if (c->mvp.is_block)
        enc_mvp_block_shape(c, &shape);
    return shape;
}

enc_attention enc_bert_attention(const enc_config *c)
{
    return (enc_attention){.n_heads = c->n_heads, .scale = 1 / sqrtf((float)(c->d_model / c->n_heads))};
}

rrk_status enc_bert_attend(const enc_bert *b, size_t i, enc_session *session, rrk_error *err)
{
    enc_attention attention = enc_bert_attention(b->config);
    RRK_TRY(b->ops->project(session, b->layers[i].qkv, ENC_SLOT_X, ENC_SLOT_QKV, err));
    return b->ops->attention(session, &attention, ENC_SLOT_QKV, ENC_SLOT_CONTEXT, err);
}

rrk_status enc_bert_finish(const enc_bert *b, const enc_bert_tail *tail, enc_session *session, enc_slot context,
                           enc_slot x, rrk_error *err)
{
    RRK_TRY(b->ops->project_add_norm(session, tail->output, tail->output_norm, context, x, err));
    return b->ops->feed_forward(session, tail->ffn_in, b->config->activation, tail->ffn_out, tail->ffn_norm, x, err);
}

rrk_status enc_bert_begin(const enc_bert *b, enc_session *session, const enc_batch *batch, rrk_error *err)
{
    RRK_TRY(b->ops->begin(session, batch, err));
    return b->ops->embed(session, ENC_SLOT_X, b->words, b->positions, b->types, b->norm, err);
}

/* Beyond its keys and values, only the rows that the head reads go through the last layer. */
static rrk_status attend_read(const enc_bert *b, const enc_bert_layer *l, enc_session *session, rrk_error *err)
{
    static const enc_slot READ[] = {ENC_SLOT_X};
    const enc_ops *ops = b->ops;
    enc_read read = enc_rows_read(b->config);
    enc_attention attention = enc_bert_attention(b->config);
    RRK_TRY(ops->project(session, l->keys_values, ENC_SLOT_X, ENC_SLOT_QKV, err));
    RRK_TRY(ops->narrow(session, read.first, read.count, READ, RRK_COUNT(READ), err));
    RRK_TRY(ops->project(session, l->query, ENC_SLOT_X, ENC_SLOT_CONTEXT, err));
    return ops->attention_of_read(session, &attention, ENC_SLOT_CONTEXT, ENC_SLOT_QKV, ENC_SLOT_CONTEXT, err);
}

static rrk_status run_layer(const enc_bert *b, size_t i, enc_session *session, rrk_error *err)
{
    const enc_bert_layer *l = &b->layers[i];
    RRK_TRY(l->qkv ? enc_bert_attend(b, i, session, err) : attend_read(b, l, session, err));
    return enc_bert_finish(b, &b->layers[i].tail, session, ENC_SLOT_CONTEXT, ENC_SLOT_X, err);
}

static rrk_status run(const enc_model *model, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                      float *out, rrk_error *err)
{
    const enc_bert *b = (const enc_bert *)model;
    const enc_ops *ops = b->ops;
    if (b->config->mvp.is_block)
        return enc_mvp_block_run(b, session, batch, stop, out, err);
    RRK_TRY(enc_bert_begin(b, session, batch, err));
    for (size_t i = 0; i < b->config->n_layers; i++) {
        if (stop->asked(stop->ctx))
            return RRK_E_CANCELLED;
        RRK_TRY(run_layer(b, i, session, err));
    }
    if (b->config->head == RRK_HEAD_CROSS)
        return enc_cross_head_run(&b->cross, session, ops, out, err);
    if (b->config->head == RRK_HEAD_VIEWS)
        return ops->download_tokens(session, ENC_SLOT_X, out, err);
    return enc_embedding_head(session, ops, b->config, out, err);
}

static rrk_status run_query(const enc_model *model, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                            float *out, rrk_error *err)
{
    return enc_mvp_block_query((const enc_bert *)model, session, batch, stop, out, err);
}

static rrk_status run_anchors(const enc_model *model, enc_session *session, const float *vectors, size_t n,
                              const enc_stop *stop, float *scores, float *anchors, rrk_error *err)
{
    const enc_bert *b = (const enc_bert *)model;
    return enc_mvp_head_run(&b->mvp, session, b->ops, b->config, vectors, n, stop, scores, anchors, err);
}

const enc_model_kind enc_bert_model = {
    .load = load,
    .free = unload,
    .shape = shape_of,
    .run = run,
    .query_floats = enc_mvp_block_query_floats,
    .query = run_query,
    .anchors = run_anchors,
};
