/* What is asked and how much of a reply is read: early stop, the best only, constrained replies, caps. */
#include "base/rng.h"
#include "hand.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void run(hand *h, const rank_strategy *strategy)
{
    cr_assert_eq(hand_run(h, strategy), RRK_OK, "%s", h->err.message);
}

/* How many prompts may end early, out of how many. */
Test(early, stops_only_where_the_caller_cannot_see_it)
{
    static const struct {
        const rank_strategy *strategy;
        size_t n, top_n, passes, complete, calls, streamed;
    } ROWS[] = {
        {&rank_full, 100, 10, 1, 0, 1, 1},    {&rank_full, 100, 0, 1, 0, 1, 0},
        {&rank_full, 100, 100, 1, 0, 1, 0},   {&rank_full, 100, 99, 1, 0, 1, 1},
        {&rank_full, 100, 10, 2, 0, 2, 1},    {&rank_sliding, 100, 10, 1, 0, 9, 9},
        {&rank_sliding, 100, 0, 1, 0, 9, 0},  {&rank_sliding, 100, 10, 2, 0, 18, 9},
        {&rank_sliding, 100, 30, 1, 0, 9, 7}, {&rank_sliding, 100, 20, 1, 0, 9, 8},
        {&rank_sliding, 100, 99, 1, 0, 9, 1}, {&rank_sliding, 100, 100, 1, 0, 9, 0},
        {&rank_sliding, 100, 10, 0, 1, 9, 9}, {&rank_sliding, 100, 15, 0, 1, 17, 8},
        {&rank_sliding, 12, 5, 1, 0, 1, 1},   {&rank_sliding, 1, 1, 1, 0, 0, 0},
    };
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++) {
        hand *h = hand_new(ROWS[i].n);
        h->options.top_n = ROWS[i].top_n;
        h->settings.passes = ROWS[i].passes;
        h->settings.complete = (int)ROWS[i].complete;
        run(h, ROWS[i].strategy);
        cr_assert(h->n_calls == ROWS[i].calls && h->n_streamed == ROWS[i].streamed, "row %zu: %zu of %zu", i,
                  h->n_streamed, h->n_calls);
        hand_free(h);
        h = hand_new(ROWS[i].n);
        h->options.top_n = ROWS[i].top_n;
        h->settings.no_early_stop = 1;
        run(h, ROWS[i].strategy);
        cr_assert_eq(h->n_streamed, 0);
        hand_free(h);
    }
}

static void set_up(hand *h, uint64_t seed)
{
    h->ranker.seed = seed;
    h->ranker.noise = 1 + base_rng_at(seed, 1) % 40;
    h->settings.window = 2 + base_rng_at(seed, 2) % 12;
    h->settings.stride = 1 + base_rng_at(seed, 3) % (h->settings.window - 1);
    h->settings.complete = base_rng_at(seed, 4) % 3 == 0;
    h->settings.passes = h->settings.complete ? 0 : 1 + base_rng_at(seed, 5) % 3;
    h->settings.order = (rrk_list_order)(base_rng_at(seed, 6) % 3);
    h->options.top_n = 1 + base_rng_at(seed, 7) % h->n;
}

Test(early, never_changes_a_hit)
{
    uint64_t seed = 20261124;
    cr_log_info("seed %llu", (unsigned long long)seed);
    size_t n_stopped = 0;
    for (uint64_t trial = 0; trial < 400; trial++) {
        size_t n = 2 + base_rng_at(seed, trial) % 60;
        hand *whole = hand_new(n), *early = hand_new(n);
        set_up(whole, seed + trial);
        set_up(early, seed + trial);
        whole->settings.no_early_stop = 1;
        early->in_pieces = true;
        const rank_strategy *strategy = trial % 4 ? &rank_sliding : &rank_full;
        if (strategy == &rank_full)
            whole->settings.complete = early->settings.complete = 0;
        run(whole, strategy);
        run(early, strategy);
        cr_assert_eq(early->counts.replies.n_malformed, 0);
        cr_assert_eq(early->n_calls, whole->n_calls);
        for (size_t i = 0; i < whole->options.top_n; i++)
            cr_assert_eq(early->order[i], whole->order[i], "trial %zu, place %zu", (size_t)trial, i);
        n_stopped += early->n_stopped;
        hand_free(whole);
        hand_free(early);
    }
    cr_assert_gt(n_stopped, 500);
}

Test(early, counts_the_tokens_that_were_not_generated)
{
    hand *h = hand_new(100);
    h->options.top_n = 10;
    h->in_pieces = true;
    run(h, &rank_full);
    cr_assert_eq(h->n_stopped, 1);
    cr_assert_eq(h->counts.tokens_saved, rank_answer_tokens(100, 100) - rank_answer_tokens(100, 10));
    hand_free(h);
}

