/*
 * What listwise strategies are opened with, once a reranker: checked settings, the prompt template, and what the LLM
 * can take. Machines borrow it through their task.
 */
#ifndef RRK_RERANK_LISTWISE_H
#define RRK_RERANK_LISTWISE_H

#include "rerank/permutation.h"
#include "rerank/prompt.h"
#include <rrk/rerank.h>

typedef struct rank_listwise {
    size_t window; /* SIZE_MAX: the whole list */
    size_t stride;
    size_t passes;
    bool complete;
    rrk_list_order order;
    uint64_t order_seed;
    rank_template *wording; /* owned */
    size_t passage_words;
    size_t context_tokens; /* 0: not known */
    bool ask_top_n;
    bool early_stop;
    size_t thinking_tokens;
    rrk_constrain constrain;
} rank_listwise;

/* full: window and stride are not looked at. Refuses what cannot be (stride 0 or not below window, ...) by name. */
rrk_status rank_listwise_init(rank_listwise *out, const rrk_reranker_options *options, bool full, size_t context_tokens,
                              rrk_error *err);
void rank_listwise_free(rank_listwise *listwise);

#endif
