/* Listwise rerankers as callers see them, over a transport callback: hits, failures, deadlines, stats, predictions. */
#include "base/clock.h"
#include "base/error.h"
#include "llm_lists.h"
#include <rrk/runtime.h>

#include <criterion/criterion.h>
#include <stdlib.h>

static const char *const STRATEGIES[] = {"full", "sliding"};

static rrk_status rank_many(lists *l, size_t n, const rrk_rank_options *options, rrk_error *err)
{
    return rrk_reranker_rank_many(l->reranker, l->requests, n, options, err);
}

static void check_ideal(const rrk_rank_request *request)
{
    for (size_t i = 0; i < request->n_hits; i++)
        cr_assert_eq(request->hits[i].score, (double)(request->n_passages - i) / (double)request->n_passages);
    /* Goodness counts over all LIST_LEN passages: that of the hits must rise. */
    for (size_t i = 1; i < request->n_hits; i++)
        cr_assert_lt(ranker_goodness(request->hits[i - 1].index, LIST_LEN),
                     ranker_goodness(request->hits[i].index, LIST_LEN));
}

Test(llm, ranks_lists_of_every_length)
{
    lists *l = lists_new();
    lists_open(l, "full");
    rrk_error err;
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.stats = &stats;
    cr_assert_eq(rank_many(l, LISTS_MAX, &options, &err), RRK_OK, "%s", err.message);
    size_t n_calls = 0;
    for (size_t i = 0; i < LISTS_MAX; i++) {
        cr_assert_eq(l->requests[i].n_hits, l->requests[i].n_passages);
        cr_assert_eq(l->requests[i].status, RRK_OK);
        check_ideal(&l->requests[i]);
        n_calls += l->requests[i].n_passages > 1;
    }
    cr_assert_eq(l->n_calls, n_calls);
    cr_assert_eq(stats.n_calls, n_calls);
    cr_assert_eq(stats.n_ok, n_calls);
    cr_assert(stats.prompt_tokens > 0 && stats.completion_tokens > 0);
    cr_assert_eq(stats.n_estimated, n_calls);
    cr_assert_eq(stats.n_failed_calls + stats.n_cached + stats.n_retries + stats.n_malformed, 0);
    lists_free(l);
}

Test(llm, many_give_what_single_calls_give)
{
    for (int s = 0; s < 2; s++) {
        lists *l = lists_new();
        l->options.order = RRK_ORDER_SHUFFLED;
        l->options.passes = 2;
        lists_open(l, STRATEGIES[s]);
        rrk_error err;
        cr_assert_eq(rank_many(l, LISTS_MAX, NULL, &err), RRK_OK, "%s", err.message);
        for (size_t i = 0; i < LISTS_MAX; i++) {
            const rrk_rank_request *r = &l->requests[i];
            rrk_hit alone[LIST_LEN];
            size_t n = LIST_LEN;
            cr_assert_eq(rrk_reranker_rank(l->reranker, r->query, r->passages, r->n_passages, NULL, alone, &n, &err), 0,
                         "%s", err.message);
            cr_assert_eq(n, r->n_hits);
            for (size_t k = 0; k < n; k++)
                cr_assert(alone[k].index == r->hits[k].index && alone[k].score == r->hits[k].score, "request %zu", i);
        }
        lists_free(l);
    }
}

/* --- failures --- */

typedef struct told {
    size_t n;
    int statuses[LISTS_MAX];
    uint64_t calls[LISTS_MAX];
    size_t stop_after;
} told;

static rrk_status tell(void *ctx, size_t request, const rrk_error *outcome, const rrk_rank_stats *stats, rrk_error *err)
{
    told *t = ctx;
    cr_assert_lt(request, LISTS_MAX);
    t->statuses[request] = outcome->status;
    t->calls[request] = stats->n_calls;
    if (++t->n == t->stop_after)
        return base_fail(err, RRK_E_IO, 28, "no room for the hits");
    return RRK_OK;
}

