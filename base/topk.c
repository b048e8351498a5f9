/* The bounded heap: see topk.h. */
#include "base/topk.h"
#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>

bool base_topk_before(const base_topk_item *a, const base_topk_item *b)
{
    if (isnan(a->score) || isnan(b->score))
        return isnan(a->score) && isnan(b->score) ? a->key < b->key : !isnan(a->score);
    return a->score > b->score || (a->score == b->score && a->key < b->key);
}

rrk_status base_topk_init(base_topk *top, size_t k, rrk_error *err)
{
    *top = (base_topk){.k = k};
    top->items = base_alloc(k, sizeof *top->items);
    return top->items ? RRK_OK : base_fail_nomem(err, k * sizeof *top->items);
}

void base_topk_free(base_topk *top)
{
    base_free(top->items);
    *top = (base_topk){0};
}

static void swap(base_topk_item *a, base_topk_item *b)
{
    base_topk_item t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(base_topk_item *items, size_t at)
{
    while (at > 0 && base_topk_before(&items[(at - 1) / 2], &items[at])) {
        swap(&items[(at - 1) / 2], &items[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(base_topk_item *items, size_t len)
{
    size_t at = 0;
    for (;;) {
        size_t worst = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < len; child++) {
            if (base_topk_before(&items[worst], &items[child]))
                worst = child;
        }
        if (worst == at)
            return;
        swap(&items[worst], &items[at]);
        at = worst;
    }
}

void base_topk_push(base_topk *top, double score, int64_t key)
{
    base_topk_item item = {score, key};
    if (top->len < top->k) {
        top->items[top->len++] = item;
        sift_up(top->items, top->len - 1);
    } else if (top->k > 0 && base_topk_before(&item, &top->items[0])) {
        top->items[0] = item;
        sift_down(top->items, top->len);
    }
}

static int compare(const void *a, const void *b)
{
    return base_topk_before(a, b) ? -1 : base_topk_before(b, a);
}

void base_topk_sort(base_topk *top)
{
    qsort(top->items, top->len, sizeof *top->items, compare);
}
