/*
 * Rows through the model. A call's rows are cut into batches (plan.h); each worker thread takes batches and carries
 * them through all layers by itself, so threads meet only at the end of a call. The calling thread is worker 0 and the
 * one that asks the caller whether to go on.
 */
#include "encoder/run.h"
#include "base/alloc.h"
#include "encoder/plan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef struct run {
    rrk_encoder *encoder;
    const enc_row *rows;
    const enc_plan *plan;
    float *out;
    size_t out_dim;
    const base_deadline *deadline;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards the two below: the first failure of any worker */
    rrk_status status;
    rrk_error error;
} run;

static void free_worker(const rrk_encoder *encoder, enc_worker *w)
{
    if (w->session)
        encoder->device->ops->session_free(w->session);
    base_free(w->ids);
    base_free(w->positions);
    base_free(w->types);
    base_free(w->start);
    base_free(w->out);
}

void enc_workers_free(rrk_encoder *encoder)
{
    for (int i = 0; encoder->workers && i < base_pool_size(encoder->pool); i++)
        free_worker(encoder, &encoder->workers[i]);
    base_free(encoder->workers);
    base_pool_free(encoder->pool);
}

rrk_status enc_workers_new(rrk_encoder *encoder, int n_threads, rrk_error *err)
{
    RRK_TRY(base_pool_new(&encoder->pool, n_threads, err));
    encoder->workers = base_calloc((size_t)n_threads, sizeof *encoder->workers);
    if (!encoder->workers)
        return base_fail_nomem(err, (size_t)n_threads * sizeof *encoder->workers);
    enc_shape shape = encoder->model->kind->shape(&encoder->config);
    for (int i = 0; i < n_threads; i++)
        RRK_TRY(encoder->device->ops->session(encoder->device, &shape, &encoder->workers[i].session, err));
    return RRK_OK;
}

static rrk_status grow(void *array_of_pointer, size_t count, size_t size, rrk_error *err)
{
    void *fresh = base_alloc(count, size), *old;
    if (!fresh)
        return base_fail_nomem(err, count * size);
    memcpy(&old, array_of_pointer, sizeof old);
    base_free(old);
    memcpy(array_of_pointer, &fresh, sizeof fresh);
    return RRK_OK;
}

static rrk_status reserve(enc_worker *w, size_t n_tokens, size_t n_rows, size_t out_dim, rrk_error *err)
{
    if (n_tokens > w->cap_tokens) {
        w->cap_tokens = 0;
        RRK_TRY(grow(&w->ids, n_tokens, sizeof *w->ids, err));
        RRK_TRY(grow(&w->positions, n_tokens, sizeof *w->positions, err));
        RRK_TRY(grow(&w->types, n_tokens, sizeof *w->types, err));
        w->cap_tokens = n_tokens;
    }
    if (n_rows > w->cap_rows) {
        w->cap_rows = 0;
        RRK_TRY(grow(&w->start, n_rows + 1, sizeof *w->start, err));
        RRK_TRY(grow(&w->out, n_rows, out_dim * sizeof *w->out, err));
        w->cap_rows = n_rows;
    }
    return RRK_OK;
}

/* Lays a batch's rows end to end. */
static enc_batch pack(const run *r, size_t batch, enc_worker *w)
{
    size_t first = r->plan->cuts[batch], n_rows = r->plan->cuts[batch + 1] - first;
    uint32_t at = 0;
    for (size_t i = 0; i < n_rows; i++) {
        const enc_row *row = &r->rows[r->plan->order[first + i]];
        w->start[i] = at;
        memcpy(w->ids + at, row->ids, row->n_ids * sizeof *row->ids);
        for (uint32_t t = 0; t < row->n_ids; t++) {
            w->positions[at + t] = t;
            w->types[at + t] = t >= row->type1_from;
        }
        at += row->n_ids;
    }
    w->start[n_rows] = at;
    return (enc_batch){w->ids, w->positions, w->types, w->start, n_rows, at};
}

static bool stop_asked(void *ctx)
{
    return atomic_load_explicit(&((run *)ctx)->stop, memory_order_relaxed);
}

/* One that gave up because it was asked to leaves no error of its own: the cause is recorded already. */
static void record(run *r, rrk_status status, const rrk_error *error)
{
    if (status == RRK_OK || error->status == RRK_OK)
        return;
    pthread_mutex_lock(&r->lock);
    if (r->status == RRK_OK) {
        r->status = status;
        r->error = *error;
    }
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->stop, true);
}

