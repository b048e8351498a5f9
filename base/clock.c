/* The one place that reads a clock. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t machine_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t (*source)(void) = machine_now_ns;

int64_t base_now_ns(void)
{
    return source();
}

double base_ms_since(int64_t start_ns)
{
    return (double)(base_now_ns() - start_ns) / 1e6;
}

void base_clock_replace(int64_t (*now_ns)(void))
{
    source = now_ns ? now_ns : machine_now_ns;
}

/* By default a condition counts on the clock on the wall, which people set. */
void base_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

void base_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t timeout_ms)
{
    int64_t until_ns = machine_now_ns() + timeout_ms * 1000000;
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_cond_timedwait(cond, lock, &until);
}
