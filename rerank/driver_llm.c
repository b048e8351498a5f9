/*
 * The driver for strategies that ask an LLM. One session, one thread: tasks are started while calls in flight are below
 * what the handle allows, each reply goes to its machine, and the machine's next prompt takes its place. A running task
 * has at least one call in flight, so no more tasks run than calls are allowed.
 *
 * Whose fault a failure is: what a reply or a machine says concerns its task alone, and on_error decides what becomes
 * of it. The caller's deadline or cancellation, memory and what done returns end everything.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "rerank/driver_parts.h"
#include "rerank/sliding.h"

struct flight;

typedef struct slot {
    struct flight *flight;
    llm_reply *reply; /* NULL while in flight; owned */
} slot;

typedef struct flight {
    const rank_task *task;
    rank_machine *machine; /* NULL until it has started */
    int64_t start_ns;
    int64_t deadline_ns; /* 0: none */
    slot *slots;         /* [n_slots], their addresses are the calls' tags; owned */
    size_t n_slots;
    size_t n_open; /* of them in flight */
    rrk_rank_stats stats;
} flight;

typedef struct drive {
    const rank_llm_call *call;
    const base_deadline *deadline;
    llm_session *session;
    size_t max_in_flight;
    size_t next_task;
    flight *flights; /* [n_flights]; one without a task is free; owned */
    size_t n_flights;
    rank_outcome_fn done;
    void *ctx;
    rrk_rank_stats *stats;
} drive;

static void add_stats(rrk_rank_stats *to, const rrk_rank_stats *from)
{
    to->n_truncated += from->n_truncated;
    to->tokenize_ms += from->tokenize_ms;
    to->n_calls += from->n_calls;
    to->n_cached += from->n_cached;
    to->n_failed_calls += from->n_failed_calls;
    to->n_retries += from->n_retries;
    to->prompt_tokens += from->prompt_tokens;
    to->completion_tokens += from->completion_tokens;
    to->thinking_tokens += from->thinking_tokens;
    to->n_estimated += from->n_estimated;
    to->n_stopped += from->n_stopped;
    to->tokens_saved += from->tokens_saved;
    to->n_ok += from->n_ok;
    to->n_malformed += from->n_malformed;
    to->n_repeated += from->n_repeated;
    to->n_missing += from->n_missing;
    to->n_out_of_range += from->n_out_of_range;
    to->n_thinking += from->n_thinking;
    to->n_cut += from->n_cut;
    to->llm_ms += from->llm_ms;
}

static void count_reply(rrk_rank_stats *stats, const llm_reply *reply)
{
    stats->llm_ms += reply->total_ms;
    stats->n_retries += reply->n_attempts > 1 ? reply->n_attempts - 1 : 0;
    if (reply->status != RRK_OK) {
        stats->n_failed_calls++;
        return;
    }
    stats->n_thinking += reply->had_thinking;
    stats->n_cut += reply->was_cut;
    stats->n_stopped += reply->was_stopped && !reply->from_cache;
    if (reply->from_cache) {
        stats->n_cached++;
        return;
    }
    stats->n_calls++;
    stats->prompt_tokens += reply->prompt_tokens;
    stats->completion_tokens += reply->completion_tokens;
    stats->thinking_tokens += reply->thinking_tokens;
    stats->n_estimated += reply->tokens_estimated;
}

static void free_slots(flight *f)
{
    for (size_t i = 0; i < f->n_slots; i++)
        llm_reply_free(f->slots[i].reply);
    base_free(f->slots);
    f->slots = NULL;
    f->n_slots = f->n_open = 0;
}

/* The flight is free again; what it did counts, however it ended. */
static void clear_flight(drive *d, flight *f)
{
    for (size_t i = 0; i < f->n_slots && f->n_open; i++) {
        if (!f->slots[i].reply)
            llm_forget(d->session, &f->slots[i]);
    }
    free_slots(f);
    d->call->strategy->stop(f->machine);
    *f = (flight){0};
}

