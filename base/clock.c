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
