/*
 * rrk/rerank.h: candidates in, order out. This is what rrk is for.
 *
 *   strategy   needs                      score                                      compares across queries
 *   embedding  encoder, embedding head    dot product of query and passage vector    yes, for one model
 *                                         (-1..1, a cosine, if the model normalises)
 *   cross      encoder, cross head        the model's logit for the pair             yes, for one model
 *   mvp        encoder, views             mean over views of a dot product, on BERT  no: it depends on the list
 *                                         times the model's mvp_score_scale
 *   monot5     encoder, T5 with decoder   log-probability of "true" against "false"  yes, for one model
 *   rankt5     encoder, T5 with decoder   a logit                                    yes, for one model
 *   full       LLM                        the place alone: (n - place) / n,          no
 *   sliding    LLM                        place 0 is the best                        no
 *
 * "mvp" looks at all candidates at once from several views (arXiv 2509.07485), on a T5 or on a BERT backbone, whose block
 * layout adds the cosine of query and passage. With rrk_rank_options.calibrated a calibrated model's scores are
 * probabilities that a passage is relevant, as far as a model of lists can tell, and compare across queries. "monot5" and
 * "rankt5" (arXiv 2003.06713, 2210.10634) are T5 models that score pairs; any of the three can be opened from a T5 folder,
 * but only the one it was trained for makes sense.
 *
 * "full" shows all candidates to a long-context LLM in one prompt; "sliding" moves a window of them from the back of the
 * list to its front, one prompt each (Pradeep et al., arXiv 2309.15088; the two compared: arXiv 2412.14574).
 *
 * One call serves every strategy:
 *
 *     rrk_reranker_options options;
 *     rrk_reranker_options_init(&options);
 *     options.encoder = encoder;
 *     rrk_reranker_open(&reranker, "cross", &options, &err);
 *     size_t n_hits = 10;
 *     if (rrk_reranker_rank(reranker, query, passages, n_passages, NULL, hits, &n_hits, &err) != RRK_OK)
 *         fprintf(stderr, "%s\n", err.message);
 *
 * With an LLM, options.llm takes the encoder's place (see <rrk/llm.h>), and rrk_reranker_rank_many() keeps many queries
 * in flight from one thread. Whatever a model replies becomes a permutation: what it does not name follows in the order
 * it came in, and the stats tell how much of the order is the model's own. A reply is read no further than top_n needs.
 *
 * Hits come best first. Equal scores keep the input's order, so ranking an already ranked list is stable.
 *
 * Thread safety: a reranker may be used from several threads; it borrows its encoder, LLM and cache, which must outlive
 * it. A handle that crossed a fork() answers RRK_E_INVALID in the child.
 */
#ifndef RRK_RERANK_H
#define RRK_RERANK_H

#include <rrk/encoder.h>
#include <rrk/llm.h>
#include <rrk/store.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_reranker rrk_reranker;

#define RRK_RERANK_MAX_PASSAGES 10000
/* Rows of the encoder that one list may make, a chunk being one: they are in memory together, "mvp" with its vectors. */
#define RRK_RERANK_MAX_ROWS 65536
#define RRK_RERANK_DEFAULT_CHUNK_OVERLAP 32
#define RRK_RERANK_DEFAULT_MAX_CHUNKS 64

#define RRK_RERANK_DEFAULT_WINDOW 20
#define RRK_RERANK_DEFAULT_STRIDE 10
#define RRK_RERANK_MAX_PASSES 10
#define RRK_RERANK_MAX_THINKING_TOKENS 1000000
#define RRK_RERANK_DEFAULT_PASSAGE_WORDS 100
/* Where the context is short, passages are cut further, but not below this. */
#define RRK_RERANK_MIN_PASSAGE_WORDS 8

/* The order in which a listwise strategy shows candidates at first: its answer depends on it. */
typedef enum rrk_list_order { RRK_ORDER_AS_GIVEN = 0, RRK_ORDER_REVERSED = 1, RRK_ORDER_SHUFFLED = 2 } rrk_list_order;

/* Whether an LLM may answer anything at all. */
typedef enum rrk_constrain {
    RRK_CONSTRAIN_OFF = 0,
    RRK_CONSTRAIN_LIST = 1,  /* nothing but as many bracketed identifiers as were asked for; repeats can happen */
    RRK_CONSTRAIN_STRICT = 2 /* one identifier a call, out of those still unused: always a permutation */
} rrk_constrain;

/* What recorded answers of an LLM are good for. */
typedef enum rrk_cache_mode {
    RRK_CACHE_OFF = 0,
    RRK_CACHE_READ = 1, /* used, not added to */
    RRK_CACHE_WRITE = 2 /* used and added to */
} rrk_cache_mode;

