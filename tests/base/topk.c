/* The bounded heap against a sort of everything. */
#include "base/topk.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 300 };

static int by_order(const void *a, const void *b)
{
    return base_topk_before(a, b) ? -1 : base_topk_before(b, a);
}

/* Few distinct scores, so that ties and NaN are common. */
static base_topk_item random_item(uint64_t seed, uint64_t counter, size_t key)
{
    uint64_t r = base_rng_at(seed, counter) % 12;
    double score = r == 0 ? NAN : r == 1 ? -INFINITY : r == 2 ? INFINITY : (double)r - 6;
    return (base_topk_item){score, (int64_t)key};
}

static void check_round(uint64_t seed, uint64_t round)
{
    base_topk_item all[MOST];
    size_t n = base_rng_at(seed, round * 1000) % MOST, k = base_rng_at(seed, round * 1000 + 1) % 40;
    base_topk top RRK_AUTO(base_topk_free) = {0};
    cr_assert_eq(base_topk_init(&top, k, NULL), RRK_OK);
    for (size_t i = 0; i < n; i++) {
        /* Keys come in an order of their own: the result must not depend on it. */
        all[i] = random_item(seed, round * 1000 + 2 + i, (i * 7919) % 1009);
        base_topk_push(&top, all[i].score, all[i].key);
    }
    qsort(all, n, sizeof *all, by_order);
    base_topk_sort(&top);
    cr_assert_eq(top.len, RRK_MIN(n, k));
    for (size_t i = 0; i < top.len; i++)
        cr_assert_eq(top.items[i].key, all[i].key, "seed %llu round %llu place %zu", (unsigned long long)seed,
                     (unsigned long long)round, i);
}

Test(topk, agrees_with_a_sort)
{
    uint64_t seed = (uint64_t)time(NULL);
    printf("topk seed %llu\n", (unsigned long long)seed);
    for (uint64_t round = 0; round < 300; round++)
        check_round(seed, round);
}

Test(topk, nan_is_worst_and_ties_prefer_the_smaller_key)
{
    base_topk top RRK_AUTO(base_topk_free) = {0};
    cr_assert_eq(base_topk_init(&top, 4, NULL), RRK_OK);
    base_topk_push(&top, NAN, 1);
    base_topk_push(&top, 1, 9);
    base_topk_push(&top, -INFINITY, 3);
    base_topk_push(&top, 1, 2);
    base_topk_push(&top, NAN, 0);
    base_topk_sort(&top);
    static const int64_t WANT[] = {2, 9, 3, 0};
    for (size_t i = 0; i < RRK_COUNT(WANT); i++)
        cr_assert_eq(top.items[i].key, WANT[i], "place %zu", i);
}
