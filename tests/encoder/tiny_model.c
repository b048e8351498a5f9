/* Tiny models: see tiny_model.h. What is here in C is in tools/golden_bert.py and golden_xlmr.py in numpy. */
#include "tiny_model.h"
#include "base/rng.h"

const tiny_shape TINY_SHAPES[TINY_N_SHAPES] = {
    {"embedding", 3, 64, 4, 128, "gelu", false, false}, {"cross", 3, 64, 4, 128, "gelu", true, false},
    {"odd", 2, 48, 2, 100, "gelu_new", true, false}, /* heads of 24 fill no vector */
    {"xlmr", 3, 64, 4, 128, "gelu", false, true},       {"xlmr-cross", 3, 64, 4, 128, "gelu", true, true},
    {"xlmr-odd", 2, 48, 2, 100, "gelu", true, true},
};

enum { ROBERTA_FIRST_POSITION = 2 };

static const uint32_t LENGTHS[TINY_N_ROWS] = {3, 7, 16, 17, 31, 33, 64, 65, 100, 127, 128, 9};

const tiny_shape *tiny_shape_of(const char *name)
{
    for (size_t i = 0; i < TINY_N_SHAPES; i++) {
        if (strcmp(TINY_SHAPES[i].name, name) == 0)
            return &TINY_SHAPES[i];
    }
    cr_assert_fail("no shape '%s'", name);
    return NULL;
}

static uint32_t n_positions(const tiny_shape *s)
{
    return TINY_POSITIONS + (s->roberta ? ROBERTA_FIRST_POSITION : 0);
}

static void add_linear(tiny_writer *w, const char *prefix, const char *name, uint32_t n_out, uint32_t n_in)
{
    char full[192];
    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    tiny_add(w, full, n_out == 1 ? TINY_HEAD : TINY_MATRIX, n_out, n_in);
    snprintf(full, sizeof full, "%s%s.bias", prefix, name);
    tiny_add(w, full, TINY_SHIFT, n_out, 0);
}

static void add_norm(tiny_writer *w, const char *prefix, const char *name, uint32_t d)
{
    char full[192];
    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    tiny_add(w, full, TINY_GAIN, d, 0);
    snprintf(full, sizeof full, "%s%s.bias", prefix, name);
    tiny_add(w, full, TINY_SHIFT, d, 0);
}

static void add_layer(tiny_writer *w, const tiny_shape *s, const char *prefix, uint32_t i)
{
    char layer[96];
    snprintf(layer, sizeof layer, "%sencoder.layer.%u.", prefix, i);
    add_linear(w, layer, "attention.self.query", s->d_model, s->d_model);
    add_linear(w, layer, "attention.self.key", s->d_model, s->d_model);
    add_linear(w, layer, "attention.self.value", s->d_model, s->d_model);
    add_linear(w, layer, "attention.output.dense", s->d_model, s->d_model);
    add_norm(w, layer, "attention.output.LayerNorm", s->d_model);
    add_linear(w, layer, "intermediate.dense", s->d_ff, s->d_model);
    add_linear(w, layer, "output.dense", s->d_model, s->d_ff);
    add_norm(w, layer, "output.LayerNorm", s->d_model);
}

static void add_model(tiny_writer *w, const tiny_shape *s)
{
    const char *prefix = !s->cross ? "" : s->roberta ? "roberta." : "bert.";
    char name[96];
    const struct {
        const char *name;
        uint32_t n_rows;
    } tables[] = {{"word", TINY_VOCAB}, {"position", n_positions(s)}, {"token_type", s->roberta ? 1 : 2}};
    for (size_t i = 0; i < RRK_COUNT(tables); i++) {
        snprintf(name, sizeof name, "%sembeddings.%s_embeddings.weight", prefix, tables[i].name);
        tiny_add(w, name, TINY_TABLE, tables[i].n_rows, s->d_model);
    }
    add_norm(w, prefix, "embeddings.LayerNorm", s->d_model);
    for (uint32_t i = 0; i < s->n_layers; i++)
        add_layer(w, s, prefix, i);
    if (!s->cross)
        return;
    if (s->roberta)
        add_linear(w, "", "classifier.dense", s->d_model, s->d_model);
    else
        add_linear(w, prefix, "pooler.dense", s->d_model, s->d_model);
    add_linear(w, "", s->roberta ? "classifier.out_proj" : "classifier", 1, s->d_model);
}

static void write_config(folder *f, const tiny_shape *s)
{
    char json[1024];
    snprintf(json, sizeof json,
             "{\"architectures\":[\"%s%s\"],%s,\"hidden_size\":%u,\"num_hidden_layers\":%u,"
             "\"num_attention_heads\":%u,\"intermediate_size\":%u,\"vocab_size\":%d,\"max_position_embeddings\":%d,"
             "\"hidden_act\":\"%s\"%s}",
             s->roberta ? "XLMRoberta" : "Bert", s->cross ? "ForSequenceClassification" : "Model",
             s->roberta
                 ? "\"model_type\":\"xlm-roberta\",\"type_vocab_size\":1,\"layer_norm_eps\":1e-5,\"pad_token_id\":1"
                 : "\"model_type\":\"bert\",\"type_vocab_size\":2,\"layer_norm_eps\":1e-12",
             s->d_model, s->n_layers, s->n_heads, s->d_ff, TINY_VOCAB, n_positions(s), s->activation,
             s->cross ? ",\"id2label\":{\"0\":\"LABEL_0\"}" : "");
    folder_text(f, "config.json", json);
}

void tiny_write(folder *f, const tiny_shape *shape, const char *break_tensor)
{
    tiny_writer w = tiny_writer_new(f, 1000, break_tensor);
    add_model(&w, shape);
    tiny_writer_end(&w);
    write_config(f, shape);
    if (shape->roberta)
        tiny_write_unigram(f);
    else
        tiny_write_vocab(f);
}

void tiny_rows(const tiny_shape *shape, int32_t ids[TINY_N_ROWS][TINY_MAX_ROW], enc_row rows[TINY_N_ROWS])
{
    for (uint64_t r = 0; r < TINY_N_ROWS; r++) {
        for (uint64_t i = 0; i < LENGTHS[r]; i++)
            ids[r][i] = 5 + (int32_t)(base_rng_at(7, r * 1000 + i) % (TINY_VOCAB - 5));
        rows[r] = (enc_row){ids[r], LENGTHS[r], shape->cross && !shape->roberta ? LENGTHS[r] / 2 : LENGTHS[r], NULL};
    }
}

rrk_encoder *tiny_open(folder *f, const tiny_shape *shape, int n_threads)
{
    tiny_write(f, shape, NULL);
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = n_threads;
    rrk_encoder *encoder = NULL;
    rrk_error err;
    cr_assert_eq(rrk_encoder_open(&encoder, f->dir, &options, &err), RRK_OK, "%s", err.message);
    return encoder;
}
