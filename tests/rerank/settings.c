/* What listwise rerankers are opened with: every refusal names the setting, and none needs a call. */
#include "base/macros.h"
#include "llm_lists.h"

#include <criterion/criterion.h>

typedef struct setting {
    const char *strategy;
    rrk_reranker_options options;
    const char *message; /* NULL: accepted */
} setting;

static const setting SETTINGS[] = {
    {"sliding", {.window = 0}, NULL},
    {"sliding", {.window = 1}, "window is 1"},
    {"sliding", {.window = 2}, NULL},
    {"sliding", {.window = 2, .stride = 1}, NULL},
    {"sliding", {.window = 20, .stride = 19}, NULL},
    {"sliding", {.window = 20, .stride = 20}, "stride is 20"},
    {"sliding", {.stride = 30}, "stride is 30"},
    {"full", {.window = 1, .stride = 5}, NULL},
    {"sliding", {.passes = RRK_RERANK_MAX_PASSES}, NULL},
    {"sliding", {.passes = RRK_RERANK_MAX_PASSES + 1}, "passes is 11"},
    {"full", {.passes = RRK_RERANK_MAX_PASSES + 1}, "passes is 11"},
    {"sliding", {.complete = 1}, NULL},
    {"sliding", {.complete = 1, .passes = 2}, "complete and passes"},
    {"full", {.complete = 1}, "complete"},
    {"sliding", {.order = (rrk_list_order)3}, "order is 3"},
    {"sliding", {.constrain = (rrk_constrain)3}, "constrain is 3"},
    {"sliding", {.constrain = RRK_CONSTRAIN_STRICT}, NULL},
    {"sliding", {.constrain = RRK_CONSTRAIN_STRICT, .ask_top_n = 1}, "ask_top_n"},
    {"full", {.thinking_tokens = RRK_RERANK_MAX_THINKING_TOKENS}, NULL},
    {"full", {.thinking_tokens = RRK_RERANK_MAX_THINKING_TOKENS + 1}, "thinking_tokens"},
    {"full", {.prompt = "chat"}, NULL},
    {"full", {.prompt = "/nowhere/template.yaml"}, "/nowhere/template.yaml"},
    {"full", {.cache_mode = (rrk_cache_mode)3}, "cache_mode is 3"},
    {"full", {.cache_mode = RRK_CACHE_READ}, "cache is NULL"},
};

Test(settings, are_refused_by_name)
{
    for (size_t i = 0; i < RRK_COUNT(SETTINGS); i++) {
        lists *l = lists_new();
        rrk_error err;
        cr_assert_eq(rrk_llm_open(&l->llm, &l->llm_options, &err), RRK_OK, "%s", err.message);
        rrk_reranker_options options = SETTINGS[i].options;
        options.size = sizeof options;
        options.llm = l->llm;
        rrk_status status = rrk_reranker_open(&l->reranker, SETTINGS[i].strategy, &options, &err);
        if (SETTINGS[i].message) {
            cr_assert_neq(status, RRK_OK, "row %zu", i);
            cr_assert(strstr(err.message, SETTINGS[i].message), "row %zu: %s", i, err.message);
            cr_assert_null(l->reranker);
        } else {
            cr_assert_eq(status, RRK_OK, "row %zu: %s", i, err.message);
        }
        lists_free(l);
    }
}

Test(settings, a_listwise_strategy_needs_an_llm)
{
    rrk_reranker *reranker = NULL;
    rrk_error err;
    cr_assert_eq(rrk_reranker_open(&reranker, "full", NULL, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "strategy 'full' needs an LLM");
    cr_assert_eq(rrk_reranker_open(&reranker, "best", NULL, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message,
                     "unknown strategy 'best': known are embedding, cross, mvp, monot5, rankt5, full, sliding");
}

Test(settings, of_a_call_are_refused_by_name)
{
    lists *l = lists_new();
    lists_open(l, "full");
    rrk_rank_options options;
    rrk_error err;
    rrk_rank_options_init(&options);
    options.request_timeout_ms = -1;
    cr_assert_eq(rrk_reranker_rank_many(l->reranker, l->requests, 3, &options, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "request_timeout_ms is -1, expected 0 or more");
    rrk_rank_options_init(&options);
    options.on_error = (rrk_on_error)3;
    cr_assert_eq(rrk_reranker_rank_many(l->reranker, l->requests, 3, &options, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "on_error is 3"), "%s", err.message);
    cr_assert_eq(l->n_calls, 0);
    lists_free(l);
}
