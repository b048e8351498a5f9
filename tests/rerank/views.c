/*
 * Strategies "mvp", "monot5" and "rankt5" over a fake encoder: how rows look, what becomes of results, and that lists
 * never share an anchor.
 */
#define RRK_EXPERIMENTAL
#include "fake_encoder.h"
#include <rrk/rerank.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static rrk_passage passage(const char *text)
{
    return (rrk_passage){.text = rrk_text_of(text)};
}

static double rank_one(rrk_reranker *reranker, const char *query, const char *text, const rrk_rank_options *options)
{
    rrk_passage one = passage(text);
    rrk_hit hit;
    size_t n = 1;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of(query), &one, 1, options, &hit, &n, &err), RRK_OK, "%s",
                 err.message);
    return hit.score;
}

/* The ids of a text, as the fake has them, then -1. */
static void expect_row(const rrk_encoder *encoder, const int32_t *special, const char *words)
{
    enc_ids ids = {0};
    cr_assert_eq(enc_tokenize(encoder, rrk_text_of(words), SIZE_MAX, &ids, NULL, NULL), RRK_OK);
    cr_assert_eq(ids.len, encoder->n_last, "%zu ids, expected %zu", encoder->n_last, ids.len);
    for (size_t i = 0; i < ids.len; i++) {
        /* "_" stands for the next special id. */
        enc_ids blank = {0};
        cr_assert_eq(enc_tokenize(encoder, rrk_text_of("_"), SIZE_MAX, &blank, NULL, NULL), RRK_OK);
        int32_t want = ids.ids[i] == blank.ids[0] ? *special++ : ids.ids[i];
        enc_ids_free(&blank);
        cr_assert_eq(encoder->last[i], want, "id %zu is %d, expected %d", i, encoder->last[i], want);
    }
    enc_ids_free(&ids);
}

Test(views, rows_on_t5_begin_with_the_views)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 64);
    encoder.is_t5 = true;
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    rank_one(reranker, "w1 w2", "w3 w4", NULL);
    int32_t special[] = {FAKE_FIRST_VIEW, FAKE_FIRST_VIEW + 1, FAKE_SEP};
    expect_row(&encoder, special, "_ _ | Query: w1 w2 | Context: w3 w4 _");
    cr_assert_eq(encoder.last_type1_from, encoder.n_last);
    rrk_reranker_close(reranker);
}

Test(views, rows_on_bert_are_pairs_with_the_views_behind_cls)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 200);
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    rank_one(reranker, "w1 w2", "w3 w4", NULL);
    int32_t special[] = {FAKE_CLS, FAKE_FIRST_VIEW, FAKE_FIRST_VIEW + 1, FAKE_SEP, FAKE_SEP};
    expect_row(&encoder, special, "_ _ _ w1 w2 _ w3 w4 _");
    cr_assert_eq(encoder.last_type1_from, 6);
    char *query = fake_words(0, 65);
    rank_one(reranker, query, "w3", NULL);
    cr_assert_eq(encoder.longest_row, 1 + 2 + 64 + 1 + 1 + 1, "a query has 64 tokens at most: %zu",
                 encoder.longest_row);
    free(query);
    rrk_reranker_close(reranker);
}

Test(views, monot5_keeps_what_follows_a_passage_that_is_cut)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_SEQ2SEQ, 12);
    encoder.is_t5 = true;
    rrk_reranker *reranker = fake_reranker("monot5", &encoder);
    char *words = fake_words(0, 50);
    rank_one(reranker, "w70", words, NULL);
    int32_t special[] = {FAKE_SEP};
    expect_row(&encoder, special, "Query: w70 Document: w0 w1 w2 w3 w4 w5 w6 Relevant: _");
    rrk_reranker_close(reranker);
    reranker = fake_reranker("rankt5", &encoder);
    rank_one(reranker, "w70", words, NULL);
    expect_row(&encoder, special, "Query: w70 Document: w0 w1 w2 w3 w4 w5 w6 w7 _");
    rrk_reranker_close(reranker);
    free(words);
}

/* Ids are 100 + i, so "w2" counts for "true", "w0" for "false" and "w1" for the score. */
Test(views, monot5_is_the_log_probability_of_true_and_rankt5_a_logit)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_SEQ2SEQ, 64);
    encoder.is_t5 = true;
    rrk_reranker *monot5 = fake_reranker("monot5", &encoder), *rankt5 = fake_reranker("rankt5", &encoder);
    cr_assert_float_eq(rank_one(monot5, "w1", "w2 w2 w0", NULL), log(exp(2) / (exp(2) + exp(1))), 1e-9);
    cr_assert_float_eq(rank_one(monot5, "w1", "w0 w0 w0 w0", NULL), log(1 / (1 + exp(4))), 1e-9);
    cr_assert_float_eq(rank_one(rankt5, "w0", "w1 w1 w2", NULL), 2, 1e-9);
    rrk_reranker_close(monot5);
    rrk_reranker_close(rankt5);
}

