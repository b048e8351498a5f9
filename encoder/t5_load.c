/*
 * T5's tensors by their names. A reranker's training code may have wrapped the encoder and each of its blocks, which
 * leaves "encoder.encoder.block.0.module.layer.0." where plain T5 has "encoder.block.0.layer.0.". The table of
 * embeddings has one name or several. Tensors that nobody asks for are left alone.
 */
#include "base/alloc.h"
#include "encoder/heads.h"
#include "encoder/t5.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { MAX_NAME = 160 };

/* Where a model's tensors come from: a stack's prefix and what stands between a block's number and its layers. */
typedef struct source {
    enc_device *device;
    const enc_weights *weights;
    const enc_config *config;
    const char *stack;
    const char *wrapper;
} source;

static rrk_status require(const source *s, const char *name, size_t n_out, size_t n_in, const enc_weight **out,
                          rrk_error *err)
{
    return enc_weights_require(s->weights, name, n_in ? 2 : 1, (size_t[]){n_out, n_in}, out, err);
}

/* "<stack>block.<i><wrapper>.layer.<layer>.<rest>.weight" */
static rrk_status require_in_block(const source *s, size_t i, int layer, const char *rest, size_t n_out, size_t n_in,
                                   const enc_weight **out, rrk_error *err)
{
    char name[MAX_NAME];
    snprintf(name, sizeof name, "%sblock.%zu%s.layer.%d.%s.weight", s->stack, i, s->wrapper, layer, rest);
    return require(s, name, n_out, n_in, out, err);
}

static rrk_status load_norm(const source *s, size_t i, int layer, enc_norm **out, rrk_error *err)
{
    const enc_weight *gain;
    RRK_TRY(require_in_block(s, i, layer, "layer_norm", s->config->d_model, 0, &gain, err));
    return s->device->ops->norm(s->device, gain, NULL, s->config->norm_eps, out, err);
}

static rrk_status load_final_norm(const source *s, enc_norm **out, rrk_error *err)
{
    char name[MAX_NAME];
    const enc_weight *gain;
    snprintf(name, sizeof name, "%sfinal_layer_norm.weight", s->stack);
    RRK_TRY(require(s, name, s->config->d_model, 0, &gain, err));
    return s->device->ops->norm(s->device, gain, NULL, s->config->norm_eps, out, err);
}

/* T5 has no biases of linear layers. */
static const enc_weight *const NO_BIASES[3];

static rrk_status load_linear(const source *s, size_t i, int layer, const char *name, size_t n_out, size_t n_in,
                              enc_linear **out, rrk_error *err)
{
    const enc_weight *w;
    RRK_TRY(require_in_block(s, i, layer, name, n_out, n_in, &w, err));
    return s->device->ops->linear(s->device, &w, NO_BIASES, 1, out, err);
}

static size_t d_inner(const enc_config *c)
{
    return (size_t)c->n_heads * c->t5.d_head;
}

static rrk_status load_feed_forward(const source *s, size_t i, int layer, t5_feed_forward *out, rrk_error *err)
{
    size_t d = s->config->d_model, ff = s->config->d_ff;
    RRK_TRY(load_norm(s, i, layer, &out->norm, err));
    RRK_TRY(load_linear(s, i, layer, "DenseReluDense.wo", d, ff, &out->out, err));
    if (!s->config->t5.is_gated)
        return load_linear(s, i, layer, "DenseReluDense.wi", ff, d, &out->in, err);
    const enc_weight *halves[2];
    RRK_TRY(require_in_block(s, i, layer, "DenseReluDense.wi_0", ff, d, &halves[0], err));
    RRK_TRY(require_in_block(s, i, layer, "DenseReluDense.wi_1", ff, d, &halves[1], err));
    return s->device->ops->linear(s->device, halves, NO_BIASES, 2, &out->in, err);
}

/* One product, or two where queries are wanted of a few rows only. */
static rrk_status load_qkv(const source *s, size_t i, const enc_weight *const *weights, t5_layer *out, rrk_error *err)
{
    const enc_ops *ops = s->device->ops;
    if (enc_rows_read(s->config).count == 0 || i + 1 < s->config->n_layers)
        return ops->linear(s->device, weights, NO_BIASES, 3, &out->qkv, err);
    RRK_TRY(ops->linear(s->device, weights, NO_BIASES, 1, &out->query, err));
    return ops->linear(s->device, weights + 1, NO_BIASES, 2, &out->keys_values, err);
}

