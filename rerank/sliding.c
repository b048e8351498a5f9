/*
 * Strategy "sliding", and the machine that it shares with "full": windows from the back of the list to its front, one
 * prompt each, reordered in place (arXiv 2309.15088). Each window depends on the one before, so a query has one prompt
 * in flight; the driver fills up with other queries.
 *
 * What a reply has to tell. A window hands its best on to the next one, which overlaps it; what it leaves behind keeps
 * its place for the rest of the pass. In the last pass places from top_n on are never seen by the caller, so only those
 * identifiers matter which fill a place that the next window shows or that is among the first top_n: "need" of them. Of
 * these the first ones of a reply are the same whether it is read to its end or not, so ending it there changes no hit.
 * With 20/10 and top_n 10 that is 10 of 20 in every window. In earlier passes every place feeds the next one, and
 * replies are read whole.
 */
#include "rerank/sliding.h"
#include "base/alloc.h"
#include "base/rng.h"
#include "rerank/shown.h"
#include "rerank/strict.h"
#include "rerank/window.h"

#include <string.h>

/* Room in the output cap for the words that models put around their answer. */
enum { ANSWER_SLACK_TOKENS = 32 };

typedef struct list_machine {
    rank_machine machine;
    const rank_task *task;
    const rank_listwise *how;
    size_t n;
    size_t top;        /* places that the caller will see, 1..n */
    uint32_t *order;   /* [n]: passages, best first so far; owned */
    uint32_t *replied; /* [window]: the order a reply gave; owned */
    uint32_t *moved;   /* [window]; owned */
    rrk_text *texts;   /* [window]; owned */
    rank_shown shown;
    size_t pass;
    size_t step;  /* windows of this pass that are done */
    size_t fixed; /* complete: places that are settled */
    rank_window at;
    bool asking; /* the window's prompt is out */
    size_t need;
    size_t asked;
    rank_prompt prompt;
    llm_prompt call;
    rank_id_scan *scan;
    rank_strict strict;
} list_machine;

double rank_list_score(size_t place, size_t n)
{
    return (double)(n - place) / (double)n;
}

static size_t largest_window(const list_machine *m)
{
    return RRK_MIN(m->how->window, m->n);
}

/* --- the order in --- */

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t c = *a;
    *a = *b;
    *b = c;
}

/* The query takes part, so that lists of one length are not all shuffled alike. */
static uint64_t shuffle_seed(const rank_task *task)
{
    uint64_t seed = task->listwise->order_seed;
    for (size_t i = 0; i < task->query.len; i++)
        seed = base_rng_at(seed, (unsigned char)task->query.data[i]);
    return seed;
}

/* Fisher and Yates. The high half of a product is even enough, and has no loop that could go on. */
static void shuffle(uint32_t *order, size_t n, uint64_t seed)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(((unsigned __int128)base_rng_at(seed, i) * i) >> 64);
        swap(&order[i - 1], &order[j]);
    }
}

static void set_first_order(list_machine *m)
{
    bool reversed = m->how->order == RRK_ORDER_REVERSED;
    for (size_t i = 0; i < m->n; i++)
        m->order[i] = (uint32_t)(reversed ? m->n - 1 - i : i);
    if (m->how->order == RRK_ORDER_SHUFFLED)
        shuffle(m->order, m->n, shuffle_seed(m->task));
}

/* --- start and stop --- */

static void stop_ptr(list_machine **m)
{
    rank_list_stop((rank_machine *)*m);
}

void rank_list_stop(rank_machine *machine)
{
    if (!machine)
        return;
    list_machine *m = (list_machine *)machine;
    base_free(m->order);
    base_free(m->replied);
    base_free(m->moved);
    base_free(m->texts);
    rank_shown_free(&m->shown);
    rank_prompt_free(&m->prompt);
    rank_id_scan_free(m->scan);
    rank_strict_free(&m->strict);
    base_free(m);
}

