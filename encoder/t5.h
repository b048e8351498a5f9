/*
 * T5 (Raffel et al., 2019) as Hugging Face lays out its tensors, versions 1.0 and 1.1, in three files: loading, the
 * encoder with its heads, and one step of the decoder. This is what they share.
 */
#ifndef RRK_ENCODER_T5_H
#define RRK_ENCODER_T5_H

#include "encoder/model.h"

typedef struct t5_feed_forward {
    enc_norm *norm;
    enc_linear *in; /* the activated half and the other one stacked, in a gated layer */
    enc_linear *out;
} t5_feed_forward;

typedef struct t5_layer {
    enc_norm *norm;
    enc_linear *qkv; /* NULL: the next two, in the last layer where a few rows are read */
    enc_linear *query;
    enc_linear *keys_values;
    enc_linear *output;
    t5_feed_forward feed_forward;
} t5_layer;

/* Over one position, self-attention is its value whatever the scores are: no query, no key, no position bias. */
typedef struct t5_decoder_layer {
    enc_norm *self_norm;
    enc_linear *self_value;
    enc_linear *self_output;
    enc_norm *cross_norm;
    enc_linear *cross_query;
    enc_cross *cross;
    enc_linear *cross_output;
    t5_feed_forward feed_forward;
} t5_decoder_layer;

typedef struct enc_t5 {
    enc_model model;
    const enc_config *config;
    const enc_ops *ops;
    enc_table *words;
    enc_bias *bias;   /* of block 0, for all */
    t5_layer *layers; /* [n_layers]; owned */
    enc_norm *norm;
    t5_decoder_layer *decoder; /* [n_decoder_layers]; owned; NULL: an encoder alone */
    enc_norm *decoder_norm;
    enc_linear *answers; /* the head's rows for config->t5.answer_ids; only with RRK_HEAD_SEQ2SEQ */
} enc_t5;

/* Whether the names are those that MVP's training code leaves (t5_load.c has them). */
bool enc_t5_is_wrapped(const enc_weights *weights);

/* t5_load.c: fills t5, whose config and ops are set. */
rrk_status enc_t5_load(enc_t5 *t5, enc_device *device, const enc_weights *weights, rrk_error *err);

/*
 * t5_decoder.c: one step from the start token for each query; the last norm's output is in ENC_SLOT_NORMED. The
 * session's batch is step's from here on.
 */
rrk_status enc_t5_step(const enc_t5 *t5, enc_session *session, enc_step *step, size_t n_queries, const enc_keys *keys,
                       const enc_stop *stop, rrk_error *err);

/* by_distance [n_heads, 2 * max_distance + 1] of a table [n_buckets, n_heads]: see compute.h's bias. */
void enc_t5_spread_buckets(const enc_config *config, const float *table, float *by_distance);

#endif
