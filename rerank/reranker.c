/* The public reranker: opening strategies, running calls, and turning scores into hits. */
#define RRK_EXPERIMENTAL
#include "rerank/reranker.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/topk.h"
#include "rerank/call.h"
#include "rerank/driver.h"
#include "rerank/reply_cache.h"

#include <math.h>
#include <stdio.h>

#define ADDRESS(ID, name) &rank_##name,
static const rank_strategy *const STRATEGIES[] = {RANK_STRATEGIES(ADDRESS)};

static rrk_status fail_unknown(const char *name, rrk_error *err)
{
    char known[128] = "";
    for (size_t i = 0, at = 0; i < RRK_COUNT(STRATEGIES) && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "", STRATEGIES[i]->name);
    return base_fail(err, RRK_E_INVALID, 0, "unknown strategy '%s': known are %s", name, known);
}

static rrk_status find_strategy(const char *name, const rank_strategy **out, rrk_error *err)
{
    for (size_t i = 0; i < RRK_COUNT(STRATEGIES); i++) {
        if (strcmp(STRATEGIES[i]->name, name) == 0) {
            *out = STRATEGIES[i];
            return RRK_OK;
        }
    }
    return fail_unknown(name, err);
}

static const char *const HEADS[] = {
    [RRK_HEAD_EMBEDDING] = "an embedding head",
    [RRK_HEAD_CROSS] = "a one-logit classification head",
    [RRK_HEAD_VIEWS] = "views (option 'n_views')",
    [RRK_HEAD_SEQ2SEQ] = "a T5 decoder and no views (option 'n_views')",
};

static rrk_status use_encoder(rrk_reranker *reranker, const rrk_reranker_options *options, rrk_error *err)
{
    const rank_strategy *strategy = reranker->strategy;
    if (!options->encoder)
        return base_fail(err, RRK_E_INVALID, 0, "strategy '%s' needs an encoder", strategy->name);
    RRK_TRY(enc_check_owner(options->encoder, err));
    if (enc_head(options->encoder) != strategy->head) {
        rrk_encoder_info info = {.size = sizeof info};
        RRK_TRY(rrk_encoder_get_info(options->encoder, &info, err));
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "strategy '%s' needs a model with %s; '%s' has %s", strategy->name,
                         HEADS[strategy->head], info.name, HEADS[info.head]);
    }
    reranker->encoder = options->encoder;
    return RRK_OK;
}

static rrk_status use_cache(rrk_reranker *reranker, const rrk_reranker_options *options, rrk_error *err)
{
    rrk_cache_mode mode = options->cache_mode;
    if (mode != RRK_CACHE_OFF && mode != RRK_CACHE_READ && mode != RRK_CACHE_WRITE)
        return base_fail(err, RRK_E_INVALID, 0, "cache_mode is %d, expected one of rrk_cache_mode", (int)mode);
    if (mode == RRK_CACHE_OFF)
        return RRK_OK;
    if (!options->cache)
        return base_fail(err, RRK_E_INVALID, 0, "cache_mode is set, but cache is NULL");
    reranker->cache = rank_reply_cache(options->cache, mode);
    reranker->has_cache = true;
    return RRK_OK;
}

static rrk_status use_llm(rrk_reranker *reranker, const rrk_reranker_options *options, rrk_error *err)
{
    if (!options->llm)
        return base_fail(err, RRK_E_INVALID, 0, "strategy '%s' needs an LLM", reranker->strategy->name);
    RRK_TRY(llm_check_owner(options->llm, err));
    RRK_TRY(use_cache(reranker, options, err));
    reranker->llm = options->llm;
    return rank_listwise_init(&reranker->listwise, options, reranker->strategy == &rank_full,
                              llm_context_tokens(options->llm), err);
}

static void close_ptr(rrk_reranker **reranker)
{
    rrk_reranker_close(*reranker);
}

