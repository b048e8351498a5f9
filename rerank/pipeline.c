/* Retrieval and reranking joined: candidates, their texts, their new order. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/owner.h"
#include "rerank/reranker.h"
#include <rrk/pipeline.h>

struct rrk_pipeline {
    base_owner owner;
    rrk_store *store; /* borrowed, like the next two */
    rrk_retriever *retriever;
    rrk_reranker *reranker; /* may be NULL */
};

struct rrk_search_results {
    rrk_passage_list *passages; /* owns the items' texts */
    rrk_search_result *items;   /* [n_items] */
    size_t n_items;
    double retrieve_ms;
    double rerank_ms;
};

rrk_status rrk_pipeline_open(rrk_pipeline **out, rrk_store *store, rrk_retriever *retriever, rrk_reranker *reranker,
                             rrk_error *err)
{
    base_error_clear(err);
    if (!out || !store || !retriever)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !out ? "out" : !store ? "store" : "retriever");
    *out = base_calloc(1, sizeof **out);
    if (!*out)
        return base_fail_nomem(err, sizeof **out);
    **out = (rrk_pipeline){base_owner_here(), store, retriever, reranker};
    return RRK_OK;
}

void rrk_pipeline_close(rrk_pipeline *pipeline)
{
    base_free(pipeline);
}

const rrk_search_result *rrk_search_results_items(const rrk_search_results *results, size_t *n_items)
{
    if (n_items)
        *n_items = results ? results->n_items : 0;
    return results ? results->items : NULL;
}

void rrk_search_results_times(const rrk_search_results *results, double *retrieve_ms, double *rerank_ms)
{
    if (retrieve_ms)
        *retrieve_ms = results ? results->retrieve_ms : 0;
    if (rerank_ms)
        *rerank_ms = results ? results->rerank_ms : 0;
}

void rrk_search_results_free(rrk_search_results *results)
{
    if (!results)
        return;
    rrk_passage_list_free(results->passages);
    base_free(results->items);
    base_free(results);
}

static void free_results_ptr(rrk_search_results **results)
{
    rrk_search_results_free(*results);
}

/* Imports do not wait for searches: what they remove meanwhile is looked for again, but not forever. */
enum { MAX_FETCHES = 100 };

/* Keeps the candidates that are still there, in their order. */
static rrk_status drop_vanished(rrk_store *store, rrk_candidate *candidates, size_t *n, rrk_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        rrk_passage_list *alone = NULL;
        rrk_status status = rrk_store_fetch(store, &candidates[i].row, 1, &alone, err);
        rrk_passage_list_free(alone);
        if (status == RRK_OK)
            candidates[kept++] = candidates[i];
        else if (status != RRK_E_NOTFOUND)
            return status;
    }
    base_error_clear(err);
    *n = kept;
    return RRK_OK;
}

static rrk_status fetch_rows(rrk_store *store, const rrk_candidate *candidates, size_t n, rrk_passage_list **out,
                             rrk_error *err)
{
    int64_t *rows RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *rows);
    if (!rows)
        return base_fail_nomem(err, n * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = candidates[i].row;
    return rrk_store_fetch(store, rows, n, out, err);
}

rrk_status rank_fetch(rrk_store *store, rrk_candidate *candidates, size_t *n, rrk_passage_list **out, rrk_error *err)
{
    for (size_t tries = 1;; tries++) {
        rrk_status status = fetch_rows(store, candidates, *n, out, err);
        if (status != RRK_E_NOTFOUND || tries == MAX_FETCHES)
            return status;
        base_error_clear(err);
        RRK_TRY(drop_vanished(store, candidates, n, err));
    }
}

/* Result number r is candidate number c, with this score. */
static void set_item(rrk_search_results *results, size_t r, size_t c, double score, const rrk_candidate *candidates)
{
    results->items[r] = (rrk_search_result){
        .passage = rrk_passage_list_items(results->passages, NULL)[c],
        .row = candidates[c].row,
        .score = score,
        .first_stage_score = candidates[c].score,
        .first_stage_rank = c + 1,
    };
}