/* Zero stands for the default, so that each strategy has its own. */
typedef struct rrk_reranker_options {
    size_t size;          /* sizeof(rrk_reranker_options) */
    rrk_encoder *encoder; /* borrowed; see the table for who needs it */
    rrk_llm *llm;         /* borrowed; see the table for who needs it */
    rrk_store *cache;     /* of the LLM's replies; borrowed, may be NULL */
    rrk_cache_mode cache_mode;
    size_t window;        /* "sliding": candidates a prompt; default 20 */
    size_t stride;        /* "sliding": how far the window moves, less than window; default 10, at most half a window */
    size_t passes;        /* how often the whole list is gone over; default 1, at most RRK_RERANK_MAX_PASSES */
    int complete;         /* "sliding", non-zero: after each pass the best (window - stride) are settled and the next
                              pass ranks the rest, so that every place is earned, as training labels need it. Excludes
                              passes */
    rrk_list_order order; /* of the candidates at first */
    uint64_t order_seed;  /* for RRK_ORDER_SHUFFLED */
    const char *prompt;   /* "one-turn" (default) or "chat": rrk's own wording; otherwise the path of a template file
                              in RankLLM's YAML format */
    size_t passage_words; /* words of a passage that a prompt shows, title included, a word being 8 tokens at most;
                              default 100 */
    int ask_top_n;        /* non-zero: the prompt asks for the best top_n only, not for all */
    int no_early_stop;    /* non-zero: a reply is read to its end even when top_n are known */
    size_t thinking_tokens; /* room in the output cap for a thinking model; default 0 */
    rrk_constrain constrain;
} rrk_reranker_options;

static inline void rrk_reranker_options_init(rrk_reranker_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
}

/*
 * Opens a strategy of the table above. options is copied, its strings too, and the template file is read; encoder, llm and
 * cache are borrowed. RRK_E_INVALID: an unknown strategy, no encoder or LLM for one that needs it, an option out of range
 * (the message names it) or a handle that crossed a fork. RRK_E_UNSUPPORTED: the encoder's head is not the strategy's.
 * RRK_E_NOTFOUND, RRK_E_IO, RRK_E_FORMAT: the template file.
 */
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
    /* Listwise strategies. Calls are prompts, however often they had to be sent. */
    uint64_t n_calls;           /* answered by the LLM */
    uint64_t n_cached;          /* answered from the cache; no tokens are counted for these */
    uint64_t n_failed_calls;    /* that got no answer */
    uint64_t n_retries;         /* attempts beyond each call's first */
    uint64_t prompt_tokens;     /* as the endpoint counts them, or estimated */
    uint64_t completion_tokens; /* thinking included */
    uint64_t thinking_tokens;   /* part of completion_tokens, where the endpoint tells */
    uint64_t n_estimated;       /* calls whose tokens are estimated */
    uint64_t n_stopped;         /* replies that were ended early */
    uint64_t tokens_saved;      /* about so many completion tokens were not generated thanks to that */
    uint64_t n_ok;              /* replies that were a permutation, or as much of one as was asked for */
    uint64_t n_malformed;       /* replies that had to be mended */
    uint64_t n_repeated;        /* identifiers that came again */
    uint64_t n_missing;         /* identifiers that did not come */
    uint64_t n_out_of_range;    /* identifiers of no passage */
    uint64_t n_thinking;        /* replies in which thinking was skipped */
    uint64_t n_cut;             /* replies that the output cap ended */
    double llm_ms;              /* waited for calls, added up over calls */
} rrk_rank_stats;

static inline void rrk_rank_stats_init(rrk_rank_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->size = sizeof *stats;
}

/*
 * Polled from the calling thread: every 64 KiB of text while passages are checked and tokenised, every few milliseconds
 * while the encoder works, and between the pieces of a reply. Non-zero stops the call: RRK_E_CANCELLED. It may call rrk,
 * with the same handles too.
 */
typedef int (*rrk_cancel_fn)(void *ctx);

/* What becomes of a query for which an LLM could not be had, in a call for many. */
typedef enum rrk_on_error {
    RRK_ON_ERROR_FAIL = 0, /* the whole call fails */
    RRK_ON_ERROR_SKIP = 1, /* that request has no hits and says why; the others go on */
    RRK_ON_ERROR_KEEP = 2  /* that request keeps the order it came in, and says why; the others go on */
} rrk_on_error;

/*
 * Called by rrk_reranker_rank_many() as each request ends, in that order, from the calling thread: its hits are valid
 * from here on. A status other than RRK_OK ends the call with it.
 */
typedef rrk_status (*rrk_request_done_fn)(void *ctx, size_t request, const rrk_error *outcome,
                                          const struct rrk_rank_stats *stats, rrk_error *err);

