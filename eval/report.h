/*
 * Evaluations on paper: trec_eval's lines, and a table of several sets with their mean. Apart from the numbers, so that
 * formats can change without them.
 */
#ifndef RRK_EVAL_REPORT_H
#define RRK_EVAL_REPORT_H

#include <rrk/eval.h>
#include <stdio.h>

/* trec_eval's lines: first each query's when per_query, then "all". Counts are whole numbers. */
void eval_report_lines(FILE *stream, const rrk_evaluation *evaluation, size_t n_metrics, int per_query);

typedef struct eval_report_row {
    const char *name;
    const rrk_evaluation *evaluation;
} eval_report_row;

/* One row a set, one column a metric; with_mean adds a last row, the mean of several sets, each counting
 * the same. */
void eval_report_table(FILE *stream, const eval_report_row *rows, size_t n_rows, size_t n_metrics, int with_mean);

#endif