Test(errors, fail_the_call_and_name_the_request)
{
    lists *l = lists_new();
    l->fail_query = "number 13.";
    lists_open(l, "sliding");
    rrk_error err;
    cr_assert_eq(rank_many(l, LISTS_MAX, NULL, &err), RRK_E_UPSTREAM);
    cr_assert(strstr(err.message, "request 13: ") == err.message && strstr(err.message, "out of order"), "%s",
              err.message);
    size_t n = LIST_LEN;
    const rrk_rank_request *r = &l->requests[13];
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.on_error = RRK_ON_ERROR_KEEP; /* for many only */
    cr_assert_eq(rrk_reranker_rank(l->reranker, r->query, r->passages, r->n_passages, &options, r->hits, &n, &err),
                 RRK_E_UPSTREAM);
    cr_assert_eq(strstr(err.message, "request"), NULL, "%s", err.message);
    lists_free(l);
}

Test(errors, can_be_skipped_or_the_order_be_kept)
{
    static const rrk_on_error WAYS[] = {RRK_ON_ERROR_SKIP, RRK_ON_ERROR_KEEP};
    for (int w = 0; w < 2; w++) {
        lists *l = lists_new();
        l->fail_query = "number 13.";
        lists_open(l, "sliding");
        told t = {0};
        rrk_rank_stats stats;
        rrk_rank_stats_init(&stats);
        rrk_rank_options options;
        rrk_rank_options_init(&options);
        options.on_error = WAYS[w];
        options.done = tell;
        options.done_ctx = &t;
        options.stats = &stats;
        rrk_error err;
        cr_assert_eq(rank_many(l, LISTS_MAX, &options, &err), RRK_OK, "%s", err.message);
        cr_assert_eq(t.n, LISTS_MAX);
        cr_assert_eq(stats.n_failed_calls, 1);
        for (size_t i = 0; i < LISTS_MAX; i++) {
            const rrk_rank_request *r = &l->requests[i];
            cr_assert_eq(r->status, i == 13 ? RRK_E_UPSTREAM : RRK_OK);
            cr_assert_eq(t.statuses[i], r->status);
            cr_assert_eq(r->n_hits, i == 13 && WAYS[w] == RRK_ON_ERROR_SKIP ? 0 : r->n_passages);
            for (size_t k = 0; i == 13 && k < r->n_hits; k++)
                cr_assert(r->hits[k].index == k && (k == 0 || r->hits[k].score < r->hits[k - 1].score));
        }
        lists_free(l);
    }
}

Test(errors, a_failure_in_the_middle_of_a_list_ends_its_list_only)
{
    lists *l = lists_new();
    l->fail_call = 7;
    lists_open(l, "sliding");
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.on_error = RRK_ON_ERROR_KEEP;
    rrk_error err;
    cr_assert_eq(rank_many(l, LISTS_MAX, &options, &err), RRK_OK, "%s", err.message);
    size_t n_failed = 0;
    for (size_t i = 0; i < LISTS_MAX; i++)
        n_failed += l->requests[i].status != RRK_OK;
    cr_assert_eq(n_failed, 1);
    lists_free(l);
}

Test(errors, what_does_not_fit_the_context_is_its_request_alone)
{
    lists *l = lists_new();
    l->llm_options.context_tokens = 1200;
    lists_open(l, "full");
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.on_error = RRK_ON_ERROR_SKIP;
    rrk_error err;
    cr_assert_eq(rank_many(l, LISTS_MAX, &options, &err), RRK_OK, "%s", err.message);
    size_t n_refused = 0;
    for (size_t i = 0; i < LISTS_MAX; i++)
        n_refused += l->requests[i].status == RRK_E_INVALID;
    cr_assert(n_refused > 0 && n_refused < LISTS_MAX / 2, "%zu", n_refused);
    lists_free(l);
}

Test(errors, what_the_done_callback_says_ends_the_call)
{
    lists *l = lists_new();
    lists_open(l, "full");
    told t = {.stop_after = 9};
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.done = tell;
    options.done_ctx = &t;
    rrk_error err;
    cr_assert_eq(rank_many(l, LISTS_MAX, &options, &err), RRK_E_IO);
    cr_assert(strstr(err.message, "no room for the hits"), "%s", err.message);
    cr_assert_eq(t.n, 9);
    lists_free(l);
}

