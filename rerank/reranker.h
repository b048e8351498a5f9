/*
 * What pipeline.c and call.c share beyond the public headers: a call under a deadline that began earlier, options after
 * their checks, and candidates' texts.
 */
#ifndef RRK_RERANK_RERANKER_H
#define RRK_RERANK_RERANKER_H

#include "base/deadline.h"
#include <rrk/rerank.h>

/* As rrk_reranker_rank(), but options are taken already, and deadline stands for their timeout_ms and cancel. */
rrk_status rank_until(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages, size_t n_passages,
                      const rrk_rank_options *options, const base_deadline *deadline, rrk_hit *hits, size_t *n_hits,
                      rrk_error *err);

/* Defaults, and what the caller gave on top of them: not yet checked. */
void rank_take_options(const rrk_rank_options *given, rrk_rank_options *out);
rrk_status rank_check_options(const rrk_rank_options *options, rrk_error *err);

/*
 * The candidates' passages, in their order. Those that an import has removed since they were found are dropped: *n is
 * the count of candidates going in and of those that are left coming out.
 */
rrk_status rank_fetch(rrk_store *store, rrk_candidate *candidates, size_t *n, rrk_passage_list **out, rrk_error *err);

#endif
