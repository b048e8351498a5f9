/* The batch planner: see plan.h. */
#include "encoder/plan.h"
#include "base/alloc.h"

/* Counting sort by length: lengths are small numbers, and it keeps the input's order among equals. */
static rrk_status sort_rows(enc_line *line, rrk_error *err)
{
    uint32_t longest = 0;
    for (size_t i = 0; i < line->n_rows; i++)
        longest = RRK_MAX(longest, line->rows[i].n_ids);
    size_t *place RRK_AUTO(base_free_ptr) = base_calloc((size_t)longest + 2, sizeof *place);
    if (!place)
        return base_fail_nomem(err, longest * sizeof *place);
    for (size_t i = 0; i < line->n_rows; i++)
        place[longest - line->rows[i].n_ids + 1]++;
    for (size_t l = 1; l <= longest; l++)
        place[l] += place[l - 1];
    for (size_t i = 0; i < line->n_rows; i++)
        line->order[place[longest - line->rows[i].n_ids]++] = (uint32_t)i;
    return RRK_OK;
}

rrk_status enc_line_init(enc_line *line, const enc_row *rows, size_t n_rows, rrk_error *err)
{
    *line = (enc_line){.rows = rows, .n_rows = n_rows};
    if (n_rows > UINT32_MAX)
        return base_fail(err, RRK_E_INVALID, 0, "%zu rows are more than a call can take", n_rows);
    line->order = base_alloc(n_rows, sizeof *line->order);
    if (!line->order)
        return base_fail_nomem(err, n_rows * sizeof *line->order);
    for (size_t i = 0; i < n_rows; i++)
        line->n_tokens += rows[i].n_ids;
    return sort_rows(line, err);
}

void enc_line_free(enc_line *line)
{
    base_free(line->order);
    *line = (enc_line){0};
}

void enc_plan_join(enc_plan *plan, enc_line *line)
{
    line->turn = plan->turn;
    line->before = plan->last;
    line->after = NULL;
    line->waiting = true;
    *(plan->last ? &plan->last->after : &plan->first) = line;
    plan->last = line;
    plan->n_tokens += line->n_tokens;
}

void enc_plan_leave(enc_plan *plan, enc_line *line)
{
    if (!line->waiting)
        return;
    *(line->before ? &line->before->after : &plan->first) = line->after;
    *(line->after ? &line->after->before : &plan->last) = line->before;
    plan->n_tokens -= line->n_tokens;
    line->waiting = false;
}

/* What a batch may hold: a thread's share of what is waiting, within limits. */
static size_t room_of(const enc_plan *plan)
{
    uint64_t share = (plan->n_tokens + plan->n_threads - 1) / plan->n_threads;
    return (size_t)RRK_MIN(RRK_MAX(share, (uint64_t)ENC_PLAN_SMALLEST_BATCH), (uint64_t)plan->budget);
}

static enc_line *least_left(const enc_plan *plan)
{
    enc_line *least = plan->first;
    for (enc_line *line = least->after; line; line = line->after)
        least = line->n_tokens < least->n_tokens ? line : least;
    return least;
}

static enc_line *next_in_turn(const enc_plan *plan)
{
    enc_line *next = plan->first;
    for (enc_line *line = next->after; line; line = line->after)
        next = line->turn < next->turn ? line : next;
    return next;
}

static void give(enc_plan *plan, enc_line *line, uint32_t n_tokens)
{
    line->next++;
    line->turn += n_tokens;
    line->n_tokens -= n_tokens;
    plan->n_tokens -= n_tokens;
    if (line->next == line->n_rows)
        enc_plan_leave(plan, line);
}

size_t enc_plan_cut(enc_plan *plan, enc_pick *picks, size_t max_rows)
{
    size_t room = room_of(plan), tokens = 0, n = 0;
    while (plan->first && n < max_rows) {
        bool in_turn = tokens >= room - room / 4;
        enc_line *line = in_turn ? next_in_turn(plan) : least_left(plan);
        uint32_t row = line->order[line->next], n_tokens = line->rows[row].n_ids;
        if (n > 0 && tokens + n_tokens > room)
            break;
        if (in_turn)
            plan->turn = line->turn;
        picks[n++] = (enc_pick){line, row};
        tokens += n_tokens;
        give(plan, line, n_tokens);
    }
    return n;
}
