/*
 * The k best of a stream: a bounded heap of (score, key). Larger scores are better, equal scores prefer the smaller key,
 * so a result does not depend on the order in which items came. NaN is worse than everything.
 */
#ifndef RRK_BASE_TOPK_H
#define RRK_BASE_TOPK_H

#include "base/error.h"

typedef struct base_topk_item {
    double score;
    int64_t key;
} base_topk_item;

typedef struct base_topk {
    base_topk_item *items; /* [k], a heap with the worst kept item first; owned */
    size_t len;
    size_t k;
} base_topk;

rrk_status base_topk_init(base_topk *top, size_t k, rrk_error *err);
void base_topk_free(base_topk *top); /* also for RRK_AUTO */
void base_topk_push(base_topk *top, double score, int64_t key);
/* Sorts what was kept best first in place; the heap is used up. */
void base_topk_sort(base_topk *top);

/* True when a comes before b. */
bool base_topk_before(const base_topk_item *a, const base_topk_item *b);

#endif
