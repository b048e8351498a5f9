/*
 * Sessions: a queue, as many calls in flight as the handle allows, and the one loop in which a thread waits for all of
 * them. Everything happens inside llm_next_reply(); what becomes of one call is call.h's matter.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "llm/call.h"
#include "llm/shape.h"

#include <stdio.h>
#include <string.h>

/* The longest sleep: how soon a cancellation is noticed, and a clock that tests have replaced. */
enum { POLL_MS = 50, NS_PER_MS = 1000000 };

typedef struct call_list {
    llm_call *first;
    llm_call *last;
    size_t len;
} call_list;

struct llm_session {
    llm_line line;
    call_list queue;
    call_list ended;
    llm_call **active; /* [max_active], n_active of them running or paused */
    size_t n_active;
    size_t max_active;
    int64_t queue_due_ns; /* no deadline in the queue lies before it */
};

static void append(call_list *list, llm_call *call)
{
    call->next = NULL;
    if (list->last)
        list->last->next = call;
    else
        list->first = call;
    list->last = call;
    list->len++;
}

static llm_call *pop(call_list *list)
{
    llm_call *call = list->first;
    if (!call)
        return NULL;
    list->first = call->next;
    if (!list->first)
        list->last = NULL;
    list->len--;
    return call;
}

rrk_status llm_session_open(llm_session **out, rrk_llm *llm, const llm_cache *cache, rrk_error *err)
{
    base_error_clear(err);
    *out = NULL;
    RRK_TRY(llm_check_owner(llm, err));
    llm_session *session = base_calloc(1, sizeof *session);
    if (!session)
        return base_fail_nomem(err, sizeof *session);
    session->line.llm = llm;
    session->line.has_cache = cache != NULL;
    if (cache)
        session->line.cache = *cache;
    session->queue_due_ns = INT64_MAX;
    /* A transport answers within the call: a second one in flight would have nowhere to be. */
    session->max_active = llm->options.transport ? 1 : llm->options.max_in_flight;
    session->active = base_calloc(session->max_active, sizeof(llm_call *));
    rrk_status status = session->active ? RRK_OK : base_fail_nomem(err, session->max_active * sizeof(llm_call *));
    if (status == RRK_OK && !llm->options.transport)
        status = llm_lease_loop(llm, &session->line.loop, err);
    if (status == RRK_OK)
        *out = session;
    else
        llm_session_close(session);
    return status;
}

static void free_list(call_list *list)
{
    for (llm_call *call; (call = pop(list)) != NULL;)
        llm_call_free(call);
}

void llm_session_close(llm_session *session)
{
    if (!session)
        return;
    for (size_t i = 0; session->active && i < session->n_active; i++)
        llm_call_free(session->active[i]);
    free_list(&session->queue);
    free_list(&session->ended);
    if (session->line.loop)
        llm_return_loop(session->line.llm, session->line.loop);
    base_free(session->active);
    base_free(session);
}

static rrk_status check_message(const rrk_llm_message *message, size_t i, rrk_error *err)
{
    static const char *const ROLES[] = {"system", "user", "assistant"};
    bool is_known = false;
    for (size_t k = 0; k < RRK_COUNT(ROLES); k++)
        is_known = is_known || (message->role && strcmp(message->role, ROLES[k]) == 0);
    if (!is_known)
        return base_fail(err, RRK_E_INVALID, 0, "message %zu has the role '%s': system, user and assistant are known",
                         i, message->role ? message->role : "");
    char what[48];
    snprintf(what, sizeof what, "message %zu", i);
    return base_text_check(message->content, what, err);
}

rrk_status llm_submit(llm_session *session, const llm_prompt *prompt, int64_t deadline_ns, void *tag, rrk_error *err)
{
    base_error_clear(err);
    if (!prompt->n_messages || !prompt->messages)
        return base_fail(err, RRK_E_INVALID, 0, "a prompt without messages");
    if (!prompt->max_tokens || prompt->max_tokens > INT32_MAX)
        return base_fail(err, RRK_E_INVALID, 0, "an output cap of %zu tokens: it goes from 1 to %d", prompt->max_tokens,
                         INT32_MAX);
    for (size_t i = 0; i < prompt->n_messages; i++)
        RRK_TRY(check_message(&prompt->messages[i], i, err));
    RRK_TRY(llm_shape_check(prompt, err));
    llm_call *call;
    RRK_TRY(llm_call_new(&call, &session->line, prompt, deadline_ns, tag, err));
    append(&session->queue, call);
    if (deadline_ns)
        session->queue_due_ns = RRK_MIN(session->queue_due_ns, deadline_ns);
    return RRK_OK;
}