static rrk_status load_layer(const source *s, size_t i, t5_layer *out, rrk_error *err)
{
    static const char *const PARTS[] = {"SelfAttention.q", "SelfAttention.k", "SelfAttention.v"};
    size_t d = s->config->d_model, inner = d_inner(s->config);
    const enc_weight *weights[RRK_COUNT(PARTS)];
    for (size_t p = 0; p < RRK_COUNT(PARTS); p++)
        RRK_TRY(require_in_block(s, i, 0, PARTS[p], inner, d, &weights[p], err));
    RRK_TRY(load_norm(s, i, 0, &out->norm, err));
    RRK_TRY(load_qkv(s, i, weights, out, err));
    RRK_TRY(load_linear(s, i, 0, "SelfAttention.o", d, inner, &out->output, err));
    return load_feed_forward(s, i, 1, &out->feed_forward, err);
}

static rrk_status load_decoder_layer(const source *s, size_t i, t5_decoder_layer *out, rrk_error *err)
{
    size_t d = s->config->d_model, inner = d_inner(s->config);
    const enc_weight *keys, *values;
    RRK_TRY(load_norm(s, i, 0, &out->self_norm, err));
    RRK_TRY(load_linear(s, i, 0, "SelfAttention.v", inner, d, &out->self_value, err));
    RRK_TRY(load_linear(s, i, 0, "SelfAttention.o", d, inner, &out->self_output, err));
    RRK_TRY(load_norm(s, i, 1, &out->cross_norm, err));
    RRK_TRY(load_linear(s, i, 1, "EncDecAttention.q", inner, d, &out->cross_query, err));
    RRK_TRY(require_in_block(s, i, 1, "EncDecAttention.k", inner, d, &keys, err));
    RRK_TRY(require_in_block(s, i, 1, "EncDecAttention.v", inner, d, &values, err));
    RRK_TRY(s->device->ops->cross(s->device, keys, values, NULL, &out->cross, err));
    RRK_TRY(load_linear(s, i, 1, "EncDecAttention.o", d, inner, &out->cross_output, err));
    return load_feed_forward(s, i, 2, &out->feed_forward, err);
}

/*
 * The bucket of a distance: half of the buckets are for keys behind the query. Of each half, the first half are single
 * distances and the rest grow with the logarithm up to max_distance, in f32 as the models were trained.
 */
static uint32_t bucket_of(const enc_config *c, int64_t distance)
{
    uint32_t half = c->t5.n_buckets / 2, exact = half / 2, first = distance > 0 ? half : 0;
    uint32_t n = (uint32_t)(distance < 0 ? -distance : distance);
    if (n < exact)
        return first + n;
    float ratio = logf((float)n / (float)exact) / (float)log((double)c->t5.max_distance / exact);
    uint32_t bucket = exact + (uint32_t)(ratio * (float)(half - exact));
    return first + RRK_MIN(bucket, half - 1);
}

void enc_t5_spread_buckets(const enc_config *c, const float *table, float *by_distance)
{
    int64_t reach = c->t5.max_distance;
    for (int64_t distance = -reach; distance <= reach; distance++) {
        const float *bucket = table + (size_t)bucket_of(c, distance) * c->n_heads;
        for (size_t h = 0; h < c->n_heads; h++)
            by_distance[h * (size_t)(2 * reach + 1) + (size_t)(distance + reach)] = bucket[h];
    }
}

static rrk_status load_bias(const source *s, enc_bias **out, rrk_error *err)
{
    const enc_config *c = s->config;
    size_t reach = c->t5.max_distance, n = (2 * reach + 1) * c->n_heads;
    const enc_weight *weight;
    RRK_TRY(
        require_in_block(s, 0, 0, "SelfAttention.relative_attention_bias", c->t5.n_buckets, c->n_heads, &weight, err));
    float *table RRK_AUTO(base_free_ptr) = base_alloc(weight->n_values, sizeof *table);
    float *by_distance RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *by_distance);
    if (!table || !by_distance)
        return base_fail_nomem(err, n * sizeof *by_distance);
    RRK_TRY(enc_weight_to_f32(weight, table, err));
    enc_t5_spread_buckets(c, table, by_distance);
    return s->device->ops->bias(s->device, by_distance, c->n_heads, reach, out, err);
}

