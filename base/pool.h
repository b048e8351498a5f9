/*
 * A fixed set of worker threads that run tasks 0..n-1 of one job and meet at its end. One job at a time; callers on
 * several threads take turns. The calling thread works too, as worker 0, so a pool of one has no threads.
 */
#ifndef RRK_BASE_POOL_H
#define RRK_BASE_POOL_H

#include "base/error.h"

#include <pthread.h>

typedef struct base_pool base_pool;

/* worker is in 0..n_threads-1: the index of the scratch a task may use. Tasks must not fail: they record it in ctx. */
typedef void (*base_pool_task)(void *ctx, size_t task, int worker);

rrk_status base_pool_new(base_pool **out, int n_threads, rrk_error *err);
void base_pool_free(base_pool *pool);
int base_pool_size(const base_pool *pool);
void base_pool_run(base_pool *pool, size_t n_tasks, base_pool_task task, void *ctx);

/* Starts a thread that takes no signals: those belong to the program's own threads. 0, or an errno. */
int base_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
