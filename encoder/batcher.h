/*
 * One queue for all calls of an encoder. Callers on any thread bring rows and wait; worker threads cut batches across
 * the calls that wait (plan.h) and carry each through the model. What a batch is to the model is not known here: run.c
 * hands in two functions, tests hand in others.
 *
 * A batch's rows are copied when it is cut, and its results when it is done, so a caller that gives up leaves at once:
 * a batch that runs for others as well goes on without it, one that runs for nobody stops before its next layer.
 * Deadlines are looked at and cancel callbacks are called on the caller's own thread only.
 */
#ifndef RRK_ENCODER_BATCHER_H
#define RRK_ENCODER_BATCHER_H

#include "encoder/plan.h"

struct enc_stop;

/* Rows a batch, however short they are. */
enum { ENC_BATCH_MAX_ROWS = 1024 };

/* How often a caller with a deadline or a cancel callback looks at it while it waits. */
enum { ENC_BATCHER_LOOK_MS = 5 };

typedef struct enc_batch_work {
    /* Copies the picked rows to where the worker computes. The queue stands still meanwhile. */
    rrk_status (*pack)(void *ctx, int worker, const enc_pick *picks, size_t n_picks, rrk_error *err);
    /* Runs what was packed, asking stop between layers; *out [n_picks, out_dim] stays until the next pack. */
    rrk_status (*run)(void *ctx, int worker, const struct enc_stop *stop, const float **out, rrk_error *err);
    void *ctx;
    size_t out_dim;
    uint32_t n_beside; /* what a row costs beyond its ids, in tokens */
} enc_batch_work;

typedef struct enc_batcher enc_batcher;

rrk_status enc_batcher_new(enc_batcher **out, const enc_batch_work *work, int n_threads, size_t budget_tokens,
                           rrk_error *err);

/* Waits until the last call has left. */
void enc_batcher_free(enc_batcher *batcher);

/*
 * Runs a call's rows, at least one; out is [n_rows, out_dim], and undefined after a failure. When a batch fails, the
 * calls that had rows in it fail, each with the batch's error, and no others. A deadline that has passed and a callback
 * that has said stop count even if the last result came in meanwhile. Thread-safe.
 */
rrk_status enc_batcher_run(enc_batcher *batcher, const enc_row *rows, size_t n_rows, float *out,
                           const base_deadline *deadline, rrk_error *err);

/* Rows that are in no batch yet. For tests. */
size_t enc_batcher_n_waiting(enc_batcher *batcher);

#endif
