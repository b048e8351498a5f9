/* The pointwise machine: see pointwise.h. */
#include "rerank/pointwise.h"
#include "base/alloc.h"

#include <math.h>

rrk_status rank_pointwise_init(rank_pointwise *m, const rank_strategy *strategy, const rank_task *task, rrk_error *err)
{
    m->machine.strategy = strategy;
    m->n_passages = task->n_passages;
    m->result_dim = enc_output_dim(task->encoder);
    m->scores = base_alloc(task->n_passages, sizeof *m->scores);
    if (!m->scores)
        return base_fail_nomem(err, task->n_passages * sizeof *m->scores);
    for (size_t i = 0; i < task->n_passages; i++)
        m->scores[i] = -INFINITY;
    return RRK_OK;
}

rrk_status rank_pointwise_new(rank_pointwise **out, const rank_strategy *strategy, const rank_task *task,
                              rrk_error *err)
{
    rank_pointwise *m RRK_AUTO(rank_pointwise_stop_ptr) = base_calloc(1, sizeof *m);
    if (!m)
        return base_fail_nomem(err, sizeof *m);
    RRK_TRY(rank_pointwise_init(m, strategy, task, err));
    *out = RRK_STEAL(m);
    return RRK_OK;
}

static rrk_status add_passage(rank_pointwise *m, const rank_task *task, size_t i, const rank_frame *frame,
                              size_t row_cap, rrk_error *err)
{
    rank_cut cut RRK_AUTO(rank_cut_free) = {0};
    RRK_TRY(rank_cut_passage(task, i, row_cap, &m->machine.counts, &cut, err));
    const int32_t *ids;
    size_t n;
    for (size_t c = 0; rank_cut_chunk(&cut, c, &ids, &n); c++)
        RRK_TRY(rank_rows_add_framed(&m->rows, (uint32_t)i, frame, ids, n, err));
    return RRK_OK;
}

rrk_status rank_pointwise_add_all(rank_pointwise *m, const rank_task *task, const rank_frame *frame, rrk_error *err)
{
    size_t room;
    RRK_TRY(rank_room_in_row(task->encoder, frame, &room, err));
    base_pace pace = rank_pace(task->deadline);
    for (size_t i = 0; i < task->n_passages; i++) {
        RRK_TRY(rank_pace_check(&pace, &task->passages[i], err));
        RRK_TRY(add_passage(m, task, i, frame, room, err));
    }
    return RRK_OK;
}

bool rank_pointwise_take(rank_pointwise *m, size_t row, double score)
{
    double *best = &m->scores[m->rows.passage_of[row]];
    if (isnan(*best) || score <= *best)
        return false;
    *best = score;
    return true;
}

rrk_status rank_pointwise_next(rank_machine *machine, rank_work *work, rrk_error *err)
{
    rank_pointwise *m = (rank_pointwise *)machine;
    *work = (rank_work){0};
    if (m->handed_out)
        return RRK_OK;
    m->handed_out = true;
    rank_rows_seal(&m->rows);
    m->machine.counts.n_rows = m->rows.n;
    m->machine.counts.n_tokens = m->rows.n_ids;
    *work = (rank_work){.rows = m->rows.rows, .n_rows = m->rows.n};
    return RRK_OK;
}

rrk_status rank_pointwise_finish(rank_machine *machine, double *scores, rrk_error *err)
{
    const rank_pointwise *m = (const rank_pointwise *)machine;
    memcpy(scores, m->scores, m->n_passages * sizeof *scores);
    return RRK_OK;
}

void rank_pointwise_stop(rank_machine *machine)
{
    if (!machine)
        return;
    rank_pointwise *m = (rank_pointwise *)machine;
    rank_rows_free(&m->rows);
    base_free(m->scores);
    base_free(m);
}

double rank_dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}
