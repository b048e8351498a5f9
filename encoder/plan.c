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

static size_t row_tokens(const enc_line *line, uint32_t row)
{
    return (size_t)line->rows[row].n_ids + line->n_beside;
}

rrk_status enc_line_init(enc_line *line, const enc_row *rows, size_t n_rows, uint32_t n_beside, rrk_error *err)
{
    *line = (enc_line){.rows = rows, .n_rows = n_rows, .n_beside = n_beside};
    if (n_rows > UINT32_MAX)
        return base_fail(err, RRK_E_INVALID, 0, "%zu rows are more than a call can take", n_rows);
    line->order = base_alloc(n_rows, sizeof *line->order);
    if (!line->order)
        return base_fail_nomem(err, n_rows * sizeof *line->order);
    for (size_t i = 0; i < n_rows; i++)
        line->n_tokens += row_tokens(line, (uint32_t)i);
    return sort_rows(line, err);
}

void enc_line_free(enc_line *line)
{
    base_free(line->order);
    *line = (enc_line){0};
}

void enc_plan_join(enc_plan *plan, enc_line *line)
{
    line->turn = ++plan->clock;
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
    for (enc_line *line = least; line; line = line->after)
        least = line->n_tokens < least->n_tokens ? line : least;
    return least;
}

static enc_line *next_in_turn(const enc_plan *plan)
{
    enc_line *next = plan->first;
    for (enc_line *line = next; line; line = line->after)
        next = line->turn < next->turn ? line : next;
    return next;
}

/* A batch that is being cut. */
typedef struct cut {
    enc_plan *plan;
    enc_pick *picks;
    size_t max_rows;
    size_t room;
    size_t tokens;
    size_t n;
} cut;

static uint32_t next_row(const enc_line *line)
{
    return line->order[line->next];
}

static size_t next_tokens(const enc_line *line)
{
    return row_tokens(line, next_row(line));
}

static bool fits(const cut *c, const enc_line *line)
{
    return c->n < c->max_rows && (c->n == 0 || c->tokens + next_tokens(line) <= c->room);
}

static void take(cut *c, enc_line *line)
{
    size_t n_tokens = next_tokens(line);
    c->picks[c->n++] = (enc_pick){line, next_row(line)};
    c->tokens += n_tokens;
    c->plan->n_tokens -= n_tokens;
    line->n_tokens -= n_tokens;
    line->next++;
    if (line->next == line->n_rows)
        enc_plan_leave(c->plan, line);
}

/*
 * Turns come first: behind the others there would never be room for a long row. What was saved for a row that has left
 * meanwhile must not buy a whole batch of shorter ones, so no more is kept than the next row costs.
 */
static void take_in_turn(cut *c)
{
    enc_plan *plan = c->plan;
    enc_line *line = next_in_turn(plan);
    if (line)
        plan->owed = RRK_MIN(plan->owed, next_tokens(line)) + c->room / 4;
    for (; line && plan->owed >= next_tokens(line) && fits(c, line); line = next_in_turn(plan)) {
        plan->owed -= next_tokens(line);
        line->turn = ++plan->clock;
        take(c, line);
    }
}

size_t enc_plan_cut(enc_plan *plan, enc_pick *picks, size_t max_rows)
{
    cut c = {.plan = plan, .picks = picks, .max_rows = max_rows, .room = room_of(plan)};
    take_in_turn(&c);
    for (enc_line *line = least_left(plan); line && fits(&c, line); line = least_left(plan))
        take(&c, line);
    return c.n;
}
