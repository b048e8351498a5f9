/* Deadlines and cancellation: see deadline.h. */
#include "base/deadline.h"
#include "base/clock.h"

base_deadline base_deadline_in(int64_t timeout_ms, int (*cancel)(void *ctx), void *cancel_ctx)
{
    base_deadline deadline = {.cancel = cancel, .cancel_ctx = cancel_ctx};
    int64_t timeout_ns;
    if (timeout_ms > 0 && !__builtin_mul_overflow(timeout_ms, (int64_t)1000000, &timeout_ns) &&
        !__builtin_add_overflow(base_now_ns(), timeout_ns, &deadline.at_ns))
        return deadline;
    deadline.at_ns = 0;
    return deadline;
}

rrk_status base_deadline_check(const base_deadline *deadline, rrk_error *err)
{
    if (!deadline)
        return RRK_OK;
    if (deadline->cancel && deadline->cancel(deadline->cancel_ctx))
        return base_fail(err, RRK_E_CANCELLED, 0, "cancelled by the caller");
    if (deadline->at_ns && base_now_ns() >= deadline->at_ns)
        return base_fail(err, RRK_E_TIMEOUT, 0, "the deadline has passed");
    return RRK_OK;
}

rrk_status base_pace_check(base_pace *pace, size_t work, rrk_error *err)
{
    if (base_add_overflows(pace->done, work, &pace->done) || pace->done >= pace->every) {
        pace->done = 0;
        return base_deadline_check(pace->deadline, err);
    }
    return RRK_OK;
}
