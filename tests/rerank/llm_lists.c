/* See llm_lists.h. */
#include "llm_lists.h"
#include "base/error.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static bool holds(const rrk_llm_call *call, const char *needle)
{
    for (size_t i = 0; i < call->n_messages; i++) {
        rrk_text text = call->messages[i].content;
        if (memmem(text.data, text.len, needle, strlen(needle)))
            return true;
    }
    return false;
}

static void give(lists *l, rrk_llm_call *call, const char *text)
{
    size_t len = strlen(text), step = l->piece_bytes ? l->piece_bytes : len;
    for (size_t at = 0; at < len; at += step) {
        size_t n = RRK_MIN(step, len - at);
        l->n_bytes += n;
        if (call->piece(call->sink, text + at, n))
            return;
    }
}

static rrk_status transport(void *ctx, rrk_llm_call *call, rrk_error *err)
{
    lists *l = ctx;
    l->n_calls++;
    if (l->before)
        l->before(l);
    if (l->n_calls == l->fail_call || (l->fail_query && holds(call, l->fail_query)))
        return base_fail(err, RRK_E_UPSTREAM, 500, "the model is out of order");
    ranker_answer(&l->ranker, call->messages, call->n_messages);
    if (l->prefix)
        give(l, call, l->prefix);
    give(l, call, l->ranker.answer);
    return RRK_OK;
}

lists *lists_new(void)
{
    lists *l = calloc(1, sizeof *l);
    rrk_llm_options_init(&l->llm_options);
    l->llm_options.model = "test";
    l->llm_options.transport = transport;
    l->llm_options.transport_ctx = l;
    rrk_reranker_options_init(&l->options);
    l->ranker.n_passages = LIST_LEN;
    l->passages = ranker_passages(LIST_LEN);
    for (size_t i = 0; i < LISTS_MAX; i++) {
        int len = snprintf(l->queries[i], sizeof l->queries[i], "query number %zu.", i);
        l->requests[i] = (rrk_rank_request){.query = {l->queries[i], (size_t)len},
                                            .passages = l->passages,
                                            .n_passages = i * 7 % (LIST_LEN + 1),
                                            .hits = l->hits[i],
                                            .n_hits = LIST_LEN};
    }
    return l;
}

void lists_open(lists *l, const char *strategy)
{
    rrk_error err;
    cr_assert_eq(rrk_llm_open(&l->llm, &l->llm_options, &err), RRK_OK, "%s", err.message);
    l->options.llm = l->llm;
    cr_assert_eq(rrk_reranker_open(&l->reranker, strategy, &l->options, &err), RRK_OK, "%s", err.message);
}

void lists_free(lists *l)
{
    rrk_reranker_close(l->reranker);
    rrk_llm_close(l->llm);
    free(l->passages);
    free(l);
}
