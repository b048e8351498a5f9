/*
 * The pool under ThreadSanitizer: a plain program, because the sanitizer does not start under Criterion. Built with
 * base/ alone and instrumented throughout, so that a race cannot hide in a part that was not.
 */
#include "base/pool.h"

#include <pthread.h>
#include <stdio.h>

enum { N_TASKS = 64, N_JOBS = 300, N_CALLERS = 3, N_THREADS = 4 };

/* Not atomic on purpose: the pool's own ordering must make each slot's writer and the caller's read one after another. */
typedef struct job {
    long slots[N_TASKS];
    long per_worker[N_THREADS];
} job;

static void work(void *ctx, size_t task, int worker)
{
    job *j = ctx;
    j->slots[task] += (long)task;
    j->per_worker[worker]++;
}

static void *call(void *pool)
{
    job j = {{0}, {0}};
    for (int i = 0; i < N_JOBS; i++)
        base_pool_run(pool, N_TASKS, work, &j);
    long total = 0;
    for (int worker = 0; worker < N_THREADS; worker++)
        total += j.per_worker[worker];
    for (size_t task = 0; task < N_TASKS; task++) {
        if (j.slots[task] != (long)task * N_JOBS)
            return pool;
    }
    return total == (long)N_TASKS * N_JOBS ? NULL : pool;
}

int main(void)
{
    base_pool *pool;
    if (base_pool_new(&pool, N_THREADS, NULL) != RRK_OK)
        return 1;
    pthread_t callers[N_CALLERS];
    int failed = 0;
    for (int i = 0; i < N_CALLERS; i++)
        failed |= pthread_create(&callers[i], NULL, call, pool);
    for (int i = 0; i < N_CALLERS; i++) {
        void *wrong = NULL;
        pthread_join(callers[i], &wrong);
        failed |= wrong != NULL;
    }
    base_pool_free(pool);
    puts(failed ? "tasks were lost" : "every task ran once");
    return failed;
}
