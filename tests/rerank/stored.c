/* Where rerank/ meets the store: cached replies, and candidates that are gone before their texts are read. */
#include "../retriever/scratch.h"
#include "llm_lists.h"
#include "rerank/reranker.h"

#include <criterion/criterion.h>

static rrk_rank_stats rank_all(lists *l)
{
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.stats = &stats;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank_many(l->reranker, l->requests, LISTS_MAX, &options, &err), RRK_OK, "%s",
                 err.message);
    return stats;
}

static void reopen(lists *l, rrk_cache_mode mode)
{
    rrk_reranker_close(l->reranker);
    l->options.cache_mode = mode;
    rrk_error err;
    cr_assert_eq(rrk_reranker_open(&l->reranker, "sliding", &l->options, &err), RRK_OK, "%s", err.message);
}

Test(cache, a_second_run_makes_no_call_and_gives_the_same_hits)
{
    scratch s = scratch_open();
    lists *l = lists_new();
    l->options.cache = s.store;
    l->options.cache_mode = RRK_CACHE_READ;
    lists_open(l, "sliding");
    rrk_rank_stats nothing_there = rank_all(l);
    cr_assert_eq(nothing_there.n_cached, 0);
    reopen(l, RRK_CACHE_WRITE);
    rrk_rank_stats first = rank_all(l);
    cr_assert_eq(first.n_cached, 0, "READ has written");
    static rrk_hit hits[LISTS_MAX][LIST_LEN];
    memcpy(hits, l->hits, sizeof hits);
    reopen(l, RRK_CACHE_READ);
    size_t n_calls = l->n_calls;
    rrk_rank_stats second = rank_all(l);
    cr_assert_eq(l->n_calls, n_calls);
    cr_assert_eq(second.n_calls, 0);
    cr_assert_eq(second.n_cached, first.n_calls);
    cr_assert_eq(second.n_ok, first.n_ok);
    cr_assert_eq(second.prompt_tokens + second.completion_tokens, 0);
    for (size_t i = 0; i < LISTS_MAX; i++) {
        for (size_t k = 0; k < l->requests[i].n_hits; k++)
            cr_assert_eq(hits[i][k].index, l->hits[i][k].index);
    }
    reopen(l, RRK_CACHE_OFF);
    cr_assert_eq(rank_all(l).n_calls, first.n_calls);
    lists_free(l);
    scratch_close(&s);
}

Test(pipeline, passes_over_candidates_that_are_gone)
{
    scratch s = scratch_open();
    scratch_put(&s, "a", "one");
    scratch_put(&s, "b", "two");
    rrk_candidate candidates[5];
    memset(candidates, 0, sizeof candidates);
    rrk_error err;
    cr_assert_eq(rrk_store_find(s.store, rrk_text_of("b"), &candidates[1].row, &err), RRK_OK);
    cr_assert_eq(rrk_store_find(s.store, rrk_text_of("a"), &candidates[3].row, &err), RRK_OK);
    candidates[0].row = candidates[2].row = candidates[4].row = 123456;
    size_t n = 5;
    rrk_passage_list *list = NULL;
    cr_assert_eq(rank_fetch(s.store, candidates, &n, &list, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(n, 2);
    const rrk_passage *items = rrk_passage_list_items(list, &n);
    cr_assert(n == 2 && items[0].id.data[0] == 'b' && items[1].id.data[0] == 'a');
    cr_assert_eq(err.status, RRK_OK);
    rrk_passage_list_free(list);
    n = 1;
    candidates[0].row = 123456;
    cr_assert_eq(rank_fetch(s.store, candidates, &n, &list, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(n, 0);
    rrk_passage_list_free(list);
    scratch_close(&s);
}
