/* Tiny T5 and MVP models: see tiny_t5.h. What is here in C is in tools/golden_t5.py in numpy, tensor for tensor. */
#include "tiny_t5.h"
#include "base/rng.h"

enum { BUCKETS = 32, MAX_NAME = 160 };

const t5_shape T5_SHAPES[T5_N_SHAPES] = {
    {"v10", RRK_HEAD_EMBEDDING, false, 3, 0, 64, 4, 16, 128, false, true},
    {"v11", RRK_HEAD_EMBEDDING, false, 2, 0, 48, 3, 24, 100, true, false}, /* 72 columns of heads */
    {"mono10", RRK_HEAD_SEQ2SEQ, false, 2, 2, 64, 4, 16, 128, false, true},
    {"mono11", RRK_HEAD_SEQ2SEQ, false, 2, 3, 48, 3, 24, 100, true, false},
    {"mvp10", RRK_HEAD_VIEWS, false, 2, 2, 64, 4, 16, 128, false, true},
    {"mvp11", RRK_HEAD_VIEWS, false, 3, 2, 48, 3, 24, 100, true, false},
    {"mvpbert", RRK_HEAD_VIEWS, true, 3, 2, 64, 4, 16, 128, false, false},
    /* T5_N_TINY: a layer of t5-base, and of flan-t5-large */
    {"base", RRK_HEAD_VIEWS, false, 1, 1, 768, 12, 64, 3072, false, true},
    {"large", RRK_HEAD_VIEWS, false, 1, 1, 1024, 16, 64, 2816, true, false},
    /* T5_N_WIDE: of t5-3b, half a gigabyte */
    {"3b", RRK_HEAD_VIEWS, false, 1, 1, 1024, 32, 128, 16384, false, true},
};

static const uint32_t LENGTHS[T5_N_ROWS] = {5, 7, 16, 17, 31, 33, 64, 65, 100, 127, 128, 9, 200, 250};

const t5_shape *t5_shape_of(const char *name)
{
    for (size_t i = 0; i < T5_N_SHAPES; i++) {
        if (strcmp(T5_SHAPES[i].name, name) == 0)
            return &T5_SHAPES[i];
    }
    cr_assert_fail("no shape '%s'", name);
    return NULL;
}

/* --- T5 --- */

typedef struct stack {
    tiny_writer *w;
    const t5_shape *shape;
    const char *name; /* with a dot behind it */
    const char *wrapper;
    size_t block;
} stack;

static void add(const stack *s, int layer, const char *rest, tiny_fill kind, uint32_t n_out, uint32_t n_in)
{
    char name[MAX_NAME];
    snprintf(name, sizeof name, "%sblock.%zu%s.layer.%d.%s.weight", s->name, s->block, s->wrapper, layer, rest);
    tiny_add(s->w, name, kind, n_out, n_in);
}

static void add_attention(const stack *s, int layer, const char *attention)
{
    static const char PARTS[] = "qkv";
    uint32_t d = s->shape->d_model, inner = s->shape->n_heads * s->shape->d_head;
    char name[64];
    for (const char *p = PARTS; *p; p++) {
        snprintf(name, sizeof name, "%s.%c", attention, *p);
        add(s, layer, name, *p == 'q' ? TINY_QUERY : TINY_MATRIX, inner, d);
    }
    snprintf(name, sizeof name, "%s.o", attention);
    add(s, layer, name, TINY_MATRIX, d, inner);
    snprintf(name, sizeof name, "%s.relative_attention_bias", attention);
    if (s->block == 0 && layer == 0)
        add(s, layer, name, TINY_TABLE, BUCKETS, s->shape->n_heads);
    add(s, layer, "layer_norm", TINY_GAIN, d, 0);
}

static void add_feed_forward(const stack *s, int layer)
{
    uint32_t d = s->shape->d_model, ff = s->shape->d_ff;
    if (s->shape->is_gated) {
        add(s, layer, "DenseReluDense.wi_0", TINY_MATRIX, ff, d);
        add(s, layer, "DenseReluDense.wi_1", TINY_MATRIX, ff, d);
    } else {
        add(s, layer, "DenseReluDense.wi", TINY_MATRIX, ff, d);
    }
    add(s, layer, "DenseReluDense.wo", TINY_MATRIX, d, ff);
    add(s, layer, "layer_norm", TINY_GAIN, d, 0);
}

