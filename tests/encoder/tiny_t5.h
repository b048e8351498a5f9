/*
 * Model folders of T5's family and of MVP on BERT, with random weights (tiny_writer.h). tools/golden_t5.py makes the
 * same ones for transformers.
 */
#ifndef RRK_TESTS_ENCODER_TINY_T5_H
#define RRK_TESTS_ENCODER_TINY_T5_H

#include "encoder/config.h"
#include "encoder/encoder.h"
#include "tiny_writer.h"

typedef struct t5_shape {
    const char *name;
    rrk_encoder_head head;
    bool is_bert;
    uint32_t n_layers, n_decoder_layers, d_model, n_heads, d_head, d_ff;
    bool is_gated;
    bool is_tied;
} t5_shape;

enum {
    T5_N_SHAPES = 10,
    T5_N_WIDE = 9,
    T5_N_TINY = 7,
    T5_N_ROWS = 14,
    T5_MAX_ROW = 250,
    T5_N_VIEWS = 4,
    T5_POSITIONS = 260,
    T5_FIRST_SEED = 5000
};
extern const t5_shape T5_SHAPES[T5_N_SHAPES];
const t5_shape *t5_shape_of(const char *name);

/* What is different in a folder; all zeros: nothing. */
typedef struct t5_twist {
    const char *break_tensor; /* written with one row too few */
    bool is_wrapped;          /* names as training code leaves them */
    const char *words_name;   /* of the table of embeddings, instead of "shared.weight" */
    const char *config;       /* more keys of config.json, with a comma before each */
} t5_twist;

/* Parts of the one on BERT, for what is made of more: the tensors of the model, of one layer, and config.json. */
void t5_add_mvp_bert(tiny_writer *w, const t5_shape *s);
void t5_add_bert_layer(tiny_writer *w, const t5_shape *s, const char *layer);
void t5_write_mvp_bert_config(folder *f, const t5_shape *s, uint32_t n_views, const char *more);

void t5_write(folder *f, const t5_shape *shape, const t5_twist *twist);

/* The rows that the golden outputs belong to; ids are the caller's buffer. */
void t5_rows(const t5_shape *shape, int32_t ids[T5_N_ROWS][T5_MAX_ROW], enc_row rows[T5_N_ROWS]);

/* Sets what the tokenizer would tell. */
void t5_set_answers(enc_config *config);

#endif
