/* The batch planner: every row once, the budget kept, the longest first. */
#include "encoder/plan.h"
#include "base/rng.h"

#include <criterion/criterion.h>

enum { MAX_ROWS = 400 };

static size_t count_tokens(const enc_row *rows, size_t n)
{
    size_t tokens = 0;
    for (size_t i = 0; i < n; i++)
        tokens += rows[i].n_ids;
    return tokens;
}

static void check_plan(const enc_plan *plan, const enc_row *rows, size_t n, size_t budget, size_t n_threads)
{
    bool seen[MAX_ROWS] = {false};
    size_t last = SIZE_MAX, n_left = count_tokens(rows, n);
    cr_assert_eq(plan->cuts[0], 0);
    cr_assert_eq(plan->cuts[plan->n_batches], n);
    for (size_t b = 0; b < plan->n_batches; b++) {
        size_t tokens = 0, n_rows = plan->cuts[b + 1] - plan->cuts[b];
        cr_assert_gt(n_rows, 0);
        for (size_t i = plan->cuts[b]; i < plan->cuts[b + 1]; i++) {
            uint32_t row = plan->order[i];
            cr_assert(!seen[row]);
            seen[row] = true;
            cr_assert_leq(rows[row].n_ids, last);
            last = rows[row].n_ids;
            tokens += rows[row].n_ids;
        }
        size_t share = RRK_MAX((n_left + n_threads - 1) / n_threads, (size_t)ENC_PLAN_SMALLEST_BATCH);
        cr_assert(tokens <= RRK_MIN(budget, share) || n_rows == 1, "%zu tokens of %zu", tokens, n_left);
        n_left -= tokens;
        cr_assert_leq(tokens, plan->max_tokens);
        cr_assert_leq(n_rows, plan->max_rows);
    }
}

Test(plan, holds_for_random_rows_and_budgets)
{
    uint64_t seed = 5;
    cr_log_info("seed %llu", (unsigned long long)seed);
    for (uint64_t round = 0; round < 300; round++) {
        enc_row rows[MAX_ROWS];
        size_t n = 1 + base_rng_at(seed, round) % MAX_ROWS, budget = 1 + base_rng_at(seed, 1000 + round) % 900;
        size_t n_threads = 1 + base_rng_at(seed, 2000 + round) % 5;
        for (size_t i = 0; i < n; i++)
            rows[i] = (enc_row){.n_ids = 1 + (uint32_t)(base_rng_at(seed + 1, round * MAX_ROWS + i) % 300)};
        enc_plan plan;
        cr_assert_eq(enc_plan_make(&plan, rows, n, budget, n_threads, NULL), RRK_OK);
        check_plan(&plan, rows, n, budget, n_threads);
        enc_plan_free(&plan);
    }
}

Test(plan, equal_lengths_keep_the_input_order)
{
    enc_row rows[5] = {{.n_ids = 4}, {.n_ids = 9}, {.n_ids = 4}, {.n_ids = 9}, {.n_ids = 4}};
    static const uint32_t ORDER[] = {1, 3, 0, 2, 4};
    enc_plan plan;
    cr_assert_eq(enc_plan_make(&plan, rows, 5, 100, 1, NULL), RRK_OK);
    cr_assert_arr_eq(plan.order, ORDER, sizeof ORDER);
    cr_assert_eq(plan.n_batches, 1);
    enc_plan_free(&plan);
}

/* Whoever is free takes the next batch: with equal speeds, how long the longest thread works. */
static size_t tokens_of_busiest(const enc_plan *plan, const enc_row *rows, size_t n_threads)
{
    size_t busy[8] = {0}, most = 0;
    for (size_t b = 0; b < plan->n_batches; b++) {
        size_t free = 0;
        for (size_t t = 1; t < n_threads; t++)
            free = busy[t] < busy[free] ? t : free;
        for (size_t i = plan->cuts[b]; i < plan->cuts[b + 1]; i++)
            busy[free] += rows[plan->order[i]].n_ids;
        most = RRK_MAX(most, busy[free]);
    }
    return most;
}

Test(plan, threads_finish_within_a_small_batch_of_each_other)
{
    uint64_t seed = 6;
    cr_log_info("seed %llu", (unsigned long long)seed);
    for (uint64_t round = 0; round < 300; round++) {
        enc_row rows[MAX_ROWS];
        size_t n = 1 + base_rng_at(seed, round) % MAX_ROWS, n_threads = 1 + base_rng_at(seed, 1000 + round) % 8;
        for (size_t i = 0; i < n; i++)
            rows[i] = (enc_row){.n_ids = 1 + (uint32_t)(base_rng_at(seed + 1, round * MAX_ROWS + i) % 90)};
        enc_plan plan;
        cr_assert_eq(enc_plan_make(&plan, rows, n, 512, n_threads, NULL), RRK_OK);
        size_t share = (count_tokens(rows, n) + n_threads - 1) / n_threads;
        cr_assert_leq(tokens_of_busiest(&plan, rows, n_threads), share + ENC_PLAN_SMALLEST_BATCH);
        enc_plan_free(&plan);
    }
}
