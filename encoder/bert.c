/* BERT over compute.h: see bert.h. */
#include "encoder/bert.h"
#include "base/alloc.h"
#include "encoder/heads.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 160 };

typedef struct layer {
    enc_linear *qkv;
    enc_linear *output;
    enc_norm *output_norm;
    enc_linear *ffn_in;
    enc_linear *ffn_out;
    enc_norm *ffn_norm;
} layer;

struct enc_bert {
    const enc_config *config;
    const enc_ops *ops;
    enc_table *words;
    enc_table *positions;
    enc_table *types;
    enc_norm *norm;
    layer *layers; /* [n_layers]; owned */
    enc_cross_head cross;
};

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

static rrk_status load_qkv(const source *s, size_t i, size_t d, enc_linear **out, rrk_error *err)
{
    static const char *const PARTS[] = {"query", "key", "value"};
    const enc_weight *weights[3], *biases[3];
    for (size_t p = 0; p < 3; p++) {
        RRK_TRY(require(s, 2, (size_t[]){d, d}, &weights[p], err, "encoder.layer.%zu.attention.self.%s.weight", i,
                        PARTS[p]));
        RRK_TRY(require(s, 1, &d, &biases[p], err, "encoder.layer.%zu.attention.self.%s.bias", i, PARTS[p]));
    }
    return s->device->ops->linear(s->device, weights, biases, 3, out, err);
}

static rrk_status load_layer(const source *s, const enc_config *c, size_t i, layer *out, rrk_error *err)
{
    static const char *const NAMES[] = {"attention.output.dense", "intermediate.dense", "output.dense",
                                        "attention.output.LayerNorm", "output.LayerNorm"};
    char names[RRK_COUNT(NAMES)][MAX_NAME / 2];
    for (size_t n = 0; n < RRK_COUNT(NAMES); n++)
        snprintf(names[n], sizeof names[n], "encoder.layer.%zu.%s", i, NAMES[n]);
    size_t d = c->d_model, ff = c->d_ff;
    RRK_TRY(load_qkv(s, i, d, &out->qkv, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[0], d, d, &out->output, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[1], ff, d, &out->ffn_in, err));
    RRK_TRY(enc_load_linear(s->device, s->weights, s->prefix, names[2], d, ff, &out->ffn_out, err));
    RRK_TRY(load_norm(s, names[3], d, c->norm_eps, &out->output_norm, err));
    return load_norm(s, names[4], d, c->norm_eps, &out->ffn_norm, err);
}

static rrk_status load(enc_bert *bert, const source *s, rrk_error *err)
{
    const enc_config *c = bert->config;
    RRK_TRY(load_table(s, "word_embeddings", c->n_vocab, c->d_model, &bert->words, err));
    RRK_TRY(load_table(s, "position_embeddings", c->n_positions, c->d_model, &bert->positions, err));
    RRK_TRY(load_table(s, "token_type_embeddings", c->n_types, c->d_model, &bert->types, err));
    RRK_TRY(load_norm(s, "embeddings.LayerNorm", c->d_model, c->norm_eps, &bert->norm, err));
    for (size_t i = 0; i < c->n_layers; i++)
        RRK_TRY(load_layer(s, c, i, &bert->layers[i], err));
    if (c->head == RRK_HEAD_CROSS)
        return enc_cross_head_load(&bert->cross, s->device, c, s->weights, s->prefix, err);
    return RRK_OK;
}

rrk_status enc_bert_load(enc_bert **out, enc_device *device, const enc_config *config, const enc_weights *weights,
                         rrk_error *err)
{
    enc_bert *bert = base_calloc(1, sizeof *bert);
    if (!bert)
        return base_fail_nomem(err, sizeof *bert);
    *out = bert;
    bert->config = config;
    bert->ops = device->ops;
    bert->layers = base_calloc(config->n_layers, sizeof *bert->layers);
    if (!bert->layers)
        return base_fail_nomem(err, config->n_layers * sizeof *bert->layers);
    bool wrapped = enc_weights_find(weights, "bert.embeddings.word_embeddings.weight") != NULL;
    source s = {device, weights, wrapped ? "bert." : ""};
    return load(bert, &s, err);
}

void enc_bert_free(enc_bert *bert)
{
    if (!bert)
        return;
    base_free(bert->layers);
    base_free(bert);
}

enc_shape enc_bert_shape(const enc_config *c)
{
    enc_shape shape = {.d_ff = c->d_ff};
    shape.n_cols[ENC_SLOT_X] = shape.n_cols[ENC_SLOT_CONTEXT] = shape.n_cols[ENC_SLOT_POOLED] = c->d_model;
    shape.n_cols[ENC_SLOT_QKV] = 3 * (size_t)c->d_model;
    shape.n_cols[ENC_SLOT_HEAD] = c->head == RRK_HEAD_CROSS ? 1 : 0;
    return shape;
}

static rrk_status run_layer(const enc_bert *bert, const layer *l, enc_session *session, rrk_error *err)
{
    const enc_ops *ops = bert->ops;
    RRK_TRY(ops->project(session, l->qkv, ENC_SLOT_X, ENC_SLOT_QKV, err));
    RRK_TRY(ops->attention(session, bert->config->n_heads, ENC_SLOT_QKV, ENC_SLOT_CONTEXT, err));
    RRK_TRY(ops->project_add_norm(session, l->output, l->output_norm, ENC_SLOT_CONTEXT, ENC_SLOT_X, err));
    return ops->feed_forward(session, l->ffn_in, bert->config->activation, l->ffn_out, l->ffn_norm, ENC_SLOT_X, err);
}

rrk_status enc_bert_run(const enc_bert *bert, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                        float *out, rrk_error *err)
{
    const enc_ops *ops = bert->ops;
    RRK_TRY(ops->begin(session, batch, err));
    RRK_TRY(ops->embed(session, ENC_SLOT_X, bert->words, bert->positions, bert->types, bert->norm, err));
    for (size_t i = 0; i < bert->config->n_layers; i++) {
        if (stop->asked(stop->ctx))
            return RRK_E_CANCELLED;
        RRK_TRY(run_layer(bert, &bert->layers[i], session, err));
    }
    if (bert->config->head == RRK_HEAD_CROSS)
        return enc_cross_head_run(&bert->cross, session, ops, out, err);
    return enc_embedding_head(session, ops, bert->config, out, err);
}