/* --- time --- */

static int cancel_after_three(void *ctx)
{
    const lists *l = ctx;
    return l->n_calls >= 3;
}

Test(time, a_cancellation_ends_the_call_in_the_middle)
{
    lists *l = lists_new();
    lists_open(l, "sliding");
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.cancel = cancel_after_three;
    options.cancel_ctx = l;
    options.on_error = RRK_ON_ERROR_KEEP;
    options.stats = &stats;
    rrk_error err;
    cr_assert_eq(rank_many(l, LISTS_MAX, &options, &err), RRK_E_CANCELLED);
    cr_assert_eq(l->n_calls, 3);
    cr_assert(stats.n_calls >= 2, "what was done counts");
    lists_free(l);
}

static int64_t fake_ns;

static int64_t fake_now(void)
{
    return fake_ns;
}

static void ten_seconds_pass(lists *l)
{
    fake_ns += (int64_t)10 * 1000000000;
}

Test(time, the_deadline_of_the_call_fails_it_whatever_on_error_says)
{
    lists *l = lists_new();
    l->before = ten_seconds_pass;
    lists_open(l, "sliding");
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.timeout_ms = 35000;
    options.on_error = RRK_ON_ERROR_KEEP;
    rrk_error err;
    fake_ns = 1;
    base_clock_replace(fake_now);
    rrk_status status = rank_many(l, LISTS_MAX, &options, &err);
    base_clock_replace(NULL);
    cr_assert_eq(status, RRK_E_TIMEOUT, "%s", err.message);
    cr_assert_eq(l->n_calls, 4);
    lists_free(l);
}

Test(time, the_deadline_of_a_request_is_its_own)
{
    lists *l = lists_new();
    l->before = ten_seconds_pass;
    l->llm_options.max_in_flight = 1;
    lists_open(l, "sliding");
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.request_timeout_ms = 35000; /* three windows, not four: up to 40 passages, not more */
    options.on_error = RRK_ON_ERROR_KEEP;
    rrk_error err;
    fake_ns = 1;
    base_clock_replace(fake_now);
    rrk_status status = rank_many(l, LISTS_MAX, &options, &err);
    base_clock_replace(NULL);
    cr_assert_eq(status, RRK_OK, "%s", err.message);
    for (size_t i = 0; i < LISTS_MAX; i++)
        cr_assert_eq(l->requests[i].status, l->requests[i].n_passages > 40 ? RRK_E_TIMEOUT : RRK_OK, "request %zu: %d",
                     i, l->requests[i].status);
    lists_free(l);
}

/* --- early stop and thinking, seen from outside --- */

Test(stop, ends_the_answer_when_enough_has_come)
{
    lists *l = lists_new();
    l->piece_bytes = 1;
    l->prefix = "<think>[7] > [8] or [1]?</think>\n";
    l->options.thinking_tokens = 100;
    lists_open(l, "full");
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.stats = &stats;
    options.top_n = 10;
    rrk_hit hits[10];
    size_t n = 10;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(l->reranker, rrk_text_of("q"), l->passages, LIST_LEN, &options, hits, &n, &err),
                 RRK_OK, "%s", err.message);
    for (size_t i = 0; i < 10; i++)
        cr_assert_eq(ranker_goodness(hits[i].index, LIST_LEN), i);
    cr_assert(stats.n_stopped == 1 && stats.tokens_saved > 100 && stats.n_thinking == 1 && stats.n_ok == 1);
    const char *tenth = l->ranker.answer;
    for (int i = 0; i < 10; i++)
        tenth = strchr(tenth, ']') + 1;
    cr_assert_eq(l->n_bytes, strlen(l->prefix) + (size_t)(tenth - l->ranker.answer));
    lists_free(l);
}

/* --- predictions --- */

