/* The batch planner: every row once, the budget kept, the longest first, short calls soon and long ones always. */
#include "encoder/plan.h"
#include "base/rng.h"

#include <criterion/criterion.h>

enum { MAX_ROWS = 400, MAX_LINES = 6, MANY = 4096 };

/* Lines of random rows in one plan. */
typedef struct fixture {
    enc_row rows[MAX_LINES][MAX_ROWS];
    enc_line lines[MAX_LINES];
    bool seen[MAX_LINES][MAX_ROWS];
    size_t n_lines;
    enc_plan plan;
} fixture;

static fixture f;

static void add_line(size_t n_rows, uint32_t longest, uint64_t seed)
{
    size_t l = f.n_lines++;
    for (size_t i = 0; i < n_rows; i++)
        f.rows[l][i] = (enc_row){.n_ids = 1 + (uint32_t)(base_rng_at(seed, i) % longest)};
    cr_assert_eq(enc_line_init(&f.lines[l], f.rows[l], n_rows, 0, NULL), RRK_OK);
    enc_plan_join(&f.plan, &f.lines[l]);
}

static void begin(size_t budget, size_t n_threads)
{
    f = (fixture){.plan = {.budget = budget, .n_threads = n_threads}};
}

static void end(void)
{
    for (size_t l = 0; l < f.n_lines; l++)
        enc_line_free(&f.lines[l]);
}

static uint64_t tokens_of(const enc_pick *picks, size_t n)
{
    uint64_t tokens = 0;
    for (size_t i = 0; i < n; i++)
        tokens += picks[i].line->rows[picks[i].row].n_ids;
    return tokens;
}

static void check_batch(const enc_pick *picks, size_t n, uint64_t n_waiting, uint32_t last[MAX_LINES])
{
    uint64_t share = RRK_MAX((n_waiting + f.plan.n_threads - 1) / f.plan.n_threads, (uint64_t)ENC_PLAN_SMALLEST_BATCH);
    uint64_t tokens = tokens_of(picks, n);
    cr_assert(tokens <= RRK_MIN((uint64_t)f.plan.budget, share) || n == 1, "%zu rows", n);
    cr_assert_eq(f.plan.n_tokens, n_waiting - tokens);
    for (size_t i = 0; i < n; i++) {
        size_t l = (size_t)(picks[i].line - f.lines);
        cr_assert(!f.seen[l][picks[i].row]);
        f.seen[l][picks[i].row] = true;
        cr_assert_leq(f.rows[l][picks[i].row].n_ids, last[l]);
        last[l] = f.rows[l][picks[i].row].n_ids;
    }
}

Test(plan, holds_for_random_lines_and_budgets)
{
    uint64_t seed = 5;
    cr_log_info("seed %llu", (unsigned long long)seed);
    for (uint64_t round = 0; round < 300; round++) {
        begin(1 + base_rng_at(seed, 1000 + round) % 900, 1 + base_rng_at(seed, 2000 + round) % 5);
        size_t n_lines = 1 + base_rng_at(seed, 3000 + round) % MAX_LINES, n_rows = 0, n_seen = 0, n;
        for (size_t l = 0; l < n_lines; l++) {
            size_t n_line = 1 + base_rng_at(seed, 4000 + round * MAX_LINES + l) % MAX_ROWS;
            add_line(n_line, 300, seed + round + l);
            n_rows += n_line;
        }
        uint32_t last[MAX_LINES];
        memset(last, 0xff, sizeof last);
        enc_pick picks[MANY];
        for (uint64_t waiting = f.plan.n_tokens; (n = enc_plan_cut(&f.plan, picks, MANY)) > 0;
             waiting = f.plan.n_tokens) {
            check_batch(picks, n, waiting, last);
            n_seen += n;
        }
        cr_assert_eq(n_seen, n_rows);
        cr_assert(!f.plan.first && !f.plan.last && f.plan.n_tokens == 0);
        end();
    }
}

Test(plan, equal_lengths_keep_the_input_order)
{
    enc_row rows[5] = {{.n_ids = 4}, {.n_ids = 9}, {.n_ids = 4}, {.n_ids = 9}, {.n_ids = 4}};
    static const uint32_t ORDER[] = {1, 3, 0, 2, 4};
    enc_line line;
    cr_assert_eq(enc_line_init(&line, rows, 5, 0, NULL), RRK_OK);
    cr_assert_arr_eq(line.order, ORDER, sizeof ORDER);
    enc_line_free(&line);
}

