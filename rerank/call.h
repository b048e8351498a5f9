/*
 * One call of a reranker: the requests after their checks, as tasks for machines. Apart from reranker.c because
 * predictions are made of the same tasks without anything being ranked.
 */
#ifndef RRK_RERANK_CALL_H
#define RRK_RERANK_CALL_H

#include "base/owner.h"
#include "rerank/strategy.h"

struct rrk_reranker {
    base_owner owner;
    const rank_strategy *strategy;
    rrk_encoder *encoder; /* borrowed, NULL for strategies that need none; so is llm */
    rrk_llm *llm;
    rank_listwise listwise; /* of strategies that need an LLM */
    llm_cache cache;
    bool has_cache;
};

typedef struct rank_call {
    rrk_reranker *reranker;
    rank_task *tasks; /* [n_tasks], of the requests that have passages; owned */
    size_t n_tasks;
    rrk_rank_options options;
    rrk_rank_stats stats;
} rank_call;

void rank_call_free(rank_call *call); /* also for RRK_AUTO */

/*
 * Checks the requests and makes the call's tasks, which keep the deadline; the message names the request when there are
 * several.
 */
rrk_status rank_call_make_tasks(rank_call *call, const rrk_rank_request *requests, size_t n_requests,
                                const base_deadline *deadline, rrk_error *err);

#endif
