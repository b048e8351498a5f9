/* The blocking driver and what both drivers share: see driver.h. */
#include "base/alloc.h"
#include "base/clock.h"
#include "rerank/driver_parts.h"

#include <math.h>

rrk_status rank_start(rank_machine **out, const rank_strategy *strategy, const rank_task *task, rrk_rank_stats *stats,
                      rrk_error *err)
{
    int64_t start_ns = base_now_ns();
    rrk_status status = strategy->start(out, task, err);
    stats->tokenize_ms += base_ms_since(start_ns);
    return status;
}

rrk_status rank_encode(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *results,
                       const base_deadline *deadline, rrk_rank_stats *stats, rrk_error *err)
{
    int64_t start_ns = base_now_ns();
    rrk_status status = enc_run(encoder, rows, n_rows, results, deadline, err);
    stats->encode_ms += base_ms_since(start_ns);
    return status;
}

static rrk_status make_anchors(rrk_encoder *encoder, rank_machine *machine, const rank_work *work,
                               const base_deadline *deadline, rrk_rank_stats *stats, rrk_error *err)
{
    size_t n_views = enc_n_views(encoder);
    float *views RRK_AUTO(base_free_ptr) = base_alloc(work->n_vectors, n_views * sizeof *views);
    if (!views)
        return base_fail_nomem(err, work->n_vectors * n_views * sizeof *views);
    int64_t start_ns = base_now_ns();
    rrk_status status = enc_anchors(encoder, work->vectors, work->n_vectors, views, work->anchors, deadline, err);
    stats->encode_ms += base_ms_since(start_ns);
    RRK_TRY(status);
    return machine->strategy->accept(machine, &(rank_results){.views = views}, err);
}

static rrk_status read_query(rrk_encoder *encoder, rank_machine *machine, const rank_work *work,
                             const base_deadline *deadline, rrk_rank_stats *stats, rrk_error *err)
{
    enc_query *query;
    int64_t start_ns = base_now_ns();
    rrk_status status = enc_query_read(&query, encoder, work->query, deadline, err);
    stats->encode_ms += base_ms_since(start_ns);
    RRK_TRY(status);
    return machine->strategy->accept(machine, &(rank_results){.query = query}, err);
}

rrk_status rank_do_list_work(rrk_encoder *encoder, rank_machine *machine, rank_work *work,
                             const base_deadline *deadline, rrk_rank_stats *stats, rrk_error *err)
{
    while (work->n_vectors || work->query) {
        if (work->query)
            RRK_TRY(read_query(encoder, machine, work, deadline, stats, err));
        else
            RRK_TRY(make_anchors(encoder, machine, work, deadline, stats, err));
        RRK_TRY(machine->strategy->next(machine, work, err));
    }
    return RRK_OK;
}

void rank_add_counts(rrk_rank_stats *stats, const rank_counts *counts)
{
    stats->n_rows += counts->n_rows;
    stats->n_tokens += counts->n_tokens;
    stats->n_truncated += counts->n_truncated;
    stats->n_chunked += counts->n_chunked;
    stats->tokens_saved += counts->tokens_saved;
    stats->n_ok += counts->replies.n_ok;
    stats->n_malformed += counts->replies.n_malformed;
    stats->n_repeated += counts->replies.n_repeated;
    stats->n_missing += counts->replies.n_missing;
    stats->n_out_of_range += counts->replies.n_out_of_range;
}

rrk_status rank_conclude(rank_machine *machine, const rank_task *task, rank_done_fn done, void *ctx,
                         rrk_rank_stats *stats, rrk_error *err)
{
    double *scores RRK_AUTO(base_free_ptr) = base_alloc(task->n_passages, sizeof *scores);
    if (!scores)
        return base_fail_nomem(err, task->n_passages * sizeof *scores);
    RRK_TRY(machine->strategy->finish(machine, scores, err));
    rank_add_counts(stats, &machine->counts);
    for (size_t p = 0; p < task->n_passages; p++) {
        if (!isfinite(scores[p]))
            return base_fail(err, RRK_E_FORMAT, 0, "the model gave %f for passage %zu: its weights are damaged",
                             scores[p], p);
    }
    return done(ctx, task, scores, err);
}

static rrk_status encode_work(rrk_encoder *encoder, rank_machine *machine, const rank_work *work,
                              const base_deadline *deadline, rrk_rank_stats *stats, rrk_error *err)
{
    size_t dim = enc_output_dim(encoder);
    float *own RRK_AUTO(base_free_ptr) = NULL;
    if (!work->row_results) {
        own = base_calloc(work->n_rows, dim * sizeof *own);
        if (!own)
            return base_fail_nomem(err, work->n_rows * dim * sizeof *own);
    }
    float *results = own ? own : work->row_results;
    RRK_TRY(rank_encode(encoder, work->rows, work->n_rows, results, deadline, stats, err));
    return machine->strategy->accept(machine, &(rank_results){.rows = results}, err);
}

static rrk_status run_machine(rrk_encoder *encoder, rank_machine *machine, const base_deadline *deadline,
                              rrk_rank_stats *stats, rrk_error *err)
{
    for (;;) {
        rank_work work;
        RRK_TRY(machine->strategy->next(machine, &work, err));
        RRK_TRY(rank_do_list_work(encoder, machine, &work, deadline, stats, err));
        if (work.n_rows == 0)
            return RRK_OK;
        RRK_TRY(encode_work(encoder, machine, &work, deadline, stats, err));
    }
}

rrk_status rank_drive_one(rrk_encoder *encoder, const rank_strategy *strategy, const rank_task *task,
                          const base_deadline *deadline, rank_done_fn done, void *ctx, rrk_rank_stats *stats,
                          rrk_error *err)
{
    RRK_TRY(base_deadline_check(deadline, err));
    rank_machine *machine = NULL;
    RRK_TRY(rank_start(&machine, strategy, task, stats, err));
    rrk_status status = run_machine(encoder, machine, deadline, stats, err);
    if (status == RRK_OK)
        status = rank_conclude(machine, task, done, ctx, stats, err);
    strategy->stop(machine);
    return status;
}
