/*
 * Cutting rows into batches: longest first, so that the last ones to run are short and threads finish together, and as
 * many rows a batch as fit a budget of tokens. Pure: no model, no threads.
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

/* A row longer than the budget is a batch of its own. */
rrk_status enc_plan_make(enc_plan *out, const enc_row *rows, size_t n_rows, size_t budget_tokens, rrk_error *err);
void enc_plan_free(enc_plan *plan); /* also for RRK_AUTO */

#endif
