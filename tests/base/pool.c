/* The pool: every task once, many jobs, callers that take turns. */
#include "base/pool.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct sums {
    atomic_ulong total;
    atomic_int worst_worker;
    atomic_uchar *seen; /* [n_tasks] */
} sums;

static void add(void *ctx, size_t task, int worker)
{
    sums *s = ctx;
    atomic_fetch_add(&s->total, task + 1);
    if (worker > atomic_load(&s->worst_worker))
        atomic_store(&s->worst_worker, worker);
    if (s->seen)
        atomic_fetch_add(&s->seen[task], 1);
}

Test(pool, runs_every_task_once_whatever_its_size)
{
    for (int n_threads = 1; n_threads <= 5; n_threads++) {
        base_pool *pool;
        cr_assert_eq(base_pool_new(&pool, n_threads, NULL), RRK_OK);
        cr_assert_eq(base_pool_size(pool), n_threads);
        for (size_t n_tasks = 0; n_tasks < 60; n_tasks++) {
            sums s = {.seen = calloc(n_tasks + 1, sizeof *s.seen)};
            base_pool_run(pool, n_tasks, add, &s);
            for (size_t i = 0; i < n_tasks; i++)
                cr_assert_eq(s.seen[i], 1, "task %zu of %zu, %d threads", i, n_tasks, n_threads);
            cr_assert_lt(s.worst_worker, n_threads);
            free(s.seen);
        }
        base_pool_free(pool);
    }
}

Test(pool, a_size_below_one_is_one)
{
    base_pool *pool;
    cr_assert_eq(base_pool_new(&pool, 0, NULL), RRK_OK);
    cr_assert_eq(base_pool_size(pool), 1);
    sums s = {0};
    base_pool_run(pool, 10, add, &s);
    cr_assert_eq(s.total, 55);
    base_pool_free(pool);
    base_pool_free(NULL);
}

static void *call_many(void *arg)
{
    for (int i = 0; i < 200; i++) {
        sums s = {0};
        base_pool_run(arg, 20, add, &s);
        if (s.total != 210)
            return arg;
    }
    return NULL;
}

Test(pool, callers_on_several_threads_take_turns)
{
    base_pool *pool;
    cr_assert_eq(base_pool_new(&pool, 3, NULL), RRK_OK);
    pthread_t callers[4];
    for (size_t i = 0; i < RRK_COUNT(callers); i++)
        cr_assert_eq(pthread_create(&callers[i], NULL, call_many, pool), 0);
    for (size_t i = 0; i < RRK_COUNT(callers); i++) {
        void *wrong;
        pthread_join(callers[i], &wrong);
        cr_assert_null(wrong);
    }
    base_pool_free(pool);
}
