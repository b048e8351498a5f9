/*
 * Drivers: they run machines until these are finished. One blocks for one query; the other keeps many queries in flight
 * and fills the encoder's batches across them, starting new machines as rows drain, so memory is bounded however many
 * queries there are.
 */
#ifndef RRK_RERANK_DRIVER_H
#define RRK_RERANK_DRIVER_H

#include "rerank/strategy.h"

/* Times and counts of all machines that a driver has run. */
typedef struct rank_totals {
    rank_counts counts;
    double tokenize_ms;
    double encode_ms;
} rank_totals;

/*
 * Called once a task in the order in which they finish; scores is [n_passages] of the task, all finite. What it returns
 * other than RRK_OK stops the driver.
 */
typedef rrk_status (*rank_done_fn)(void *ctx, const rank_task *task, const double *scores, rrk_error *err);

/* totals is added to, on failure too. */
rrk_status rank_drive_one(rrk_encoder *encoder, const rank_strategy *strategy, const rank_task *task,
                          const base_deadline *deadline, rank_done_fn done, void *ctx, rank_totals *totals,
                          rrk_error *err);

/* A failure's message begins with "request <its number>: " when one task is to blame. */
rrk_status rank_drive_many(rrk_encoder *encoder, const rank_strategy *strategy, const rank_task *tasks, size_t n_tasks,
                           const base_deadline *deadline, rank_done_fn done, void *ctx, rank_totals *totals,
                           rrk_error *err);

#endif
