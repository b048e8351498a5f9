/*
 * rrk/rerank.h: candidates in, order out. This is what rrk is for.
 *
 *   strategy   needs                      score                                      compares across queries
 *   embedding  encoder, embedding head    dot product of query and passage vector    yes, for one model
 *                                         (-1..1, a cosine, if the model normalises)
 *   cross      encoder, cross head        the model's logit for the pair             yes, for one model
 *
 * One call serves every strategy:
 *
 *     rrk_reranker_options options;
 *     rrk_reranker_options_init(&options);
 *     options.encoder = encoder;
 *     rrk_reranker_open(&reranker, "cross", &options, &err);
 *     size_t n_hits = 10;
 *     rrk_reranker_rank(reranker, query, passages, n_passages, NULL, hits, &n_hits, &err);
 *
 * Hits come best first. Equal scores keep the input's order, so ranking an already ranked list is stable.
 *
 * Thread safety: a reranker may be used from several threads; it borrows its encoder, which must outlive it. A handle
 * that crossed a fork() answers RRK_E_INVALID in the child.
 */
#ifndef RRK_RERANK_H
#define RRK_RERANK_H

#include <rrk/encoder.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_reranker rrk_reranker;

#define RRK_RERANK_MAX_PASSAGES 10000
#define RRK_RERANK_DEFAULT_CHUNK_OVERLAP 32
#define RRK_RERANK_DEFAULT_MAX_CHUNKS 64

typedef struct rrk_reranker_options {
    size_t size;          /* sizeof(rrk_reranker_options) */
    rrk_encoder *encoder; /* borrowed; see the table for who needs it */
} rrk_reranker_options;

static inline void rrk_reranker_options_init(rrk_reranker_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
}

RRK_API rrk_status rrk_reranker_open(rrk_reranker **out, const char *strategy, const rrk_reranker_options *options,
                                     rrk_error *err);
RRK_API void rrk_reranker_close(rrk_reranker *reranker); /* NULL is fine */

/* What becomes of a passage that is longer than a row may be. */
typedef enum rrk_long_passage {
    RRK_LONG_TRUNCATE = 0, /* its beginning speaks for it */
    RRK_LONG_CHUNK = 1     /* overlapping chunks, each scored; the best one speaks for it */
} rrk_long_passage;

/* What a call did. Times are milliseconds of wall clock. */
typedef struct rrk_rank_stats {
    size_t size;          /* sizeof(rrk_rank_stats), set by the caller */
    uint64_t n_rows;      /* rows that went through the encoder */
    uint64_t n_tokens;    /* tokens in them */
    uint64_t n_truncated; /* passages that lost text */
    uint64_t n_chunked;   /* passages scored by more than one chunk */
    double tokenize_ms;
    double encode_ms;
    double total_ms;
} rrk_rank_stats;

static inline void rrk_rank_stats_init(rrk_rank_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->size = sizeof *stats;
}

/* Polled between batches, from the calling thread. Non-zero stops the call with RRK_E_CANCELLED. */
typedef int (*rrk_cancel_fn)(void *ctx);

typedef struct rrk_rank_options {
    size_t size;          /* sizeof(rrk_rank_options) */
    size_t top_n;         /* how many hits to give; 0: all. The capacity of hits is a bound as well */
    int64_t timeout_ms;   /* from the call's start; 0: none. Past it the call is RRK_E_TIMEOUT */
    rrk_cancel_fn cancel; /* may be NULL */
    void *cancel_ctx;
    size_t max_tokens_per_passage; /* tokens of a passage that are read, title included; 0: all that fit */
    size_t max_query_tokens;       /* tokens of the query that are read; 0: what fits, beside a passage half a row */
    rrk_long_passage long_passage; /* default RRK_LONG_TRUNCATE */
    size_t chunk_overlap;          /* tokens that neighbouring chunks share, at most half a chunk; default 32 */
    size_t max_chunks;             /* chunks of one passage that are read, the first ones; default 64 */
    rrk_rank_stats *stats;         /* filled when not NULL, on failure too */
} rrk_rank_options;

static inline void rrk_rank_options_init(rrk_rank_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->chunk_overlap = RRK_RERANK_DEFAULT_CHUNK_OVERLAP;
    options->max_chunks = RRK_RERANK_DEFAULT_MAX_CHUNKS;
}

/*
 * Orders passages for a query. *n_hits is the capacity of hits going in and the count coming out. No passages: RRK_OK
 * and no hits. An empty query, a query or passage that is not UTF-8 (the message gives its index), an empty passage and
 * more than RRK_RERANK_MAX_PASSAGES passages are RRK_E_INVALID.
 */
RRK_API rrk_status rrk_reranker_rank(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages,
                                     size_t n_passages, const rrk_rank_options *options, rrk_hit *hits, size_t *n_hits,
                                     rrk_error *err);

/* One query of rrk_reranker_rank_many(); its layout is frozen. */
typedef struct rrk_rank_request {
    rrk_text query;
    const rrk_passage *passages;
    size_t n_passages;
    rrk_hit *hits; /* room for n_hits */
    size_t n_hits; /* capacity going in, count coming out */
    uint64_t reserved[3];
} rrk_rank_request;

/*
 * Orders the passages of many queries, filling the encoder's batches across them: faster than one call each when lists
 * are short. The results are those of rrk_reranker_rank(). options hold for every request, the deadline and stats for
 * all together. On failure the message names the request and no hits are valid.
 */
RRK_API rrk_status rrk_reranker_rank_many(rrk_reranker *reranker, rrk_rank_request *requests, size_t n_requests,
                                          const rrk_rank_options *options, rrk_error *err);

#ifdef __cplusplus
}
#endif
#endif
