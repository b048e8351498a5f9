/* When a call has to give up: a moment, a callback, or both. Passed by pointer down to whoever loops. */
#ifndef RRK_BASE_DEADLINE_H
#define RRK_BASE_DEADLINE_H

#include "base/error.h"

typedef struct base_deadline {
    int64_t at_ns; /* on base_now_ns()'s scale; 0: never */
    int (*cancel)(void *ctx);
    void *cancel_ctx;
} base_deadline;

/* timeout_ms 0: never. */
base_deadline base_deadline_in(int64_t timeout_ms, int (*cancel)(void *ctx), void *cancel_ctx);

/* RRK_OK, RRK_E_TIMEOUT or RRK_E_CANCELLED. deadline may be NULL. */
rrk_status base_deadline_check(const base_deadline *deadline, rrk_error *err);

/* For loops over many small things: looks at the deadline once every so much work. */
typedef struct base_pace {
    const base_deadline *deadline; /* may be NULL */
    size_t every;
    size_t done; /* since the last look */
} base_pace;

/* As base_deadline_check(), when work and what went before come to pace->every. */
rrk_status base_pace_check(base_pace *pace, size_t work, rrk_error *err);

#endif
