/*
 * rrk/retriever.h: query in, candidate passages of a store out.
 *
 *   name      score                                              compares across queries
 *   bm25      Lucene's BM25, k1 and b settable                   no
 *   dense     cosine of the query's and the passage's vector     yes, for one model
 *   hybrid    reciprocal rank fusion of the two: sum 1/(60+rank) no
 *
 * Dense search is exact: it looks at every vector that rrk_embed_passages() has put into the store.
 *
 * Thread safety: a retriever may be used from several threads. It borrows its store and encoder, which must outlive it.
 * One that crossed a fork() answers RRK_E_INVALID in the child.
 */
#ifndef RRK_RETRIEVER_H
#define RRK_RETRIEVER_H

#include <rrk/encoder.h>
#include <rrk/store.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_retriever rrk_retriever;

#define RRK_BM25_DEFAULT_K1 0.9
#define RRK_BM25_DEFAULT_B 0.4
#define RRK_RRF_DEFAULT_K 60
#define RRK_RETRIEVER_DEFAULT_TOP_K 100
#define RRK_RETRIEVER_MAX_TOP_K 100000

typedef struct rrk_retriever_options {
    size_t size;          /* sizeof(rrk_retriever_options) */
    rrk_encoder *encoder; /* for dense and hybrid: the model that made the store's vectors */
    double bm25_k1;       /* term saturation, >= 0 */
    double bm25_b;        /* length normalisation, 0..1 */
    int rrf_k;            /* hybrid's rank constant */
} rrk_retriever_options;

static inline void rrk_retriever_options_init(rrk_retriever_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->bm25_k1 = RRK_BM25_DEFAULT_K1;
    options->bm25_b = RRK_BM25_DEFAULT_B;
    options->rrf_k = RRK_RRF_DEFAULT_K;
}

/*
 * name is one of the table's. RRK_E_INVALID for an unknown name, a parameter out of range, a missing encoder, and for dense
 * and hybrid a store without vectors or with those of another model; otherwise what reading the store fails with.
 */
RRK_API rrk_status rrk_retriever_open(rrk_retriever **out, const char *name, rrk_store *store,
                                      const rrk_retriever_options *options, rrk_error *err);
RRK_API void rrk_retriever_close(rrk_retriever *retriever); /* NULL is fine */

/*
 * Finds the best passages for a query, best first. *n_candidates is the capacity of candidates going in (at most
 * RRK_RETRIEVER_MAX_TOP_K) and the count coming out. A query without any index term finds nothing, which is no error;
 * an empty query is RRK_E_INVALID. On failure *n_candidates is 0. Equal scores come by external id (bm25) or in the store's order (dense, hybrid).
 */
RRK_API rrk_status rrk_retriever_retrieve(rrk_retriever *retriever, rrk_text query, rrk_candidate *candidates,
                                          size_t *n_candidates, rrk_error *err);

typedef struct rrk_embed_stats {
    size_t size;         /* sizeof(rrk_embed_stats) */
    uint64_t n_total;    /* passages that had no vector when the call began */
    uint64_t n_embedded; /* of these, done so far */
    double elapsed_s;
} rrk_embed_stats;

/*
 * Called after each committed batch, and every few milliseconds while one is made. Returning non-zero stops at once with
 * RRK_E_CANCELLED; what is committed stays.
 */
typedef int (*rrk_embed_progress_fn)(const rrk_embed_stats *stats, void *ctx);

/*
 * Gives every passage of the store that has none a vector, in batches of one transaction each, so an interrupted call
 * goes on where it stopped. A store holds the vectors of one model, known by rrk_encoder_info.fingerprint: with those of
 * another in it the call is RRK_E_INVALID unless replace is non-zero. RRK_E_UNSUPPORTED for a model without an embedding
 * head. progress and stats may be NULL.
 */
RRK_API rrk_status rrk_embed_passages(rrk_store *store, rrk_encoder *encoder, int replace,
                                      rrk_embed_progress_fn progress, void *progress_ctx, rrk_embed_stats *stats,
                                      rrk_error *err);

#ifdef __cplusplus
}
#endif
#endif
