/* The worker pool: see pool.h. */
#include "base/pool.h"
#include "base/alloc.h"

#include <signal.h>
#include <stdatomic.h>

typedef struct worker {
    base_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct base_pool {
    pthread_mutex_t turn; /* held for a whole job */
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_cond_t idle;
    worker *workers; /* [n_threads - 1] */
    int n_threads;
    int n_started;
    int n_busy;
    uint64_t job;
    bool stop;
    base_pool_task task;
    void *ctx;
    size_t n_tasks;
    atomic_size_t next;
};

static void drain(base_pool *pool, int index)
{
    for (;;) {
        size_t task = atomic_fetch_add(&pool->next, 1);
        if (task >= pool->n_tasks)
            return;
        pool->task(pool->ctx, task, index);
    }
}

static void *work(void *arg)
{
    worker *me = arg;
    base_pool *pool = me->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && pool->job == seen)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->stop)
            break;
        seen = pool->job;
        pthread_mutex_unlock(&pool->lock);
        drain(pool, me->index);
        pthread_mutex_lock(&pool->lock);
        if (--pool->n_busy == 0)
            pthread_cond_signal(&pool->idle);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int base_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

rrk_status base_pool_new(base_pool **out, int n_threads, rrk_error *err)
{
    base_pool *pool = base_calloc(1, sizeof *pool);
    if (!pool)
        return base_fail_nomem(err, sizeof *pool);
    pool->n_threads = RRK_MAX(n_threads, 1);
    pthread_mutex_init(&pool->turn, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->idle, NULL);
    pool->workers = base_calloc((size_t)pool->n_threads, sizeof *pool->workers);
    if (!pool->workers) {
        base_pool_free(pool);
        return base_fail_nomem(err, (size_t)n_threads * sizeof(worker));
    }
    for (int i = 0; i < pool->n_threads - 1; i++) {
        pool->workers[i] = (worker){.pool = pool, .index = i + 1};
        int failed = base_thread_start(&pool->workers[i].thread, work, &pool->workers[i]);
        if (failed) {
            base_pool_free(pool);
            return base_fail(err, RRK_E_NOMEM, failed, "cannot start worker thread %d of %d", i + 1, n_threads);
        }
        pool->n_started++;
    }
    *out = pool;
    return RRK_OK;
}

void base_pool_free(base_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->turn);
    base_free(pool->workers);
    base_free(pool);
}

int base_pool_size(const base_pool *pool)
{
    return pool->n_threads;
}

void base_pool_run(base_pool *pool, size_t n_tasks, base_pool_task task, void *ctx)
{
    pthread_mutex_lock(&pool->turn);
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->ctx = ctx;
    pool->n_tasks = n_tasks;
    atomic_store(&pool->next, 0);
    pool->n_busy = pool->n_started;
    pool->job++;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    drain(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->n_busy > 0)
        pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->turn);
}
