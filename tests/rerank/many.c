/* rrk_reranker_rank_many(): the results of single calls, in fewer calls of the encoder. */
#include "base/rng.h"
#include "fake_encoder.h"
#include <rrk/rerank.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_REQUESTS = 120, MAX_LIST = 60 };

typedef struct lists {
    rrk_rank_request requests[N_REQUESTS];
    rrk_hit hits[N_REQUESTS][MAX_LIST];
    rrk_passage passages[N_REQUESTS][MAX_LIST];
    char texts[N_REQUESTS][MAX_LIST + 1][64];
} lists;

static rrk_text random_text(char text[64], uint64_t seed, uint64_t counter)
{
    int n = snprintf(text, 64, "w%u w%u w%u w%u", (unsigned)(base_rng_at(seed, counter) % 20),
                     (unsigned)(base_rng_at(seed, counter + 1) % 20), (unsigned)(base_rng_at(seed, counter + 2) % 20),
                     (unsigned)(base_rng_at(seed, counter + 3) % 20));
    return (rrk_text){text, (size_t)n};
}

static lists *make_lists(uint64_t seed)
{
    lists *l = calloc(1, sizeof *l);
    uint64_t at = 0;
    for (size_t r = 0; r < N_REQUESTS; r++) {
        size_t n = base_rng_at(seed, at++) % (MAX_LIST + 1);
        for (size_t p = 0; p < n; p++, at += 4)
            l->passages[r][p].text = random_text(l->texts[r][p], seed, at);
        rrk_text query = random_text(l->texts[r][MAX_LIST], seed, at);
        l->requests[r] = (rrk_rank_request){
            .query = query, .passages = l->passages[r], .n_passages = n, .hits = l->hits[r], .n_hits = MAX_LIST};
        at += 4;
    }
    return l;
}

Test(many, gives_what_single_calls_give)
{
    static const char *const STRATEGIES[] = {"cross", "embedding"};
    uint64_t seed = 7;
    cr_log_info("seed %llu", (unsigned long long)seed);
    for (int s = 0; s < 2; s++) {
        rrk_encoder encoder = fake_encoder(s ? RRK_HEAD_EMBEDDING : RRK_HEAD_CROSS, 64);
        rrk_reranker *reranker = fake_reranker(STRATEGIES[s], &encoder);
        lists *l = make_lists(seed);
        rrk_error err;
        cr_assert_eq(rrk_reranker_rank_many(reranker, l->requests, N_REQUESTS, NULL, &err), RRK_OK, "%s", err.message);
        cr_assert_leq(encoder.n_calls, 3, "the batches are not filled across queries: %zu calls", encoder.n_calls);
        for (size_t r = 0; r < N_REQUESTS; r++) {
            const rrk_rank_request *q = &l->requests[r];
            rrk_hit alone[MAX_LIST];
            size_t n = MAX_LIST;
            cr_assert_eq(rrk_reranker_rank(reranker, q->query, q->passages, q->n_passages, NULL, alone, &n, &err), 0);
            cr_assert_eq(q->n_hits, n, "request %zu", r);
            for (size_t i = 0; i < n; i++)
                cr_assert(q->hits[i].index == alone[i].index && q->hits[i].score == alone[i].score, "request %zu", r);
        }
        rrk_reranker_close(reranker);
        free(l);
    }
}

Test(many, names_the_request_that_is_wrong)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    lists *l = make_lists(3);
    l->requests[17].query = rrk_text_of(" ");
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank_many(reranker, l->requests, N_REQUESTS, NULL, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "request 17: the query is empty");
    rrk_reranker_close(reranker);
    free(l);
}

Test(many, a_failing_round_frees_everything)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    encoder.fail_call = 2;
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    lists *l = make_lists(5);
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank_many(reranker, l->requests, N_REQUESTS, NULL, &err), RRK_E_DEVICE);
    cr_assert_eq(encoder.n_calls, 2);
    rrk_reranker_close(reranker);
    free(l);
}

Test(many, a_nan_blames_its_request)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    encoder.nan_id = 199;
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    lists *l = make_lists(9);
    l->requests[40].query = rrk_text_of("w99");
    l->requests[40].n_passages = 5;
    for (size_t p = 0; p < 5; p++)
        l->passages[40][p].text = rrk_text_of("w1");
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank_many(reranker, l->requests, N_REQUESTS, NULL, &err), RRK_E_FORMAT);
    cr_assert(strstr(err.message, "request 40: "), "%s", err.message);
    rrk_reranker_close(reranker);
    free(l);
}
