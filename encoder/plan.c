/* The batch planner: see plan.h. */
#include "encoder/plan.h"
#include "base/alloc.h"

#include <string.h>

void enc_plan_free(enc_plan *plan)
{
    base_free(plan->order);
    base_free(plan->cuts);
    *plan = (enc_plan){0};
}

/* Counting sort by length: lengths are small numbers, and it keeps the input's order among equals. */
static rrk_status sort_rows(enc_plan *plan, const enc_row *rows, size_t n_rows, rrk_error *err)
{
    uint32_t longest = 0;
    for (size_t i = 0; i < n_rows; i++)
        longest = RRK_MAX(longest, rows[i].n_ids);
    size_t *place RRK_AUTO(base_free_ptr) = base_calloc((size_t)longest + 2, sizeof *place);
    if (!place)
        return base_fail_nomem(err, longest * sizeof *place);
    for (size_t i = 0; i < n_rows; i++)
        place[longest - rows[i].n_ids + 1]++;
    for (size_t l = 1; l <= longest; l++)
        place[l] += place[l - 1];
    for (size_t i = 0; i < n_rows; i++)
        plan->order[place[longest - rows[i].n_ids]++] = (uint32_t)i;
    return RRK_OK;
}

/* What a batch may hold when n_left tokens are still to be given out: a thread's share of them, within limits. */
static size_t room_of(size_t n_left, size_t budget, size_t n_threads)
{
    size_t share = RRK_MAX((n_left + n_threads - 1) / n_threads, (size_t)ENC_PLAN_SMALLEST_BATCH);
    return RRK_MIN(share, budget);
}

static void cut(enc_plan *plan, const enc_row *rows, size_t n_rows, size_t budget, size_t n_threads)
{
    size_t tokens = 0, first = 0, room = 0, n_left = 0;
    for (size_t i = 0; i < n_rows; i++)
        n_left += rows[i].n_ids;
    for (size_t i = 0; i < n_rows; i++) {
        size_t n = rows[plan->order[i]].n_ids;
        if (i == 0 || tokens + n > room) {
            plan->cuts[plan->n_batches++] = i;
            room = room_of(n_left, budget, n_threads);
            tokens = 0;
            first = i;
        }
        tokens += n;
        n_left -= n;
        plan->max_tokens = RRK_MAX(plan->max_tokens, tokens);
        plan->max_rows = RRK_MAX(plan->max_rows, i + 1 - first);
    }
    plan->cuts[plan->n_batches] = n_rows;
}

rrk_status enc_plan_make(enc_plan *out, const enc_row *rows, size_t n_rows, size_t budget_tokens, size_t n_threads,
                         rrk_error *err)
{
    *out = (enc_plan){0};
    if (n_rows > UINT32_MAX)
        return base_fail(err, RRK_E_INVALID, 0, "%zu rows are more than a call can take", n_rows);
    out->order = base_alloc(n_rows, sizeof *out->order);
    out->cuts = base_alloc(n_rows + 1, sizeof *out->cuts);
    if (!out->order || !out->cuts) {
        enc_plan_free(out);
        return base_fail_nomem(err, n_rows * sizeof *out->cuts);
    }
    rrk_status status = sort_rows(out, rows, n_rows, err);
    if (status == RRK_OK)
        cut(out, rows, n_rows, budget_tokens, n_threads);
    else
        enc_plan_free(out);
    return status;
}
