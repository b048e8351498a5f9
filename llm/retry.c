/* Repeating calls: see retry.h. */
#include "llm/retry.h"
#include "base/macros.h"
#include "net/http.h"

bool llm_may_pass(llm_failure failure, long http_status)
{
    switch (failure) {
    case LLM_FAILURE_CONNECTION:
        return true;
    case LLM_FAILURE_HTTP:
        return net_status_may_pass(http_status);
    case LLM_FAILURE_REPLY:
        return net_status_may_pass(http_status) || http_status == 0;
    case LLM_FAILURE_FINAL:
        break;
    }
    return false;
}

bool llm_retry_pause(const llm_retry_policy *policy, size_t n_attempts, int64_t retry_after_ms, double uniform,
                     int64_t *pause_ms)
{
    if (n_attempts > policy->max_retries || retry_after_ms > policy->max_pause_ms)
        return false;
    int64_t pause = policy->first_pause_ms;
    for (size_t i = 1; i < n_attempts && pause < policy->max_pause_ms; i++)
        pause = pause > policy->max_pause_ms / 2 ? policy->max_pause_ms : pause * 2;
    pause = RRK_MIN(pause, policy->max_pause_ms);
    int64_t fixed = pause / 2;
    pause = fixed + (int64_t)(uniform * (double)(pause - fixed));
    *pause_ms = RRK_MAX(pause, retry_after_ms);
    return true;
}