Test(views, a_vocabulary_without_the_answers_is_refused_by_name)
{
    static const char *const STRATEGIES[][2] = {{"monot5", "'true'"}, {"rankt5", "'<extra_id_10>'"}};
    rrk_encoder encoder = fake_encoder(RRK_HEAD_SEQ2SEQ, 64);
    encoder.is_t5 = encoder.lacks_answers = true;
    for (size_t s = 0; s < 2; s++) {
        rrk_reranker *reranker = fake_reranker(STRATEGIES[s][0], &encoder);
        rrk_passage one = passage("w1");
        rrk_hit hit;
        size_t n = 1;
        rrk_error err;
        cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, NULL, &hit, &n, &err), RRK_E_UNSUPPORTED);
        cr_assert(strstr(err.message, STRATEGIES[s][1]), "%s", err.message);
        rrk_reranker_close(reranker);
    }
}

Test(views, a_head_that_does_not_fit_is_refused)
{
    static const struct {
        const char *strategy, *part;
    } CASES[] = {{"mvp", "views"}, {"monot5", "decoder"}, {"rankt5", "decoder"}};
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.encoder = &encoder;
    for (size_t i = 0; i < 3; i++) {
        rrk_reranker *reranker;
        rrk_error err;
        cr_assert_eq(rrk_reranker_open(&reranker, CASES[i].strategy, &options, &err), RRK_E_UNSUPPORTED);
        cr_assert(strstr(err.message, CASES[i].part), "%s", err.message);
    }
}

static const char *const TEXTS[] = {"w1 w2 w3", "w4 w5", "w1 w1 w9", "w40", "w2 w3 w4 w5"};
enum { N_TEXTS = 5 };

static void fill_passages(rrk_passage passages[N_TEXTS])
{
    for (size_t i = 0; i < N_TEXTS; i++)
        passages[i] = passage(TEXTS[i]);
}

Test(views, a_score_is_the_mean_of_its_views)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 64);
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    rrk_passage passages[N_TEXTS];
    fill_passages(passages);
    rrk_hit hits[N_TEXTS], told[N_TEXTS];
    size_t n = N_TEXTS, n_told = 2;
    double scores[N_TEXTS * FAKE_VIEWS], cosines[FAKE_VIEWS * FAKE_VIEWS];
    rrk_views views;
    rrk_views_init(&views);
    views.n_views = FAKE_VIEWS;
    views.scores = scores;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("w7"), passages, N_TEXTS, NULL, hits, &n, &err), RRK_OK);
    cr_assert_eq(
        rrk_reranker_rank_views(reranker, rrk_text_of("w7"), passages, N_TEXTS, NULL, told, &n_told, &views, &err),
        RRK_OK, "%s", err.message);
    cr_assert_eq(n_told, 2, "as many as there is room for");
    for (size_t i = 0; i < N_TEXTS; i++) {
        const double *v = scores + hits[i].index * FAKE_VIEWS;
        cr_assert_float_eq(hits[i].score, (v[0] + v[1]) / 2, 1e-9);
        cr_assert(i >= 2 || (told[i].index == hits[i].index && told[i].score == hits[i].score));
    }
    views.cosines = cosines;
    cr_assert_eq(
        rrk_reranker_rank_views(reranker, rrk_text_of("w7"), passages, N_TEXTS, NULL, told, &n_told, &views, &err),
        RRK_OK);
    cr_assert_float_eq(cosines[0], 1, 1e-9);
    cr_assert_float_eq(cosines[3], 1, 1e-9);
    cr_assert_eq(cosines[1], cosines[2]);
    cr_assert(cosines[1] < 0.999, "different words fall into different buckets: %f", cosines[1]);
    rrk_reranker_close(reranker);
}

/* The fake's anchors are sums of counts: of "w0" alone both views have their one in bucket id % 32 and id / 2 % 32. */
Test(views, cosines_are_of_the_anchors)
{
    static const struct {
        const char *text;
        double cosine;
    } CASES[] = {{"w60", 0} /* 160: buckets 0 and 16 */, {"w28", 1} /* 128: 0 and 0 */};
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 64);
    encoder.is_t5 = true;
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    for (size_t c = 0; c < RRK_COUNT(CASES); c++) {
        double scores[FAKE_VIEWS], cosines[FAKE_VIEWS * FAKE_VIEWS];
        rrk_views views = {sizeof views, FAKE_VIEWS, scores, cosines};
        rrk_passage one = passage(CASES[c].text);
        rrk_hit hit;
        size_t n = 1;
        rrk_error err;
        cr_assert_eq(
            rrk_reranker_rank_views(reranker, rrk_text_of(CASES[c].text), &one, 1, NULL, &hit, &n, &views, &err),
            RRK_OK, "%s", err.message);
        cr_assert_float_eq(cosines[1], CASES[c].cosine, 1e-9, "%s: %f", CASES[c].text, cosines[1]);
    }
    rrk_reranker_close(reranker);
}