static void add_stack(tiny_writer *w, const t5_shape *shape, const char *name, const char *wrapper, bool is_decoder)
{
    stack s = {w, shape, name, wrapper, 0};
    size_t n = is_decoder ? shape->n_decoder_layers : shape->n_layers;
    for (; s.block < n; s.block++) {
        add_attention(&s, 0, "SelfAttention");
        if (is_decoder)
            add_attention(&s, 1, "EncDecAttention");
        add_feed_forward(&s, is_decoder ? 2 : 1);
    }
    char norm[MAX_NAME];
    snprintf(norm, sizeof norm, "%sfinal_layer_norm.weight", name);
    tiny_add(w, norm, TINY_GAIN, shape->d_model, 0);
}

static void add_t5(tiny_writer *w, const t5_shape *s, const t5_twist *twist)
{
    tiny_add(w, twist->words_name ? twist->words_name : "shared.weight", TINY_TABLE, TINY_VOCAB, s->d_model);
    add_stack(w, s, twist->is_wrapped ? "encoder.encoder." : "encoder.", twist->is_wrapped ? ".module" : "", false);
    if (s->n_decoder_layers)
        add_stack(w, s, "decoder.", "", true);
    if (s->n_decoder_layers && !s->is_tied)
        tiny_add(w, "lm_head.weight", TINY_HEAD, TINY_VOCAB, s->d_model);
}

static void write_t5_config(folder *f, const t5_shape *s, const char *more)
{
    char json[1024];
    snprintf(json, sizeof json,
             "{\"architectures\":[\"%s\"],\"model_type\":\"t5\",\"d_model\":%u,\"num_layers\":%u,"
             "\"num_decoder_layers\":%u,\"num_heads\":%u,\"d_kv\":%u,\"d_ff\":%u,\"vocab_size\":%d,"
             "\"relative_attention_num_buckets\":%d,\"layer_norm_epsilon\":1e-6,\"feed_forward_proj\":\"%s\","
             "\"tie_word_embeddings\":%s%s}",
             s->n_decoder_layers ? "T5ForConditionalGeneration" : "T5EncoderModel", s->d_model, s->n_layers,
             s->n_decoder_layers ? s->n_decoder_layers : s->n_layers, s->n_heads, s->d_head, s->d_ff, TINY_VOCAB,
             BUCKETS, s->is_gated ? "gated-gelu" : "relu", s->is_tied ? "true" : "false", more);
    folder_text(f, "config.json", json);
}

/* --- MVP on BERT --- */

static void add_linear(tiny_writer *w, const char *prefix, const char *name, uint32_t n_out, uint32_t n_in)
{
    char full[MAX_NAME];
    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    tiny_add(w, full, TINY_MATRIX, n_out, n_in);
    snprintf(full, sizeof full, "%s%s.bias", prefix, name);
    tiny_add(w, full, TINY_SHIFT, n_out, 0);
}

static void add_norm(tiny_writer *w, const char *prefix, const char *name, uint32_t d)
{
    char full[MAX_NAME];
    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    tiny_add(w, full, TINY_GAIN, d, 0);
    snprintf(full, sizeof full, "%s%s.bias", prefix, name);
    tiny_add(w, full, TINY_SHIFT, d, 0);
}

void t5_add_bert_layer(tiny_writer *w, const t5_shape *s, const char *layer)
{
    uint32_t d = s->d_model;
    add_linear(w, layer, "attention.self.query", d, d);
    add_linear(w, layer, "attention.self.key", d, d);
    add_linear(w, layer, "attention.self.value", d, d);
    add_linear(w, layer, "attention.output.dense", d, d);
    add_norm(w, layer, "attention.output.LayerNorm", d);
    add_linear(w, layer, "intermediate.dense", s->d_ff, d);
    add_linear(w, layer, "output.dense", d, s->d_ff);
    add_norm(w, layer, "output.LayerNorm", d);
}