static rrk_status allocate(list_machine *m, rrk_error *err)
{
    size_t window = largest_window(m);
    m->order = base_alloc(m->n, sizeof *m->order);
    m->replied = base_alloc(window, sizeof *m->replied);
    m->moved = base_alloc(window, sizeof *m->moved);
    m->texts = base_alloc(window, sizeof *m->texts);
    if (!m->order || !m->replied || !m->moved || !m->texts)
        return base_fail_nomem(err, m->n * sizeof *m->order + window * (sizeof *m->texts + 2 * sizeof *m->moved));
    return RRK_OK;
}

static uint64_t answer_cap(const list_machine *m, size_t n, size_t n_wanted)
{
    return rank_answer_tokens(n, n_wanted) + ANSWER_SLACK_TOKENS + m->how->thinking_tokens;
}

rrk_status rank_list_start(rank_machine **out, const rank_strategy *strategy, const rank_task *task, rrk_error *err)
{
    list_machine *m RRK_AUTO(stop_ptr) = base_calloc(1, sizeof *m);
    if (!m)
        return base_fail_nomem(err, sizeof *m);
    m->machine.strategy = strategy;
    m->task = task;
    m->how = task->listwise;
    m->n = task->n_passages;
    m->top = task->options->top_n ? RRK_MIN(task->options->top_n, m->n) : m->n;
    RRK_TRY(allocate(m, err));
    set_first_order(m);
    /* One passage is in order without being shown to anybody, however short the context. */
    if (m->n > 1)
        RRK_TRY(rank_shown_make(&m->shown, task, largest_window(m), answer_cap(m, largest_window(m), largest_window(m)),
                                &m->machine.counts.n_truncated, err));
    *out = (rank_machine *)RRK_STEAL(m);
    return RRK_OK;
}

/* --- windows --- */

/* Places that a pass of "complete" settles when it does not settle all that are left. */
static size_t settled_by_a_pass(const list_machine *m)
{
    return m->how->window - m->how->stride;
}

static bool settles_the_rest(const list_machine *m)
{
    return m->n - m->fixed <= m->how->window;
}

static bool is_last_pass(const list_machine *m)
{
    if (!m->how->complete)
        return m->pass + 1 == m->how->passes;
    return settles_the_rest(m) || m->fixed + settled_by_a_pass(m) >= m->top;
}

static bool window_of_step(const list_machine *m, size_t step, rank_window *out)
{
    if (!rank_window_at(m->n - m->fixed, m->how->window, m->how->stride, step, out))
        return false;
    out->first += m->fixed;
    return true;
}

/* Where the pass stands when its windows are done; false: no pass follows. */
static bool begin_next_pass(list_machine *m)
{
    if (is_last_pass(m))
        return false;
    m->pass++;
    m->step = 0;
    if (m->how->complete)
        m->fixed += settled_by_a_pass(m);
    return true;
}

/* Identifiers of the window's reply that matter: see the head of this file. */
static size_t count_needed(const list_machine *m)
{
    rank_window next;
    if (!is_last_pass(m))
        return m->at.n;
    size_t end = m->top;
    if (window_of_step(m, m->step + 1, &next))
        end = RRK_MAX(end, next.first + next.n);
    return end > m->at.first ? RRK_MIN(end - m->at.first, m->at.n) : 1;
}

/* --- prompts --- */

static bool has_enough(void *ctx, rrk_text answer)
{
    list_machine *m = ctx;
    return rank_id_scan_feed(m->scan, answer) >= m->need;
}

static rrk_status prepare_scan(list_machine *m, rrk_error *err)
{
    rank_id_scan_free(m->scan);
    m->scan = NULL;
    RRK_TRY(rank_id_scan_new(&m->scan, m->at.n, err));
    m->call.enough = has_enough;
    m->call.enough_ctx = m;
    return RRK_OK;
}

static rrk_status build_prompt(list_machine *m, rrk_error *err)
{
    for (size_t i = 0; i < m->at.n; i++)
        m->texts[i] = rank_shown_passage(&m->shown, m->order[m->at.first + i]);
    rank_prompt_free(&m->prompt);
    m->prompt = (rank_prompt){0};
    return rank_prompt_build(&m->prompt, m->how->wording, rank_shown_query(&m->shown), m->texts, m->at.n, m->asked,
                             err);
}