rrk_status rrk_reranker_open(rrk_reranker **out, const char *strategy, const rrk_reranker_options *options,
                             rrk_error *err)
{
    base_error_clear(err);
    if (!out || !strategy)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !out ? "out" : "strategy");
    *out = NULL;
    rrk_reranker_options taken;
    rrk_reranker_options_init(&taken);
    BASE_TAKE_OPTIONS(&taken, options);
    const rank_strategy *found = NULL;
    RRK_TRY(find_strategy(strategy, &found, err));
    rrk_reranker *reranker RRK_AUTO(close_ptr) = base_calloc(1, sizeof *reranker);
    if (!reranker)
        return base_fail_nomem(err, sizeof *reranker);
    reranker->owner = base_owner_here();
    reranker->strategy = found;
    if (found->needs_llm)
        RRK_TRY(use_llm(reranker, &taken, err));
    else
        RRK_TRY(use_encoder(reranker, &taken, err));
    *out = RRK_STEAL(reranker);
    return RRK_OK;
}

void rrk_reranker_close(rrk_reranker *reranker)
{
    if (!reranker)
        return;
    rank_listwise_free(&reranker->listwise);
    base_free(reranker);
}

/* What the drivers' callbacks work on. */
typedef struct ranking {
    rank_call call;
    rrk_rank_request *requests;
    size_t n_requests;
    bool is_many;           /* rrk_reranker_rank_many(): on_error and done hold */
    const rrk_views *views; /* of the only request; NULL: not asked for */
} ranking;

static void free_ranking(ranking *r)
{
    rank_call_free(&r->call);
}

/* The model has a calibration: looked at before the call began. */
static double probability(const rrk_reranker *reranker, double score)
{
    const enc_calibration *c = enc_calibration_of(reranker->encoder);
    return 1 / (1 + exp(-(c->slope * score + c->intercept)));
}

/* Best first; the heap prefers smaller keys among equals, which keeps the input's order. */
static rrk_status fill_hits(void *ctx, const rank_task *task, const double *scores, rrk_error *err)
{
    ranking *r = ctx;
    rrk_rank_request *request = &r->requests[task->number];
    size_t k = RRK_MIN(request->n_hits, request->n_passages);
    if (r->call.options.top_n)
        k = RRK_MIN(k, r->call.options.top_n);
    base_topk top RRK_AUTO(base_topk_free) = {0};
    RRK_TRY(base_topk_init(&top, k, err));
    for (size_t i = 0; i < request->n_passages; i++)
        base_topk_push(&top, scores[i], (int64_t)i);
    base_topk_sort(&top);
    for (size_t i = 0; i < top.len; i++)
        request->hits[i] = (rrk_hit){.index = (size_t)top.items[i].key, .score = top.items[i].score};
    for (size_t i = 0; r->call.options.calibrated && i < top.len; i++)
        request->hits[i].score = probability(r->call.reranker, request->hits[i].score);
    request->n_hits = top.len;
    return RRK_OK;
}

static rrk_status tell(const ranking *r, size_t request, const rrk_error *outcome, const rrk_rank_stats *stats,
                       rrk_error *err)
{
    if (!r->is_many || !r->call.options.done)
        return RRK_OK;
    return r->call.options.done(r->call.options.done_ctx, request, outcome, stats, err);
}

static rrk_status take_outcome(void *ctx, const rank_task *task, const double *scores, const rrk_error *outcome,
                               const rrk_rank_stats *stats, rrk_error *err)
{
    ranking *r = ctx;
    rrk_rank_request *request = &r->requests[task->number];
    request->status = outcome->status;
    if (scores)
        RRK_TRY(fill_hits(ctx, task, scores, err));
    else
        request->n_hits = 0;
    return tell(r, task->number, outcome, stats, err);
}

static rrk_status drive_llm(ranking *r, const base_deadline *deadline, rrk_error *err)
{
    const rrk_reranker *reranker = r->call.reranker;
    rank_llm_call call = {
        .llm = reranker->llm,
        .cache = reranker->has_cache ? &reranker->cache : NULL,
        .strategy = reranker->strategy,
        .tasks = r->call.tasks,
        .n_tasks = r->call.n_tasks,
        .options = &r->call.options,
        .is_many = r->n_requests > 1,
    };
    return rank_drive_llm(&call, deadline, take_outcome, r, &r->call.stats, err);
}

