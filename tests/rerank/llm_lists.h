/* Rerankers over a transport callback in the test's own process: the real driver and the real llm/, no network. */
#ifndef RRK_TESTS_RERANK_LLM_LISTS_H
#define RRK_TESTS_RERANK_LLM_LISTS_H

#include "ranker.h"

enum { LISTS_MAX = 40, LIST_LEN = 50 };

typedef struct lists {
    ranker ranker;
    rrk_llm *llm;
    rrk_reranker *reranker;
    rrk_llm_options llm_options; /* change these two before lists_open() */
    rrk_reranker_options options;
    rrk_passage *passages; /* [LIST_LEN] */
    rrk_rank_request requests[LISTS_MAX];
    rrk_hit hits[LISTS_MAX][LIST_LEN];
    char queries[LISTS_MAX][32];
    /* What the transport is told to do. */
    const char *fail_query; /* prompts that hold it fail */
    size_t fail_call;       /* the call of this number (from 1) fails */
    void (*before)(struct lists *l);
    const char *prefix; /* before the answer */
    size_t piece_bytes; /* 0: the whole answer at once */
    /* What it saw. */
    size_t n_calls;
    size_t n_bytes; /* of answers that were taken */
} lists;

lists *lists_new(void);
void lists_open(lists *l, const char *strategy);
void lists_free(lists *l);

#endif
