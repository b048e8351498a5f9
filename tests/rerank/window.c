/* Windows and budgets: exhaustively over small lists, and at the edges. */
#include "rerank/window.h"

#include <criterion/criterion.h>
#include <string.h>

static void check_pass(size_t n, size_t window, size_t stride)
{
    bool covered[131] = {false};
    rank_window at, before = {0, 0};
    size_t i = 0;
    for (; rank_window_at(n, window, stride, i, &at); i++) {
        cr_assert(at.n == (window < n ? window : n) && at.first + at.n <= n, "n %zu w %zu s %zu", n, window, stride);
        if (i == 0)
            cr_assert_eq(at.first + at.n, n);
        else if (at.first > 0)
            cr_assert_eq(before.first - at.first, stride, "n %zu w %zu s %zu", n, window, stride);
        else
            cr_assert(before.first > 0 && before.first <= stride, "n %zu w %zu s %zu", n, window, stride);
        for (size_t k = 0; k < at.n; k++)
            covered[at.first + k] = true;
        before = at;
    }
    cr_assert(n < 2 ? i == 0 : i > 0, "n %zu w %zu s %zu", n, window, stride);
    cr_assert_eq(before.first, 0);
    for (size_t k = 0; n >= 2 && k < n; k++)
        cr_assert(covered[k], "place %zu of n %zu w %zu s %zu", k, n, window, stride);
}

Test(window, passes_cover_every_place_and_end_at_the_front_for_all_sizes)
{
    for (size_t n = 0; n <= 130; n++) {
        for (size_t window = 2; window <= 132; window++) {
            for (size_t stride = 1; stride < window; stride++)
                check_pass(n, window, stride);
        }
    }
}

static size_t count(size_t n, size_t window, size_t stride)
{
    rank_window at;
    size_t i = 0;
    while (i < 1000 && rank_window_at(n, window, stride, i, &at))
        i++;
    return i;
}

Test(window, counts_are_the_published_ones)
{
    cr_assert_eq(count(100, 20, 10), 9);
    cr_assert_eq(count(105, 20, 10), 10);
    cr_assert_eq(count(0, 20, 10), 0);
    cr_assert_eq(count(1, 20, 10), 0);
    cr_assert_eq(count(10, 20, 10), 1, "n = window - stride");
    cr_assert_eq(count(20, 20, 10), 1);
    cr_assert_eq(count(21, 20, 10), 2);
}

Test(window, the_whole_list_is_one_window_whatever_the_stride)
{
    static const size_t STRIDES[] = {0, 1, 10, SIZE_MAX};
    rank_window at;
    for (size_t i = 0; i < 4; i++) {
        cr_assert(rank_window_at(100, SIZE_MAX, STRIDES[i], 0, &at));
        cr_assert(at.first == 0 && at.n == 100);
        cr_assert_not(rank_window_at(100, SIZE_MAX, STRIDES[i], 1, &at));
        cr_assert_not(rank_window_at(100, SIZE_MAX, STRIDES[i], SIZE_MAX, &at));
    }
}

Test(window, settings_that_could_not_end_give_no_window)
{
    cr_assert_eq(count(100, 20, 0), 0);
    cr_assert_eq(count(100, 20, 20), 0);
    cr_assert_eq(count(100, 20, SIZE_MAX), 0);
    cr_assert_eq(count(100, 1, 1), 0);
    cr_assert_eq(count(100, 0, 0), 0);
    rank_window at;
    cr_assert_not(rank_window_at(100, 20, 10, SIZE_MAX, &at));
    cr_assert(rank_window_at(SIZE_MAX, 20, 10, SIZE_MAX / 20, &at));
}

Test(budget, is_what_is_left_shared_out)
{
    size_t tokens = 99;
    cr_assert_eq(rank_passage_budget(4096, 300, 20, 130, 20, 30, &tokens, NULL), RRK_OK);
    cr_assert_eq(tokens, (4096 - 450) / 20);
    cr_assert_eq(rank_passage_budget(0, 300, 20, 130, 20, 30, &tokens, NULL), RRK_OK);
    cr_assert_eq(tokens, 0, "not known: no cap");
    cr_assert_eq(rank_passage_budget(10, 300, 20, 130, 0, 30, &tokens, NULL), RRK_OK);
}

Test(budget, that_is_too_small_names_the_figures)
{
    size_t tokens;
    rrk_error err = {0};
    cr_assert_eq(rank_passage_budget(450 + 20 * 30, 300, 20, 130, 20, 30, &tokens, &err), RRK_OK);
    cr_assert_eq(tokens, 30, "at the limit");
    cr_assert_eq(rank_passage_budget(450 + 20 * 30 - 1, 300, 20, 130, 20, 30, &tokens, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "20 passages do not fit a context of 1049 tokens: wording 300, query 20, answer 130, "
                                  "which leaves 29 a passage, and 30 is the least");
    cr_assert_eq(rank_passage_budget(100, 300, 20, 130, 20, 0, &tokens, NULL), RRK_E_INVALID, "nothing left");
    cr_assert_eq(rank_passage_budget(100, UINT64_MAX, 20, 130, 20, 1, &tokens, NULL), RRK_E_INVALID, "overflow");
    cr_assert_eq(rank_passage_budget(100, 1, UINT64_MAX, 130, 20, 1, &tokens, NULL), RRK_E_INVALID, "overflow");
}