Test(early, the_best_only_can_be_asked_for)
{
    hand *h = hand_new(30);
    h->options.top_n = 3;
    h->settings.ask_top_n = 1;
    h->answer = "[2] > [1] > [3]";
    run(h, &rank_full);
    cr_assert_eq(h->counts.replies.n_ok, 1);
    cr_assert_eq(h->counts.replies.n_missing, 0);
    cr_assert_eq(h->order[0], 1);
    h->settings.ask_top_n = 0;
    run(h, &rank_full);
    cr_assert_eq(h->counts.replies.n_missing, 27);
    hand_free(h);
}

/* --- caps --- */

static size_t cap_of(const rank_strategy *strategy, const hand *h)
{
    rank_listwise how;
    rrk_error err;
    cr_assert_eq(rank_listwise_init(&how, &h->settings, strategy == &rank_full, 0, &err), RRK_OK, "%s", err.message);
    rank_task task = {.listwise = &how,
                      .query = rrk_text_of("q"),
                      .passages = h->passages,
                      .n_passages = h->n,
                      .options = &h->options};
    rank_machine *machine = NULL;
    rank_work work;
    cr_assert_eq(strategy->start(&machine, &task, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(strategy->next(machine, &work, &err), RRK_OK, "%s", err.message);
    size_t cap = work.prompts->max_tokens;
    cr_assert_eq(work.prompts->thinks, how.thinking_tokens > 0);
    strategy->stop(machine);
    rank_listwise_free(&how);
    return cap;
}

Test(caps, hold_the_answer_and_leave_room_for_thinking)
{
    hand *h = hand_new(100);
    size_t all = cap_of(&rank_full, h), window = cap_of(&rank_sliding, h);
    cr_assert(all >= 492 && all < 700, "%zu", all); /* what 100 identifiers cost with a token a digit */
    cr_assert(window >= 92 && window < 200, "%zu", window);
    h->settings.thinking_tokens = 3000;
    cr_assert_eq(cap_of(&rank_full, h), all + 3000);
    h->settings.thinking_tokens = 0;
    h->settings.ask_top_n = 1;
    h->options.top_n = 10;
    cr_assert(cap_of(&rank_full, h) < all / 3);
    hand_free(h);
}

/* --- one identifier at a time --- */

Test(strict, asks_for_one_at_a_time_and_gets_the_whole_order)
{
    static const struct {
        size_t n, top_n, calls;
    } ROWS[] = {{1, 0, 0}, {2, 0, 1}, {20, 0, 19}, {20, 5, 5}, {20, 19, 19}, {20, 20, 19}};
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++) {
        hand *h = hand_new(ROWS[i].n);
        h->settings.constrain = RRK_CONSTRAIN_STRICT;
        h->options.top_n = ROWS[i].top_n;
        run(h, &rank_full);
        cr_assert_eq(h->n_calls, ROWS[i].calls, "row %zu: %zu calls", i, h->n_calls);
        cr_assert_eq(h->counts.replies.n_ok, h->n_calls);
        for (size_t place = 0; place < (ROWS[i].top_n ? ROWS[i].top_n : ROWS[i].n); place++)
            cr_assert_eq(ranker_goodness(h->order[place], h->n), place, "row %zu, place %zu", i, place);
        hand_free(h);
    }
}

Test(strict, works_in_windows)
{
    hand *h = hand_new(30);
    h->settings.constrain = RRK_CONSTRAIN_STRICT;
    run(h, &rank_sliding);
    cr_assert_eq(h->n_calls, 2 * 19);
    for (size_t place = 0; place < 10; place++)
        cr_assert_eq(ranker_goodness(h->order[place], 30), place);
    hand_free(h);
}

Test(strict, an_endpoint_that_ignores_it_is_counted_and_mended)
{
    static const char *const ANSWERS[] = {"[3]", "[99]", "no idea", "[1] [2]"};
    static const size_t FIRST[] = {2, 0, 0, 0};
    for (size_t i = 0; i < RRK_COUNT(ANSWERS); i++) {
        hand *h = hand_new(4);
        h->settings.constrain = RRK_CONSTRAIN_STRICT;
        h->answer = ANSWERS[i];
        run(h, &rank_full);
        cr_assert_eq(h->n_calls, 3);
        cr_assert_eq(h->order[0], FIRST[i], "%s", ANSWERS[i]);
        cr_assert_eq(h->counts.replies.n_ok + h->counts.replies.n_malformed, 3);
        cr_assert_geq(h->counts.replies.n_malformed, 2, "%s", ANSWERS[i]);
        hand_free(h);
    }
}
