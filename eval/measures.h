/* Measures by name, and their formulas over one query's order. Pure. */
#ifndef RRK_EVAL_MEASURES_H
#define RRK_EVAL_MEASURES_H

#include "base/error.h"
#include <rrk/eval.h>

typedef enum eval_kind {
    EVAL_NDCG,
    EVAL_RECIP_RANK,
    EVAL_MAP,
    EVAL_P,
    EVAL_RECALL,
    EVAL_NUM_Q,
    EVAL_NUM_RET,
    EVAL_NUM_REL,
    EVAL_NUM_REL_RET
} eval_kind;

#define EVAL_NAME_SIZE 40

typedef struct eval_measure {
    eval_kind kind;
    size_t cut;                /* 0: none */
    char name[EVAL_NAME_SIZE]; /* trec_eval's */
} eval_measure;

/* One query's order, best first, and what the judgments have for it. */
typedef struct eval_order {
    const int32_t *grades; /* [n] of the run's passages; 0 for those not judged */
    size_t n;
    const int32_t *ideal; /* [n_ideal] all judged grades, largest first */
    size_t n_ideal;
    int relevance_level;
} eval_order;

rrk_status eval_measure_parse(const char *name, eval_measure *out, rrk_error *err);
double eval_measure_value(const eval_measure *measure, const eval_order *order);
bool eval_measure_is_count(const eval_measure *measure); /* summed, not averaged */

#endif