Test(plan, a_batch_takes_so_many_rows_and_not_one_more)
{
    begin(MANY, 1);
    add_line(100, 1, 1);
    enc_pick picks[MANY];
    cr_assert_eq(enc_plan_cut(&f.plan, picks, 99), 99);
    cr_assert_eq(enc_plan_cut(&f.plan, picks, 99), 1);
    cr_assert_eq(enc_plan_cut(&f.plan, picks, 99), 0);
    end();
}

/* Whoever is free takes the next batch: with equal speeds, how long the longest thread works. */
static size_t tokens_of_busiest(void)
{
    size_t busy[8] = {0}, most = 0, n;
    enc_pick picks[MANY];
    for (size_t free = 0; (n = enc_plan_cut(&f.plan, picks, MANY)) > 0; free = 0) {
        for (size_t t = 1; t < f.plan.n_threads; t++)
            free = busy[t] < busy[free] ? t : free;
        busy[free] += tokens_of(picks, n);
        most = RRK_MAX(most, busy[free]);
    }
    return most;
}

Test(plan, threads_finish_within_a_small_batch_of_each_other)
{
    uint64_t seed = 6;
    cr_log_info("seed %llu", (unsigned long long)seed);
    for (uint64_t round = 0; round < 300; round++) {
        size_t n_threads = 1 + base_rng_at(seed, 1000 + round) % 8;
        begin(512, n_threads);
        add_line(1 + base_rng_at(seed, round) % MAX_ROWS, 90, seed + round);
        add_line(1 + base_rng_at(seed, 500 + round) % MAX_ROWS, 90, seed + round + 1);
        size_t share = (f.plan.n_tokens + n_threads - 1) / n_threads;
        cr_assert_leq(tokens_of_busiest(), share + ENC_PLAN_SMALLEST_BATCH);
        end();
    }
}

/* Rows of 90 tokens in batches of 480. */
static size_t batches_until_gone(const enc_line *line)
{
    size_t n_batches = 0;
    enc_pick picks[MANY];
    for (; line->waiting; n_batches++)
        cr_assert_gt(enc_plan_cut(&f.plan, picks, MANY), 0);
    return n_batches;
}

Test(plan, five_rows_are_through_in_two_batches_whatever_else_waits)
{
    static enc_row rows[MAX_ROWS];
    for (size_t i = 0; i < MAX_ROWS; i++)
        rows[i] = (enc_row){.n_ids = 90};
    for (size_t n_before = 0; n_before < 4; n_before++) {
        begin(480, 2);
        for (size_t l = 0; l < MAX_LINES - 1; l++) {
            cr_assert_eq(enc_line_init(&f.lines[f.n_lines], rows, MAX_ROWS, 0, NULL), RRK_OK);
            enc_plan_join(&f.plan, &f.lines[f.n_lines++]);
        }
        enc_pick picks[MANY];
        for (size_t b = 0; b < n_before; b++)
            enc_plan_cut(&f.plan, picks, MANY);
        enc_line *small = &f.lines[f.n_lines++];
        cr_assert_eq(enc_line_init(small, rows, 5, 0, NULL), RRK_OK);
        enc_plan_join(&f.plan, small);
        cr_assert_leq(batches_until_gone(small), 2);
        end();
    }
}

/* A long call among callers who bring a row each, again and again. */
typedef struct crowd {
    size_t budget;
    uint32_t long_tokens, short_tokens;
    size_t n_callers;
} crowd;

static const crowd CROWDS[] = {
    {480, 40, 40, 4},   {480, 20, 20, 32},  {480, 20, 20, 63},   {192, 100, 100, 2},  {192, 100, 60, 4},
    {384, 100, 100, 4}, {768, 256, 90, 20}, {1536, 400, 90, 20}, {1536, 512, 512, 4}, {192, 300, 90, 3},
};

static size_t rows_of_the_long_one(const crowd *c, size_t n_batches)
{
    enum { MAX_CALLERS = 63 };
    static enc_row rows[MAX_ROWS];
    static enc_line lines[1 + MAX_CALLERS];
    enc_row one = {.n_ids = c->short_tokens};
    enc_plan plan = {.budget = c->budget, .n_threads = 2};
    enc_pick picks[MANY];
    for (size_t i = 0; i < MAX_ROWS; i++)
        rows[i] = (enc_row){.n_ids = c->long_tokens};
    for (size_t l = 0; l <= c->n_callers; l++) {
        cr_assert_eq(enc_line_init(&lines[l], l ? &one : rows, l ? 1 : MAX_ROWS, 0, NULL), RRK_OK);
        enc_plan_join(&plan, &lines[l]);
    }
    for (size_t b = 0; b < n_batches; b++) {
        cr_assert_gt(enc_plan_cut(&plan, picks, MANY), 0);
        for (size_t l = 1; l <= c->n_callers; l++) {
            if (lines[l].waiting)
                continue;
            enc_line_free(&lines[l]);
            cr_assert_eq(enc_line_init(&lines[l], &one, 1, 0, NULL), RRK_OK);
            enc_plan_join(&plan, &lines[l]);
        }
    }
    size_t n_given = lines[0].next;
    for (size_t l = 0; l <= c->n_callers; l++)
        enc_line_free(&lines[l]);
    return n_given;
}