/* Cancel callbacks are promised to run on the calling thread. */
static bool stop_asked_by_caller(void *ctx)
{
    run *r = ctx;
    rrk_error error = {0};
    rrk_status status = stop_asked(r) ? RRK_OK : base_deadline_check(r->deadline, &error);
    if (status == RRK_OK)
        return stop_asked(r);
    record(r, status, &error);
    return true;
}

static rrk_status run_batch(run *r, size_t batch, enc_worker *w, const enc_stop *stop, rrk_error *err)
{
    RRK_TRY(reserve(w, r->plan->max_tokens, r->plan->max_rows, r->out_dim, err));
    enc_batch packed = pack(r, batch, w);
    const enc_model *model = r->encoder->model;
    RRK_TRY(model->kind->run(model, w->session, &packed, stop, w->out, err));
    for (size_t i = 0; i < packed.n_seqs; i++) {
        size_t row = r->plan->order[r->plan->cuts[batch] + i];
        memcpy(r->out + row * r->out_dim, w->out + i * r->out_dim, r->out_dim * sizeof *r->out);
    }
    return RRK_OK;
}

static void run_task(void *ctx, size_t batch, int worker)
{
    run *r = ctx;
    enc_stop stop = {worker == 0 ? stop_asked_by_caller : stop_asked, r};
    if (stop.asked(stop.ctx))
        return;
    rrk_error error = {0};
    rrk_status status = run_batch(r, batch, &r->encoder->workers[worker], &stop, &error);
    record(r, status, &error);
}

static rrk_status check_rows(const rrk_encoder *encoder, const enc_row *rows, size_t n_rows, rrk_error *err)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].n_ids == 0 || rows[i].n_ids > encoder->max_tokens)
            return base_fail(err, RRK_E_INVALID, 0, "row %zu has %u tokens, expected 1 to %zu", i, rows[i].n_ids,
                             encoder->max_tokens);
    }
    return RRK_OK;
}

rrk_status enc_run(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *out, const base_deadline *deadline,
                   rrk_error *err)
{
    RRK_TRY(enc_check_owner(encoder, err));
    RRK_TRY(check_rows(encoder, rows, n_rows, err));
    RRK_TRY(base_deadline_check(deadline, err));
    if (n_rows == 0)
        return RRK_OK;
    enc_plan plan RRK_AUTO(enc_plan_free) = {0};
    size_t n_threads = (size_t)base_pool_size(encoder->pool);
    RRK_TRY(enc_plan_make(&plan, rows, n_rows, encoder->batch_tokens, n_threads, err));
    run r = {.encoder = encoder,
             .rows = rows,
             .plan = &plan,
             .out = out,
             .out_dim = enc_output_dim(encoder),
             .deadline = deadline,
             .lock = PTHREAD_MUTEX_INITIALIZER};
    base_pool_run(encoder->pool, plan.n_batches, run_task, &r);
    pthread_mutex_destroy(&r.lock);
    if (r.status != RRK_OK)
        return base_fail(err, r.status, r.error.detail, "%s", r.error.message);
    return RRK_OK;
}

/* A list's anchors are one batch, which the calling thread takes. */
typedef struct anchors_run {
    run run;
    const float *vectors;
    size_t n;
    float *scores;
} anchors_run;

static void anchors_task(void *ctx, size_t task, int worker)
{
    anchors_run *a = ctx;
    const rrk_encoder *encoder = a->run.encoder;
    enc_stop stop = {stop_asked_by_caller, &a->run};
    rrk_error error = {0};
    rrk_status status = encoder->model->kind->anchors(encoder->model, encoder->workers[worker].session, a->vectors,
                                                      a->n, &stop, a->scores, &error);
    record(&a->run, status, &error);
}

rrk_status enc_anchors(rrk_encoder *encoder, const float *vectors, size_t n, float *scores,
                       const base_deadline *deadline, rrk_error *err)
{
    RRK_TRY(enc_check_owner(encoder, err));
    RRK_TRY(base_deadline_check(deadline, err));
    if (encoder->config.head != RRK_HEAD_VIEWS || n == 0)
        return base_fail(err, RRK_E_INVALID, 0, "anchors of %zu vectors of a model with %u views", n,
                         encoder->config.n_views);
    anchors_run a = {
        .run = {.encoder = encoder, .deadline = deadline, .lock = PTHREAD_MUTEX_INITIALIZER},
        .vectors = vectors,
        .n = n,
        .scores = scores,
    };
    base_pool_run_one(encoder->pool, anchors_task, &a);
    pthread_mutex_destroy(&a.run.lock);
    if (a.run.status != RRK_OK)
        return base_fail(err, a.run.status, a.run.error.detail, "%s", a.run.error.message);
    return RRK_OK;
}
