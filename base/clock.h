/* Time. Monotonic, in nanoseconds; tests replace the source. */
#ifndef RRK_BASE_CLOCK_H
#define RRK_BASE_CLOCK_H

#include <stdint.h>

int64_t base_now_ns(void);
double base_ms_since(int64_t start_ns);

/* NULL goes back to the machine's clock. For tests; not thread-safe. */
void base_clock_replace(int64_t (*now_ns)(void));

#endif
