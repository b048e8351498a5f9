/*
 * One line of a TREC run. Apart from runs because retrieval and reranking write theirs as they go, without a run in
 * memory. Evaluation orders by score alone, in 32 bits, so the scores of a query are written strictly decreasing as
 * floats: the order in the file is the order that was meant.
 */
#ifndef RRK_EVAL_RUN_LINE_H
#define RRK_EVAL_RUN_LINE_H

#include "base/error.h"
#include <rrk/text.h>

#include <stdio.h>

/* Above a query's first line. */
#define EVAL_NO_SCORE __builtin_inff()

typedef struct eval_run_line {
    rrk_text qid;
    rrk_text docid;
    size_t rank; /* from 1 */
    double score;
    const char *tag;
} eval_run_line;

/*
 * *previous is the score of the line above, kept by the caller. RRK_E_INVALID for an id that is empty or has white space,
 * for a score that is no 32-bit number, and when none is left below the lowest.
 */
rrk_status eval_run_put(FILE *out, const eval_run_line *line, float *previous, rrk_error *err);

#endif
