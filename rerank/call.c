/* The checks on what callers hand in, and the tasks made of it: see call.h. */
#include "rerank/call.h"
#include "base/alloc.h"
#include "base/text.h"
#include "rerank/reranker.h"

#include <stdio.h>

static rrk_status check_not_negative(int64_t value, const char *name, rrk_error *err)
{
    if (value >= 0)
        return RRK_OK;
    return base_fail(err, RRK_E_INVALID, 0, "%s is %lld, expected 0 or more", name, (long long)value);
}

void rank_take_options(const rrk_rank_options *given, rrk_rank_options *out)
{
    rrk_rank_options_init(out);
    BASE_TAKE_OPTIONS(out, given);
}

rrk_status rank_check_options(const rrk_rank_options *o, rrk_error *err)
{
    RRK_TRY(check_not_negative(o->timeout_ms, "timeout_ms", err));
    RRK_TRY(check_not_negative(o->request_timeout_ms, "request_timeout_ms", err));
    if (o->long_passage != RRK_LONG_TRUNCATE && o->long_passage != RRK_LONG_CHUNK)
        return base_fail(err, RRK_E_INVALID, 0, "long_passage is %d, expected RRK_LONG_TRUNCATE or RRK_LONG_CHUNK",
                         (int)o->long_passage);
    if (o->max_chunks == 0)
        return base_fail(err, RRK_E_INVALID, 0, "max_chunks is 0, expected 1 or more");
    if (o->on_error != RRK_ON_ERROR_FAIL && o->on_error != RRK_ON_ERROR_SKIP && o->on_error != RRK_ON_ERROR_KEEP)
        return base_fail(err, RRK_E_INVALID, 0, "on_error is %d, expected one of rrk_on_error", (int)o->on_error);
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

static rrk_status check_request(const rrk_rank_request *request, base_pace *pace, rrk_error *err)
{
    bool lacks_passages = !request->passages && request->n_passages;
    if (lacks_passages || (!request->hits && request->n_hits))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", lacks_passages ? "passages" : "hits");
    if (request->n_passages > RRK_RERANK_MAX_PASSAGES)
        return base_fail(err, RRK_E_INVALID, 0, "%zu passages are given, at most %d can be ranked", request->n_passages,
                         RRK_RERANK_MAX_PASSAGES);
    RRK_TRY(base_text_check_query(request->query, err));
    for (size_t i = 0; i < request->n_passages; i++) {
        RRK_TRY(rank_pace_check(pace, &request->passages[i], err));
        RRK_TRY(check_passage(&request->passages[i], i, err));
    }
    return RRK_OK;
}

void rank_call_free(rank_call *call)
{
    base_free(call->tasks);
}

rrk_status rank_call_make_tasks(rank_call *call, const rrk_rank_request *requests, size_t n_requests,
                                const base_deadline *deadline, rrk_error *err)
{
    base_pace pace = rank_pace(deadline);
    call->tasks = base_calloc(n_requests, sizeof *call->tasks);
    if (!call->tasks)
        return base_fail_nomem(err, n_requests * sizeof *call->tasks);
    for (size_t i = 0; i < n_requests; i++) {
        rrk_status status = check_request(&requests[i], &pace, err);
        if (status != RRK_OK) {
            if (n_requests > 1)
                base_error_prefix(err, "request %zu", i);
            return status;
        }
        if (requests[i].n_passages == 0)
            continue;
        call->tasks[call->n_tasks++] = (rank_task){
            .encoder = call->reranker->encoder,
            .listwise = call->reranker->strategy->needs_llm ? &call->reranker->listwise : NULL,
            .query = requests[i].query,
            .passages = requests[i].passages,
            .n_passages = requests[i].n_passages,
            .options = &call->options,
            .number = i,
            .deadline = deadline,
        };
    }
    return RRK_OK;
}
