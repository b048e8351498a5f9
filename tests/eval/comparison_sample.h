/* Comparisons with made-up figures, for the tests of their reports. */
#ifndef RRK_TESTS_EVAL_COMPARISON_SAMPLE_H
#define RRK_TESTS_EVAL_COMPARISON_SAMPLE_H

#include "eval/comparison.h"

/* A first stage, a run, an encoder and three LLM systems; valid until the next call. */
eval_comparison_report sample_report(void);
/* The same with names that want to be markup, controls and bytes that are no UTF-8. */
eval_comparison_report sample_hostile_report(void);
/* As many systems as there may be, close together. */
eval_comparison_report sample_crowd(void);

#endif
