/* The batcher: see batcher.h. */
#include "encoder/batcher.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/pool.h"
#include "encoder/model.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* A call that waits. Lives on its caller's stack. */
typedef struct call {
    enc_line line; /* first, so that a pick leads here */
    float *out;    /* [n_rows, out_dim]; the caller's */
    size_t n_left; /* rows without a result */
    bool finished;
    rrk_status status;
    rrk_error error;
    pthread_cond_t done;
} call;

typedef struct worker {
    enc_batcher *batcher;
    pthread_t thread;
    int index;
    enc_pick *picks; /* [ENC_BATCH_MAX_ROWS] the running batch; line is NULL where the call has gone; owned */
    size_t n_picks;
    atomic_size_t n_wanted; /* picks whose call has not gone: read between layers without the lock */
} worker;

struct enc_batcher {
    pthread_mutex_t lock; /* guards all below, picks and calls */
    pthread_cond_t rows_or_stop;
    pthread_cond_t no_calls;
    enc_batch_work work;
    enc_plan plan;
    worker *workers; /* [n_threads]; owned */
    int n_started;
    size_t n_calls;
    bool stop;
};

static void finish(call *c, rrk_status status, const rrk_error *error)
{
    c->finished = true;
    c->status = status;
    if (status != RRK_OK)
        c->error = *error;
    pthread_cond_signal(&c->done);
}

/* From here on nothing but the caller knows of the call. */
static void forget(enc_batcher *batcher, call *c)
{
    enc_plan_leave(&batcher->plan, &c->line);
    for (int i = 0; i < batcher->n_started; i++) {
        worker *w = &batcher->workers[i];
        for (size_t p = 0; p < w->n_picks; p++) {
            if (w->picks[p].line == &c->line) {
                w->picks[p].line = NULL;
                atomic_fetch_sub(&w->n_wanted, 1);
            }
        }
    }
}

static bool nobody_waits(void *ctx)
{
    worker *w = ctx;
    return atomic_load_explicit(&w->n_wanted, memory_order_relaxed) == 0;
}

/* --- workers --- */

static void deliver(worker *w, const float *out)
{
    size_t dim = w->batcher->work.out_dim;
    for (size_t p = 0; p < w->n_picks; p++) {
        call *c = (call *)w->picks[p].line;
        if (!c)
            continue;
        memcpy(c->out + w->picks[p].row * dim, out + p * dim, dim * sizeof *out);
        if (--c->n_left == 0)
            finish(c, RRK_OK, NULL);
    }
}

static void fail_batch(worker *w, rrk_status status, const rrk_error *error)
{
    for (size_t p = 0; p < w->n_picks; p++) {
        call *c = (call *)w->picks[p].line;
        if (!c)
            continue;
        forget(w->batcher, c);
        finish(c, status, error);
    }
}

/* Called with the lock held, which is let go while the model runs. */
static void one_batch(worker *w)
{
    enc_batcher *batcher = w->batcher;
    const enc_batch_work *work = &batcher->work;
    enc_stop stop = {nobody_waits, w};
    rrk_error error = {0};
    const float *out = NULL;
    w->n_picks = enc_plan_cut(&batcher->plan, w->picks, ENC_BATCH_MAX_ROWS);
    atomic_store(&w->n_wanted, w->n_picks);
    rrk_status status = work->pack(work->ctx, w->index, w->picks, w->n_picks, &error);
    if (status == RRK_OK) {
        pthread_mutex_unlock(&batcher->lock);
        status = work->run(work->ctx, w->index, &stop, &out, &error);
        pthread_mutex_lock(&batcher->lock);
    }
    if (status == RRK_OK)
        deliver(w, out);
    else
        fail_batch(w, status, &error);
    w->n_picks = 0;
}

static void *work_on(void *arg)
{
    worker *me = arg;
    enc_batcher *batcher = me->batcher;
    pthread_mutex_lock(&batcher->lock);
    for (;;) {
        while (!batcher->stop && !batcher->plan.first)
            pthread_cond_wait(&batcher->rows_or_stop, &batcher->lock);
        if (batcher->stop)
            break;
        one_batch(me);
    }
    pthread_mutex_unlock(&batcher->lock);
    return NULL;
}

static rrk_status start_workers(enc_batcher *batcher, int n_threads, rrk_error *err)
{
    batcher->workers = base_calloc((size_t)n_threads, sizeof *batcher->workers);
    if (!batcher->workers)
        return base_fail_nomem(err, (size_t)n_threads * sizeof *batcher->workers);
    for (int i = 0; i < n_threads; i++) {
        worker *w = &batcher->workers[i];
        w->batcher = batcher;
        w->index = i;
        w->picks = base_alloc(ENC_BATCH_MAX_ROWS, sizeof *w->picks);
        if (!w->picks)
            return base_fail_nomem(err, ENC_BATCH_MAX_ROWS * sizeof *w->picks);
        /* Those that run already look at n_started. */
        pthread_mutex_lock(&batcher->lock);
        int failed = base_thread_start(&w->thread, work_on, w);
        batcher->n_started += !failed;
        pthread_mutex_unlock(&batcher->lock);
        if (failed)
            return base_fail(err, RRK_E_NOMEM, failed, "cannot start worker thread %d of %d", i + 1, n_threads);
    }
    return RRK_OK;
}

