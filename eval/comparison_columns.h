/*
 * The columns that a comparison's table has, on a terminal and in a page alike: headings, what they mean, and how a
 * figure is written. A column that no system has a figure for is left out.
 */
#ifndef RRK_EVAL_COMPARISON_COLUMNS_H
#define RRK_EVAL_COMPARISON_COLUMNS_H

#include "eval/comparison.h"

enum { EVAL_CELL_SIZE = 48, EVAL_MAX_COLUMNS = 24 };

typedef struct eval_column {
    const char *group; /* neighbours of one group share its heading */
    const char *name;  /* NULL: the report's currency */
    const char *meaning;
    /* Writes the figure, or nothing when there is none. */
    void (*cell)(char out[EVAL_CELL_SIZE], const eval_comparison_report *report, const eval_system *system);
} eval_column;

const char *eval_column_name(const eval_column *column, const eval_comparison_report *report);

/* Returns how many columns there are to show. */
size_t eval_columns_of(const eval_comparison_report *report, const eval_column *out[EVAL_MAX_COLUMNS]);

#endif