static rrk_status rerank(rrk_pipeline *pipeline, rrk_text query, const rrk_candidate *candidates, size_t n,
                         const rrk_rank_options *options, const base_deadline *deadline, rrk_search_results *results,
                         rrk_error *err)
{
    rrk_hit *hits RRK_AUTO(base_free_ptr) = base_calloc(n, sizeof *hits);
    if (!hits)
        return base_fail_nomem(err, n * sizeof *hits);
    results->n_items = n;
    RRK_TRY(rank_until(pipeline->reranker, query, rrk_passage_list_items(results->passages, NULL), n, options, deadline,
                       hits, &results->n_items, err));
    for (size_t i = 0; i < results->n_items; i++)
        set_item(results, i, hits[i].index, hits[i].score, candidates);
    return RRK_OK;
}

static rrk_status search(rrk_pipeline *pipeline, rrk_text query, size_t n_candidates, const rrk_rank_options *options,
                         rrk_search_results *results, rrk_error *err)
{
    base_deadline deadline = base_deadline_in(options->timeout_ms, options->cancel, options->cancel_ctx);
    int64_t start_ns = base_now_ns();
    size_t n = n_candidates;
    rrk_candidate *candidates RRK_AUTO(base_free_ptr) = base_calloc(n, sizeof *candidates);
    if (!candidates)
        return base_fail_nomem(err, n * sizeof *candidates);
    RRK_TRY(rrk_retriever_retrieve(pipeline->retriever, query, candidates, &n, err));
    RRK_TRY(rank_fetch(pipeline->store, candidates, &n, &results->passages, err));
    results->items = base_calloc(n, sizeof *results->items);
    if (!results->items)
        return base_fail_nomem(err, n * sizeof *results->items);
    results->retrieve_ms = base_ms_since(start_ns);
    RRK_TRY(base_deadline_check(&deadline, err));
    start_ns = base_now_ns();
    if (pipeline->reranker) {
        RRK_TRY(rerank(pipeline, query, candidates, n, options, &deadline, results, err));
        results->rerank_ms = base_ms_since(start_ns);
        return RRK_OK;
    }
    results->n_items = options->top_n ? RRK_MIN(n, options->top_n) : n;
    for (size_t i = 0; i < results->n_items; i++)
        set_item(results, i, i, candidates[i].score, candidates);
    return RRK_OK;
}

rrk_status rrk_pipeline_search(rrk_pipeline *pipeline, rrk_text query, const rrk_search_options *options,
                               rrk_search_results **out, rrk_error *err)
{
    base_error_clear(err);
    if (!pipeline || !out)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !pipeline ? "pipeline" : "out");
    *out = NULL;
    RRK_TRY(base_owner_check(&pipeline->owner, "pipeline", err));
    rrk_search_options taken;
    rrk_search_options_init(&taken);
    BASE_TAKE_OPTIONS(&taken, options);
    rrk_rank_options rank;
    rank_take_options(taken.rank, &rank);
    RRK_TRY(rank_check_options(&rank, err));
    if (taken.n_candidates > RRK_RETRIEVER_MAX_TOP_K ||
        (pipeline->reranker && taken.n_candidates > RRK_RERANK_MAX_PASSAGES))
        return base_fail(err, RRK_E_INVALID, 0, "%zu candidates are asked for, at most %d can be had",
                         taken.n_candidates, pipeline->reranker ? RRK_RERANK_MAX_PASSAGES : RRK_RETRIEVER_MAX_TOP_K);
    rrk_search_results *results RRK_AUTO(free_results_ptr) = base_calloc(1, sizeof *results);
    if (!results)
        return base_fail_nomem(err, sizeof *results);
    RRK_TRY(search(pipeline, query, taken.n_candidates, &rank, results, err));
    *out = RRK_STEAL(results);
    return RRK_OK;
}
