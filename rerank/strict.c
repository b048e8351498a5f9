/* One identifier at a time: see strict.h. */
#include "rerank/strict.h"
#include "base/alloc.h"

#include <string.h>

/* "[10000] > " for each of RRK_RERANK_MAX_PASSAGES, and room to spare. */
#define MAX_ANSWER_BYTES ((size_t)1 << 20)

static const char NEXT[] =
    "Which of the remaining passages is the next most relevant? Answer with its identifier only.";

void rank_strict_free(rank_strict *strict)
{
    base_free(strict->given);
    base_free(strict->unused);
    base_free(strict->read);
    base_free(strict->messages);
    base_buf_free(&strict->so_far);
    *strict = (rank_strict){0};
}

rrk_status rank_strict_begin(rank_strict *strict, size_t n, rrk_error *err)
{
    rank_strict_free(strict);
    *strict = (rank_strict){.n = n, .so_far.max = MAX_ANSWER_BYTES};
    strict->given = base_alloc(n, sizeof *strict->given);
    strict->unused = base_alloc(n, sizeof *strict->unused);
    strict->read = base_alloc(n, sizeof *strict->read);
    if (!strict->given || !strict->unused || !strict->read)
        return base_fail_nomem(err, n * sizeof *strict->given);
    for (size_t i = 0; i < n; i++)
        strict->unused[i] = (uint32_t)i + 1;
    return RRK_OK;
}

rrk_status rank_strict_ask(rank_strict *strict, const rank_prompt *window, llm_prompt *call, rrk_error *err)
{
    size_t n = window->n;
    base_free(strict->messages);
    strict->messages = base_alloc(n + 2, sizeof *strict->messages);
    if (!strict->messages)
        return base_fail_nomem(err, (n + 2) * sizeof *strict->messages);
    memcpy(strict->messages, window->messages, n * sizeof *strict->messages);
    if (strict->n_given) {
        strict->messages[n++] = (rrk_llm_message){"assistant", {strict->so_far.data, strict->so_far.len}};
        strict->messages[n++] = (rrk_llm_message){"user", rrk_text_of(NEXT)};
    }
    call->messages = strict->messages;
    call->n_messages = n;
    call->shape = LLM_SHAPE_ONE;
    call->admitted = strict->unused;
    call->n_admitted = strict->n - strict->n_given;
    call->n_wanted = 1;
    return RRK_OK;
}

static bool find_unused(const rank_strict *strict, uint32_t identifier, size_t *at)
{
    size_t n = strict->n - strict->n_given;
    for (*at = 0; *at < n; ++*at) {
        if (strict->unused[*at] == identifier)
            return true;
    }
    *at = 0;
    return false;
}

rrk_status rank_strict_take(rank_strict *strict, rrk_text answer, rank_reply_counts *counts, rrk_error *err)
{
    rank_reply_counts seen = {0};
    RRK_TRY(rank_permutation_read(answer, strict->n, 1, strict->read, &seen, err));
    uint32_t identifier = strict->read[0] + 1;
    size_t at;
    if (!find_unused(strict, identifier, &at)) {
        if (seen.n_ok)
            seen.n_repeated++;
        seen.n_malformed = 1;
        seen.n_ok = 0;
        identifier = strict->unused[0];
    }
    RRK_TRY(base_buf_printf(&strict->so_far, err, "%s[%u]", strict->n_given ? " > " : "", identifier));
    size_t n_after = strict->n - strict->n_given - at - 1;
    memmove(strict->unused + at, strict->unused + at + 1, n_after * sizeof *strict->unused);
    strict->given[strict->n_given++] = identifier - 1;
    counts->n_ok += seen.n_ok;
    counts->n_malformed += seen.n_malformed;
    counts->n_repeated += seen.n_repeated;
    counts->n_missing += seen.n_missing;
    counts->n_out_of_range += seen.n_out_of_range;
    return RRK_OK;
}

void rank_strict_order(const rank_strict *strict, uint32_t *order)
{
    memcpy(order, strict->given, strict->n_given * sizeof *order);
    for (size_t i = strict->n_given; i < strict->n; i++)
        order[i] = strict->unused[i - strict->n_given] - 1;
}
