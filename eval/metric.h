/*
 * Metrics of one query, by trec_eval's names and everyone else's. Apart from the averaging in evaluation.c: this is
 * arithmetic on one ranking and knows no files and no queries.
 */
#ifndef RRK_EVAL_METRIC_H
#define RRK_EVAL_METRIC_H

#include "base/error.h"
#include <rrk/eval.h>

typedef enum eval_metric_kind {
    EVAL_NDCG,
    EVAL_RR,
    EVAL_AP,
    EVAL_PRECISION,
    EVAL_RECALL,
    EVAL_NUM_Q,
    EVAL_NUM_RET,
    EVAL_NUM_REL,
    EVAL_NUM_REL_RET
} eval_metric_kind;

enum { EVAL_METRIC_NAME_SIZE = 32 };

typedef struct eval_metric {
    eval_metric_kind kind;
    size_t cut;                       /* SIZE_MAX when there is none */
    char name[EVAL_METRIC_NAME_SIZE]; /* trec_eval's, where it has one */
} eval_metric;

typedef struct eval_ranking {
    const int64_t *grades; /* [n_ret], best hit first; 0 where nobody judged */
    size_t n_ret;
    const int64_t *ideal; /* [n_ideal], every positive grade of the query, descending */
    size_t n_ideal;
    size_t n_rel;  /* grades of at least level in the qrels */
    int64_t level; /* the lowest relevant grade, >= 1 */
} eval_ranking;

rrk_status eval_metric_parse(const char *name, eval_metric *out, rrk_error *err);
double eval_metric_value(const eval_metric *metric, const eval_ranking *ranking);
bool eval_metric_is_count(const eval_metric *metric);

#endif
