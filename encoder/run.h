/* The running half of an encoder: a model on a device, worker threads with a session each, and batches through them. */
#ifndef RRK_ENCODER_RUN_H
#define RRK_ENCODER_RUN_H

#include "base/owner.h"
#include "base/pool.h"
#include "encoder/model.h"
#include "encoder/tokenizer.h"

/* One worker's batch, packed. */
typedef struct enc_worker {
    enc_session *session;
    int32_t *ids; /* [cap_tokens], like the next two; owned */
    uint32_t *positions;
    uint8_t *types;
    uint32_t *start; /* [cap_rows + 1]; owned */
    float *out;      /* [cap_rows, floats a row]; owned */
    size_t cap_tokens;
    size_t cap_rows;
} enc_worker;

struct rrk_encoder {
    base_owner owner;
    char *dir;  /* owned */
    char *name; /* owned */
    enc_config config;
    enc_weights *weights;
    enc_tokenizer *tokenizer;
    enc_device *device;
    enc_model *model;
    int32_t view_ids[ENC_MAX_VIEWS]; /* [config.n_views] */
    base_pool *pool;
    enc_worker *workers; /* [n_threads]; owned */
    size_t max_tokens;   /* a row's cap in force */
    size_t batch_tokens;
};

rrk_status enc_workers_new(rrk_encoder *encoder, int n_threads, rrk_error *err);
void enc_workers_free(rrk_encoder *encoder);

#endif
