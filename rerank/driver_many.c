/*
 * The driver for many queries. It works in rounds: machines are started until their work fills a round, all of that
 * work goes through the encoder in one call, and each machine takes its share of the results. A machine that wants more
 * stays for the next round.
 */
#include "base/alloc.h"
#include "rerank/driver_parts.h"

#include <string.h>

/* Rows a round aims at: enough to fill batches of equal lengths, few enough to hold in memory. */
enum { ROUND_ROWS = 2048 };

/* Lists of a round whose query the encoder reads apart: what is kept of one may be a megabyte. */
enum { ROUND_QUERIES = 128 };

typedef struct flight {
    rank_machine *machine;
    const rank_task *task;
    rank_work work;
    bool has_query; /* the encoder keeps something of it */
} flight;

typedef struct many {
    rrk_encoder *encoder;
    const rank_strategy *strategy;
    const rank_task *tasks;
    size_t n_tasks;
    size_t next_task;
    flight *flights; /* [cap_flights]; owned, and so are the machines in it */
    size_t n_flights;
    size_t cap_flights;
    size_t n_rows;    /* of all flights' work */
    size_t n_queries; /* of all flights */
    const base_deadline *deadline;
    rank_done_fn done;
    void *ctx;
    rrk_rank_stats *stats;
} many;

static void free_many(many *m)
{
    for (size_t i = 0; i < m->n_flights; i++)
        m->strategy->stop(m->flights[i].machine);
    base_free(m->flights);
}

static rrk_status blame(const rank_task *task, rrk_status status, rrk_error *err)
{
    if (status != RRK_OK)
        base_error_prefix(err, "request %zu", task->number);
    return status;
}

static rrk_status add_flight(many *m, rrk_error *err)
{
    if (m->n_flights == m->cap_flights) {
        size_t cap = m->cap_flights ? m->cap_flights * 2 : 16;
        flight *flights = base_realloc(m->flights, cap, sizeof *flights);
        if (!flights)
            return base_fail_nomem(err, cap * sizeof *flights);
        m->flights = flights;
        m->cap_flights = cap;
    }
    flight *f = &m->flights[m->n_flights];
    *f = (flight){.task = &m->tasks[m->next_task]};
    RRK_TRY(blame(f->task, rank_start(&f->machine, m->strategy, f->task, m->stats, err), err));
    m->n_flights++;
    m->next_task++;
    RRK_TRY(blame(f->task, f->machine->strategy->next(f->machine, &f->work, err), err));
    f->has_query = f->work.query != NULL;
    RRK_TRY(blame(f->task, rank_do_list_work(m->encoder, f->machine, &f->work, m->deadline, m->stats, err), err));
    m->n_queries += f->has_query;
    m->n_rows += f->work.n_rows;
    return RRK_OK;
}

static rrk_status fill_round(many *m, rrk_error *err)
{
    while (m->next_task < m->n_tasks && m->n_rows < ROUND_ROWS && m->n_queries < ROUND_QUERIES) {
        RRK_TRY(base_deadline_check(m->deadline, err));
        RRK_TRY(add_flight(m, err));
    }
    return RRK_OK;
}

static rrk_status encode_round(many *m, float *results, rrk_error *err)
{
    enc_row *rows RRK_AUTO(base_free_ptr) = base_alloc(m->n_rows, sizeof *rows);
    if (!rows)
        return base_fail_nomem(err, m->n_rows * sizeof *rows);
    size_t at = 0;
    for (size_t i = 0; i < m->n_flights; i++) {
        if (m->flights[i].work.n_rows)
            memcpy(rows + at, m->flights[i].work.rows, m->flights[i].work.n_rows * sizeof *rows);
        at += m->flights[i].work.n_rows;
    }
    return rank_encode(m->encoder, rows, m->n_rows, results, m->deadline, m->stats, err);
}

/* One flight takes its results and asks for more work; *landed when there is none. */
static rrk_status advance(many *m, flight *f, const float *results, bool *landed, rrk_error *err)
{
    if (f->work.n_rows) {
        if (f->work.row_results) {
            memcpy(f->work.row_results, results, f->work.n_rows * enc_output_dim(m->encoder) * sizeof *results);
            results = f->work.row_results;
        }
        RRK_TRY(m->strategy->accept(f->machine, &(rank_results){.rows = results}, err));
        RRK_TRY(m->strategy->next(f->machine, &f->work, err));
    }
    RRK_TRY(rank_do_list_work(m->encoder, f->machine, &f->work, m->deadline, m->stats, err));
    *landed = f->work.n_rows == 0;
    if (!*landed)
        return RRK_OK;
    return rank_conclude(f->machine, f->task, m->done, m->ctx, m->stats, err);
}

static rrk_status land_round(many *m, const float *results, rrk_error *err)
{
    size_t dim = enc_output_dim(m->encoder), kept = 0;
    m->n_rows = 0;
    rrk_status status = RRK_OK;
    for (size_t i = 0; i < m->n_flights; i++) {
        flight f = m->flights[i];
        size_t n_results = f.work.n_rows * dim;
        bool landed = false;
        if (status == RRK_OK)
            status = blame(f.task, advance(m, &f, results, &landed, err), err);
        results += n_results;
        if (landed) {
            m->strategy->stop(f.machine);
            m->n_queries -= f.has_query;
        } else {
            m->n_rows += f.work.n_rows;
            m->flights[kept++] = f;
        }
    }
    m->n_flights = kept;
    return status;
}

rrk_status rank_drive_many(rrk_encoder *encoder, const rank_strategy *strategy, const rank_task *tasks, size_t n_tasks,
                           const base_deadline *deadline, rank_done_fn done, void *ctx, rrk_rank_stats *stats,
                           rrk_error *err)
{
    many m RRK_AUTO(free_many) = {
        .encoder = encoder,
        .strategy = strategy,
        .tasks = tasks,
        .n_tasks = n_tasks,
        .deadline = deadline,
        .done = done,
        .ctx = ctx,
        .stats = stats,
    };
    RRK_TRY(fill_round(&m, err));
    while (m.n_flights > 0) {
        size_t dim = enc_output_dim(encoder);
        float *results RRK_AUTO(base_free_ptr) = base_calloc(m.n_rows, dim * sizeof *results);
        if (!results)
            return base_fail_nomem(err, m.n_rows * dim * sizeof *results);
        RRK_TRY(encode_round(&m, results, err));
        RRK_TRY(land_round(&m, results, err));
        RRK_TRY(fill_round(&m, err));
    }
    return RRK_OK;
}