Test(views, are_told_by_mvp_alone_and_to_who_knows_how_many_there_are)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 64);
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    rrk_passage passages[N_TEXTS];
    fill_passages(passages);
    double scores[N_TEXTS * (FAKE_VIEWS + 1)];
    rrk_hit hits[N_TEXTS];
    size_t n = N_TEXTS;
    rrk_views views = {sizeof views, FAKE_VIEWS, NULL, NULL};
    rrk_error err;
#define ASK(n_passages, views)                                                                                         \
    rrk_reranker_rank_views(reranker, rrk_text_of("w7"), passages, n_passages, NULL, hits, &n, views, &err)
    cr_assert_eq(ASK(0, &views), RRK_OK);
    cr_assert_eq(n, 0);
    cr_assert_eq(ASK(N_TEXTS, &views), RRK_E_INVALID);
    cr_assert(strstr(err.message, "scores"), "%s", err.message);
    cr_assert_eq(ASK(N_TEXTS, NULL), RRK_E_INVALID);
    cr_assert(strstr(err.message, "views"), "%s", err.message);
    views.scores = scores;
    for (size_t wrong = FAKE_VIEWS - 1; wrong <= FAKE_VIEWS + 1; wrong += 2) {
        views.n_views = wrong;
        cr_assert_eq(ASK(N_TEXTS, &views), RRK_E_INVALID);
        cr_assert(strstr(err.message, "the model has 2"), "%s", err.message);
    }
    rrk_reranker_close(reranker);
    encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    reranker = fake_reranker("cross", &encoder);
    cr_assert_eq(ASK(N_TEXTS, &views), RRK_E_UNSUPPORTED);
    cr_assert(strstr(err.message, "strategy 'cross' has no views"), "%s", err.message);
#undef ASK
    rrk_reranker_close(reranker);
}

Test(views, chunks_take_part_as_chunks_and_the_best_one_speaks)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 16);
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    /* 16 tokens a row, 6 of them for [CLS], views, query and [SEP]: the long passage is three chunks of ten. */
    char *words = fake_words(0, 30);
    rrk_passage passages[] = {passage(words), passage("w3 w4")};
    rrk_rank_options options;
    rrk_rank_stats stats;
    rrk_rank_options_init(&options);
    rrk_rank_stats_init(&stats);
    options.long_passage = RRK_LONG_CHUNK;
    options.chunk_overlap = 0;
    options.stats = &stats;
    rrk_hit hits[2];
    size_t n = 2;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("w7"), passages, 2, &options, hits, &n, &err), RRK_OK);
    cr_assert_eq(stats.n_rows, 4);
    cr_assert_eq(stats.n_chunked, 1);
    cr_assert_eq(encoder.n_anchor_calls, 1);
    free(words);
    rrk_reranker_close(reranker);
}

Test(views, many_lists_have_an_anchor_each_and_the_scores_of_single_calls)
{
    enum { N = 7 };
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 64);
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    rrk_passage passages[N_TEXTS];
    rrk_hit hits[N][N_TEXTS];
    rrk_rank_request requests[N];
    for (size_t i = 0; i < N_TEXTS; i++)
        passages[i] = passage(TEXTS[i]);
    for (size_t r = 0; r < N; r++)
        requests[r] = (rrk_rank_request){.query = rrk_text_of(TEXTS[r % N_TEXTS]),
                                         .passages = passages,
                                         .n_passages = 1 + r % N_TEXTS,
                                         .hits = hits[r],
                                         .n_hits = N_TEXTS};
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank_many(reranker, requests, N, NULL, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(encoder.n_calls, 1);
    cr_assert_eq(encoder.n_anchor_calls, N);
    for (size_t r = 0; r < N; r++) {
        rrk_hit alone[N_TEXTS];
        size_t n = N_TEXTS;
        cr_assert_eq(
            rrk_reranker_rank(reranker, requests[r].query, passages, requests[r].n_passages, NULL, alone, &n, &err),
            RRK_OK);
        cr_assert_eq(n, requests[r].n_hits);
        for (size_t i = 0; i < n; i++)
            cr_assert(alone[i].index == hits[r][i].index && alone[i].score == hits[r][i].score, "request %zu", r);
    }
    rrk_reranker_close(reranker);
}

Test(views, a_nan_names_its_passage)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_VIEWS, 64);
    encoder.nan_id = 199;
    rrk_reranker *reranker = fake_reranker("mvp", &encoder);
    rrk_passage passages[] = {passage("w1"), passage("w99")};
    rrk_hit hits[2];
    size_t n = 2;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), passages, 2, NULL, hits, &n, &err), RRK_E_FORMAT);
    rrk_reranker_close(reranker);
}
