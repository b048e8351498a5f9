/* Paired tests: see compare.h. */
#include "eval/compare.h"
#include "base/alloc.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { FRACTION_MAX_STEPS = 100000 };

static double away_from_zero(double x)
{
    return fabs(x) < DBL_MIN ? DBL_MIN : x;
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1;
    double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
    double value = d;
    for (int m = 1; m <= FRACTION_MAX_STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        value *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        value *= d * c;
        if (fabs(d * c - 1) < DBL_EPSILON)
            break;
    }
    return value;
}

double eval_incomplete_beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    /* lgamma_r, as lgamma writes a global. */
    int sign;
    double log_front = lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign);
    double front = exp(log_front + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static void t_test(const double *differences, size_t n, eval_comparison *out)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += differences[i];
    double mean = sum / (double)n;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (differences[i] - mean) * (differences[i] - mean);
    double freedom = (double)n - 1;
    double standard_error = sqrt(squares / freedom / (double)n);
    out->difference = mean;
    if (standard_error == 0) {
        out->t = mean == 0 ? 0 : copysign(INFINITY, mean);
        out->p_t = mean == 0 ? 1 : 0;
        return;
    }
    out->t = mean / standard_error;
    out->p_t = eval_incomplete_beta(freedom / 2, 0.5, freedom / (freedom + out->t * out->t));
}

static bool is_as_extreme(double sum, double observed)
{
    /* Sums of the same numbers in another sign order round differently. */
    return fabs(sum) >= observed * (1 - 1e-12);
}

static double fisher_exact(const double *differences, size_t n, double observed)
{
    uint64_t patterns = UINT64_C(1) << n, extreme = 0;
    for (uint64_t pattern = 0; pattern < patterns; pattern++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += pattern >> i & 1 ? -differences[i] : differences[i];
        extreme += is_as_extreme(sum, observed);
    }
    return (double)extreme / (double)patterns;
}

static double fisher_sampled(const double *differences, size_t n, double observed, uint64_t seed, uint64_t rounds)
{
    uint64_t extreme = 0, words = (n + 63) / 64;
    for (uint64_t round = 0; round < rounds; round++) {
        double sum = 0;
        uint64_t signs = 0;
        for (size_t i = 0; i < n; i++) {
            if (i % 64 == 0)
                signs = base_rng_at(seed, round * words + i / 64);
            sum += signs >> i % 64 & 1 ? -differences[i] : differences[i];
        }
        extreme += is_as_extreme(sum, observed);
    }
    /* The observed pattern is one of the possible ones, so p is never 0. */
    return (double)(extreme + 1) / (double)(rounds + 1);
}

static void fisher_test(double *differences, size_t n, uint64_t seed, uint64_t rounds, eval_comparison *out)
{
    size_t kept = 0;
    double observed = 0;
    for (size_t i = 0; i < n; i++) {
        observed += differences[i];
        if (differences[i] != 0)
            differences[kept++] = differences[i];
    }
    out->fisher_exact = kept <= EVAL_EXACT_MAX_DIFFERENCES;
    if (out->fisher_exact)
        out->p_fisher = fisher_exact(differences, kept, fabs(observed));
    else
        out->p_fisher = fisher_sampled(differences, kept, fabs(observed), seed, rounds);
}

rrk_status eval_compare(const double *a, const double *b, size_t n, uint64_t seed, uint64_t rounds,
                        eval_comparison *out, rrk_error *err)
{
    if (n < 2 || rounds == 0)
        return base_fail(err, RRK_E_INVALID, 0, "a paired test needs 2 queries and 1 round at least, not %zu and %llu",
                         n, (unsigned long long)rounds);
    double *differences RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *differences);
    if (!differences)
        return base_fail_nomem(err, n * sizeof *differences);
    for (size_t i = 0; i < n; i++)
        differences[i] = b[i] - a[i];
    t_test(differences, n, out);
    fisher_test(differences, n, seed, rounds, out);
    return RRK_OK;
}

static int by_value(const void *left, const void *right)
{
    const double *const *a = left, *const *b = right;
    return (**a > **b) - (**a < **b);
}

rrk_status eval_holm(double *p, size_t n, rrk_error *err)
{
    double **order RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *order);
    if (!order)
        return base_fail_nomem(err, n * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = &p[i];
    qsort(order, n, sizeof *order, by_value);
    double least = 0;
    for (size_t i = 0; i < n; i++) {
        least = RRK_MIN(1, RRK_MAX(least, *order[i] * (double)(n - i)));
        *order[i] = least;
    }
    return RRK_OK;
}
