/* The settings of listwise strategies: defaults, and what is refused before any call is made. See listwise.h. */
#include "rerank/listwise.h"

static rrk_status check_windows(const rank_listwise *l, rrk_error *err)
{
    if (l->window < 2)
        return base_fail(err, RRK_E_INVALID, 0, "window is %zu, expected 2 or more", l->window);
    if (l->stride == 0 || l->stride >= l->window)
        return base_fail(err, RRK_E_INVALID, 0, "stride is %zu, expected 1 or more and less than the window of %zu",
                         l->stride, l->window);
    return RRK_OK;
}

static rrk_status check_passes(const rank_listwise *l, bool full, rrk_error *err)
{
    if (l->passes > RRK_RERANK_MAX_PASSES)
        return base_fail(err, RRK_E_INVALID, 0, "passes is %zu, expected at most %d", l->passes, RRK_RERANK_MAX_PASSES);
    if (l->complete && full)
        return base_fail(err, RRK_E_INVALID, 0,
                         "complete is for strategy 'sliding': 'full' settles every place anyway");
    if (l->complete && l->passes > 1)
        return base_fail(err, RRK_E_INVALID, 0, "complete and passes (%zu) exclude each other", l->passes);
    return RRK_OK;
}

static rrk_status check_reply(const rank_listwise *l, rrk_error *err)
{
    if (l->order != RRK_ORDER_AS_GIVEN && l->order != RRK_ORDER_REVERSED && l->order != RRK_ORDER_SHUFFLED)
        return base_fail(err, RRK_E_INVALID, 0, "order is %d, expected one of rrk_list_order", (int)l->order);
    if (l->constrain != RRK_CONSTRAIN_OFF && l->constrain != RRK_CONSTRAIN_LIST && l->constrain != RRK_CONSTRAIN_STRICT)
        return base_fail(err, RRK_E_INVALID, 0, "constrain is %d, expected one of rrk_constrain", (int)l->constrain);
    if (l->constrain == RRK_CONSTRAIN_STRICT && l->ask_top_n)
        return base_fail(err, RRK_E_INVALID, 0,
                         "ask_top_n and constrain strict exclude each other: strict asks for one at a time");
    if (l->thinking_tokens > RRK_RERANK_MAX_THINKING_TOKENS)
        return base_fail(err, RRK_E_INVALID, 0, "thinking_tokens is %zu, expected at most %d", l->thinking_tokens,
                         RRK_RERANK_MAX_THINKING_TOKENS);
    return RRK_OK;
}

static size_t or_default(size_t given, size_t otherwise)
{
    return given ? given : otherwise;
}

rrk_status rank_listwise_init(rank_listwise *out, const rrk_reranker_options *options, bool full, size_t context_tokens,
                              rrk_error *err)
{
    size_t window = full ? SIZE_MAX : or_default(options->window, RRK_RERANK_DEFAULT_WINDOW);
    size_t usual_stride = RRK_MIN((size_t)RRK_RERANK_DEFAULT_STRIDE, RRK_MAX(window / 2, (size_t)1));
    *out = (rank_listwise){
        .window = window,
        .stride = full ? 1 : or_default(options->stride, usual_stride),
        .passes = or_default(options->passes, 1),
        .complete = options->complete != 0,
        .order = options->order,
        .order_seed = options->order_seed,
        .passage_words = or_default(options->passage_words, RRK_RERANK_DEFAULT_PASSAGE_WORDS),
        .context_tokens = context_tokens,
        .ask_top_n = options->ask_top_n != 0,
        .early_stop = !options->no_early_stop,
        .thinking_tokens = options->thinking_tokens,
        .constrain = options->constrain,
    };
    RRK_TRY(check_windows(out, err));
    RRK_TRY(check_passes(out, full, err));
    RRK_TRY(check_reply(out, err));
    return rank_template_open(&out->wording, options->prompt ? options->prompt : "one-turn", err);
}

void rank_listwise_free(rank_listwise *listwise)
{
    rank_template_free(listwise->wording);
    *listwise = (rank_listwise){0};
}
