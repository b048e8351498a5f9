/*
 * BERT (Devlin et al., 2018) as Hugging Face lays out its tensors: embeddings, layers with the norm after each residual,
 * written once against compute.h. Heads sit on top of it in files of their own.
 */
#ifndef RRK_ENCODER_BERT_H
#define RRK_ENCODER_BERT_H

#include "encoder/compute.h"

typedef struct enc_bert enc_bert;

/* Uploads the weights to the device, which outlives the model. Names may carry the prefix "bert.". */
rrk_status enc_bert_load(enc_bert **out, enc_device *device, const enc_config *config, const enc_weights *weights,
                         rrk_error *err);
void enc_bert_free(enc_bert *bert);

/* The slots that a session for this model needs. */
enc_shape enc_bert_shape(const enc_config *config);

/* Runs a batch through layers and head; out is [n_seqs, floats a row]. stop is asked between layers. */
typedef struct enc_stop {
    bool (*asked)(void *ctx);
    void *ctx;
} enc_stop;

rrk_status enc_bert_run(const enc_bert *bert, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                        float *out, rrk_error *err);

#endif
