/*
 * What run.c asks of a model, whatever its family: bert.c and t5.c each bring a table. A model is written against
 * compute.h, holds weights that are its device's, and is not changed once it is loaded, so sessions share it.
 */
#ifndef RRK_ENCODER_MODEL_H
#define RRK_ENCODER_MODEL_H

#include "encoder/compute.h"

#include <stdatomic.h>

typedef struct enc_model enc_model;

/* Asked between layers. */
typedef struct enc_stop {
    bool (*asked)(void *ctx);
    void *ctx;
} enc_stop;

typedef struct enc_model_kind {
    /* Uploads the weights to the device, which outlives the model, as config does. *out is to be freed on failure, too. */
    rrk_status (*load)(enc_model **out, enc_device *device, const enc_config *config, const enc_weights *weights,
                       rrk_error *err);
    void (*free)(enc_model *model); /* NULL is fine */
    /* The slots that a session needs. */
    enc_shape (*shape)(const enc_config *config);
    /* Runs a batch through layers and head; out is [n_seqs, floats a row]. */
    rrk_status (*run)(const enc_model *model, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                      float *out, rrk_error *err);
    /*
     * Models that read a list's query apart (config->mvp.is_block): how many floats are kept of one of n_tokens, and
     * those floats, of a batch of one sequence. Batches of passages then name their queries.
     */
    size_t (*query_floats)(const enc_config *config, size_t n_tokens);
    rrk_status (*query)(const enc_model *model, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                        float *out, rrk_error *err);
    /*
     * Models with a head for views (RRK_HEAD_VIEWS): of one list's rows as run() gave them, [n, floats a row], the
     * views' anchors, and of each row what each view says of it, scores [n, n_views]. The anchors themselves go to
     * anchors [n_views, d_model] unless it is NULL.
     */
    rrk_status (*anchors)(const enc_model *model, enc_session *session, const float *vectors, size_t n,
                          const enc_stop *stop, float *scores, float *anchors, rrk_error *err);
} enc_model_kind;

/* The first member of every model. */
struct enc_model {
    const enc_model_kind *kind;
};

/* What is kept of a query. Batches that run on after its call has gone hold it as well. */
struct enc_query {
    atomic_size_t n_holders;
    size_t n_tokens;
    float kept[]; /* what the model's query() gave */
};

/* One holder more; enc_query_free() is one less. NULL is fine. */
enc_query *enc_query_hold(enc_query *query);

/* The batch of a decoder step: one token a query. */
typedef struct enc_step {
    int32_t *ids;    /* [n_queries]; owned */
    uint32_t *start; /* [n_queries + 1]; owned */
} enc_step;

/* Hands the session a batch of n_queries times the token id; what slots hold stays there (see begin in compute.h). */
rrk_status enc_step_begin(enc_step *out, enc_session *session, const enc_ops *ops, size_t n_queries, int32_t id,
                          rrk_error *err);
void enc_step_free(enc_step *step); /* also for RRK_AUTO, once the step has run */

extern const enc_model_kind enc_bert_model, enc_t5_model;

static inline const enc_model_kind *enc_model_kind_of(const enc_config *config)
{
    return config->family == ENC_FAMILY_T5 ? &enc_t5_model : &enc_bert_model;
}

#endif
