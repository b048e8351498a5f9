/* Tiny models: see tiny_model.h. What is here in C is in tools/golden_bert.py in numpy, line for line. */
#include "tiny_model.h"
#include "base/rng.h"

const tiny_shape TINY_SHAPES[TINY_N_SHAPES] = {
    {"embedding", 3, 64, 4, 128, "gelu", false},
    {"cross", 3, 64, 4, 128, "gelu", true},
    {"odd", 2, 48, 2, 100, "gelu_new", true}, /* heads of 24 fill no vector */
};

static const uint32_t LENGTHS[TINY_N_ROWS] = {3, 7, 16, 17, 31, 33, 64, 65, 100, 127, 128, 9};

static void add_linear(tiny_writer *w, const char *prefix, const char *name, uint32_t n_out, uint32_t n_in)
{
    char full[192];
    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    tiny_add(w, full, strcmp(name, "classifier") == 0 ? TINY_HEAD : TINY_MATRIX, n_out, n_in);
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
    const char *prefix = s->cross ? "bert." : "";
    char name[96];
    static const struct {
        const char *name;
        uint32_t n_rows;
    } TABLES[] = {{"word", TINY_VOCAB}, {"position", TINY_POSITIONS}, {"token_type", 2}};
    for (size_t i = 0; i < RRK_COUNT(TABLES); i++) {
        snprintf(name, sizeof name, "%sembeddings.%s_embeddings.weight", prefix, TABLES[i].name);
        tiny_add(w, name, TINY_TABLE, TABLES[i].n_rows, s->d_model);
    }
    add_norm(w, prefix, "embeddings.LayerNorm", s->d_model);
    for (uint32_t i = 0; i < s->n_layers; i++)
        add_layer(w, s, prefix, i);
    if (!s->cross)
        return;
    add_linear(w, prefix, "pooler.dense", s->d_model, s->d_model);
    add_linear(w, "", "classifier", 1, s->d_model);
}

static void write_config(folder *f, const tiny_shape *s)
{
    char json[1024];
    snprintf(json, sizeof json,
             "{\"architectures\":[\"%s\"],\"model_type\":\"bert\",\"hidden_size\":%u,\"num_hidden_layers\":%u,"
             "\"num_attention_heads\":%u,\"intermediate_size\":%u,\"vocab_size\":%d,\"max_position_embeddings\":%d,"
             "\"type_vocab_size\":2,\"layer_norm_eps\":1e-12,\"hidden_act\":\"%s\"%s}",
             s->cross ? "BertForSequenceClassification" : "BertModel", s->d_model, s->n_layers, s->n_heads, s->d_ff,
             TINY_VOCAB, TINY_POSITIONS, s->activation, s->cross ? ",\"id2label\":{\"0\":\"LABEL_0\"}" : "");
    folder_text(f, "config.json", json);
}

void tiny_write(folder *f, const tiny_shape *shape, const char *break_tensor)
{
    tiny_writer w = tiny_writer_new(f, 1000, break_tensor);
    add_model(&w, shape);
    tiny_writer_end(&w);
    write_config(f, shape);
    tiny_write_vocab(f);
}

void tiny_rows(const tiny_shape *shape, int32_t ids[TINY_N_ROWS][TINY_MAX_ROW], enc_row rows[TINY_N_ROWS])
{
    for (uint64_t r = 0; r < TINY_N_ROWS; r++) {
        for (uint64_t i = 0; i < LENGTHS[r]; i++)
            ids[r][i] = 5 + (int32_t)(base_rng_at(7, r * 1000 + i) % (TINY_VOCAB - 5));
        rows[r] = (enc_row){ids[r], LENGTHS[r], shape->cross ? LENGTHS[r] / 2 : LENGTHS[r]};
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
