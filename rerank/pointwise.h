/*
 * The machine that strategies share which make rows of passages: rows are built once, run once, and a chunked passage
 * has the score of its best chunk. A strategy adds how its rows look and how a row's result becomes a number.
 */
#ifndef RRK_RERANK_POINTWISE_H
#define RRK_RERANK_POINTWISE_H

#include "rerank/rows.h"

typedef struct rank_pointwise {
    rank_machine machine;
    rank_rows rows;
    double *scores; /* [n_passages]; owned */
    size_t n_passages;
    size_t result_dim; /* floats a row */
    bool handed_out;
} rank_pointwise;

rrk_status rank_pointwise_new(rank_pointwise **out, const rank_strategy *strategy, const rank_task *task,
                              rrk_error *err);

/* For a strategy whose machine begins with this one: fills what is zeros, frees nothing when it fails. */
rrk_status rank_pointwise_init(rank_pointwise *m, const rank_strategy *strategy, const rank_task *task, rrk_error *err);

/*
 * Cuts every passage for rows that have the frame around it. RRK_E_INVALID when a row has no room for at least one
 * token of a passage.
 */
rrk_status rank_pointwise_add_all(rank_pointwise *m, const rank_task *task, const rank_frame *frame, rrk_error *err);

/*
 * Takes one row's number; a passage keeps its largest, and a NaN for good, so that it is noticed. True when it is the
 * passage's now.
 */
bool rank_pointwise_take(rank_pointwise *m, size_t row, double score);

double rank_dot(const float *a, const float *b, size_t n);

/* The strategy's next, finish and stop. */
rrk_status rank_pointwise_next(rank_machine *machine, rank_work *work, rrk_error *err);
rrk_status rank_pointwise_finish(rank_machine *machine, double *scores, rrk_error *err);
void rank_pointwise_stop(rank_machine *machine);

static inline void rank_pointwise_stop_ptr(rank_pointwise **m)
{
    rank_pointwise_stop((rank_machine *)*m);
}

#endif
