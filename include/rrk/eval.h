/*
 * rrk/eval.h: how good an order is, measured as trec_eval measures it.
 *
 * A run holds the hits of many queries with their scores, qrels hold what people judged, and an evaluation holds a
 * value for each metric and query. The order of a run is its scores', descending, as 32-bit floats; equal scores come
 * by docid, descending bytewise; the rank column of a file is not read. A grade of 0 or less is not relevant, and
 * neither is a passage that nobody judged.
 *
 *     const char *metrics[] = {"ndcg_cut_10"};
 *     rrk_qrels_read(&qrels, "qrels.txt", &err);
 *     rrk_run_read(&run, "run.txt", &err);
 *     rrk_evaluate(&evaluation, qrels, run, metrics, 1, NULL, &err);
 *     printf("%.4f\n", rrk_evaluation_mean(evaluation, 0));
 *
 *   metric         also                    per query                                     over all queries
 *   ndcg_cut_K     nDCG@K; ndcg, nDCG      gain = grade, discount log2(rank + 1)         mean
 *   recip_rank     RR, MRR; RR@K, MRR@K    1 / rank of the first relevant one            mean
 *   map            AP                      precision at each relevant one, averaged      mean
 *   P_K            P@K                     share of relevant ones in the first K         mean
 *   recall_K       Recall@K, R@K           share of the relevant ones in the first K     mean
 *   num_q num_ret num_rel num_rel_ret      counts                                        sum
 *
 * Thread safety: a run, qrels or evaluation that nobody changes may be read from several threads.
 */
#ifndef RRK_EVAL_H
#define RRK_EVAL_H

#include <rrk/error.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_run rrk_run;
typedef struct rrk_qrels rrk_qrels;
typedef struct rrk_evaluation rrk_evaluation;

#define RRK_EVAL_MAX_LINE_BYTES 65536
#define RRK_EVAL_MAX_METRICS 64
#define RRK_EVAL_MAX_CUT 1000000

/*
 * Reads a TREC run: `qid Q0 docid rank score tag`, or the qrels `qid iter docid grade` or BEIR's tsv with a header
 * line. "-" is standard input. A line that is not so, a score that is not finite, a docid twice for one query and a
 * file without lines are RRK_E_FORMAT, "file:line: ..."; a line above RRK_EVAL_MAX_LINE_BYTES is RRK_E_INVALID.
 */
RRK_API rrk_status rrk_run_read(rrk_run **out, const char *path, rrk_error *err);
RRK_API rrk_status rrk_qrels_read(rrk_qrels **out, const char *path, rrk_error *err);

/* An empty run, to be filled query by query. */
RRK_API rrk_status rrk_run_new(rrk_run **out, rrk_error *err);

/*
 * Adds n hits of one query, in any order. Ids must not be empty nor contain white space or NUL, scores must be finite,
 * and a docid may come once. After a failure the run is good for nothing but rrk_run_free().
 */
RRK_API rrk_status rrk_run_add(rrk_run *run, rrk_text qid, const rrk_text *docids, const float *scores, size_t n,
                               rrk_error *err);

/*
 * Writes a TREC run, best first, complete or not at all ("-" is standard output). Equal scores are made to differ by
 * the smallest step of a 32-bit float, so that every reader of the file finds this order.
 */
RRK_API rrk_status rrk_run_write(const rrk_run *run, const char *path, const char *tag, rrk_error *err);

RRK_API size_t rrk_run_queries(const rrk_run *run);
RRK_API size_t rrk_qrels_queries(const rrk_qrels *qrels);
RRK_API void rrk_run_free(rrk_run *run);       /* NULL is fine */
RRK_API void rrk_qrels_free(rrk_qrels *qrels); /* NULL is fine */

typedef struct rrk_evaluate_options {
    size_t size;         /* sizeof(rrk_evaluate_options) */
    int relevance_level; /* the lowest grade that counts as relevant, >= 1; nDCG uses all grades */
    int complete;        /* average over all queries of the qrels, not only those that the run has too */
    int drop_self;       /* leave out hits whose docid is the qid (ArguAna, Quora) */
} rrk_evaluate_options;

static inline void rrk_evaluate_options_init(rrk_evaluate_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->relevance_level = 1;
}

/* options may be NULL. RRK_E_INVALID for an unknown metric, RRK_E_NOTFOUND when the files share no query. */
RRK_API rrk_status rrk_evaluate(rrk_evaluation **out, const rrk_qrels *qrels, const rrk_run *run,
                                const char *const *metrics, size_t n_metrics, const rrk_evaluate_options *options,
                                rrk_error *err);
RRK_API void rrk_evaluation_free(rrk_evaluation *evaluation); /* NULL is fine */

/* Queries come in the order of their ids, bytewise. Indexes out of range give NaN, NULL or an empty text. */
RRK_API size_t rrk_evaluation_queries(const rrk_evaluation *evaluation);
RRK_API rrk_text rrk_evaluation_qid(const rrk_evaluation *evaluation, size_t query);
RRK_API const char *rrk_evaluation_metric(const rrk_evaluation *evaluation, size_t metric); /* trec_eval's name */
RRK_API double rrk_evaluation_value(const rrk_evaluation *evaluation, size_t metric, size_t query);
RRK_API double rrk_evaluation_mean(const rrk_evaluation *evaluation, size_t metric); /* the sum, for counts */

#ifdef __cplusplus
}
#endif
#endif
