/* What stands on top of a model's last hidden states: one vector a text, one number a pair, or a list's anchors. */
#ifndef RRK_ENCODER_HEADS_H
#define RRK_ENCODER_HEADS_H

#include "encoder/model.h"

/* The rows of a sequence that its head reads: count of them from the first-th on; 0: all. */
typedef struct enc_read {
    size_t first;
    size_t count;
} enc_read;

enc_read enc_rows_read(const enc_config *config);

/* Pooled states, as the model's pooling config says. out is [n_seqs, d_model]. */
rrk_status enc_embedding_head(enc_session *session, const enc_ops *ops, const enc_config *config, float *out,
                              rrk_error *err);

/*
 * A sequence classifier of one label: the first token through a tanh layer, then one number. BERT calls the tanh layer
 * its pooler, RoBERTa the classifier's first layer.
 */
typedef struct enc_cross_head {
    enc_linear *pooler;
    enc_linear *classifier;
} enc_cross_head;

rrk_status enc_cross_head_load(enc_cross_head *out, enc_device *device, const enc_config *config,
                               const enc_weights *weights, const char *prefix, rrk_error *err);
/* out is [n_seqs]. */
rrk_status enc_cross_head_run(const enc_cross_head *head, enc_session *session, const enc_ops *ops, float *out,
                              rrk_error *err);

/* The multi-view head on BERT: mvp_bert.c. */
typedef struct enc_mvp_layer enc_mvp_layer;
typedef struct enc_mvp_head {
    enc_table *start;      /* [1, d_model] */
    enc_mvp_layer *layers; /* [config->mvp.n_decoder_layers]; owned */
} enc_mvp_head;

/* Its block layout, which goes through the model beside the backbone's layers: bert.h, mvp_block.c. */
typedef struct enc_view_layer enc_view_layer;
typedef struct enc_mvp_block {
    enc_table *views;       /* [n_views, d_model] */
    enc_view_layer *layers; /* [n_layers - config->mvp.view_from]; owned */
} enc_mvp_block;

rrk_status enc_mvp_head_load(enc_mvp_head *out, enc_device *device, const enc_config *config,
                             const enc_weights *weights, rrk_error *err);
void enc_mvp_head_free(enc_mvp_head *head);
/* As enc_model_kind's anchors. */
rrk_status enc_mvp_head_run(const enc_mvp_head *head, enc_session *session, const enc_ops *ops,
                            const enc_config *config, const float *vectors, size_t n, const enc_stop *stop,
                            float *scores, float *anchors, rrk_error *err);

/* A layer "<prefix><name>.weight" [n_out, n_in] with its ".bias". */
rrk_status enc_load_linear(enc_device *device, const enc_weights *weights, const char *prefix, const char *name,
                           size_t n_out, size_t n_in, enc_linear **out, rrk_error *err);
/* One of a head's, which stays in f32. */
rrk_status enc_load_head_linear(enc_device *device, const enc_weights *weights, const char *prefix, const char *name,
                                size_t n_out, size_t n_in, enc_linear **out, rrk_error *err);

#endif
