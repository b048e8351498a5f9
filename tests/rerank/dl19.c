/*
 * DL19 end to end over HTTP: every prompt must be one that the replaying server knows, to the passage and its order,
 * and what comes out is measured. The figures are those of the published run and trace.
 */
#include "base/alloc.h"
#include "eval/candidates.h"
#include "replay.h"
#include <rrk/eval.h>
#include <rrk/rerank.h>

#include <criterion/criterion.h>
#include <stdlib.h>

enum { N_QUERIES = 43, DEPTH = 100 };

typedef struct dl19 {
    rrk_rank_request requests[N_QUERIES];
    rrk_hit hits[N_QUERIES][DEPTH];
    rrk_passage passages[N_QUERIES][DEPTH];
    char qids[N_QUERIES][32];
    size_t n;
    rrk_rank_stats stats;
    rrk_error err;
} dl19;

static rrk_text copy(rrk_text text)
{
    return (rrk_text){base_strndup(text.data ? text.data : "", text.len), text.len};
}

static dl19 *dl19_read(void)
{
    const char *path = replay_data("dl19/candidates.bm25.jsonl");
    dl19 *d = calloc(1, sizeof *d);
    eval_candidates *file = NULL;
    cr_assert_eq(eval_candidates_open(&file, path, &d->err), RRK_OK, "%s", d->err.message);
    eval_candidates_query q;
    bool more;
    while (eval_candidates_next(file, &q, &more, &d->err) == RRK_OK && more) {
        cr_assert(d->n < N_QUERIES && q.n <= DEPTH && q.qid.len < 32);
        memcpy(d->qids[d->n], q.qid.data, q.qid.len);
        for (size_t i = 0; i < q.n; i++) {
            d->passages[d->n][i].id = copy(q.passages[i].id);
            d->passages[d->n][i].title = copy(q.passages[i].title);
            d->passages[d->n][i].text = copy(q.passages[i].text);
        }
        d->requests[d->n] = (rrk_rank_request){.query = copy(q.query),
                                               .passages = d->passages[d->n],
                                               .n_passages = q.n,
                                               .hits = d->hits[d->n],
                                               .n_hits = DEPTH};
        d->n++;
    }
    eval_candidates_close(file);
    cr_assert_eq(d->n, N_QUERIES);
    return d;
}

static void free_text(rrk_text text)
{
    char *data;
    memcpy(&data, &text.data, sizeof data);
    base_free(data);
}

static void dl19_free(dl19 *d)
{
    for (size_t q = 0; q < d->n; q++) {
        free_text(d->requests[q].query);
        for (size_t i = 0; i < d->requests[q].n_passages; i++) {
            free_text(d->passages[q][i].id);
            free_text(d->passages[q][i].title);
            free_text(d->passages[q][i].text);
        }
    }
    free(d);
}

static void rank(dl19 *d, const char *url, const char *strategy)
{
    rrk_llm_options llm_options;
    rrk_llm_options_init(&llm_options);
    llm_options.url = url;
    llm_options.model = "replay";
    llm_options.first_pause_ms = 10;
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    cr_assert_eq(rrk_llm_open(&options.llm, &llm_options, &d->err), RRK_OK, "%s", d->err.message);
    rrk_reranker *reranker = NULL;
    cr_assert_eq(rrk_reranker_open(&reranker, strategy, &options, &d->err), RRK_OK, "%s", d->err.message);
    rrk_rank_options rank_options;
    rrk_rank_options_init(&rank_options);
    rrk_rank_stats_init(&d->stats);
    rank_options.stats = &d->stats;
    cr_assert_eq(rrk_reranker_rank_many(reranker, d->requests, d->n, &rank_options, &d->err), RRK_OK, "%s",
                 d->err.message);
    rrk_reranker_close(reranker);
    rrk_llm_close(options.llm);
}

static void add_query(const dl19 *d, size_t q, rrk_run *run)
{
    rrk_text docids[DEPTH];
    float scores[DEPTH];
    const rrk_rank_request *r = &d->requests[q];
    cr_assert_eq(r->n_hits, r->n_passages);
    for (size_t i = 0; i < r->n_hits; i++) {
        docids[i] = r->passages[r->hits[i].index].id;
        scores[i] = (float)r->hits[i].score;
    }
    cr_assert_eq(rrk_run_add(run, rrk_text_of(d->qids[q]), docids, scores, r->n_hits, NULL), RRK_OK);
}

static double ndcg(const dl19 *d)
{
    rrk_qrels *qrels = NULL;
    rrk_run *run = NULL;
    rrk_evaluation *evaluation = NULL;
    const char *metrics[] = {"ndcg_cut_10"};
    cr_assert_eq(rrk_qrels_read(&qrels, replay_data("dl19/qrels.txt"), NULL), RRK_OK);
    cr_assert_eq(rrk_run_new(&run, NULL), RRK_OK);
    for (size_t q = 0; q < d->n; q++)
        add_query(d, q, run);
    cr_assert_eq(rrk_evaluate(&evaluation, qrels, run, metrics, 1, NULL, NULL), RRK_OK);
    double mean = rrk_evaluation_mean(evaluation, 0);
    rrk_evaluation_free(evaluation);
    rrk_run_free(run);
    rrk_qrels_free(qrels);
    return mean;
}

/* 0.7255 for the published run, 0.6840 for the recorded trace. */
static void check(const char *strategy, const char *fault)
{
    bool full = strcmp(strategy, "full") == 0;
    const char *for_full[] = {"--strict",
                              "--run",
                              replay_data("dl19/run.rankmistral100.txt"),
                              "--candidates",
                              replay_data("dl19/candidates.bm25.jsonl"),
                              "--slow-s",
                              "0.5",
                              "--fault",
                              fault,
                              NULL};
    const char *for_sliding[] = {
        "--strict", "--trace", replay_data("dl19/trace.rankvicuna.jsonl"), "--slow-s", "0.5", "--fault", fault, NULL};
    replay server = replay_start(full ? for_full : for_sliding);
    dl19 *d = dl19_read();
    rank(d, server.url, strategy);
    replay_stop(&server);
    cr_expect_float_eq(ndcg(d), full ? 0.7255 : 0.6840, 0.00005, "%.4f", ndcg(d));
    cr_expect_eq(d->stats.n_calls, full ? 43 : 387, "%zu calls", (size_t)d->stats.n_calls);
    cr_expect_eq(d->stats.n_failed_calls, 0);
    cr_expect_eq(d->stats.n_retries, *fault ? 3 : 0, "%zu retries", (size_t)d->stats.n_retries);
    cr_expect_eq(d->stats.n_ok + d->stats.n_malformed, d->stats.n_calls);
    dl19_free(d);
}

Test(dl19, full_list_gives_the_published_figure, .timeout = 300)
{
    check("full", "");
}

Test(dl19, sliding_window_gives_the_figure_of_the_trace, .timeout = 300)
{
    check("sliding", "");
}

Test(dl19, full_list_is_the_same_when_calls_fail, .timeout = 300)
{
    check("full", "429,500,drop,slow");
}

Test(dl19, sliding_window_is_the_same_when_calls_fail, .timeout = 300)
{
    check("sliding", "429,500,drop,slow");
}
