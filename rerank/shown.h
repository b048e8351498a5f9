/*
 * The texts of one query as its prompts show them: made ready once, cut to what the caller allows and to what the
 * model's context has room for, and kept end to end in one piece of memory.
 */
#ifndef RRK_RERANK_SHOWN_H
#define RRK_RERANK_SHOWN_H

#include "base/buf.h"
#include "rerank/strategy.h"

/* A word of a passage counts as this many tokens at most, or a text without blanks would have no cap. */
#define RANK_MAX_TOKENS_PER_WORD 8

typedef struct rank_shown {
    base_buf bytes; /* the query, then the passages */
    size_t *ends;   /* [1 + n_passages]; owned */
} rank_shown;

/*
 * n_at_once passages stand in one prompt, whose answer may take answer_tokens; the context is shared out among them.
 * Passages that lost text are counted.
 */
rrk_status rank_shown_make(rank_shown *shown, const rank_task *task, size_t n_at_once, uint64_t answer_tokens,
                           uint64_t *n_truncated, rrk_error *err);
void rank_shown_free(rank_shown *shown);

rrk_text rank_shown_query(const rank_shown *shown);
rrk_text rank_shown_passage(const rank_shown *shown, size_t passage);

#endif
