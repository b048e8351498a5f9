/*
 * Cutting rows into batches, longest rows first, as many a batch as fit a budget of tokens. Threads take batches as they
 * become free, so the last ones are cut smaller and smaller, and threads finish together. Pure: no model, no threads.
 */
#ifndef RRK_ENCODER_PLAN_H
#define RRK_ENCODER_PLAN_H

#include "encoder/encoder.h"

typedef struct enc_plan {
    uint32_t *order; /* [n_rows] row numbers, longest first, equal lengths in input order; owned */
    size_t *cuts;    /* [n_batches + 1] into order; owned */
    size_t n_batches;
    size_t max_tokens; /* of any batch */
    size_t max_rows;
} enc_plan;

/* Tokens below which a batch is not worth a thread of its own. */
enum { ENC_PLAN_SMALLEST_BATCH = 96 };

/*
 * A batch holds at most budget_tokens, and at most a thread's share of the tokens that no earlier batch has, or
 * ENC_PLAN_SMALLEST_BATCH if that is more. A longer row is a batch of its own.
 */
rrk_status enc_plan_make(enc_plan *out, const enc_row *rows, size_t n_rows, size_t budget_tokens, size_t n_threads,
                         rrk_error *err);
void enc_plan_free(enc_plan *plan); /* also for RRK_AUTO */

#endif
