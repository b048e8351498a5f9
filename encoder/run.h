/*
 * The running half of an encoder: a model on a device, and what each worker thread packs a batch into and runs it with.
 * Which rows make a batch is the batcher's business.
 */
#ifndef RRK_ENCODER_RUN_H
#define RRK_ENCODER_RUN_H

#include "base/owner.h"
#include "base/pool.h"
#include "encoder/batcher.h"
#include "encoder/model.h"
#include "encoder/tokenizer.h"

#include <pthread.h>

/* One worker's batch, packed. */
typedef struct enc_worker {
    enc_session *session;
    int32_t *ids; /* [cap_tokens], like the next two; owned */
    uint32_t *positions;
    uint8_t *types;
    uint32_t *start;     /* [cap_rows + 1]; owned */
    enc_query **queries; /* [cap_rows]; owned, and held while the batch runs */
    float *out;          /* [cap_rows, floats a row]; owned */
    size_t cap_tokens;
    size_t cap_rows;
    enc_batch batch; /* of the above */
} enc_worker;

/* As many lists as usually ask at once; sessions beyond them are freed when they are given back. */
enum { ENC_KEPT_LIST_SESSIONS = 4 };

struct rrk_encoder {
    base_owner owner;
    char *dir;  /* owned */
    char *name; /* owned */
    char fingerprint[RRK_FINGERPRINT_SIZE];
    enc_config config;
    enc_weights *weights;
    enc_tokenizer *tokenizer;
    enc_device *device;
    enc_model *model;
    int32_t view_ids[ENC_MAX_VIEWS];                    /* [config.n_views] */
    base_pool *pool;                                    /* tokenises */
    enc_worker *workers;                                /* [n_threads]; owned */
    enc_batcher *batcher;                               /* its threads are the workers' */
    pthread_mutex_t list_lock;                          /* guards the next two; never held while one of them runs */
    enc_session *list_sessions[ENC_KEPT_LIST_SESSIONS]; /* list.c's that are free; owned */
    size_t n_list_sessions;
    size_t max_tokens; /* a row's cap in force */
    size_t batch_tokens;
};

/*
 * What a calibrated batch may be, in steps of ENC_PLAN_SMALLEST_BATCH tokens. A decoder reads all of its weights for the
 * one token that each row of a batch gives it: with T5-base that was a tenth of a batch of two steps.
 */
enum { ENC_CALIBRATED_MIN_STEPS = 2, ENC_CALIBRATED_MIN_DECODER_STEPS = 6, ENC_CALIBRATED_MAX_STEPS = 16 };

/* Sessions first; between the two the model can be calibrated on the calling thread; then the threads. */
rrk_status enc_workers_new(rrk_encoder *encoder, int n_threads, rrk_error *err);
rrk_status enc_workers_start(rrk_encoder *encoder, size_t batch_tokens, rrk_error *err);

/* How many tokens a worker carries through the model in batch_ms, within the limits above. */
rrk_status enc_calibrate(rrk_encoder *encoder, uint32_t batch_ms, size_t *out_tokens, rrk_error *err);

void enc_workers_free(rrk_encoder *encoder);

/* Of a model whose device and cap of tokens are there. */
rrk_status enc_fingerprint(rrk_encoder *encoder, rrk_error *err);

/* What list.c keeps. */
void enc_list_sessions_free(rrk_encoder *encoder);

/* Whatever a row's ids may be refused for is found here, before it shares a batch with another call's. */
rrk_status enc_check_rows(const rrk_encoder *encoder, const enc_row *rows, size_t n_rows, rrk_error *err);

#endif