/* Of the quarters of all batches it has its part, whether its rows fit into one quarter or not. */
Test(plan, a_long_call_moves_however_many_short_ones_come)
{
    enum { N_BATCHES = 600 };
    for (size_t i = 0; i < RRK_COUNT(CROWDS); i++) {
        const crowd *c = &CROWDS[i];
        size_t round = c->long_tokens + c->n_callers * c->short_tokens;
        size_t least = RRK_MIN(N_BATCHES * (c->budget / 4) / round, (size_t)MAX_ROWS);
        size_t got = rows_of_the_long_one(c, N_BATCHES);
        cr_assert_geq(got + 1, least, "crowd %zu: %zu of %zu rows", i, got, least);
    }
}

/* What was saved up for a long row that has left does not hold up who is short. */
Test(plan, credit_for_a_row_that_has_left_is_not_kept)
{
    begin(400, 1);
    static enc_row rows[MAX_ROWS], huge = {.n_ids = 5000};
    for (size_t i = 0; i < MAX_ROWS; i++)
        rows[i] = (enc_row){.n_ids = 10};
    f.n_lines = 3;
    cr_assert_eq(enc_line_init(&f.lines[0], &huge, 1, 0, NULL), RRK_OK);
    enc_plan_join(&f.plan, &f.lines[0]);
    enc_pick picks[MANY];
    for (size_t l = 1; l < 3; l++) {
        cr_assert_eq(enc_line_init(&f.lines[l], rows, MAX_ROWS, 0, NULL), RRK_OK);
        enc_plan_join(&f.plan, &f.lines[l]);
    }
    for (size_t b = 0; b < 8; b++)
        cr_assert_eq(enc_plan_cut(&f.plan, picks, MANY), 40);
    cr_assert_eq(f.lines[0].next, 0);
    enc_plan_leave(&f.plan, &f.lines[0]);
    size_t next = f.lines[2].next;
    cr_assert_eq(enc_plan_cut(&f.plan, picks, MANY), 40);
    cr_assert_leq(f.lines[2].next - next, 6);
    end();
}

Test(plan, what_is_beside_a_row_counts)
{
    enc_row rows[20];
    for (size_t i = 0; i < RRK_COUNT(rows); i++)
        rows[i] = (enc_row){.n_ids = 6};
    begin(100, 1);
    f.n_lines = 1;
    cr_assert_eq(enc_line_init(&f.lines[0], rows, RRK_COUNT(rows), 4, NULL), RRK_OK);
    enc_plan_join(&f.plan, &f.lines[0]);
    cr_assert_eq(f.plan.n_tokens, 200);
    enc_pick picks[MANY];
    cr_assert_eq(enc_plan_cut(&f.plan, picks, MANY), 10);
    cr_assert_eq(f.plan.n_tokens, 100);
    end();
}

Test(plan, calls_of_one_size_take_turns)
{
    begin(480, 2);
    for (size_t l = 0; l < 4; l++)
        add_line(MAX_ROWS, 1, 1);
    /* First all in turns, a row each, then the one with the least left. */
    enc_pick picks[MANY];
    size_t n = enc_plan_cut(&f.plan, picks, MANY), got[MAX_LINES] = {0};
    for (size_t i = 0; i < n; i++)
        got[picks[i].line - f.lines]++;
    cr_assert_eq(n, 480);
    cr_assert_eq(got[0], 30 + 360);
    for (size_t l = 1; l < 4; l++)
        cr_assert_eq(got[l], 30);
    end();
}

Test(plan, a_line_that_leaves_takes_its_rows_along)
{
    begin(480, 2);
    for (size_t l = 0; l < 3; l++)
        add_line(50, 20, l);
    uint64_t rest = f.lines[0].n_tokens + f.lines[2].n_tokens;
    enc_plan_leave(&f.plan, &f.lines[1]);
    enc_plan_leave(&f.plan, &f.lines[1]);
    cr_assert_eq(f.plan.n_tokens, rest);
    enc_pick picks[MANY];
    for (size_t n; (n = enc_plan_cut(&f.plan, picks, MANY)) > 0;) {
        for (size_t i = 0; i < n; i++)
            cr_assert_neq(picks[i].line, &f.lines[1]);
    }
    cr_assert(!f.lines[0].waiting && !f.lines[2].waiting);
    end();
}