static rrk_status find_words(const source *s, const enc_weight **out, rrk_error *err)
{
    static const char *const NAMES[] = {"shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                                        "encoder.encoder.embed_tokens.weight"};
    const char *name = NAMES[0];
    for (size_t i = RRK_COUNT(NAMES); i-- > 0;) {
        if (enc_weights_find(s->weights, NAMES[i]))
            name = NAMES[i];
    }
    return require(s, name, s->config->n_vocab, s->config->d_model, out, err);
}

/* The few rows of the head that anybody asks for. An id that the vocabulary lacks takes row 0, which nobody reads. */
static rrk_status load_answers(const source *s, const enc_weight *words, enc_linear **out, rrk_error *err)
{
    static const char HEAD[] = "lm_head.weight";
    const enc_config *c = s->config;
    const enc_weight *head = words, *parts[ENC_N_ANSWERS], *biases[ENC_N_ANSWERS] = {NULL};
    if (!c->t5.is_tied && enc_weights_find(s->weights, HEAD))
        RRK_TRY(require(s, HEAD, c->n_vocab, c->d_model, &head, err));
    enc_weight rows[ENC_N_ANSWERS];
    for (size_t i = 0; i < ENC_N_ANSWERS; i++) {
        size_t id = c->t5.answer_ids[i] < 0 ? 0 : (size_t)c->t5.answer_ids[i];
        rows[i] = enc_weight_rows(head, id, 1);
        parts[i] = &rows[i];
    }
    return s->device->ops->head_linear(s->device, parts, biases, ENC_N_ANSWERS, out, err);
}

static rrk_status load_encoder(enc_t5 *t5, const source *s, rrk_error *err)
{
    const enc_config *c = t5->config;
    t5->layers = base_calloc(c->n_layers, sizeof *t5->layers);
    if (!t5->layers)
        return base_fail_nomem(err, c->n_layers * sizeof *t5->layers);
    RRK_TRY(load_bias(s, &t5->bias, err));
    for (size_t i = 0; i < c->n_layers; i++)
        RRK_TRY(load_layer(s, i, &t5->layers[i], err));
    return load_final_norm(s, &t5->norm, err);
}

static rrk_status load_decoder(enc_t5 *t5, const source *s, rrk_error *err)
{
    const enc_config *c = t5->config;
    t5->decoder = base_calloc(c->t5.n_decoder_layers, sizeof *t5->decoder);
    if (!t5->decoder)
        return base_fail_nomem(err, c->t5.n_decoder_layers * sizeof *t5->decoder);
    for (size_t i = 0; i < c->t5.n_decoder_layers; i++)
        RRK_TRY(load_decoder_layer(s, i, &t5->decoder[i], err));
    return load_final_norm(s, &t5->decoder_norm, err);
}

static const char WRAPPED_NORM[] = "encoder.encoder.final_layer_norm.weight";

bool enc_t5_is_wrapped(const enc_weights *weights)
{
    return enc_weights_find(weights, WRAPPED_NORM) != NULL;
}

rrk_status enc_t5_load(enc_t5 *t5, enc_device *device, const enc_weights *weights, rrk_error *err)
{
    source s = {device, weights, t5->config, "encoder.", ""};
    if (enc_t5_is_wrapped(weights))
        s.stack = "encoder.encoder.";
    char wrapped[MAX_NAME];
    snprintf(wrapped, sizeof wrapped, "%sblock.0.module.layer.0.layer_norm.weight", s.stack);
    if (enc_weights_find(weights, wrapped))
        s.wrapper = ".module";
    const enc_weight *words;
    RRK_TRY(find_words(&s, &words, err));
    RRK_TRY(device->ops->table(device, words, &t5->words, err));
    RRK_TRY(load_encoder(t5, &s, err));
    if (t5->config->head == RRK_HEAD_EMBEDDING)
        return RRK_OK;
    s.stack = "decoder.";
    s.wrapper = "";
    RRK_TRY(load_decoder(t5, &s, err));
    return t5->config->head == RRK_HEAD_SEQ2SEQ ? load_answers(&s, words, &t5->answers, err) : RRK_OK;
}