typedef struct rrk_rank_options {
    size_t size;          /* sizeof(rrk_rank_options) */
    size_t top_n;         /* how many hits to give; 0: all. The capacity of hits is a bound as well */
    int64_t timeout_ms;   /* from the call's start; 0: none. Past it the call is RRK_E_TIMEOUT */
    rrk_cancel_fn cancel; /* may be NULL */
    void *cancel_ctx;
    size_t max_tokens_per_passage; /* tokens of a passage that are read, title included; 0: all that fit */
    size_t max_query_tokens; /* tokens of the query that are read; 0: what fits, beside a passage half a row. "mvp"
                                      on BERT reads 64 at most */
    rrk_long_passage long_passage; /* default RRK_LONG_TRUNCATE */
    size_t chunk_overlap;          /* tokens that neighbouring chunks share, at most half a chunk; default 32 */
    size_t max_chunks;             /* chunks of one passage that are read, the first ones; default 64 */
    rrk_rank_stats *stats;         /* filled when not NULL, on failure too, unless an argument is NULL */
    int64_t request_timeout_ms;    /* LLM strategies: for each request from its own start; 0: none */
    rrk_on_error on_error;         /* LLM strategies; a deadline or a cancellation of the whole call always fails it */
    rrk_request_done_fn done;      /* LLM strategies: told of each request as it ends; may be NULL */
    void *done_ctx;
    int calibrated; /* non-zero: scores are probabilities, for a model that knows (rrk_encoder_info.is_calibrated); any
                       other is RRK_E_UNSUPPORTED. The order stays. Not for rrk_reranker_rank_views() */
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
 * and no hits. An empty query, a query or passage that is not UTF-8 (the message gives its index), an empty passage, and
 * more than RRK_RERANK_MAX_PASSAGES passages or RRK_RERANK_MAX_ROWS rows are RRK_E_INVALID. A deadline that passes is
 * RRK_E_TIMEOUT. On failure *n_hits is 0.
 */
RRK_API rrk_status rrk_reranker_rank(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages,
                                     size_t n_passages, const rrk_rank_options *options, rrk_hit *hits, size_t *n_hits,
                                     rrk_error *err);

/* One query of rrk_reranker_rank_many(); its layout is frozen. */
typedef struct rrk_rank_request {
    rrk_text query;
    const rrk_passage *passages;
    size_t n_passages;
    rrk_hit *hits;  /* room for n_hits */
    size_t n_hits;  /* capacity going in, count coming out */
    int32_t status; /* out: RRK_OK, or with on_error SKIP or KEEP an rrk_status: why the LLM did not rank it; what the
                       call returned when that failed */
    uint32_t reserved0;
    uint64_t reserved[2];
} rrk_rank_request;

/*
 * Orders the passages of many queries, filling the encoder's batches across them: faster than one call each when lists
 * are short. The results are those of rrk_reranker_rank(). options hold for every request, the deadline and stats for
 * all together. On failure the message names the request, and no hits are valid: every n_hits is 0, every status the
 * call's.
 */
RRK_API rrk_status rrk_reranker_rank_many(rrk_reranker *reranker, rrk_rank_request *requests, size_t n_requests,
                                          const rrk_rank_options *options, rrk_error *err);

/*
 * What rrk_reranker_rank_many() would cost, without calling any LLM: n_calls, prompt_tokens and completion_tokens (both
 * estimated, the latter without thinking) are filled in, as if every reply were a permutation. Hits are not touched.
 */
RRK_API rrk_status rrk_reranker_predict(rrk_reranker *reranker, const rrk_rank_request *requests, size_t n_requests,
                                        const rrk_rank_options *options, rrk_rank_stats *stats, rrk_error *err);

#ifdef RRK_EXPERIMENTAL
/*
 * Why strategy "mvp" orders a list as it does. May change or go: the library exports the function, but the promise that
 * symbols stay (tests/contract/symbols.txt) leaves it out.
 */
typedef struct rrk_views {
    size_t size;    /* sizeof(rrk_views) */
    size_t n_views; /* the encoder's (rrk_encoder_info) */
    double
        *scores; /* [n_passages, n_views] what each view says of each passage; the mean of row i is passage i's score */
    double *cosines; /* [n_views, n_views] of the views' anchors, 1 where two views look for the same; may be NULL */
} rrk_views;

static inline void rrk_views_init(rrk_views *views)
{
    memset(views, 0, sizeof *views);
    views->size = sizeof *views;
}

/*
 * rrk_reranker_rank() that tells why: views has what it points to filled in, too. In the block layout of MVP on BERT each
 * view's score has the whole cosine part in it. A passage that was read in chunks has the scores of the chunk that spoke
 * for it. Without passages nothing is filled in.
 */
RRK_API rrk_status rrk_reranker_rank_views(rrk_reranker *reranker, rrk_text query, const rrk_passage *passages,
                                           size_t n_passages, const rrk_rank_options *options, rrk_hit *hits,
                                           size_t *n_hits, const rrk_views *views, rrk_error *err);
#endif

#ifdef __cplusplus
}
#endif
#endif
