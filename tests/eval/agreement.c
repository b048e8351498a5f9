/* Agreement of orders, by hand and against counting every pair. */
#include "eval/agreement.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <math.h>

enum { MANY = 200, SEED = 7 };

static eval_agreement agree(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b, size_t n_items)
{
    eval_agreement out;
    cr_assert(eval_agree(a, n_a, b, n_b, n_items, &out, NULL) == RRK_OK);
    return out;
}

Test(agreement, tau_of_the_same_order_is_1_and_of_the_reversed_one_minus_1)
{
    const uint32_t a[] = {2, 0, 1, 3}, b[] = {3, 1, 0, 2};
    cr_assert(agree(a, 4, a, 4, 4).tau == 1);
    cr_assert(agree(a, 4, b, 4, 4).tau == -1);
}

/* Of 6 pairs, 0 1 and 2 3 stand the other way round: (4 - 2) / 6. */
Test(agreement, tau_counts_pairs)
{
    const uint32_t a[] = {0, 1, 2, 3}, b[] = {1, 0, 3, 2}, c[] = {3, 0, 1, 2};
    cr_assert_float_eq(agree(a, 4, b, 4, 4).tau, 1.0 / 3, 1e-15);
    cr_assert(agree(a, 4, b, 4, 4).n_moved == 2);
    cr_assert_float_eq(agree(a, 4, c, 4, 4).tau, 0, 1e-15);
}

Test(agreement, tau_is_over_what_both_orders_have)
{
    const uint32_t a[] = {4, 1, 0}, b[] = {0, 3, 4};
    cr_assert(agree(a, 3, b, 3, 5).tau == -1);
    cr_assert(isnan(agree(a, 1, b, 1, 5).tau));
    cr_assert(isnan(agree(a, 0, b, 0, 5).tau) && isnan(agree(a, 0, b, 0, 5).top));
}

/* The first ten of 20 against an order that begins with 10, 11, 12 and then goes on with 0. */
Test(agreement, top_is_the_share_that_stays)
{
    uint32_t a[20], b[20] = {10, 11, 12};
    for (uint32_t i = 0; i < 20; i++)
        a[i] = i;
    for (uint32_t i = 3; i < 20; i++)
        b[i] = i < 13 ? i - 3 : i;
    cr_assert_float_eq(agree(a, 20, b, 20, 20).top, 0.7, 1e-15);
    cr_assert_float_eq(agree(a, 20, b, 10, 20).top, 0.7, 1e-15);
    cr_assert_float_eq(agree(b, 3, a, 20, 20).top, 0, 1e-15);
}

static void shuffle(uint32_t *order, size_t n, uint64_t seed)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(base_rng_at(seed, i) % i);
        uint32_t swapped = order[j];
        order[j] = order[i - 1];
        order[i - 1] = swapped;
    }
}

Test(agreement, tau_equals_counting_every_pair)
{
    uint32_t a[MANY], b[MANY], place[MANY];
    for (size_t n = 2; n <= MANY; n++) {
        shuffle(a, n, SEED + n);
        shuffle(b, n, SEED + 2 * n);
        for (uint32_t i = 0; i < n; i++)
            place[a[i]] = i;
        size_t n_moved = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++)
                n_moved += place[b[i]] > place[b[j]];
        cr_assert(agree(a, n, b, n, n).n_moved == n_moved, "n %zu, seed %d", n, SEED);
    }
}

Test(agreement, a_passage_that_is_none_is_refused)
{
    const uint32_t a[] = {0, 2};
    rrk_error err = {0};
    eval_agreement out;
    cr_assert(eval_agree(a, 2, a, 2, 3, &out, &err) == RRK_OK);
    cr_assert(eval_agree(a, 1, a, 2, 2, &out, &err) == RRK_E_INVALID);
    cr_assert_str_eq(err.message, "b[1] is 2, there are 2 passages");
}
