/* What a call that fails leaves behind, and how soon it does: counts, statuses, stats, deadlines, and the row limit. */
#define RRK_EXPERIMENTAL
#include "base/macros.h"
#include "fake_encoder.h"
#include "rerank/strategy.h"
#include <rrk/rerank.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(failure, leaves_no_capacity_that_looks_like_a_count)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = {.text = rrk_text_of("w1")};
    rrk_rank_options bad;
    rrk_rank_options_init(&bad);
    bad.max_chunks = 0;
    rrk_hit hits[4];
    static const char *const WHAT[] = {"an empty query", "an option", "no reranker", "no hits", "the encoder"};
    for (size_t i = 0; i < RRK_COUNT(WHAT); i++) {
        size_t n = 4;
        encoder.fail_call = i == 4 ? 1 : 0;
        rrk_status status = rrk_reranker_rank(i == 2 ? NULL : reranker, rrk_text_of(i == 0 ? " " : "q"), &one, 1,
                                              i == 1 ? &bad : NULL, i == 3 ? NULL : hits, &n, NULL);
        cr_assert(status != RRK_OK && n == 0, "%s: status %d, %zu hits", WHAT[i], status, n);
    }
    rrk_reranker_close(reranker);
}

Test(failure, of_one_request_is_the_status_of_all)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = {.text = rrk_text_of("w1")};
    rrk_hit hits[2];
    for (int has_handle = 0; has_handle < 2; has_handle++) {
        rrk_rank_request requests[] = {
            {.query = rrk_text_of("q"), .passages = &one, .n_passages = 1, .hits = &hits[0], .n_hits = 1},
            {.query = rrk_text_of(""), .passages = &one, .n_passages = 1, .hits = &hits[1], .n_hits = 1},
        };
        cr_assert_eq(rrk_reranker_rank_many(has_handle ? reranker : NULL, requests, 2, NULL, NULL), RRK_E_INVALID);
        for (size_t i = 0; i < 2; i++)
            cr_assert(requests[i].n_hits == 0 && requests[i].status == RRK_E_INVALID, "request %zu", i);
    }
    rrk_reranker_close(reranker);
}

Test(failure, of_views_leaves_no_hits_either)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 64);
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    rrk_passage one = {.text = rrk_text_of("w1")};
    rrk_views views;
    rrk_views_init(&views);
    views.n_views = FAKE_VIEWS;
    rrk_hit hit;
    size_t n = 1;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank_views(reranker, rrk_text_of("q"), &one, 1, NULL, &hit, &n, &views, &err),
                 RRK_E_INVALID);
    cr_assert(n == 0 && strcmp(err.message, "scores is NULL") == 0, "%s", err.message);
    n = 1;
    cr_assert_eq(rrk_reranker_rank_views(reranker, rrk_text_of("q"), &one, 1, NULL, &hit, &n, NULL, &err),
                 RRK_E_INVALID);
    cr_assert_eq(n, 0);
    rrk_reranker_close(reranker);
}

Test(failure, of_an_option_fills_stats_too)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = {.text = rrk_text_of("w1")};
    rrk_hit hit;
    size_t n = 1;
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    stats.n_rows = 77;
    rrk_rank_options bad;
    rrk_rank_options_init(&bad);
    bad.timeout_ms = -1;
    bad.stats = &stats;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, &bad, &hit, &n, NULL), RRK_E_INVALID);
    cr_assert_eq(stats.n_rows, 0);
    rrk_reranker_close(reranker);
}

Test(failure, names_the_argument_that_is_null)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    size_t n = 0;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), NULL, 1, NULL, NULL, &n, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "passages is NULL");
    rrk_reranker_close(reranker);
}

/* --- giving up --- */

typedef struct patience {
    size_t asked;
    size_t until;
} patience;

static int lose_patience(void *ctx)
{
    patience *p = ctx;
    return ++p->asked >= p->until;
}

/* Passages of a portion each, so that each is looked at; the last one is no UTF-8 when damaged. */
static rrk_status rank_slowly(patience *p, const char *strategy, bool damaged, rrk_error *err)
{
    enum { N = 20 };
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker(strategy, &encoder);
    char *text = malloc(RANK_PACE_BYTES);
    memset(text, 'a', RANK_PACE_BYTES);
    rrk_passage passages[N];
    for (size_t i = 0; i < N; i++)
        passages[i] = (rrk_passage){.text = {text, RANK_PACE_BYTES}};
    if (damaged)
        passages[N - 1].text = rrk_text_of("\xff");
    rrk_hit hits[N];
    size_t n = N;
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.cancel = lose_patience;
    options.cancel_ctx = p;
    rrk_status status = rrk_reranker_rank(reranker, rrk_text_of("q"), passages, N, &options, hits, &n, err);
    cr_assert_eq(encoder.n_calls, status == RRK_OK);
    rrk_reranker_close(reranker);
    free(text);
    return status;
}

Test(giving_up, happens_while_texts_are_checked)
{
    patience p = {.until = 3};
    cr_assert_eq(rank_slowly(&p, "cross", true, NULL), RRK_E_CANCELLED);
    cr_assert_eq(p.asked, 3);
    p = (patience){.until = SIZE_MAX};
    cr_assert_eq(rank_slowly(&p, "cross", true, NULL), RRK_E_INVALID);
}

Test(giving_up, happens_while_texts_are_tokenised)
{
    patience p = {.until = 30}; /* 20 looks at the checks, one before the start */
    cr_assert_eq(rank_slowly(&p, "cross", false, NULL), RRK_E_CANCELLED);
    cr_assert_eq(p.asked, 30);
    p = (patience){.until = SIZE_MAX};
    cr_assert_eq(rank_slowly(&p, "cross", false, NULL), RRK_OK);
}

/* --- the row limit --- */

static rrk_status rank_rows(size_t n_extra, rrk_error *err)
{
    enum { CHUNKS = 64, N = RRK_RERANK_MAX_ROWS / CHUNKS };
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 8);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    char *text = fake_words(0, 500);
    rrk_passage *passages = calloc(N + 1, sizeof *passages);
    rrk_hit *hits = calloc(N + 1, sizeof *hits);
    for (size_t i = 0; i <= N; i++)
        passages[i].text = rrk_text_of(i < N ? text : "w1");
    size_t n = N + 1;
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.long_passage = RRK_LONG_CHUNK;
    options.max_chunks = CHUNKS;
    rrk_status status = rrk_reranker_rank(reranker, rrk_text_of("w1"), passages, N + n_extra, &options, hits, &n, err);
    cr_assert_eq(encoder.n_rows, status == RRK_OK ? RRK_RERANK_MAX_ROWS : 0);
    free(hits);
    free(passages);
    free(text);
    rrk_reranker_close(reranker);
    return status;
}

Test(rows, of_a_list_have_a_limit)
{
    rrk_error err;
    cr_assert_eq(rank_rows(0, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(rank_rows(1, &err), RRK_E_INVALID);
    cr_assert_not_null(strstr(err.message, "more than 65536 rows"), "%s", err.message);
}
