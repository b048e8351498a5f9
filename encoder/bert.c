/*
 * BERT (Devlin et al., 2018) as Hugging Face lays out its tensors, whose names may carry the prefix "bert.", and RoBERTa,
 * the same with "roberta." and positions that begin further on: embeddings, layers with the norm after each residual,
 * written once against compute.h. Heads sit on top of it in files of their own.
 */
#include "base/alloc.h"
#include "encoder/heads.h"
#include "encoder/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 160 };

typedef struct layer {
    enc_linear *qkv; /* NULL: the next two */
    enc_linear *query;
    enc_linear *keys_values;
    enc_linear *output;
    enc_norm *output_norm;
    enc_linear *ffn_in;
    enc_linear *ffn_out;
    enc_norm *ffn_norm;
} layer;

typedef struct bert {
    enc_model model;
    const enc_config *config;
    const enc_ops *ops;
    enc_table *words;
    enc_table *positions;
    enc_table *types;
    enc_norm *norm;
    layer *layers; /* [n_layers]; owned */
    enc_cross_head cross;
    enc_mvp_head mvp;
} bert;

/* Where a model's tensors come from while it is loaded. */
typedef struct source {
    enc_device *device;
    const enc_weights *weights;
    const char *prefix;
} source;

static rrk_status require(const source *s, uint32_t n_dims, const size_t *shape, const enc_weight **out, rrk_error *err,
                          const char *format, ...) __attribute__((format(printf, 6, 7)));

static rrk_status require(const source *s, uint32_t n_dims, const size_t *shape, const enc_weight **out, rrk_error *err,
                          const char *format, ...)
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
    source s = {NULL, weights, prefix};
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

static rrk_status load_table(const source *s, const char *name, size_t n_rows, size_t d, enc_table **out,
                             rrk_error *err)
{
    const enc_weight *w;
    RRK_TRY(require(s, 2, (size_t[]){n_rows, d}, &w, err, "embeddings.%s.weight", name));
    return s->device->ops->table(s->device, w, out, err);
}

/* The rows of the table that positions from 0 on mean. */
static rrk_status load_positions(const source *s, const enc_config *c, enc_table **out, rrk_error *err)
{
    const enc_weight *all;
    size_t shape[] = {c->first_position + c->n_positions, c->d_model};
    RRK_TRY(require(s, 2, shape, &all, err, "embeddings.position_embeddings.weight"));
    enc_weight used = *all;
    size_t n_before = c->first_position * (all->bytes / shape[0]);
    used.shape[0] = c->n_positions;
    used.n_values = (size_t)c->n_positions * c->d_model;
    used.data = (const char *)all->data + n_before;
    used.bytes -= n_before;
    return s->device->ops->table(s->device, &used, out, err);
}

/* Old checkpoints call a norm's gain and shift gamma and beta. */
static rrk_status load_norm(const source *s, const char *name, size_t d, float eps, enc_norm **out, rrk_error *err)
{
    char old[MAX_NAME];
    snprintf(old, sizeof old, "%s%s.gamma", s->prefix, name);
    bool is_old = enc_weights_find(s->weights, old) != NULL;
    const enc_weight *gain, *shift;
    RRK_TRY(require(s, 1, &d, &gain, err, "%s.%s", name, is_old ? "gamma" : "weight"));
    RRK_TRY(require(s, 1, &d, &shift, err, "%s.%s", name, is_old ? "beta" : "bias"));
    return s->device->ops->norm(s->device, gain, shift, eps, out, err);
}

/* One product, or two where queries are wanted of a few rows only. */
static rrk_status load_qkv(const source *s, const enc_config *c, size_t i, layer *out, rrk_error *err)
{
    size_t d = c->d_model;
    static const char *const PARTS[] = {"query", "key", "value"};
    const enc_weight *weights[3], *biases[3];
    for (size_t p = 0; p < 3; p++) {
        RRK_TRY(require(s, 2, (size_t[]){d, d}, &weights[p], err, "encoder.layer.%zu.attention.self.%s.weight", i,
                        PARTS[p]));
        RRK_TRY(require(s, 1, &d, &biases[p], err, "encoder.layer.%zu.attention.self.%s.bias", i, PARTS[p]));
    }
    const enc_ops *ops = s->device->ops;
    if (enc_rows_read(c).count == 0 || i + 1 < c->n_layers)
        return ops->linear(s->device, weights, biases, 3, &out->qkv, err);
    RRK_TRY(ops->linear(s->device, weights, biases, 1, &out->query, err));
    return ops->linear(s->device, weights + 1, biases + 1, 2, &out->keys_values, err);
}