static rrk_status drive(ranking *r, const base_deadline *deadline, rrk_error *err)
{
    rank_call *c = &r->call;
    const rrk_reranker *reranker = c->reranker;
    if (c->n_tasks == 0)
        return RRK_OK;
    if (reranker->strategy->needs_llm)
        return drive_llm(r, deadline, err);
    if (c->n_tasks == 1)
        return rank_drive_one(reranker->encoder, reranker->strategy, c->tasks, deadline, fill_hits, r, &c->stats, err);
    return rank_drive_many(reranker->encoder, reranker->strategy, c->tasks, c->n_tasks, deadline, fill_hits, r,
                           &c->stats, err);
}

/* A request without passages has its answer and makes no task. */
static rrk_status answer_empty(ranking *r, rrk_error *err)
{
    rrk_error fine;
    base_error_clear(&fine);
    rrk_rank_stats none;
    rrk_rank_stats_init(&none);
    for (size_t i = 0; i < r->n_requests; i++) {
        rrk_rank_request *request = &r->requests[i];
        request->status = RRK_OK;
        if (request->n_passages)
            continue;
        request->n_hits = 0;
        if (r->call.reranker->strategy->needs_llm)
            RRK_TRY(tell(r, i, &fine, &none, err));
    }
    return RRK_OK;
}

static rrk_status check_calibrated(const ranking *r, rrk_error *err)
{
    const rrk_reranker *reranker = r->call.reranker;
    if (!r->call.options.calibrated)
        return RRK_OK;
    if (r->views)
        return base_fail(err, RRK_E_INVALID, 0, "view scores are not calibrated");
    if (!reranker->encoder || !enc_calibration_of(reranker->encoder)->is_known)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "strategy '%s' has no calibrated scores%s",
                         reranker->strategy->name,
                         reranker->encoder ? " with this model (no 'mvp_calibration' in its config.json)" : "");
    return RRK_OK;
}

static rrk_status check_views(const rrk_reranker *reranker, const rrk_views *views, size_t n_passages, rrk_error *err)
{
    if (reranker->strategy != &rank_mvp)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "strategy '%s' has no views", reranker->strategy->name);
    size_t n_views = enc_n_views(reranker->encoder);
    if (views->n_views != n_views)
        return base_fail(err, RRK_E_INVALID, 0, "n_views is %zu, the model has %zu", views->n_views, n_views);
    if (!views->scores && n_passages)
        return base_fail(err, RRK_E_INVALID, 0, "scores is NULL");
    return RRK_OK;
}

static rrk_status check_and_drive(ranking *r, const base_deadline *deadline, rrk_error *err)
{
    rank_call *c = &r->call;
    RRK_TRY(base_owner_check(&c->reranker->owner, "reranker", err));
    RRK_TRY(rank_check_options(&c->options, err));
    if (r->views)
        RRK_TRY(check_views(c->reranker, r->views, r->requests->n_passages, err));
    RRK_TRY(check_calibrated(r, err));
    RRK_TRY(rank_call_make_tasks(c, r->requests, r->n_requests, deadline, err));
    RRK_TRY(answer_empty(r, err));
    if (r->views && c->n_tasks == 1)
        c->tasks[0].views = r->views;
    return drive(r, deadline, err);
}

/* No hits are valid, not even those of requests that were through: a caller cannot mistake capacities for counts. */
static void void_hits(ranking *r, rrk_status status)
{
    for (size_t i = 0; i < r->n_requests; i++) {
        r->requests[i].n_hits = 0;
        r->requests[i].status = status;
    }
}

static rrk_status rank_all(ranking *r, const base_deadline *deadline, rrk_error *err)
{
    rank_call *c = &r->call;
    int64_t start_ns = base_now_ns();
    rrk_status status = check_and_drive(r, deadline, err);
    if (status != RRK_OK)
        void_hits(r, status);
    c->stats.total_ms = base_ms_since(start_ns);
    if (c->options.stats)
        BASE_GIVE_STATS(c->options.stats, &c->stats);
    return status;
}

