/* The listwise machine, which "sliding" and "full" share: see sliding.c. */
#ifndef RRK_RERANK_SLIDING_H
#define RRK_RERANK_SLIDING_H

#include "rerank/strategy.h"

rrk_status rank_list_start(rank_machine **out, const rank_strategy *strategy, const rank_task *task, rrk_error *err);
rrk_status rank_list_next(rank_machine *machine, rank_work *work, rrk_error *err);
rrk_status rank_list_accept(rank_machine *machine, const rank_results *results, rrk_error *err);
rrk_status rank_list_finish(rank_machine *machine, double *scores, rrk_error *err);
void rank_list_stop(rank_machine *machine);

/* The scores of places 0..n-1: strictly decreasing, so that no reader of a run can reorder them. */
double rank_list_score(size_t place, size_t n);

#endif
