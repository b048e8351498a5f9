/* Agreement of two orders: see agreement.h. */
#include "eval/agreement.h"
#include "base/alloc.h"

#include <math.h>
#include <string.h>

/* Merges the sorted halves [from, middle) and [middle, to); returns the pairs that stood the wrong way round. */
static size_t merge(uint32_t *places, uint32_t *scratch, size_t from, size_t middle, size_t to)
{
    size_t left = from, right = middle, n_wrong = 0;
    for (size_t i = from; i < to; i++) {
        if (left < middle && (right == to || places[left] < places[right])) {
            scratch[i] = places[left++];
        } else {
            n_wrong += middle - left;
            scratch[i] = places[right++];
        }
    }
    memcpy(places + from, scratch + from, (to - from) * sizeof *places);
    return n_wrong;
}

/* A merge sort that counts what it swaps: places are all different. */
static size_t count_inversions(uint32_t *places, uint32_t *scratch, size_t n)
{
    size_t n_wrong = 0;
    for (size_t width = 1; width < n; width *= 2)
        for (size_t from = 0; from + width < n; from += 2 * width)
            n_wrong += merge(places, scratch, from, from + width, RRK_MIN(n, from + 2 * width));
    return n_wrong;
}

static rrk_status check(const uint32_t *order, size_t n, size_t n_items, const char *name, rrk_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (order[i] >= n_items)
            return base_fail(err, RRK_E_INVALID, 0, "%s[%zu] is %u, there are %zu passages", name, i, order[i],
                             n_items);
    return RRK_OK;
}

rrk_status eval_agree(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b, size_t n_items, eval_agreement *out,
                      rrk_error *err)
{
    RRK_TRY(check(a, n_a, n_items, "a", err));
    RRK_TRY(check(b, n_b, n_items, "b", err));
    uint32_t *place_in_a RRK_AUTO(base_free_ptr) = base_alloc(n_items, sizeof *place_in_a);
    uint32_t *places RRK_AUTO(base_free_ptr) = base_alloc(n_b, 2 * sizeof *places);
    if (!place_in_a || !places)
        return base_fail_nomem(err, n_items * sizeof *place_in_a);
    memset(place_in_a, 0xff, n_items * sizeof *place_in_a);
    for (size_t i = 0; i < n_a; i++)
        place_in_a[a[i]] = (uint32_t)i;
    size_t n = 0, n_top = 0, top = RRK_MIN(n_a, (size_t)EVAL_AGREEMENT_TOP);
    for (size_t i = 0; i < n_b; i++) {
        uint32_t place = place_in_a[b[i]];
        n_top += i < EVAL_AGREEMENT_TOP && place < top;
        if (place != UINT32_MAX)
            places[n++] = place;
    }
    out->n_moved = count_inversions(places, places + n_b, n);
    out->tau = n < 2 ? NAN : 1 - 4.0 * (double)out->n_moved / ((double)n * (double)(n - 1));
    out->top = top ? (double)n_top / (double)top : NAN;
    return RRK_OK;
}
