/*
 * rrk/eval.h: how good an order is, measured as trec_eval measures it.
 *
 * Judgments ("qrels") say which passages are relevant to which query, a run says in which order a system put them. A
 * measure looks at one query's order and gives a number; its mean over the queries is what papers print. Two runs over
 * the same queries are compared query by query, with two tests of whether their difference could be chance.
 *
 *     rrk_qrels_read(&qrels, "qrels.txt", &err);
 *     rrk_run_read(&run, "run.txt", &err);
 *     const char *measures[] = {"nDCG@10", "RR@10"};
 *     rrk_evaluate(&evaluation, qrels, run, measures, 2, NULL, &err);
 *     printf("%.4f\n", rrk_evaluation_mean(evaluation, 0));
 *
 *   measure          also written   what it is (k: only the first k)
 *   ndcg_cut_k       nDCG@k         gain = grade, discount log2(rank + 1), over the same of the best possible order
 *   ndcg             nDCG           without a cut
 *   recip_rank       RR, RR@k       1 / rank of the first relevant passage
 *   map              AP             mean of the precisions at the relevant passages
 *   P_k              P@k            share of the first k that is relevant
 *   recall_k         Recall@k, R@k  share of the relevant that is among the first k
 *   num_q num_ret num_rel num_rel_ret   counts: queries, passages in the run, relevant ones, those found
 *
 * As trec_eval has it: the rank column is not read, the score decides, compared as a 32-bit float; ties go to the larger
 * docid, bytewise. What is not judged is not relevant, nor is a grade of 0 or less.
 *
 * Thread safety: handles are immutable once made; any thread may read them.
 */
#ifndef RRK_EVAL_H
#define RRK_EVAL_H

#include <rrk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RRK_EVAL_MAX_LINE_BYTES (64u << 10)
#define RRK_EVAL_MAX_CUT 1000000
#define RRK_EVAL_MAX_MEASURES 64

typedef struct rrk_qrels rrk_qrels;
typedef struct rrk_run rrk_run;
typedef struct rrk_evaluation rrk_evaluation;

/*
 * Reads judgments: TREC's "qid iter docid grade" or BEIR's tab-separated file with a header line, told apart by the
 * number of columns. A docid twice for a query, or a grade that is no whole number, is RRK_E_FORMAT with "file:line".
 * "-" is standard input.
 */
RRK_API rrk_status rrk_qrels_read(rrk_qrels **out, const char *path, rrk_error *err);
RRK_API void rrk_qrels_free(rrk_qrels *qrels); /* NULL is fine */

/* Reads a TREC run: "qid Q0 docid rank score tag". A docid twice for a query or a score that is no number: RRK_E_FORMAT. */
RRK_API rrk_status rrk_run_read(rrk_run **out, const char *path, rrk_error *err);
RRK_API void rrk_run_free(rrk_run *run); /* NULL is fine */

typedef struct rrk_eval_options {
    size_t size;         /* sizeof(rrk_eval_options) */
    int relevance_level; /* smallest grade that counts as relevant, for all but nDCG; default 1 */
    int complete;  /* mean over all judged queries, those missing from the run with 0; default: over both files' */
    int drop_self; /* pass over a hit whose docid is the qid, as BEIR does for ArguAna and Quora */
} rrk_eval_options;

static inline void rrk_eval_options_init(rrk_eval_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->relevance_level = 1;
}

/* Measures a run; RRK_E_INVALID for a measure that is not known. Holds no reference to qrels and run. */
RRK_API rrk_status rrk_evaluate(rrk_evaluation **out, const rrk_qrels *qrels, const rrk_run *run,
                                const char *const *measures, size_t n_measures, const rrk_eval_options *options,
                                rrk_error *err);
RRK_API void rrk_evaluation_free(rrk_evaluation *evaluation); /* NULL is fine */

RRK_API size_t rrk_evaluation_n_queries(const rrk_evaluation *evaluation);
RRK_API size_t rrk_evaluation_n_measures(const rrk_evaluation *evaluation);
/* trec_eval's name; owned by the evaluation. */
RRK_API const char *rrk_evaluation_measure(const rrk_evaluation *evaluation, size_t measure);
/* Queries come in the order of their ids, bytewise; owned by the evaluation. */
RRK_API const char *rrk_evaluation_query(const rrk_evaluation *evaluation, size_t query);
RRK_API double rrk_evaluation_value(const rrk_evaluation *evaluation, size_t query, size_t measure);
/* The mean over queries, 0 without any; the sum for the num_ measures. */
RRK_API double rrk_evaluation_mean(const rrk_evaluation *evaluation, size_t measure);

#define RRK_COMPARE_DEFAULT_PERMUTATIONS 100000

typedef struct rrk_comparison {
    size_t size;       /* sizeof(rrk_comparison), set by the caller */
    size_t n_queries;  /* that both evaluations have */
    double difference; /* mean of b - a */
    double t;          /* paired t statistic; infinite when all differences are equal and not 0 */
    double p_t_test;   /* two-sided, n - 1 degrees of freedom; 1 with fewer than 2 queries */
    double p_random;   /* two-sided, Fisher's randomisation of the signs; exact for few queries */
} rrk_comparison;

/*
 * Compares two evaluations on one measure over the queries that both have. permutations 0: the default; the same seed
 * gives the same p_random.
 */
RRK_API rrk_status rrk_compare(const rrk_evaluation *a, const rrk_evaluation *b, size_t measure, size_t permutations,
                               uint64_t seed, rrk_comparison *out, rrk_error *err);

/* Holm's correction of n p-values in place: what each becomes when all are looked at together. */
RRK_API void rrk_holm(double *p_values, size_t n);

#ifdef __cplusplus
}
#endif
#endif
