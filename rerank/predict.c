/*
 * What ranking would cost: the machines run as always, but what they ask is counted and answered with "keep the order"
 * at once. So windows, passes, early stops and caps are those of the real run, and no arithmetic is done twice.
 */
#include "base/alloc.h"
#include "base/deadline.h"
#include "rerank/call.h"
#include "rerank/reranker.h"

#define MAX_ANSWER_BYTES ((size_t)1 << 20)

typedef struct prediction {
    llm_reply *replies;        /* [n] */
    const llm_reply **to_give; /* [n] */
    base_buf *answers;         /* [n] */
    size_t n;
} prediction;

static void free_prediction(prediction *p)
{
    for (size_t i = 0; p->answers && i < p->n; i++)
        base_buf_free(&p->answers[i]);
    base_free(p->answers);
    base_free(p->replies);
    base_free(p->to_give);
}

static rrk_status new_prediction(prediction *p, size_t n, rrk_error *err)
{
    p->n = n;
    p->replies = base_calloc(n, sizeof *p->replies);
    p->to_give = base_calloc(n, sizeof *p->to_give);
    p->answers = base_calloc(n, sizeof *p->answers);
    if (!p->replies || !p->to_give || !p->answers)
        return base_fail_nomem(err, n * sizeof *p->replies);
    return RRK_OK;
}

/* The identifiers in their order, until all that were asked for are there or the machine has enough. */
static rrk_status answer(const llm_prompt *prompt, base_buf *text, llm_reply *reply, rrk_error *err)
{
    size_t given = 0;
    while (given < prompt->n_wanted && !reply->was_stopped) {
        uint32_t identifier = prompt->shape == LLM_SHAPE_ONE ? prompt->admitted[0] : (uint32_t)given + 1;
        RRK_TRY(base_buf_printf(text, err, "%s[%u]", given ? " > " : "", identifier));
        given++;
        reply->was_stopped = prompt->enough && prompt->enough(prompt->enough_ctx, (rrk_text){text->data, text->len});
    }
    reply->answer = text->data;
    reply->answer_len = text->len;
    reply->completion_tokens = rank_answer_tokens(prompt->n_admitted, given);
    return RRK_OK;
}

static rrk_status answer_all(rank_machine *machine, const rank_work *work, rrk_rank_stats *stats, rrk_error *err)
{
    prediction p RRK_AUTO(free_prediction) = {0};
    RRK_TRY(new_prediction(&p, work->n_prompts, err));
    for (size_t i = 0; i < p.n; i++) {
        const llm_prompt *prompt = &work->prompts[i];
        p.answers[i].max = MAX_ANSWER_BYTES;
        RRK_TRY(answer(prompt, &p.answers[i], &p.replies[i], err));
        p.to_give[i] = &p.replies[i];
        stats->n_calls++;
        stats->n_estimated++;
        stats->n_stopped += p.replies[i].was_stopped;
        stats->prompt_tokens += llm_estimate_chat_tokens(prompt->messages, prompt->n_messages);
        stats->completion_tokens += p.replies[i].completion_tokens;
    }
    return machine->strategy->accept(machine, &(rank_results){.replies = p.to_give}, err);
}

static rrk_status run_machine(rank_machine *machine, const base_deadline *deadline, rrk_rank_stats *stats,
                              rrk_error *err)
{
    for (;;) {
        rank_work work;
        RRK_TRY(base_deadline_check(deadline, err));
        RRK_TRY(machine->strategy->next(machine, &work, err));
        if (work.n_prompts == 0)
            return RRK_OK;
        RRK_TRY(answer_all(machine, &work, stats, err));
    }
}

static rrk_status predict_task(const rank_call *call, const rank_task *task, const base_deadline *deadline,
                               rrk_rank_stats *stats, rrk_error *err)
{
    rank_machine *machine = NULL;
    RRK_TRY(call->reranker->strategy->start(&machine, task, err));
    rrk_status status = run_machine(machine, deadline, stats, err);
    stats->n_truncated += machine->counts.n_truncated;
    stats->tokens_saved += machine->counts.tokens_saved;
    machine->strategy->stop(machine);
    return status;
}

static rrk_status predict_all(rank_call *call, size_t n_requests, const base_deadline *deadline, rrk_error *err)
{
    for (size_t i = 0; i < call->n_tasks; i++) {
        rrk_status status = predict_task(call, &call->tasks[i], deadline, &call->stats, err);
        if (status == RRK_OK)
            continue;
        if (n_requests > 1)
            base_error_prefix(err, "request %zu", call->tasks[i].number);
        return status;
    }
    return RRK_OK;
}

rrk_status rrk_reranker_predict(rrk_reranker *reranker, const rrk_rank_request *requests, size_t n_requests,
                                const rrk_rank_options *options, rrk_rank_stats *stats, rrk_error *err)
{
    base_error_clear(err);
    if (!reranker || (!requests && n_requests) || !stats)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !reranker ? "reranker" : !stats ? "stats" : "requests");
    RRK_TRY(base_owner_check(&reranker->owner, "reranker", err));
    rank_call call RRK_AUTO(rank_call_free) = {.reranker = reranker};
    rank_take_options(options, &call.options);
    const rrk_rank_options *o = &call.options;
    RRK_TRY(rank_check_options(o, err));
    base_deadline deadline = base_deadline_in(o->timeout_ms, o->cancel, o->cancel_ctx);
    RRK_TRY(rank_call_make_tasks(&call, requests, n_requests, &deadline, err));
    if (reranker->strategy->needs_llm)
        RRK_TRY(predict_all(&call, n_requests, &deadline, err));
    BASE_GIVE_STATS(stats, &call.stats);
    return RRK_OK;
}