rrk_status enc_batcher_new(enc_batcher **out, const enc_batch_work *work, int n_threads, size_t budget_tokens,
                           rrk_error *err)
{
    enc_batcher *batcher = base_calloc(1, sizeof *batcher);
    if (!batcher)
        return base_fail_nomem(err, sizeof *batcher);
    pthread_mutex_init(&batcher->lock, NULL);
    pthread_cond_init(&batcher->rows_or_stop, NULL);
    pthread_cond_init(&batcher->no_calls, NULL);
    batcher->work = *work;
    batcher->plan = (enc_plan){.budget = budget_tokens, .n_threads = (size_t)n_threads};
    rrk_status status = start_workers(batcher, n_threads, err);
    if (status == RRK_OK)
        *out = batcher;
    else
        enc_batcher_free(batcher);
    return status;
}

void enc_batcher_free(enc_batcher *batcher)
{
    if (!batcher)
        return;
    pthread_mutex_lock(&batcher->lock);
    while (batcher->n_calls > 0)
        pthread_cond_wait(&batcher->no_calls, &batcher->lock);
    batcher->stop = true;
    int n_started = batcher->n_started;
    pthread_cond_broadcast(&batcher->rows_or_stop);
    pthread_mutex_unlock(&batcher->lock);
    for (int i = 0; i < n_started; i++)
        pthread_join(batcher->workers[i].thread, NULL);
    /* The one that failed to start has picks as well. */
    for (int i = 0; batcher->workers && i < (int)batcher->plan.n_threads; i++)
        base_free(batcher->workers[i].picks);
    base_free(batcher->workers);
    pthread_cond_destroy(&batcher->no_calls);
    pthread_cond_destroy(&batcher->rows_or_stop);
    pthread_mutex_destroy(&batcher->lock);
    base_free(batcher);
}

/* --- callers --- */

static void join(enc_batcher *batcher, call *c)
{
    batcher->n_calls++;
    enc_plan_join(&batcher->plan, &c->line);
    pthread_cond_broadcast(&batcher->rows_or_stop);
}

static void leave(enc_batcher *batcher)
{
    if (--batcher->n_calls == 0)
        pthread_cond_signal(&batcher->no_calls);
}

/* Called with the lock held, which is let go for the caller's callback: that may take its time, or use the encoder. */
static rrk_status look(enc_batcher *batcher, const base_deadline *deadline, rrk_error *err)
{
    pthread_mutex_unlock(&batcher->lock);
    rrk_status status = base_deadline_check(deadline, err);
    pthread_mutex_lock(&batcher->lock);
    return status;
}

static rrk_status wait_for(enc_batcher *batcher, call *c, const base_deadline *deadline, rrk_error *err)
{
    bool impatient = deadline && (deadline->cancel || deadline->at_ns);
    while (!c->finished) {
        if (impatient)
            RRK_TRY(look(batcher, deadline, err));
        if (c->finished)
            break;
        if (impatient)
            base_cond_wait_ms(&c->done, &batcher->lock, ENC_BATCHER_LOOK_MS);
        else
            pthread_cond_wait(&c->done, &batcher->lock);
    }
    if (c->status != RRK_OK)
        return base_fail(err, c->status, c->error.detail, "%s", c->error.message);
    return RRK_OK;
}

rrk_status enc_batcher_run(enc_batcher *batcher, const enc_row *rows, size_t n_rows, float *out,
                           const base_deadline *deadline, rrk_error *err)
{
    call c = {.out = out, .n_left = n_rows};
    rrk_status status = enc_line_init(&c.line, rows, n_rows, batcher->work.n_beside, err);
    if (status == RRK_OK) {
        base_cond_init(&c.done);
        pthread_mutex_lock(&batcher->lock);
        join(batcher, &c);
        status = wait_for(batcher, &c, deadline, err);
        forget(batcher, &c);
        leave(batcher);
        pthread_mutex_unlock(&batcher->lock);
        pthread_cond_destroy(&c.done);
    }
    enc_line_free(&c.line);
    return status;
}

size_t enc_batcher_n_waiting(enc_batcher *batcher)
{
    size_t n = 0;
    pthread_mutex_lock(&batcher->lock);
    for (const enc_line *line = batcher->plan.first; line; line = line->after)
        n += line->n_rows - line->next;
    pthread_mutex_unlock(&batcher->lock);
    return n;
}
