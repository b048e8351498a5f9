/*
 * Where windows stand, and how long a passage may be in them: the arithmetic of listwise ranking, apart from the
 * machine that follows it so that its edges (n = 0, window - stride, window + 1, ...) can be tested exhaustively.
 */
#ifndef RRK_RERANK_WINDOW_H
#define RRK_RERANK_WINDOW_H

#include "base/error.h"

typedef struct rank_window {
    size_t first;
    size_t n;
} rank_window;

/*
 * Window number i of a pass over n candidates, from the back to the front: true while there is one. n >= 2 candidates
 * always get at least one, every window has 2 candidates or more, and the last one begins at 0. 100, 20, 10: nine.
 */
bool rank_window_at(size_t n, size_t window, size_t stride, size_t i, rank_window *out);

/*
 * Tokens that each of n passages may have so that prompt and answer fit the context: computed, not searched for.
 * *tokens is 0 (no cap) when the context is not known (0). RRK_E_INVALID naming the figures when fewer than min_tokens
 * would be left.
 */
rrk_status rank_passage_budget(size_t context_tokens, uint64_t template_tokens, uint64_t query_tokens,
                               uint64_t answer_tokens, size_t n, size_t min_tokens, size_t *tokens, rrk_error *err);

#endif
