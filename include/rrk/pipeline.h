/*
 * rrk/pipeline.h: a retriever and a reranker joined: query in, ranked passages with their texts out.
 *
 * Thread safety: a pipeline may be used from several threads. It borrows its store, retriever and reranker, which must
 * outlive it. One that crossed a fork() answers RRK_E_INVALID in the child.
 */
#ifndef RRK_PIPELINE_H
#define RRK_PIPELINE_H

#include <rrk/rerank.h>
#include <rrk/retriever.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_pipeline rrk_pipeline;

/* reranker may be NULL: then the retriever's order stands. */
RRK_API rrk_status rrk_pipeline_open(rrk_pipeline **out, rrk_store *store, rrk_retriever *retriever,
                                     rrk_reranker *reranker, rrk_error *err);
RRK_API void rrk_pipeline_close(rrk_pipeline *pipeline); /* NULL is fine */

typedef struct rrk_search_options {
    size_t size;                  /* sizeof(rrk_search_options) */
    size_t n_candidates;          /* how many to retrieve; default 100, at most RRK_RERANK_MAX_PASSAGES with a reranker,
                                     otherwise RRK_RETRIEVER_MAX_TOP_K */
    const rrk_rank_options *rank; /* for the reranker, NULL: defaults; its top_n holds without a reranker, too */
} rrk_search_options;

static inline void rrk_search_options_init(rrk_search_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->n_candidates = RRK_RETRIEVER_DEFAULT_TOP_K;
}

typedef struct rrk_search_result {
    rrk_passage passage;      /* owned by the results */
    int64_t row;              /* in the store */
    double score;             /* the reranker's, or the retriever's when there is none */
    double first_stage_score; /* the retriever's */
    size_t first_stage_rank;  /* the place among the candidates, from 1 */
    uint64_t reserved[4];
} rrk_search_result;

/* Owns what it shows; immutable. */
typedef struct rrk_search_results rrk_search_results;
RRK_API const rrk_search_result *rrk_search_results_items(const rrk_search_results *results, size_t *n_items);
/* Milliseconds spent in each stage; each pointer may be NULL. */
RRK_API void rrk_search_results_times(const rrk_search_results *results, double *retrieve_ms, double *rerank_ms);
RRK_API void rrk_search_results_free(rrk_search_results *results); /* NULL is fine */

/*
 * Retrieves, reranks, and hands out results best first; finding nothing is RRK_OK with no items. RRK_E_INVALID for an empty
 * query, one that is not UTF-8, or an option out of range; RRK_E_TIMEOUT and RRK_E_CANCELLED as rank says; otherwise what
 * rrk_retriever_retrieve(), rrk_store_fetch() and rrk_reranker_rank() fail with. On failure *out is NULL.
 */
RRK_API rrk_status rrk_pipeline_search(rrk_pipeline *pipeline, rrk_text query, const rrk_search_options *options,
                                       rrk_search_results **out, rrk_error *err);

#ifdef __cplusplus
}
#endif
#endif
