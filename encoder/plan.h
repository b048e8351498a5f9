/*
 * Which rows go into the next batch. Each call's rows wait in a line of their own, longest first; a batch is cut
 * across the lines by a budget of tokens. Three quarters of them go to the call with the least left, so that a short one
 * is through in a batch or two however much waits; the rest goes a row at a time in turns, so that a long one always
 * moves. A row longer than a batch's quarter has its turn when the quarters of several batches have paid for it.
 * Threads take batches as they become free, so the last ones are cut smaller and smaller, and threads finish together.
 * Pure: no model, no threads, no clock.
 */
#ifndef RRK_ENCODER_PLAN_H
#define RRK_ENCODER_PLAN_H

#include "encoder/encoder.h"

/* Tokens below which a batch is not worth a thread of its own. */
enum { ENC_PLAN_SMALLEST_BATCH = 96 };

/* One call's rows. In a plan as long as some are in no batch yet. */
typedef struct enc_line {
    const enc_row *rows; /* [n_rows], borrowed */
    uint32_t *order;     /* [n_rows] row numbers, longest first, equal lengths in input order; owned */
    size_t n_rows;
    uint32_t n_beside; /* what a row costs beyond its ids, in tokens */
    size_t next;       /* of order: the first that is in no batch */
    uint64_t n_tokens; /* of the rows from next on, with what is beside them */
    uint64_t turn;     /* the plan's clock when it joined or last had its turn; the smallest is next */
    struct enc_line *before, *after;
    bool waiting;
} enc_line;

rrk_status enc_line_init(enc_line *line, const enc_row *rows, size_t n_rows, uint32_t n_beside, rrk_error *err);
void enc_line_free(enc_line *line); /* also for RRK_AUTO */

typedef struct enc_plan {
    size_t budget; /* tokens a batch */
    size_t n_threads;
    enc_line *first, *last; /* in the order in which they joined */
    uint64_t n_tokens;      /* of all lines */
    uint64_t clock;         /* counts turns and those who join */
    size_t owed;            /* tokens that are to go in turns and have not yet */
} enc_plan;

/* A line joins behind all that are there: whoever comes again and again is not first again and again. */
void enc_plan_join(enc_plan *plan, enc_line *line);
void enc_plan_leave(enc_plan *plan, enc_line *line); /* also a line that is not in it any more */

typedef struct enc_pick {
    enc_line *line;
    uint32_t row; /* of line->rows */
} enc_pick;

/*
 * Cuts the next batch, at most max_rows: at most budget tokens and at most a thread's share of what is waiting, or
 * ENC_PLAN_SMALLEST_BATCH if that is more. A longer row is a batch of its own. Gives how many rows; 0: nothing waits.
 */
size_t enc_plan_cut(enc_plan *plan, enc_pick *picks, size_t max_rows);

#endif
