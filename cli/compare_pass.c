/* One system over all queries, and how far two such passes agree: see compare.h. */
#include "base/alloc.h"
#include "cli/batch.h"
#include "cli/compare.h"
#include "eval/agreement.h"

#include <math.h>
#include <stdlib.h>

typedef struct job {
    cli_pass *pass;
    const cli_system *system;
    const cli_ground *ground;
    const cli_batch *batch;
    bool reversed;
    double done_ms; /* of an encoder's queries so far */
} job;

static bool is_not_asked(void *ctx, rrk_text qid)
{
    const job *j = ctx;
    int64_t unused;
    return !base_map_get(j->ground->asked, qid, &unused);
}

static rrk_status make_room(cli_pass *pass, rrk_error *err)
{
    if (pass->n_queries < pass->cap)
        return RRK_OK;
    size_t cap = pass->cap ? 2 * pass->cap : 64;
    cli_order *orders = base_realloc(pass->orders, cap, sizeof *orders);
    if (!orders)
        return base_fail_nomem(err, cap * sizeof *orders);
    pass->orders = orders;
    double *seconds = base_realloc(pass->seconds, cap, sizeof *seconds);
    if (!seconds)
        return base_fail_nomem(err, cap * sizeof *seconds);
    pass->seconds = seconds;
    pass->cap = cap;
    return RRK_OK;
}

static rrk_status keep_order(job *j, const cli_ranked *ranked, rrk_error *err)
{
    size_t n = ranked->list.n_passages;
    cli_order *order = &j->pass->orders[j->pass->n_queries];
    *order =
        (cli_order){base_alloc(ranked->n_hits, sizeof *order->places), ranked->n_hits, n, ranked->status != RRK_OK};
    if (!order->places)
        return base_fail_nomem(err, ranked->n_hits * sizeof *order->places);
    for (size_t i = 0; i < ranked->n_hits; i++)
        order->places[i] = (uint32_t)(j->reversed ? n - 1 - ranked->hits[i].index : ranked->hits[i].index);
    j->pass->n_queries++;
    return RRK_OK;
}

/* Places alone make the scores: what evaluation orders by is then the order that was meant. */
static rrk_status add_to_run(job *j, const cli_ranked *ranked, rrk_error *err)
{
    rrk_text *ids RRK_AUTO(base_free_ptr) = base_alloc(ranked->n_hits, sizeof *ids);
    float *scores RRK_AUTO(base_free_ptr) = base_alloc(ranked->n_hits, sizeof *scores);
    if (!ids || !scores)
        return base_fail_nomem(err, ranked->n_hits * sizeof *ids);
    for (size_t i = 0; i < ranked->n_hits; i++) {
        ids[i] = ranked->list.passages[ranked->hits[i].index].id;
        scores[i] = -(float)i;
    }
    return rrk_run_add(j->pass->run, ranked->list.qid, ids, scores, ranked->n_hits, err);
}

static rrk_status put(void *ctx, const cli_ranked *ranked, rrk_error *err)
{
    job *j = ctx;
    if (ranked->skipped)
        return RRK_OK;
    RRK_TRY(make_room(j->pass, err));
    j->pass->seconds[j->pass->n_queries] = ranked->stats.total_ms / 1000;
    /* Without an LLM a block is one query, and its time is what the batch's has grown by. */
    if (!j->batch->in_flight) {
        double total_ms = j->batch->totals.rank.total_ms;
        j->pass->seconds[j->pass->n_queries] = (total_ms - j->done_ms) / 1000;
        j->done_ms = total_ms;
    }
    RRK_TRY(keep_order(j, ranked, err));
    return add_to_run(j, ranked, err);
}

static rrk_status stop_at_failure(void *ctx, const cli_ranked *ranked, rrk_error *err)
{
    const job *j = ctx;
    if (ranked->status == RRK_OK || j->batch->keep)
        return RRK_OK;
    return base_fail(err, ranked->status, 0, "a query failed, and --on-error is fail");
}

