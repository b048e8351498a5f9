/* The steps that the drivers take, timed and counted alike. */
#ifndef RRK_RERANK_DRIVER_PARTS_H
#define RRK_RERANK_DRIVER_PARTS_H

#include "rerank/driver.h"

rrk_status rank_start(rank_machine **out, const rank_strategy *strategy, const rank_task *task, rrk_rank_stats *stats,
                      rrk_error *err);
/* What a machine has counted. */
void rank_add_counts(rrk_rank_stats *stats, const rank_counts *counts);
rrk_status rank_encode(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *results,
                       const base_deadline *deadline, rrk_rank_stats *stats, rrk_error *err);
/* Does the machine's work that is its list's alone, its query and its anchors, until it wants something else. */
rrk_status rank_do_list_work(rrk_encoder *encoder, rank_machine *machine, rank_work *work,
                             const base_deadline *deadline, rrk_rank_stats *stats, rrk_error *err);
/* Takes a finished machine's scores, refuses those that are no numbers, and hands them on. */
rrk_status rank_conclude(rank_machine *machine, const rank_task *task, rank_done_fn done, void *ctx,
                         rrk_rank_stats *stats, rrk_error *err);

#endif
