/* What stands on top of a model's last hidden states: one vector a text, or one number a pair. */
#ifndef RRK_ENCODER_HEADS_H
#define RRK_ENCODER_HEADS_H

#include "encoder/compute.h"

/* Pooled states, as the model's pooling config says. out is [n_seqs, d_model]. */
rrk_status enc_embedding_head(enc_session *session, const enc_ops *ops, const enc_config *config, float *out,
                              rrk_error *err);

/* BertForSequenceClassification with one label: the first token through a tanh layer, then one number. */
typedef struct enc_cross_head {
    enc_linear *pooler;
    enc_linear *classifier;
} enc_cross_head;

rrk_status enc_cross_head_load(enc_cross_head *out, enc_device *device, const enc_config *config,
                               const enc_weights *weights, const char *prefix, rrk_error *err);
/* out is [n_seqs]. */
rrk_status enc_cross_head_run(const enc_cross_head *head, enc_session *session, const enc_ops *ops, float *out,
                              rrk_error *err);

/* A layer "<prefix><name>.weight" [n_out, n_in] with its ".bias". */
rrk_status enc_load_linear(enc_device *device, const enc_weights *weights, const char *prefix, const char *name,
                           size_t n_out, size_t n_in, enc_linear **out, rrk_error *err);
/* One of a head's, which stays in f32. */
rrk_status enc_load_head_linear(enc_device *device, const enc_weights *weights, const char *prefix, const char *name,
                                size_t n_out, size_t n_in, enc_linear **out, rrk_error *err);

#endif
