/*
 * Whether two systems differ: tests over paired per-query values. Apart from the evaluation because they need only
 * numbers, and so that they can be held against another implementation's.
 */
#ifndef RRK_EVAL_COMPARE_H
#define RRK_EVAL_COMPARE_H

#include "base/error.h"

/* Up to this many non-zero differences the randomisation test counts all 2^n sign patterns instead of drawing some. */
#define EVAL_EXACT_MAX_DIFFERENCES 16
#define EVAL_DEFAULT_ROUNDS 100000

typedef struct eval_comparison {
    double difference; /* mean of b - a */
    double t;          /* Student's statistic; infinite when all differences are the same and not 0 */
    double p_t;        /* two-sided, n - 1 degrees of freedom */
    double p_fisher;   /* two-sided randomisation test of the mean difference */
    bool fisher_exact; /* all sign patterns were counted */
} eval_comparison;

/* a and b are [n], the same queries in the same order; n >= 2. */
rrk_status eval_compare(const double *a, const double *b, size_t n, uint64_t seed, uint64_t rounds,
                        eval_comparison *out, rrk_error *err);

/* Holm's step-down correction in place: p[i] becomes the adjusted value, at most 1. */
rrk_status eval_holm(double *p, size_t n, rrk_error *err);

/* The regularised incomplete beta function I_x(a, b), for a, b > 0 and x in 0..1. */
double eval_incomplete_beta(double a, double b, double x);

#endif
