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

#endif
