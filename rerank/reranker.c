/* The public reranker: opening strategies, checking what callers hand in, and turning scores into hits. */
#include "rerank/reranker.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/owner.h"
#include "base/text.h"
#include "base/topk.h"
#include "rerank/driver.h"

#include <stdio.h>

struct rrk_reranker {
    base_owner owner;
    const rank_strategy *strategy;
    rrk_encoder *encoder; /* borrowed */
};

static const rank_strategy *const STRATEGIES[] = {&rank_embedding, &rank_cross};

static rrk_status find_strategy(const char *name, const rank_strategy **out, rrk_error *err)
{
    for (size_t i = 0; i < RRK_COUNT(STRATEGIES); i++) {
        if (strcmp(STRATEGIES[i]->name, name) == 0) {
            *out = STRATEGIES[i];
            return RRK_OK;
        }
    }
    return base_fail(err, RRK_E_INVALID, 0, "unknown strategy '%s': known are embedding, cross", name);
}

static rrk_status check_encoder(const rank_strategy *strategy, rrk_encoder *encoder, rrk_error *err)
{
    if (!encoder)
        return base_fail(err, RRK_E_INVALID, 0, "strategy '%s' needs an encoder", strategy->name);
    RRK_TRY(enc_check_owner(encoder, err));
    if (enc_head(encoder) != strategy->head)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "strategy '%s' needs a model with %s", strategy->name,
                         strategy->head == RRK_HEAD_CROSS ? "a one-logit classification head" : "an embedding head");
    return RRK_OK;
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
    RRK_TRY(check_encoder(found, taken.encoder, err));
    rrk_reranker *reranker = base_calloc(1, sizeof *reranker);
    if (!reranker)
        return base_fail_nomem(err, sizeof *reranker);
    *reranker = (rrk_reranker){.owner = base_owner_here(), .strategy = found, .encoder = taken.encoder};
    *out = reranker;
    return RRK_OK;
}

void rrk_reranker_close(rrk_reranker *reranker)
{
    base_free(reranker);
}

rrk_status rank_take_options(const rrk_rank_options *given, rrk_rank_options *out, rrk_error *err)
{
    rrk_rank_options_init(out);
    BASE_TAKE_OPTIONS(out, given);
    if (out->timeout_ms < 0)
        return base_fail(err, RRK_E_INVALID, 0, "timeout_ms is %lld, expected 0 or more", (long long)out->timeout_ms);
    if (out->long_passage != RRK_LONG_TRUNCATE && out->long_passage != RRK_LONG_CHUNK)
        return base_fail(err, RRK_E_INVALID, 0, "long_passage is %d, expected RRK_LONG_TRUNCATE or RRK_LONG_CHUNK",
                         (int)out->long_passage);
    if (out->max_chunks == 0)
        return base_fail(err, RRK_E_INVALID, 0, "max_chunks is 0, expected 1 or more");
    return RRK_OK;
}

static rrk_status check_passage(const rrk_passage *passage, size_t i, rrk_error *err)
{
    char what[64];
    snprintf(what, sizeof what, "passage %zu", i);
    RRK_TRY(base_text_check(passage->title, what, err));
    RRK_TRY(base_text_check(passage->text, what, err));
    if (base_text_is_blank(passage->text) && base_text_is_blank(passage->title))
        return base_fail(err, RRK_E_INVALID, 0, "%s is empty", what);
    return RRK_OK;
}

static rrk_status check_request(const rrk_rank_request *request, rrk_error *err)
{
    if ((!request->passages && request->n_passages) || (!request->hits && request->n_hits))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", request->hits ? "passages" : "hits");
    if (request->n_passages > RRK_RERANK_MAX_PASSAGES)
        return base_fail(err, RRK_E_INVALID, 0, "%zu passages are given, at most %d can be ranked", request->n_passages,
                         RRK_RERANK_MAX_PASSAGES);
    RRK_TRY(base_text_check_query(request->query, err));
    for (size_t i = 0; i < request->n_passages; i++)
        RRK_TRY(check_passage(&request->passages[i], i, err));
    return RRK_OK;
}

/* What one call is about; the drivers' done callback fills the hits. */
typedef struct rank_call {
    rrk_reranker *reranker;
    rrk_rank_request *requests;
    rank_task *tasks; /* [n_tasks]; owned */
    size_t n_tasks;
    rrk_rank_options options;
    rank_totals totals;
} rank_call;

static void free_call(rank_call *call)
{
    base_free(call->tasks);
}

