/*
 * Reciprocal rank fusion of BM25 and dense retrieval (Cormack, Clarke and Buettcher, SIGIR 2009): a passage's score is
 * the sum over both lists of 1 / (k + rank). It needs no calibration between the two scores.
 */
#include "base/alloc.h"
#include "retriever/retriever.h"

#include <stdlib.h>

/* Each list is read at least this deep, so that a short answer is not fused from two short lists. */
enum { SMALLEST_DEPTH = 100 };

static void add_ranks(rrk_candidate *list, size_t n, int k)
{
    for (size_t i = 0; i < n; i++)
        list[i].score = 1.0 / (double)((size_t)k + i + 1);
}

static int by_row(const void *a, const void *b)
{
    const rrk_candidate *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_score_then_row(const void *a, const void *b)
{
    const rrk_candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return by_row(a, b);
}

/* Adds up the scores of equal rows; returns how many rows there are. */
static size_t merge(rrk_candidate *list, size_t n)
{
    qsort(list, n, sizeof *list, by_row);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && list[kept - 1].row == list[i].row)
            list[kept - 1].score += list[i].score;
        else
            list[kept++] = list[i];
    }
    qsort(list, kept, sizeof *list, by_score_then_row);
    return kept;
}

static rrk_status retrieve(rrk_retriever *retriever, rrk_text query, rrk_candidate *out, size_t *n, rrk_error *err)
{
    size_t depth = RRK_MAX(*n, (size_t)SMALLEST_DEPTH);
    rrk_candidate *list RRK_AUTO(base_free_ptr) = base_calloc(2 * depth, sizeof *list);
    if (!list)
        return base_fail_nomem(err, 2 * depth * sizeof *list);
    size_t n_bm25 = depth, n_dense = depth;
    RRK_TRY(ret_bm25.retrieve(retriever, query, list, &n_bm25, err));
    RRK_TRY(ret_dense.retrieve(retriever, query, list + n_bm25, &n_dense, err));
    add_ranks(list, n_bm25, retriever->options.rrf_k);
    add_ranks(list + n_bm25, n_dense, retriever->options.rrf_k);
    size_t n_fused = merge(list, n_bm25 + n_dense);
    *n = RRK_MIN(*n, n_fused);
    if (*n)
        memcpy(out, list, *n * sizeof *out);
    return RRK_OK;
}

const ret_kind ret_hybrid = {.name = "hybrid", .uses_vectors = true, .retrieve = retrieve};