static void add_mvp_layer(tiny_writer *w, const t5_shape *s, size_t i)
{
    char layer[64];
    uint32_t d = s->d_model;
    snprintf(layer, sizeof layer, "mvp.decoder.%zu.", i);
    add_linear(w, layer, "cross.query", d, d);
    add_linear(w, layer, "cross.key", d, d);
    add_linear(w, layer, "cross.value", d, d);
    add_linear(w, layer, "cross.output", d, d);
    add_norm(w, layer, "cross_norm", d);
    add_linear(w, layer, "ffn.in", s->d_ff, d);
    add_linear(w, layer, "ffn.out", d, s->d_ff);
    add_norm(w, layer, "ffn_norm", d);
}

void t5_add_mvp_bert(tiny_writer *w, const t5_shape *s)
{
    tiny_add(w, "embeddings.word_embeddings.weight", TINY_TABLE, TINY_VOCAB, s->d_model);
    tiny_add(w, "embeddings.position_embeddings.weight", TINY_TABLE, T5_POSITIONS, s->d_model);
    tiny_add(w, "embeddings.token_type_embeddings.weight", TINY_TABLE, 2, s->d_model);
    add_norm(w, "embeddings.", "LayerNorm", s->d_model);
    for (size_t i = 0; i < s->n_layers; i++) {
        char layer[64];
        snprintf(layer, sizeof layer, "encoder.layer.%zu.", i);
        t5_add_bert_layer(w, s, layer);
    }
    tiny_add(w, "mvp.start", TINY_TABLE, s->d_model, 0);
    for (size_t i = 0; i < s->n_decoder_layers; i++)
        add_mvp_layer(w, s, i);
}

void t5_write_mvp_bert_config(folder *f, const t5_shape *s, uint32_t n_views, const char *more)
{
    char json[1024];
    snprintf(json, sizeof json,
             "{\"architectures\":[\"RrkMvpBert\"],\"model_type\":\"bert\",\"hidden_size\":%u,"
             "\"num_hidden_layers\":%u,\"num_attention_heads\":%u,\"intermediate_size\":%u,\"vocab_size\":%d,"
             "\"max_position_embeddings\":%d,\"layer_norm_eps\":1e-12,\"n_views\":%u,"
             "\"mvp_decoder_layers\":%u%s}",
             s->d_model, s->n_layers, s->n_heads, s->d_ff, TINY_VOCAB, T5_POSITIONS, n_views, s->n_decoder_layers,
             more);
    folder_text(f, "config.json", json);
}

void t5_write(folder *f, const t5_shape *shape, const t5_twist *twist)
{
    static const t5_twist NONE;
    twist = twist ? twist : &NONE;
    const char *more = twist->config ? twist->config : "";
    tiny_writer w = tiny_writer_new(f, T5_FIRST_SEED, twist->break_tensor);
    if (shape->is_bert) {
        t5_add_mvp_bert(&w, shape);
        t5_write_mvp_bert_config(f, shape, T5_N_VIEWS, more);
    } else {
        add_t5(&w, shape, twist);
        write_t5_config(f, shape, more);
    }
    tiny_writer_end(&w);
}

void t5_rows(const t5_shape *shape, int32_t ids[T5_N_ROWS][T5_MAX_ROW], enc_row rows[T5_N_ROWS])
{
    for (uint64_t r = 0; r < T5_N_ROWS; r++) {
        for (uint64_t i = 0; i < LENGTHS[r]; i++)
            ids[r][i] = 5 + (int32_t)(base_rng_at(7, r * 1000 + i) % (TINY_VOCAB - 5));
        rows[r] = (enc_row){ids[r], LENGTHS[r], shape->is_bert ? LENGTHS[r] / 2 : LENGTHS[r], NULL};
    }
}

void t5_set_answers(enc_config *config)
{
    static const int32_t ANSWERS[ENC_N_ANSWERS] = {117, 613, 208};
    for (size_t i = 0; i < ENC_N_ANSWERS; i++)
        config->t5.answer_ids[i] = ANSWERS[i];
}
