/*
 * BERT's parts, for what stands inside a model and not only on top of it: layers that another file loads by other names
 * or takes apart, as the block layout of the multi-view head does (mvp_block.c).
 */
#ifndef RRK_ENCODER_BERT_H
#define RRK_ENCODER_BERT_H

#include "encoder/heads.h"

/* A layer behind its attention: x = norm(x + context Wᵀ + b), then the feed-forward. */
typedef struct enc_bert_tail {
    enc_linear *output;
    enc_norm *output_norm;
    enc_linear *ffn_in;
    enc_linear *ffn_out;
    enc_norm *ffn_norm;
} enc_bert_tail;

typedef struct enc_bert_layer {
    enc_linear *qkv; /* NULL: the next two */
    enc_linear *query;
    enc_linear *keys_values;
    enc_bert_tail tail;
} enc_bert_layer;

typedef struct enc_bert {
    enc_model model;
    const enc_config *config;
    const enc_ops *ops;
    enc_table *words;
    enc_table *positions;
    enc_table *types;
    enc_norm *norm;
    enc_bert_layer *layers; /* [n_layers]; owned */
    enc_cross_head cross;
    enc_mvp_head mvp;
    enc_mvp_block block; /* with config->mvp.is_block */
} enc_bert;

/* Where tensors come from while a model is loaded; their names begin with prefix. */
typedef struct enc_bert_source {
    enc_device *device;
    const enc_weights *weights;
    const enc_config *config;
    const char *prefix;
} enc_bert_source;

/* Some of a layer's "attention.self.<part>", stacked; layer is "encoder.layer.3.", say. */
rrk_status enc_bert_load_attention(const enc_bert_source *source, const char *layer, const char *const *parts,
                                   size_t n_parts, enc_linear **out, rrk_error *err);
rrk_status enc_bert_load_tail(const enc_bert_source *source, const char *layer, enc_bert_tail *out, rrk_error *err);

/* Takes a batch and embeds it: ENC_SLOT_X. */
rrk_status enc_bert_begin(const enc_bert *bert, enc_session *session, const enc_batch *batch, rrk_error *err);
/* Layer i's first half: ENC_SLOT_X to ENC_SLOT_QKV to ENC_SLOT_CONTEXT. */
rrk_status enc_bert_attend(const enc_bert *bert, size_t i, enc_session *session, rrk_error *err);
/* And its second: x and what its attention made of it become the next layer's x. */
rrk_status enc_bert_finish(const enc_bert *bert, const enc_bert_tail *tail, enc_session *session, enc_slot context,
                           enc_slot x, rrk_error *err);

enc_attention enc_bert_attention(const enc_config *config);

/* mvp_block.c: what a batch and a query become where views are blocks of their own; as enc_model_kind has them. */
rrk_status enc_mvp_block_load(enc_mvp_block *out, enc_device *device, const enc_config *config,
                              const enc_weights *weights, rrk_error *err);
void enc_mvp_block_free(enc_mvp_block *block);
void enc_mvp_block_shape(const enc_config *config, enc_shape *shape);
rrk_status enc_mvp_block_run(const enc_bert *bert, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                             float *out, rrk_error *err);
size_t enc_mvp_block_query_floats(const enc_config *config, size_t n_tokens);
rrk_status enc_mvp_block_query(const enc_bert *bert, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                               float *out, rrk_error *err);

/* mvp_maxsim.c: how near tokens come to tokens. Rows are [n, d]. */
void enc_mvp_unit_rows(float *rows, size_t n, size_t d);
/*
 * The mean over the query's inner tokens, without the first and the last, of the largest dot product with any row of
 * the passage; 0 if there are none.
 */
float enc_mvp_maxsim(const float *query, size_t n_query, const float *passage, size_t n_passage, size_t d);

#endif