static rrk_status load_layer(const source *s, const enc_config *c, size_t i, layer *out, rrk_error *err)
{
    static const char *const NAMES[] = {"attention.output.dense", "intermediate.dense", "output.dense",
                                        "attention.output.LayerNorm", "output.LayerNorm"};
    char names[RRK_COUNT(NAMES)][MAX_NAME / 2];
    for (size_t n = 0; n < RRK_COUNT(NAMES); n++)
        snprintf(names[n], sizeof names[n], "encoder.layer.%zu.%s", i, NAMES[n]);
    size_t d = c->d_model, ff = c->d_ff;
    RRK_TRY(load_qkv(s, c, i, out, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[0], d, d, &out->output, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[1], ff, d, &out->ffn_in, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[2], d, ff, &out->ffn_out, err));
    RRK_TRY(load_norm(s, names[3], d, c->norm_eps, &out->output_norm, err));
    return load_norm(s, names[4], d, c->norm_eps, &out->ffn_norm, err);
}

static rrk_status load_all(bert *b, const source *s, rrk_error *err)
{
    const enc_config *c = b->config;
    RRK_TRY(load_table(s, "word_embeddings", c->n_vocab, c->d_model, &b->words, err));
    RRK_TRY(load_positions(s, c, &b->positions, err));
    RRK_TRY(load_table(s, "token_type_embeddings", c->n_types, c->d_model, &b->types, err));
    RRK_TRY(load_norm(s, "embeddings.LayerNorm", c->d_model, c->norm_eps, &b->norm, err));
    for (size_t i = 0; i < c->n_layers; i++)
        RRK_TRY(load_layer(s, c, i, &b->layers[i], err));
    if (c->head == RRK_HEAD_CROSS)
        return enc_cross_head_load(&b->cross, s->device, c, s->weights, s->prefix, err);
    return c->head == RRK_HEAD_VIEWS ? enc_mvp_head_load(&b->mvp, s->device, c, s->weights, err) : RRK_OK;
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
    bert *b = base_calloc(1, sizeof *b);
    if (!b)
        return base_fail_nomem(err, sizeof *b);
    *out = &b->model;
    b->model.kind = &enc_bert_model;
    b->config = config;
    b->ops = device->ops;
    b->layers = base_calloc(config->n_layers, sizeof *b->layers);
    if (!b->layers)
        return base_fail_nomem(err, config->n_layers * sizeof *b->layers);
    source s = {device, weights, find_prefix(config, weights)};
    return load_all(b, &s, err);
}

static void unload(enc_model *model)
{
    bert *b = (bert *)model;
    if (!b)
        return;
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
    return shape;
}

/* Beyond its keys and values, only the rows that the head reads go through the last layer. */
static rrk_status attend_read(const bert *b, const layer *l, const enc_attention *attention, enc_session *session,
                              rrk_error *err)
{
    static const enc_slot READ[] = {ENC_SLOT_X};
    const enc_ops *ops = b->ops;
    enc_read read = enc_rows_read(b->config);
    RRK_TRY(ops->project(session, l->keys_values, ENC_SLOT_X, ENC_SLOT_QKV, err));
    RRK_TRY(ops->narrow(session, read.first, read.count, READ, RRK_COUNT(READ), err));
    RRK_TRY(ops->project(session, l->query, ENC_SLOT_X, ENC_SLOT_CONTEXT, err));
    return ops->attention_of_read(session, attention, ENC_SLOT_CONTEXT, ENC_SLOT_QKV, ENC_SLOT_CONTEXT, err);
}

static rrk_status attend(const bert *b, const layer *l, const enc_attention *attention, enc_session *session,
                         rrk_error *err)
{
    RRK_TRY(b->ops->project(session, l->qkv, ENC_SLOT_X, ENC_SLOT_QKV, err));
    return b->ops->attention(session, attention, ENC_SLOT_QKV, ENC_SLOT_CONTEXT, err);
}

static rrk_status run_layer(const bert *b, size_t i, enc_session *session, rrk_error *err)
{
    const enc_ops *ops = b->ops;
    const enc_config *c = b->config;
    const layer *l = &b->layers[i];
    enc_attention attention = {.n_heads = c->n_heads, .scale = 1 / sqrtf((float)(c->d_model / c->n_heads))};
    RRK_TRY(l->qkv ? attend(b, l, &attention, session, err) : attend_read(b, l, &attention, session, err));
    RRK_TRY(ops->project_add_norm(session, l->output, l->output_norm, ENC_SLOT_CONTEXT, ENC_SLOT_X, err));
    return ops->feed_forward(session, l->ffn_in, c->activation, l->ffn_out, l->ffn_norm, ENC_SLOT_X, err);
}

static rrk_status run(const enc_model *model, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                      float *out, rrk_error *err)
{
    const bert *b = (const bert *)model;
    const enc_ops *ops = b->ops;
    RRK_TRY(ops->begin(session, batch, err));
    RRK_TRY(ops->embed(session, ENC_SLOT_X, b->words, b->positions, b->types, b->norm, err));
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

static rrk_status anchors(const enc_model *model, enc_session *session, const float *vectors, size_t n,
                          const enc_stop *stop, float *scores, rrk_error *err)
{
    const bert *b = (const bert *)model;
    return enc_mvp_head_run(&b->mvp, session, b->ops, b->config, vectors, n, stop, scores, err);
}

const enc_model_kind enc_bert_model = {
    .load = load,
    .free = unload,
    .shape = shape_of,
    .run = run,
    .anchors = anchors,
};