static void count_flight(drive *d, flight *f)
{
    if (f->machine)
        rank_add_counts(&f->stats, &f->machine->counts);
    f->stats.total_ms = base_ms_since(f->start_ns);
    add_stats(d->stats, &f->stats);
}

static void free_drive(drive *d)
{
    for (size_t i = 0; i < d->n_flights; i++) {
        if (!d->flights[i].task)
            continue;
        count_flight(d, &d->flights[i]);
        clear_flight(d, &d->flights[i]);
    }
    base_free(d->flights);
    llm_session_close(d->session);
}

/* --- how a task ends --- */

static rrk_status fail_with(const drive *d, const rank_task *task, const rrk_error *outcome, rrk_error *err)
{
    base_fail(err, (rrk_status)outcome->status, outcome->detail, "%s", outcome->message);
    if (d->call->is_many)
        base_error_prefix(err, "request %zu", task->number);
    return (rrk_status)outcome->status;
}

static void log_end(const flight *f, const rrk_error *outcome)
{
    base_log(RRK_LOG_DEBUG, "request %zu: %s after %llu calls, %llu cached, %.0f ms%s%s", f->task->number,
             outcome->status == RRK_OK ? "ranked" : "not ranked", (unsigned long long)f->stats.n_calls,
             (unsigned long long)f->stats.n_cached, f->stats.total_ms, outcome->status == RRK_OK ? "" : ": ",
             outcome->status == RRK_OK ? "" : outcome->message);
}

static rrk_status final_scores(const drive *d, const flight *f, const rrk_error *outcome, double *scores,
                               rrk_error *err)
{
    if (outcome->status == RRK_OK)
        return d->call->strategy->finish(f->machine, scores, err);
    for (size_t i = 0; i < f->task->n_passages; i++)
        scores[i] = rank_list_score(i, f->task->n_passages);
    return RRK_OK;
}

static rrk_status hand_over(drive *d, flight *f, const rrk_error *outcome, rrk_error *err)
{
    rrk_on_error on_error = d->call->options->on_error;
    bool failed = outcome->status != RRK_OK;
    if (failed && on_error == RRK_ON_ERROR_FAIL)
        return fail_with(d, f->task, outcome, err);
    if (failed && on_error == RRK_ON_ERROR_SKIP)
        return d->done(d->ctx, f->task, NULL, outcome, &f->stats, err);
    double *scores RRK_AUTO(base_free_ptr) = base_alloc(f->task->n_passages, sizeof *scores);
    if (!scores)
        return base_fail_nomem(err, f->task->n_passages * sizeof *scores);
    RRK_TRY(final_scores(d, f, outcome, scores, err));
    return d->done(d->ctx, f->task, scores, outcome, &f->stats, err);
}

static rrk_status land(drive *d, flight *f, const rrk_error *outcome, rrk_error *err)
{
    count_flight(d, f);
    log_end(f, outcome);
    rrk_status status = hand_over(d, f, outcome, err);
    clear_flight(d, f);
    return status;
}

/* What a machine or a reply reports concerns its task alone, unless memory ran out. */
static rrk_status land_failed(drive *d, flight *f, const rrk_error *fault, rrk_error *err)
{
    if (fault->status == RRK_E_NOMEM)
        return base_fail(err, RRK_E_NOMEM, fault->detail, "%s", fault->message);
    return land(d, f, fault, err);
}

/* --- how a task goes on --- */

static rrk_status submit(drive *d, flight *f, const rank_work *work, rrk_error *err)
{
    f->slots = base_calloc(work->n_prompts, sizeof *f->slots);
    if (!f->slots)
        return base_fail_nomem(err, work->n_prompts * sizeof *f->slots);
    for (size_t i = 0; i < work->n_prompts; i++) {
        f->slots[i].flight = f;
        RRK_TRY(llm_submit(d->session, &work->prompts[i], f->deadline_ns, &f->slots[i], err));
        f->n_slots++;
        f->n_open++;
    }
    return RRK_OK;
}

