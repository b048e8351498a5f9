/*
 * Candidate files: a query a line with the passages that a first stage found for it. Apart from runs because they carry
 * texts and are streamed, one query in memory at a time. The format is told from each line's keys:
 *
 *   RankLLM       {"query":{"text","qid"},"candidates":[{"docid","score","doc":{"title","contents"|"text"|...}}]}
 *   ListT5, MVP   {"qid","q_text","bm25_results":[{"pid","text","title","bm25_score"}]}
 *   plain         {"qid","query","candidates":[{"docid","score","title","text"}]}
 *
 * Ids may be strings or whole numbers. The order is the file's; scores of the first stage are not read.
 */
#ifndef RRK_EVAL_CANDIDATES_H
#define RRK_EVAL_CANDIDATES_H

#include "base/error.h"
#include "base/lines.h"
#include <rrk/text.h>

#define EVAL_CANDIDATES_MAX_LINE_BYTES (64u << 20)

typedef struct eval_candidates_query {
    rrk_text qid;
    rrk_text query;
    const rrk_passage *passages; /* [n] */
    size_t n;
} eval_candidates_query;

typedef struct eval_candidates eval_candidates;

rrk_status eval_candidates_open(eval_candidates **out, const char *path, rrk_error *err); /* "-" is standard input */
void eval_candidates_close(eval_candidates *file);                                        /* NULL is fine */

/* *more is false at the end. What *out points to is valid until the next call. RRK_E_FORMAT "file:line: ..." */
rrk_status eval_candidates_next(eval_candidates *file, eval_candidates_query *out, bool *more, rrk_error *err);

const base_lines *eval_candidates_lines(const eval_candidates *file); /* how far it is */

#endif
