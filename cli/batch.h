/*
 * Many queries' candidates through a reranker: reads them in blocks that keep an LLM's requests in flight, tells of
 * each query as it ends and again in the input's order, reports queries that went wrong, shows progress. Apart from
 * the verbs because rerank and label differ only in what they do with an order.
 *
 * Memory: a block holds 16 queries for each request in flight, fewer when their texts come to more than 256 MiB;
 * without an LLM it is one query.
 */
#ifndef RRK_CLI_BATCH_H
#define RRK_CLI_BATCH_H

#include "cli/cli.h"
#include "cli/report.h"
#include "cli/source.h"

typedef struct cli_ranked {
    cli_list list;
    bool skipped;        /* the verb did not want it ranked; there are no hits */
    rrk_status status;   /* why the LLM did not rank it, otherwise RRK_OK */
    const rrk_hit *hits; /* [n_hits], best first; the input's order when status says so and the verb keeps those */
    size_t n_hits;
    rrk_rank_stats stats;          /* its own, with an LLM */
    const struct rrk_views *views; /* with n_views */
} cli_ranked;

typedef struct cli_batch {
    const cli_verb *verb;
    rrk_reranker *reranker;
    cli_source *source;
    rrk_rank_options rank; /* cancel, stats, done and on_error are the batch's own */
    size_t in_flight;      /* of the LLM; 0: there is none */
    bool keep;             /* a query that the LLM did not rank keeps its order */
    size_t n_views;        /* of the encoder, when the verb wants to know why; otherwise 0 */
    /* Each may be NULL. */
    bool (*skip)(void *ctx, rrk_text qid);
    rrk_status (*ended)(void *ctx, const cli_ranked *ranked,
                        rrk_error *err);                                    /* as each one ends; not for skipped ones */
    rrk_status (*put)(void *ctx, const cli_ranked *ranked, rrk_error *err); /* all of them, in the input's order */
    void *ctx;
    cli_totals totals;
} cli_batch;

rrk_status cli_batch_run(cli_batch *batch, rrk_error *err);
/* Calls, tokens and passages of what cli_batch_run() would do, into totals; nothing is called but skip. */
rrk_status cli_batch_predict(cli_batch *batch, rrk_error *err);

#endif