static rrk_status begin_window(list_machine *m, rrk_error *err)
{
    m->need = count_needed(m);
    m->asked = m->how->ask_top_n ? m->need : m->at.n;
    RRK_TRY(build_prompt(m, err));
    m->call = (llm_prompt){
        .messages = m->prompt.messages,
        .n_messages = m->prompt.n,
        .max_tokens = answer_cap(m, m->at.n, m->asked),
        .shape = m->how->constrain == RRK_CONSTRAIN_LIST ? LLM_SHAPE_LIST : LLM_SHAPE_FREE,
        .n_admitted = m->at.n,
        .n_wanted = m->asked,
        .thinks = m->how->thinking_tokens > 0,
    };
    m->asking = true;
    if (m->how->constrain == RRK_CONSTRAIN_STRICT) {
        m->call.max_tokens = answer_cap(m, m->at.n, 1);
        return rank_strict_begin(&m->strict, m->at.n, err);
    }
    if (m->how->early_stop && m->need < m->at.n)
        return prepare_scan(m, err);
    return RRK_OK;
}

rrk_status rank_list_next(rank_machine *machine, rank_work *work, rrk_error *err)
{
    list_machine *m = (list_machine *)machine;
    *work = (rank_work){0};
    if (!m->asking) {
        while (!window_of_step(m, m->step, &m->at)) {
            if (!begin_next_pass(m))
                return RRK_OK;
        }
        RRK_TRY(begin_window(m, err));
    }
    if (m->how->constrain == RRK_CONSTRAIN_STRICT)
        RRK_TRY(rank_strict_ask(&m->strict, &m->prompt, &m->call, err));
    *work = (rank_work){.prompts = &m->call, .n_prompts = 1};
    return RRK_OK;
}

/* --- replies --- */

static void reorder(list_machine *m)
{
    uint32_t *places = m->order + m->at.first;
    for (size_t i = 0; i < m->at.n; i++)
        m->moved[i] = places[m->replied[i]];
    memcpy(places, m->moved, m->at.n * sizeof *places);
    m->asking = false;
    m->step++;
}

/* The last identifier of a window need not be asked for. */
static rrk_status accept_strict(list_machine *m, rrk_text answer, rrk_error *err)
{
    size_t n_wanted = m->how->early_stop ? m->need : m->at.n;
    RRK_TRY(rank_strict_take(&m->strict, answer, &m->machine.counts.replies, err));
    if (m->strict.n_given < RRK_MIN(n_wanted, m->at.n - 1))
        return RRK_OK;
    rank_strict_order(&m->strict, m->replied);
    reorder(m);
    return RRK_OK;
}

/* Of a reply that was ended nothing is missing but what was waited for. */
rrk_status rank_list_accept(rank_machine *machine, const rank_results *results, rrk_error *err)
{
    list_machine *m = (list_machine *)machine;
    const llm_reply *reply = results->replies[0];
    rrk_text answer = {reply->answer, reply->answer_len};
    if (m->how->constrain == RRK_CONSTRAIN_STRICT)
        return accept_strict(m, answer, err);
    size_t n_wanted = reply->was_stopped ? m->need : m->asked;
    RRK_TRY(rank_permutation_read(answer, m->at.n, n_wanted, m->replied, &m->machine.counts.replies, err));
    if (reply->was_stopped && !reply->from_cache)
        m->machine.counts.tokens_saved += rank_answer_tokens(m->at.n, m->asked) - rank_answer_tokens(m->at.n, m->need);
    reorder(m);
    return RRK_OK;
}

rrk_status rank_list_finish(rank_machine *machine, double *scores, rrk_error *err)
{
    const list_machine *m = (const list_machine *)machine;
    for (size_t place = 0; place < m->n; place++)
        scores[m->order[place]] = rank_list_score(place, m->n);
    return RRK_OK;
}

static rrk_status start(rank_machine **out, const rank_task *task, rrk_error *err)
{
    return rank_list_start(out, &rank_sliding, task, err);
}

const rank_strategy rank_sliding = {
    .name = "sliding",
    .needs_llm = true,
    .start = start,
    .next = rank_list_next,
    .accept = rank_list_accept,
    .finish = rank_list_finish,
    .stop = rank_list_stop,
};