size_t llm_session_pending(const llm_session *session)
{
    return session->queue.len + session->n_active + session->ended.len;
}

/* Takes out of the queue what cannot come in time any more. */
static void expire_queue(llm_session *session, int64_t now_ns)
{
    if (now_ns < session->queue_due_ns)
        return;
    call_list all = session->queue;
    session->queue = (call_list){0};
    session->queue_due_ns = INT64_MAX;
    for (llm_call *call; (call = pop(&all)) != NULL;) {
        llm_call_tick(call, now_ns);
        append(call->state == LLM_ENDED ? &session->ended : &session->queue, call);
        if (call->state != LLM_ENDED)
            session->queue_due_ns = RRK_MIN(session->queue_due_ns, llm_call_due_ns(call));
    }
}

static void collect_ended(llm_session *session)
{
    size_t kept = 0;
    for (size_t i = 0; i < session->n_active; i++) {
        if (session->active[i]->state == LLM_ENDED)
            append(&session->ended, session->active[i]);
        else
            session->active[kept++] = session->active[i];
    }
    session->n_active = kept;
}

/* Replies that wait to be taken count as in flight: memory is bounded by max_active of them. */
static void begin_queued(llm_session *session)
{
    while (session->queue.first && session->n_active + session->ended.len < session->max_active) {
        llm_call *call = pop(&session->queue);
        llm_call_begin(call);
        if (call->state == LLM_ENDED)
            append(&session->ended, call);
        else
            session->active[session->n_active++] = call;
    }
}

static void do_what_is_due(llm_session *session)
{
    int64_t now_ns = base_now_ns();
    expire_queue(session, now_ns);
    for (size_t i = 0; i < session->n_active; i++)
        llm_call_tick(session->active[i], now_ns);
    collect_ended(session);
    begin_queued(session);
}

/* Rounded up: to wake too early would only mean to sleep again. */
static int64_t sleep_ms(const llm_session *session, const base_deadline *deadline)
{
    int64_t due_ns = session->queue_due_ns, now_ns = base_now_ns();
    for (size_t i = 0; i < session->n_active; i++)
        due_ns = RRK_MIN(due_ns, llm_call_due_ns(session->active[i]));
    if (deadline && deadline->at_ns)
        due_ns = RRK_MIN(due_ns, deadline->at_ns);
    if (due_ns <= now_ns)
        return 0;
    return due_ns - now_ns >= (int64_t)POLL_MS * NS_PER_MS ? POLL_MS : (due_ns - now_ns - 1) / NS_PER_MS + 1;
}

static void hand_out(llm_session *session, llm_reply **reply, void **tag)
{
    llm_call *call = pop(&session->ended);
    *reply = RRK_STEAL(call->reply);
    if (tag)
        *tag = call->tag;
    llm_call_free(call);
}

rrk_status llm_next_reply(llm_session *session, const base_deadline *deadline, llm_reply **reply, void **tag,
                          rrk_error *err)
{
    base_error_clear(err);
    *reply = NULL;
    session->line.waiting = deadline;
    session->line.interrupted = RRK_OK;
    if (!llm_session_pending(session))
        return base_fail(err, RRK_E_INVALID, 0, "no call is pending");
    for (;;) {
        RRK_TRY(base_deadline_check(deadline, err));
        do_what_is_due(session);
        if (session->line.interrupted != RRK_OK)
            return base_fail(err, session->line.interrupted, 0, "stopped by the caller or its deadline");
        if (session->ended.first)
            break;
        net_transfer *transfer;
        RRK_TRY(net_wait(session->line.loop, sleep_ms(session, deadline), &transfer, err));
        if (!transfer)
            continue;
        llm_call_arrived(net_transfer_reply(transfer)->ctx);
        collect_ended(session);
    }
    hand_out(session, reply, tag);
    return RRK_OK;
}

static void forget_in(call_list *list, const void *tag)
{
    call_list all = *list;
    *list = (call_list){0};
    for (llm_call *call; (call = pop(&all)) != NULL;) {
        if (call->tag == tag)
            llm_call_free(call);
        else
            append(list, call);
    }
}

void llm_forget(llm_session *session, const void *tag)
{
    forget_in(&session->queue, tag);
    forget_in(&session->ended, tag);
    size_t kept = 0;
    for (size_t i = 0; i < session->n_active; i++) {
        if (session->active[i]->tag == tag)
            llm_call_free(session->active[i]);
        else
            session->active[kept++] = session->active[i];
    }
    session->n_active = kept;
}
