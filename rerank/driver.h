/*
 * Drivers: they run machines until these are finished. Two work with an encoder: one blocks for one query, the other
 * keeps many queries in flight and fills the encoder's batches across them. The third works with an LLM and keeps as
 * many calls in flight as the handle allows. Machines are started as work drains, so memory is bounded however many
 * queries there are.
 */
#ifndef RRK_RERANK_DRIVER_H
#define RRK_RERANK_DRIVER_H

#include "rerank/strategy.h"

/*
 * Called once a task in the order in which they finish; scores is [n_passages] of the task, all finite. What it returns
 * other than RRK_OK stops the driver.
 */
typedef rrk_status (*rank_done_fn)(void *ctx, const rank_task *task, const double *scores, rrk_error *err);

/* What drivers count and time is added to stats, on failure too. */
rrk_status rank_drive_one(rrk_encoder *encoder, const rank_strategy *strategy, const rank_task *task,
                          const base_deadline *deadline, rank_done_fn done, void *ctx, rrk_rank_stats *stats,
                          rrk_error *err);

/* A failure's message begins with "request <its number>: " when one task is to blame. */
rrk_status rank_drive_many(rrk_encoder *encoder, const rank_strategy *strategy, const rank_task *tasks, size_t n_tasks,
                           const base_deadline *deadline, rank_done_fn done, void *ctx, rrk_rank_stats *stats,
                           rrk_error *err);

/* What the driver for LLMs works with. */
typedef struct rank_llm_call {
    rrk_llm *llm;
    const llm_cache *cache; /* NULL: none */
    const rank_strategy *strategy;
    const rank_task *tasks;
    size_t n_tasks;
    const rrk_rank_options *options; /* request_timeout_ms and on_error */
    bool is_many;                    /* a failure's message names the request */
} rank_llm_call;

/*
 * Called once a task in the order in which they end. outcome says whether the LLM ranked it; if not, scores are those
 * of the order it came in (RRK_ON_ERROR_KEEP) or NULL (RRK_ON_ERROR_SKIP). stats are the task's own.
 */
typedef rrk_status (*rank_outcome_fn)(void *ctx, const rank_task *task, const double *scores, const rrk_error *outcome,
                                      const rrk_rank_stats *stats, rrk_error *err);

rrk_status rank_drive_llm(const rank_llm_call *call, const base_deadline *deadline, rank_outcome_fn done, void *ctx,
                          rrk_rank_stats *stats, rrk_error *err);

#endif
