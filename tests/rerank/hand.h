/*
 * Drives a listwise machine by hand: no driver, no network, no reranker handle. Each prompt is shown to the test's
 * ranker, whose answer may be replaced or cut before the machine sees it.
 */
#ifndef RRK_TESTS_RERANK_HAND_H
#define RRK_TESTS_RERANK_HAND_H

#include "ranker.h"
#include "rerank/strategy.h"

typedef struct hand {
    ranker ranker;
    rrk_reranker_options settings; /* change these two before hand_run() */
    rrk_rank_options options;
    size_t context_tokens;
    const char *query;
    const char *answer; /* not NULL: every reply is this one */
    bool in_pieces;     /* enough() is asked after each byte, and the answer ends where it says so */
    rrk_passage *passages;
    size_t n;
    rank_counts counts;
    size_t n_calls, n_stopped, n_streamed; /* n_streamed: prompts with enough() */
    uint64_t most_tokens;                  /* of any prompt and its output cap together, as estimated */
    size_t windows[64][2];                 /* first passage shown and how many, of the first calls */
    size_t order[RANKER_MAX];              /* the outcome: passages, best first */
    rrk_error err;
} hand;

hand *hand_new(size_t n);
void hand_free(hand *h);

rrk_status hand_run(hand *h, const rank_strategy *strategy);

#endif
