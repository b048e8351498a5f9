/* The blocking driver and what both drivers share: see driver.h. */
#include "base/alloc.h"
#include "base/clock.h"
#include "rerank/driver_parts.h"

#include <math.h>

rrk_status rank_start(rank_machine **out, const rank_strategy *strategy, const rank_task *task, rank_totals *totals,
                      rrk_error *err)
{
    int64_t start_ns = base_now_ns();
    rrk_status status = strategy->start(out, task, err);
    totals->tokenize_ms += base_ms_since(start_ns);
    return status;
}

rrk_status rank_encode(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *results,
                       const base_deadline *deadline, rank_totals *totals, rrk_error *err)
{
    int64_t start_ns = base_now_ns();
    rrk_status status = enc_run(encoder, rows, n_rows, results, deadline, err);
    totals->encode_ms += base_ms_since(start_ns);
    return status;
}

static void add_counts(rank_counts *to, const rank_counts *from)
{
    to->n_rows += from->n_rows;
    to->n_tokens += from->n_tokens;
    to->n_truncated += from->n_truncated;
    to->n_chunked += from->n_chunked;
}

rrk_status rank_conclude(rank_machine *machine, const rank_task *task, rank_done_fn done, void *ctx,
                         rank_totals *totals, rrk_error *err)
{
    double *scores RRK_AUTO(base_free_ptr) = base_alloc(task->n_passages, sizeof *scores);
    if (!scores)
        return base_fail_nomem(err, task->n_passages * sizeof *scores);
    RRK_TRY(machine->strategy->finish(machine, scores, err));
    add_counts(&totals->counts, &machine->counts);
    for (size_t p = 0; p < task->n_passages; p++) {
        if (!isfinite(scores[p]))
            return base_fail(err, RRK_E_FORMAT, 0, "the model gave %f for passage %zu: its weights are damaged",
                             scores[p], p);
    }
    return done(ctx, task, scores, err);
}

static rrk_status run_machine(rrk_encoder *encoder, rank_machine *machine, const base_deadline *deadline,
                              rank_totals *totals, rrk_error *err)
{
    for (;;) {
        rank_work work;
        RRK_TRY(machine->strategy->next(machine, &work, err));
        if (work.n_rows == 0)
            return RRK_OK;
        size_t dim = enc_output_dim(encoder);
        float *results RRK_AUTO(base_free_ptr) = base_calloc(work.n_rows, dim * sizeof *results);
        if (!results)
            return base_fail_nomem(err, work.n_rows * dim * sizeof *results);
        RRK_TRY(rank_encode(encoder, work.rows, work.n_rows, results, deadline, totals, err));
        RRK_TRY(machine->strategy->accept(machine, &(rank_results){.rows = results}, err));
    }
}

rrk_status rank_drive_one(rrk_encoder *encoder, const rank_strategy *strategy, const rank_task *task,
                          const base_deadline *deadline, rank_done_fn done, void *ctx, rank_totals *totals,
                          rrk_error *err)
{
    RRK_TRY(base_deadline_check(deadline, err));
    rank_machine *machine = NULL;
    RRK_TRY(rank_start(&machine, strategy, task, totals, err));
    rrk_status status = run_machine(encoder, machine, deadline, totals, err);
    if (status == RRK_OK)
        status = rank_conclude(machine, task, done, ctx, totals, err);
    strategy->stop(machine);
    return status;
}
