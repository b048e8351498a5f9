/*
 * Several systems over the same candidates, on paper: what each achieved, what it cost, and how far it leans on the
 * order it was given. Apart from whoever ran them, so that the report is a function of these numbers alone. NaN stands
 * for a figure that there is none of.
 */
#ifndef RRK_EVAL_COMPARISON_H
#define RRK_EVAL_COMPARISON_H

#include "base/map.h"
#include <rrk/eval.h>

#include <stdio.h>

#define EVAL_MAX_SYSTEMS 32

enum { EVAL_AT_1, EVAL_AT_5, EVAL_AT_10, EVAL_N_CUTS };
extern const size_t eval_cuts[EVAL_N_CUTS]; /* 1, 5, 10 */

/* What ordering all queries took. */
typedef struct eval_effort {
    uint64_t n_calls;     /* answered by an LLM */
    uint64_t n_cached;    /* answered from recorded replies: these took no tokens and no time */
    uint64_t tokens_in;   /* that the model read, LLM or encoder */
    uint64_t tokens_out;  /* that it wrote */
    uint64_t n_estimated; /* calls whose tokens are estimated */
    uint64_t n_malformed; /* replies that had to be mended */
    double seconds;       /* added up over queries */
    double median_s;      /* of one query */
    double cost;
    size_t n_failed; /* queries that kept the order they came in */
} eval_effort;

typedef struct eval_difference {
    double mean;     /* this system's less the first one's */
    double p_t;      /* paired t-test, Holm-corrected over all systems but the first */
    double p_fisher; /* paired randomisation test, corrected likewise */
} eval_difference;

typedef struct eval_system {
    const char *name;
    const char *about; /* how it was set up; NULL: nothing to say */
    double ndcg[EVAL_N_CUTS];
    eval_difference against_first[EVAL_N_CUTS]; /* of the first itself: NaN */
    bool ran;                                   /* false: an order that was there before, without effort */
    eval_effort effort;
    bool ran_reversed; /* once more, the candidates given last first */
    double reversed_ndcg_10;
    double tau; /* of the two orders, and the share of the first ten that stayed there: means over queries */
    double same_top;
    eval_effort reversed_effort;
} eval_system;

typedef struct eval_comparison_report {
    const char *version;    /* of rrk */
    const char *candidates; /* where they came from, and the judgments */
    const char *qrels;
    const char *currency; /* of costs; NULL: "" */
    size_t n_queries;     /* judged, so that all counts and means are over these */
    size_t n_unjudged;    /* left out */
    const eval_system *systems;
    size_t n_systems;
} eval_comparison_report;

/* Plain text. Columns that do not fit into width characters continue below, with the names again. */
void eval_comparison_table(FILE *out, const eval_comparison_report *report, size_t width);
/* One JSON object. RRK_E_FORMAT when a name is not UTF-8. */
rrk_status eval_comparison_json(FILE *out, const eval_comparison_report *report, rrk_error *err);
/* One HTML page that needs nothing beside it; it is well-formed XML, too. */
void eval_comparison_page(FILE *out, const eval_comparison_report *report);

/* One system's nDCG of each query, in the order of qids, so that systems pair up by index. */
typedef struct eval_ndcg_values {
    double *at[EVAL_N_CUTS]; /* [n] each; owned by at[0] */
    size_t n;
} eval_ndcg_values;

/* Of the queries that are judged and asked (the keys); a query that the run lacks counts 0. */
rrk_status eval_ndcg_values_of(eval_ndcg_values *out, const rrk_qrels *qrels, const base_map *asked, const rrk_run *run,
                               rrk_error *err);
void eval_ndcg_values_free(eval_ndcg_values *values); /* also for RRK_AUTO */
double eval_ndcg_values_mean(const eval_ndcg_values *values, size_t cut);

/* Fills ndcg and against_first of n systems from their values. seed and rounds are the randomisation test's. */
rrk_status eval_comparison_judge(eval_system *systems, const eval_ndcg_values *values, size_t n, uint64_t seed,
                                 uint64_t rounds, rrk_error *err);

#endif
