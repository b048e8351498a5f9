/* Where windows stand, and what a passage may cost in them: see window.h. */
#include "rerank/window.h"

#include <inttypes.h>

bool rank_window_at(size_t n, size_t window, size_t stride, size_t i, rank_window *out)
{
    if (n < 2)
        return false;
    if (window >= n) {
        *out = (rank_window){0, n};
        return i == 0;
    }
    if (window < 2 || stride == 0 || stride >= window)
        return false;
    size_t back, last = n - window; /* candidates before the window that is asked for, and before number 0 */
    if (base_mul_overflows(i, stride, &back))
        return false;
    if (back >= last && back - last >= stride)
        return false; /* the one before begins at 0 already */
    *out = (rank_window){back < last ? last - back : 0, window};
    return true;
}

rrk_status rank_passage_budget(size_t context_tokens, uint64_t template_tokens, uint64_t query_tokens,
                               uint64_t answer_tokens, size_t n, size_t min_tokens, size_t *tokens, rrk_error *err)
{
    *tokens = 0;
    if (context_tokens == 0 || n == 0)
        return RRK_OK;
    uint64_t taken;
    bool too_much = __builtin_add_overflow(template_tokens, query_tokens, &taken) ||
                    __builtin_add_overflow(taken, answer_tokens, &taken) || taken > context_tokens;
    size_t left = too_much ? 0 : context_tokens - (size_t)taken;
    if (left / n < RRK_MAX(min_tokens, (size_t)1))
        return base_fail(err, RRK_E_INVALID, 0,
                         "%zu passages do not fit a context of %zu tokens: wording %" PRIu64 ", query %" PRIu64
                         ", answer %" PRIu64 ", which leaves %zu a passage, and %zu is the least",
                         n, context_tokens, template_tokens, query_tokens, answer_tokens, left / n, min_tokens);
    *tokens = left / n;
    return RRK_OK;
}
