/* The steps that both drivers take, timed and counted alike. */
#ifndef RRK_RERANK_DRIVER_PARTS_H
#define RRK_RERANK_DRIVER_PARTS_H

#include "rerank/driver.h"

rrk_status rank_start(rank_machine **out, const rank_strategy *strategy, const rank_task *task, rank_totals *totals,
                      rrk_error *err);
rrk_status rank_encode(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *results,
                       const base_deadline *deadline, rank_totals *totals, rrk_error *err);
/* Takes a finished machine's scores, refuses those that are no numbers, and hands them on. */
rrk_status rank_conclude(rank_machine *machine, const rank_task *task, rank_done_fn done, void *ctx,
                         rank_totals *totals, rrk_error *err);

#endif