static rrk_status rank_one(ranking *r, rrk_rank_request *request, const base_deadline *deadline, size_t *n_hits,
                           rrk_error *err)
{
    r->requests = request;
    r->n_requests = 1;
    /* on_error is for many; one caller who waits for one answer is told that there is none. */
    if (r->call.options.on_error == RRK_ON_ERROR_SKIP || r->call.options.on_error == RRK_ON_ERROR_KEEP)
        r->call.options.on_error = RRK_ON_ERROR_FAIL;
    rrk_status status = rank_all(r, deadline, err);
    *n_hits = request->n_hits;
    return status;
}

rrk_status rank_until(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages, size_t n_passages,
                      const rrk_rank_options *options, const base_deadline *deadline, rrk_hit *hits, size_t *n_hits,
                      rrk_error *err)
{
    rrk_rank_request request = {
        .query = query, .passages = passages, .n_passages = n_passages, .hits = hits, .n_hits = *n_hits};
    ranking r RRK_AUTO(free_ranking) = {.call = {.reranker = reranker, .options = *options}};
    return rank_one(&r, &request, deadline, n_hits, err);
}

static rrk_status fail_null(const char *what, size_t *n_hits, rrk_error *err)
{
    if (n_hits)
        *n_hits = 0;
    return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", what);
}

rrk_status rrk_reranker_rank(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages, size_t n_passages,
                             const rrk_rank_options *options, rrk_hit *hits, size_t *n_hits, rrk_error *err)
{
    base_error_clear(err);
    if (!reranker || !n_hits)
        return fail_null(!reranker ? "reranker" : "n_hits", n_hits, err);
    rrk_rank_options taken;
    rank_take_options(options, &taken);
    base_deadline deadline = base_deadline_in(taken.timeout_ms, taken.cancel, taken.cancel_ctx);
    return rank_until(reranker, query, passages, n_passages, &taken, &deadline, hits, n_hits, err);
}

rrk_status rrk_reranker_rank_many(rrk_reranker *reranker, rrk_rank_request *requests, size_t n_requests,
                                  const rrk_rank_options *options, rrk_error *err)
{
    base_error_clear(err);
    if (!requests && n_requests)
        return base_fail(err, RRK_E_INVALID, 0, "requests is NULL");
    ranking r RRK_AUTO(free_ranking) = {
        .call = {.reranker = reranker}, .requests = requests, .n_requests = n_requests, .is_many = true};
    if (!reranker) {
        void_hits(&r, RRK_E_INVALID);
        return base_fail(err, RRK_E_INVALID, 0, "reranker is NULL");
    }
    rank_take_options(options, &r.call.options);
    const rrk_rank_options *o = &r.call.options;
    base_deadline deadline = base_deadline_in(o->timeout_ms, o->cancel, o->cancel_ctx);
    return rank_all(&r, &deadline, err);
}

rrk_status rrk_reranker_rank_views(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages,
                                   size_t n_passages, const rrk_rank_options *options, rrk_hit *hits, size_t *n_hits,
                                   const rrk_views *views, rrk_error *err)
{
    base_error_clear(err);
    if (!reranker || !n_hits || !views)
        return fail_null(!reranker ? "reranker" : !n_hits ? "n_hits" : "views", n_hits, err);
    rrk_views taken;
    rrk_views_init(&taken);
    BASE_TAKE_OPTIONS(&taken, views);
    rrk_rank_request request = {
        .query = query, .passages = passages, .n_passages = n_passages, .hits = hits, .n_hits = *n_hits};
    ranking r RRK_AUTO(free_ranking) = {.call = {.reranker = reranker}, .views = &taken};
    rank_take_options(options, &r.call.options);
    const rrk_rank_options *o = &r.call.options;
    base_deadline deadline = base_deadline_in(o->timeout_ms, o->cancel, o->cancel_ctx);
    return rank_one(&r, &request, &deadline, n_hits, err);
}
