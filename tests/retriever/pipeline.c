/* Retrieval and reranking joined, over a real store and the fake cross-encoder. */
#include "../rerank/fake_encoder.h"
#include "base/clock.h"
#include "scratch.h"
#include <rrk/pipeline.h>

#include <string.h>

typedef struct fixture {
    scratch s;
    rrk_encoder encoder;
    rrk_retriever *retriever;
    rrk_reranker *reranker;
    rrk_pipeline *pipeline;
} fixture;

static void open_fixture(fixture *f, bool with_reranker)
{
    *f = (fixture){.s = scratch_open(), .encoder = fake_encoder(RRK_HEAD_CROSS, 64)};
    scratch_put(&f->s, "short", "harbour");
    scratch_put(&f->s, "long", "harbour lights and more lights and other words that make it long");
    scratch_put(&f->s, "both", "harbour walls have lights lights lights too in the dark of the evening");
    scratch_put(&f->s, "none", "a meadow");
    rrk_error err;
    cr_assert_eq(rrk_retriever_open(&f->retriever, "bm25", f->s.store, NULL, &err), RRK_OK, "%s", err.message);
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.encoder = &f->encoder;
    if (with_reranker)
        cr_assert_eq(rrk_reranker_open(&f->reranker, "cross", &options, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(rrk_pipeline_open(&f->pipeline, f->s.store, f->retriever, f->reranker, &err), RRK_OK);
}

static void close_fixture(fixture *f)
{
    rrk_pipeline_close(f->pipeline);
    rrk_reranker_close(f->reranker);
    rrk_retriever_close(f->retriever);
    scratch_close(&f->s);
}

static bool id_is(const rrk_search_result *r, const char *id)
{
    return r->passage.id.len == strlen(id) && memcmp(r->passage.id.data, id, r->passage.id.len) == 0;
}

Test(pipeline, reranks_what_was_retrieved_and_remembers_where_it_came_from)
{
    fixture f;
    open_fixture(&f, true);
    rrk_search_results *results = NULL;
    rrk_error err;
    cr_assert_eq(rrk_pipeline_search(f.pipeline, rrk_text_of("harbour lights"), NULL, &results, &err), RRK_OK, "%s",
                 err.message);
    size_t n;
    const rrk_search_result *items = rrk_search_results_items(results, &n);
    cr_assert_eq(n, 3);
    cr_assert(id_is(&items[0], "both"));
    cr_assert_eq(items[0].score, 4);
    cr_assert(id_is(&items[2], "short"));
    size_t ranks = 0;
    for (size_t i = 0; i < n; i++) {
        ranks |= (size_t)1 << items[i].first_stage_rank;
        cr_assert_gt(items[i].first_stage_score, 0);
    }
    cr_assert_eq(ranks, 2 | 4 | 8);
    rrk_search_results_free(results);
    close_fixture(&f);
}

Test(pipeline, without_a_reranker_the_first_order_stands)
{
    fixture f;
    open_fixture(&f, false);
    rrk_rank_options rank;
    rrk_rank_options_init(&rank);
    rank.top_n = 2;
    rrk_search_options options;
    rrk_search_options_init(&options);
    options.rank = &rank;
    rrk_search_results *results = NULL;
    cr_assert_eq(rrk_pipeline_search(f.pipeline, rrk_text_of("harbour lights"), &options, &results, NULL), RRK_OK);
    size_t n;
    const rrk_search_result *items = rrk_search_results_items(results, &n);
    cr_assert_eq(n, 2);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(items[i].first_stage_rank, i + 1);
        cr_assert_eq(items[i].score, items[i].first_stage_score);
    }
    rrk_search_results_free(results);
    close_fixture(&f);
}

Test(pipeline, finding_nothing_is_no_error)
{
    fixture f;
    open_fixture(&f, true);
    rrk_search_results *results = NULL;
    rrk_error err;
    cr_assert_eq(rrk_pipeline_search(f.pipeline, rrk_text_of("zeppelin"), NULL, &results, &err), RRK_OK, "%s",
                 err.message);
    size_t n = 9;
    rrk_search_results_items(results, &n);
    cr_assert_eq(n, 0);
    cr_assert_eq(f.encoder.n_calls, 0);
    rrk_search_results_free(results);
    close_fixture(&f);
}

Test(pipeline, refuses_more_candidates_than_can_be_ranked)
{
    fixture f;
    open_fixture(&f, true);
    rrk_search_options options;
    rrk_search_options_init(&options);
    rrk_search_results *results = NULL;
    rrk_error err;
    options.n_candidates = RRK_RERANK_MAX_PASSAGES;
    cr_assert_eq(rrk_pipeline_search(f.pipeline, rrk_text_of("harbour"), &options, &results, &err), RRK_OK);
    rrk_search_results_free(results);
    options.n_candidates = RRK_RERANK_MAX_PASSAGES + 1;
    cr_assert_eq(rrk_pipeline_search(f.pipeline, rrk_text_of("harbour"), &options, &results, &err), RRK_E_INVALID);
    cr_assert_null(results);
    cr_assert_eq(rrk_pipeline_search(f.pipeline, rrk_text_of(" "), NULL, &results, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "the query is empty");
    close_fixture(&f);
}

static int64_t fake_ns;

static int64_t fake_now(void)
{
    return fake_ns += 2000000;
}

Test(pipeline, the_deadline_covers_retrieval_too)
{
    fixture f;
    open_fixture(&f, true);
    rrk_rank_options rank;
    rrk_rank_options_init(&rank);
    rank.timeout_ms = 1;
    rrk_search_options options;
    rrk_search_options_init(&options);
    options.rank = &rank;
    rrk_search_results *results = NULL;
    rrk_error err;
    base_clock_replace(fake_now);
    cr_assert_eq(rrk_pipeline_search(f.pipeline, rrk_text_of("harbour"), &options, &results, &err), RRK_E_TIMEOUT);
    base_clock_replace(NULL);
    cr_assert_null(results);
    cr_assert_eq(f.encoder.n_calls, 0);
    close_fixture(&f);
}