static int ascending(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static rrk_status sum_up(cli_pass *pass, const cli_system *system, const cli_totals *totals, rrk_error *err)
{
    const rrk_rank_stats *rank = &totals->rank;
    const cli_price *price = &system->llm.price;
    bool asked_llm = rank->n_calls + rank->n_cached + rank->n_failed_calls > 0;
    pass->effort = (eval_effort){
        .n_calls = rank->n_calls,
        .n_cached = rank->n_cached,
        .tokens_in = rank->n_tokens + rank->prompt_tokens,
        .tokens_out = rank->completion_tokens,
        .n_estimated = rank->n_estimated,
        .n_malformed = rank->n_malformed,
        .cost = asked_llm && price->known ? cli_price_of(price, rank->prompt_tokens, rank->completion_tokens) : NAN,
        .n_failed = totals->n_failed,
    };
    if (pass->n_queries > 0 && pass->effort.n_failed == pass->n_queries)
        return base_fail(err, RRK_E_UPSTREAM, 0, "not one of %zu queries was ranked", pass->n_queries);
    for (size_t i = 0; i < pass->n_queries; i++)
        pass->effort.seconds += pass->seconds[i];
    if (pass->n_queries == 0)
        return RRK_OK;
    qsort(pass->seconds, pass->n_queries, sizeof *pass->seconds, ascending);
    pass->effort.median_s = (pass->seconds[(pass->n_queries - 1) / 2] + pass->seconds[pass->n_queries / 2]) / 2;
    return RRK_OK;
}

static void close_source(cli_source **source)
{
    cli_source_free(*source);
}

static rrk_status run(job *j, const cli_verb *verb, rrk_error *err)
{
    const cli_setup *setup = &j->system->setup;
    cli_source *source RRK_AUTO(close_source) = NULL;
    RRK_TRY(cli_source_open(&source, j->ground->source, err));
    if (j->reversed)
        cli_source_reverse(source);
    cli_batch batch = {
        .verb = verb,
        .reranker = j->system->reranker,
        .source = source,
        .in_flight = j->system->llm.handle ? setup->llm.in_flight : 0,
        .keep = setup->list.on_error == CLI_ON_ERROR_KEEP,
        .skip = is_not_asked,
        .ended = stop_at_failure,
        .put = put,
        .ctx = j,
    };
    rrk_rank_options_init(&batch.rank);
    batch.rank.top_n = setup->top_n;
    if (batch.in_flight)
        batch.rank.request_timeout_ms = (int64_t)setup->timeout_ms;
    else
        batch.rank.timeout_ms = (int64_t)setup->timeout_ms;
    batch.rank.max_tokens_per_passage = setup->max_passage_tokens;
    batch.rank.max_query_tokens = setup->max_query_tokens;
    batch.rank.long_passage = (rrk_long_passage)setup->long_passage;
    j->batch = &batch;
    RRK_TRY(cli_batch_run(&batch, err));
    return sum_up(j->pass, j->system, &batch.totals, err);
}

rrk_status cli_pass_run(cli_pass *out, const cli_system *system, const cli_ground *ground, bool reversed,
                        rrk_error *err)
{
    /* What the batch says on the way has the system's name. */
    char name[96];
    snprintf(name, sizeof name, "compare: %.40s%s", cli_system_name(system), reversed ? ", reversed" : "");
    const cli_verb verb = {.name = name};
    job j = {.pass = out, .system = system, .ground = ground, .reversed = reversed};
    *out = (cli_pass){0};
    RRK_TRY(rrk_run_new(&out->run, err));
    rrk_status status = run(&j, &verb, err);
    if (status != RRK_OK)
        base_error_prefix(err, "system '%s'", cli_system_name(system));
    return status;
}

void cli_pass_free(cli_pass *pass)
{
    for (size_t i = 0; i < pass->n_queries; i++)
        base_free(pass->orders[i].places);
    base_free(pass->orders);
    base_free(pass->seconds);
    rrk_run_free(pass->run);
    *pass = (cli_pass){0};
}

typedef struct mean {
    double sum;
    size_t n;
} mean;

static void mean_add(mean *m, double value)
{
    if (isnan(value))
        return;
    m->sum += value;
    m->n++;
}

static double mean_of(const mean *m)
{
    return m->n ? m->sum / (double)m->n : NAN;
}

rrk_status cli_pass_compare(const cli_pass *given, const cli_pass *reversed, double *tau, double *same_top,
                            rrk_error *err)
{
    mean taus = {0}, tops = {0};
    for (size_t i = 0; i < given->n_queries && i < reversed->n_queries; i++) {
        const cli_order *a = &given->orders[i], *b = &reversed->orders[i];
        eval_agreement agreement;
        if (a->failed || b->failed)
            continue;
        RRK_TRY(eval_agree(a->places, a->n, b->places, b->n, a->n_passages, &agreement, err));
        mean_add(&taus, agreement.tau);
        mean_add(&tops, agreement.top);
    }
    *tau = mean_of(&taus);
    *same_top = mean_of(&tops);
    return RRK_OK;
}
