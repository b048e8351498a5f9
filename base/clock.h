/* Time. Monotonic, in nanoseconds; tests replace the source. */
#ifndef RRK_BASE_CLOCK_H
#define RRK_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

int64_t base_now_ns(void);
double base_ms_since(int64_t start_ns);

/* NULL goes back to the machine's clock. For tests; not thread-safe. */
void base_clock_replace(int64_t (*now_ns)(void));

/* Waiting for a while: a condition made for it, and at most that many milliseconds of the machine's own clock. */
void base_cond_init(pthread_cond_t *cond);
void base_cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t timeout_ms);

#endif