Test(predict, knows_the_calls_and_makes_none)
{
    for (int s = 0; s < 4; s++) {
        lists *l = lists_new();
        l->options.passes = s > 1 ? 2 : 1;
        lists_open(l, STRATEGIES[s % 2]);
        rrk_rank_options options;
        rrk_rank_options_init(&options);
        options.top_n = s == 3 ? 5 : 0;
        rrk_rank_stats predicted, stats;
        rrk_rank_stats_init(&predicted);
        rrk_rank_stats_init(&stats);
        rrk_error err;
        cr_assert_eq(rrk_reranker_predict(l->reranker, l->requests, LISTS_MAX, &options, &predicted, &err), RRK_OK,
                     "%s", err.message);
        cr_assert_eq(l->n_calls, 0);
        options.stats = &stats;
        l->piece_bytes = 1;
        cr_assert_eq(rank_many(l, LISTS_MAX, &options, &err), RRK_OK, "%s", err.message);
        cr_assert_eq(predicted.n_calls, stats.n_calls);
        cr_assert_eq(predicted.n_stopped, stats.n_stopped);
        cr_assert_eq(predicted.tokens_saved, stats.tokens_saved);
        cr_assert_float_eq((double)predicted.prompt_tokens / (double)stats.prompt_tokens, 1, 0.02);
        cr_assert_float_eq((double)predicted.completion_tokens / (double)stats.completion_tokens, 1, 0.3);
        lists_free(l);
    }
}

Test(predict, costs_nothing_for_strategies_without_an_llm)
{
    lists *l = lists_new();
    lists_open(l, "full");
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    l->requests[3].query = rrk_text_of(" ");
    rrk_error err;
    cr_assert_eq(rrk_reranker_predict(l->reranker, l->requests, LISTS_MAX, NULL, &stats, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "request 3: the query is empty");
    cr_assert_eq(rrk_reranker_predict(l->reranker, l->requests, 0, NULL, &stats, &err), RRK_OK);
    cr_assert_eq(stats.n_calls, 0);
    lists_free(l);
}

/* --- memory --- */

/* One allocation fails and the following ones do not: what goes on without it is noticed. */
static size_t allocations_left;

static void *failing_malloc(size_t size, void *ctx)
{
    return allocations_left-- == 0 ? NULL : malloc(size);
}

static void *failing_realloc(void *ptr, size_t size, void *ctx)
{
    return allocations_left-- == 0 ? NULL : realloc(ptr, size);
}

static void plain_free(void *ptr, void *ctx)
{
    free(ptr);
}

static rrk_status rank_two(lists *l, rrk_error *err)
{
    RRK_TRY(rrk_llm_open(&l->llm, &l->llm_options, err));
    l->options.llm = l->llm;
    RRK_TRY(rrk_reranker_open(&l->reranker, "full", &l->options, err));
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.top_n = 2;
    options.on_error = RRK_ON_ERROR_KEEP; /* memory is nobody's fault: it fails the call all the same */
    return rank_many(l, 2, &options, err);
}

Test(errors, every_failing_allocation_is_a_clean_error, .timeout = 120)
{
    static const rrk_constrain CONSTRAINTS[] = {RRK_CONSTRAIN_OFF, RRK_CONSTRAIN_LIST, RRK_CONSTRAIN_STRICT};
    rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, plain_free, NULL});
    for (size_t c = 0; c < RRK_COUNT(CONSTRAINTS); c++) {
        bool has_failed = true;
        size_t n_good = 0;
        for (; has_failed; n_good++) {
            cr_assert_lt(n_good, 5000);
            lists *l = lists_new();
            l->piece_bytes = 7;
            l->options.constrain = CONSTRAINTS[c];
            rrk_error err;
            allocations_left = n_good;
            rrk_status status = rank_two(l, &err);
            has_failed = allocations_left > SIZE_MAX / 2;
            cr_assert(status == RRK_OK || status == RRK_E_NOMEM, "after %zu: %s", n_good, err.message);
            cr_assert(status != RRK_OK || l->requests[1].status == RRK_OK);
            lists_free(l);
        }
        cr_assert_gt(n_good, 30);
    }
    rrk_set_allocator(NULL);
}