static rrk_status go_on(drive *d, flight *f, rrk_error *err)
{
    rank_work work;
    rrk_error fault;
    base_error_clear(&fault);
    if (d->call->strategy->next(f->machine, &work, &fault) != RRK_OK)
        return land_failed(d, f, &fault, err);
    if (work.n_prompts == 0)
        return land(d, f, &fault, err);
    return submit(d, f, &work, err);
}

static rrk_status take_results(drive *d, flight *f, rrk_error *err)
{
    const llm_reply **replies RRK_AUTO(base_free_ptr) = base_alloc(f->n_slots, sizeof *replies);
    if (!replies)
        return base_fail_nomem(err, f->n_slots * sizeof *replies);
    for (size_t i = 0; i < f->n_slots; i++)
        replies[i] = f->slots[i].reply;
    rrk_error fault;
    base_error_clear(&fault);
    rrk_status status = d->call->strategy->accept(f->machine, &(rank_results){.replies = replies}, &fault);
    free_slots(f);
    return status == RRK_OK ? go_on(d, f, err) : land_failed(d, f, &fault, err);
}

static rrk_status take_reply(drive *d, slot *s, llm_reply *reply, rrk_error *err)
{
    flight *f = s->flight;
    s->reply = reply;
    f->n_open--;
    count_reply(&f->stats, reply);
    if (reply->status != RRK_OK) {
        rrk_error outcome = reply->error;
        return land_failed(d, f, &outcome, err);
    }
    return f->n_open ? RRK_OK : take_results(d, f, err);
}

static flight *free_flight(drive *d)
{
    for (size_t i = 0; i < d->n_flights; i++) {
        if (!d->flights[i].task)
            return &d->flights[i];
    }
    return NULL;
}

static rrk_status start_task(drive *d, flight *f, rrk_error *err)
{
    *f = (flight){.task = &d->call->tasks[d->next_task++], .start_ns = base_now_ns()};
    f->deadline_ns = base_deadline_in(d->call->options->request_timeout_ms, NULL, NULL).at_ns;
    rrk_error fault;
    base_error_clear(&fault);
    if (rank_start(&f->machine, d->call->strategy, f->task, &f->stats, &fault) != RRK_OK)
        return land_failed(d, f, &fault, err);
    return go_on(d, f, err);
}

static rrk_status start_tasks(drive *d, rrk_error *err)
{
    flight *f;
    while (d->next_task < d->call->n_tasks && llm_session_pending(d->session) < d->max_in_flight &&
           (f = free_flight(d))) {
        RRK_TRY(base_deadline_check(d->deadline, err));
        RRK_TRY(start_task(d, f, err));
    }
    return RRK_OK;
}

rrk_status rank_drive_llm(const rank_llm_call *call, const base_deadline *deadline, rank_outcome_fn done, void *ctx,
                          rrk_rank_stats *stats, rrk_error *err)
{
    drive d RRK_AUTO(free_drive) = {.call = call, .deadline = deadline, .done = done, .ctx = ctx, .stats = stats};
    d.max_in_flight = llm_max_in_flight(call->llm);
    size_t n_flights = RRK_MIN(d.max_in_flight, call->n_tasks);
    d.flights = base_calloc(n_flights, sizeof *d.flights);
    if (!d.flights)
        return base_fail_nomem(err, n_flights * sizeof *d.flights);
    d.n_flights = n_flights;
    RRK_TRY(llm_session_open(&d.session, call->llm, call->cache, err));
    for (;;) {
        RRK_TRY(start_tasks(&d, err));
        if (llm_session_pending(d.session) == 0)
            return RRK_OK;
        llm_reply *reply = NULL;
        void *tag = NULL;
        RRK_TRY(llm_next_reply(d.session, deadline, &reply, &tag, err));
        RRK_TRY(take_reply(&d, tag, reply, err));
    }
}