/* Best first; the heap prefers smaller keys among equals, which keeps the input's order. */
static rrk_status fill_hits(void *ctx, const rank_task *task, const double *scores, rrk_error *err)
{
    rank_call *call = ctx;
    rrk_rank_request *request = &call->requests[task->number];
    size_t k = RRK_MIN(request->n_hits, request->n_passages);
    if (call->options.top_n)
        k = RRK_MIN(k, call->options.top_n);
    base_topk top RRK_AUTO(base_topk_free) = {0};
    RRK_TRY(base_topk_init(&top, k, err));
    for (size_t i = 0; i < request->n_passages; i++)
        base_topk_push(&top, scores[i], (int64_t)i);
    base_topk_sort(&top);
    for (size_t i = 0; i < top.len; i++)
        request->hits[i] = (rrk_hit){.index = (size_t)top.items[i].key, .score = top.items[i].score};
    request->n_hits = top.len;
    return RRK_OK;
}

/* A request without passages is answered already and makes no task. */
static rrk_status make_tasks(rank_call *call, size_t n_requests, rrk_error *err)
{
    call->tasks = base_calloc(n_requests, sizeof *call->tasks);
    if (!call->tasks)
        return base_fail_nomem(err, n_requests * sizeof *call->tasks);
    for (size_t i = 0; i < n_requests; i++) {
        rrk_rank_request *request = &call->requests[i];
        rrk_status status = check_request(request, err);
        if (status != RRK_OK) {
            if (n_requests > 1)
                base_error_prefix(err, "request %zu", i);
            return status;
        }
        if (request->n_passages == 0) {
            request->n_hits = 0;
            continue;
        }
        call->tasks[call->n_tasks++] = (rank_task){
            .encoder = call->reranker->encoder,
            .query = request->query,
            .passages = request->passages,
            .n_passages = request->n_passages,
            .options = &call->options,
            .number = i,
        };
    }
    return RRK_OK;
}

static void give_stats(const rank_call *call, int64_t start_ns)
{
    rrk_rank_stats ours = {
        .n_rows = call->totals.counts.n_rows,
        .n_tokens = call->totals.counts.n_tokens,
        .n_truncated = call->totals.counts.n_truncated,
        .n_chunked = call->totals.counts.n_chunked,
        .tokenize_ms = call->totals.tokenize_ms,
        .encode_ms = call->totals.encode_ms,
        .total_ms = base_ms_since(start_ns),
    };
    if (call->options.stats)
        BASE_GIVE_STATS(call->options.stats, &ours);
}

static rrk_status drive(rank_call *call, const base_deadline *deadline, rrk_error *err)
{
    const rrk_reranker *r = call->reranker;
    if (call->n_tasks == 0)
        return RRK_OK;
    if (call->n_tasks == 1)
        return rank_drive_one(r->encoder, r->strategy, call->tasks, deadline, fill_hits, call, &call->totals, err);
    return rank_drive_many(r->encoder, r->strategy, call->tasks, call->n_tasks, deadline, fill_hits, call,
                           &call->totals, err);
}

static rrk_status rank_all(rank_call *call, size_t n_requests, const base_deadline *deadline, rrk_error *err)
{
    int64_t start_ns = base_now_ns();
    rrk_status status = base_owner_check(&call->reranker->owner, "reranker", err);
    if (status == RRK_OK)
        status = make_tasks(call, n_requests, err);
    if (status == RRK_OK)
        status = drive(call, deadline, err);
    give_stats(call, start_ns);
    return status;
}

rrk_status rank_until(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages, size_t n_passages,
                      const rrk_rank_options *options, const base_deadline *deadline, rrk_hit *hits, size_t *n_hits,
                      rrk_error *err)
{
    rrk_rank_request request = {
        .query = query, .passages = passages, .n_passages = n_passages, .hits = hits, .n_hits = *n_hits};
    rank_call call RRK_AUTO(free_call) = {.reranker = reranker, .requests = &request, .options = *options};
    RRK_TRY(rank_all(&call, 1, deadline, err));
    *n_hits = request.n_hits;
    return RRK_OK;
}

rrk_status rrk_reranker_rank(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages, size_t n_passages,
                             const rrk_rank_options *options, rrk_hit *hits, size_t *n_hits, rrk_error *err)
{
    base_error_clear(err);
    if (!reranker || !n_hits)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !reranker ? "reranker" : "n_hits");
    rrk_rank_options taken;
    RRK_TRY(rank_take_options(options, &taken, err));
    base_deadline deadline = base_deadline_in(taken.timeout_ms, taken.cancel, taken.cancel_ctx);
    return rank_until(reranker, query, passages, n_passages, &taken, &deadline, hits, n_hits, err);
}

rrk_status rrk_reranker_rank_many(rrk_reranker *reranker, rrk_rank_request *requests, size_t n_requests,
                                  const rrk_rank_options *options, rrk_error *err)
{
    base_error_clear(err);
    if (!reranker || (!requests && n_requests))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !reranker ? "reranker" : "requests");
    rank_call call RRK_AUTO(free_call) = {.reranker = reranker, .requests = requests};
    RRK_TRY(rank_take_options(options, &call.options, err));
    base_deadline deadline = base_deadline_in(call.options.timeout_ms, call.options.cancel, call.options.cancel_ctx);
    return rank_all(&call, n_requests, &deadline, err);
}
