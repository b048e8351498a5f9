/*
 * Whether a difference between two runs could be chance: the paired t-test, and Fisher's randomisation, which assumes
 * less: if the runs were alike, each query's difference could as well have had the other sign.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include <rrk/eval.h>

#include <math.h>
#include <string.h>

enum { BETA_STEPS = 500, MAX_EXACT_QUERIES = 16 };

/* The continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= BETA_STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double before = h;
        for (int part = 0; part < 2; part++) {
            double step = part ? odd : even;
            d = 1 + step * d;
            c = 1 + step / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            h *= d * c;
        }
        if (fabs(h - before) < 1e-15 * fabs(h))
            break;
    }
    return h;
}

/* I_x(a, b), the regularised incomplete beta function. */
static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static void t_test(const double *d, size_t n, rrk_comparison *out)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (d[i] - out->difference) * (d[i] - out->difference);
    out->t = 0;
    out->p_t_test = 1;
    if (n < 2 || out->difference == 0)
        return;
    double df = (double)n - 1, error = sqrt(squares / df / (double)n);
    out->t = out->difference / error;
    out->p_t_test = isfinite(out->t) ? incomplete_beta(df / 2, 0.5, df / (df + out->t * out->t)) : 0;
}

/* The absolute sum with the signs that the bits of a counter-based random word say. */
static double flipped(const double *d, size_t n, uint64_t seed, uint64_t permutation)
{
    double sum = 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 64 == 0)
            bits = base_rng_at(seed, permutation * ((n + 63) / 64) + i / 64);
        sum += bits >> (i % 64) & 1 ? -d[i] : d[i];
    }
    return fabs(sum);
}

/* Sums of the same terms in another order differ in their last digits; those count as equal. */
static bool at_least(double sum, double seen)
{
    return sum >= seen - 1e-12 * (1 + seen);
}

static double exact_p(const double *d, size_t n, double seen)
{
    size_t as_large = 0, all = (size_t)1 << n;
    for (size_t signs = 0; signs < all; signs++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += signs >> i & 1 ? -d[i] : d[i];
        as_large += at_least(fabs(sum), seen);
    }
    return (double)as_large / (double)all;
}

static double random_p(const double *d, size_t n, size_t permutations, uint64_t seed)
{
    double seen = 0;
    for (size_t i = 0; i < n; i++)
        seen += d[i];
    seen = fabs(seen);
    if (n <= MAX_EXACT_QUERIES)
        return exact_p(d, n, seen);
    size_t as_large = 0;
    for (size_t p = 0; p < permutations; p++)
        as_large += at_least(flipped(d, n, seed, p), seen);
    /* The order that was seen is one of the possible ones. */
    return (double)(as_large + 1) / (double)(permutations + 1);
}

/* Both evaluations have their queries sorted by id. */
static size_t paired(const rrk_evaluation *a, const rrk_evaluation *b, size_t measure, double *d)
{
    size_t n = 0, i = 0, j = 0;
    while (i < rrk_evaluation_n_queries(a) && j < rrk_evaluation_n_queries(b)) {
        int order = strcmp(rrk_evaluation_query(a, i), rrk_evaluation_query(b, j));
        if (order == 0)
            d[n++] = rrk_evaluation_value(b, j, measure) - rrk_evaluation_value(a, i, measure);
        i += order <= 0;
        j += order >= 0;
    }
    return n;
}

rrk_status rrk_compare(const rrk_evaluation *a, const rrk_evaluation *b, size_t measure, size_t permutations,
                       uint64_t seed, rrk_comparison *out, rrk_error *err)
{
    base_error_clear(err);
    if (!a || !b || !out)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !a ? "a" : !b ? "b" : "out");
    const char *of_a = rrk_evaluation_measure(a, measure), *of_b = rrk_evaluation_measure(b, measure);
    if (!of_a || !of_b || strcmp(of_a, of_b) != 0)
        return base_fail(err, RRK_E_INVALID, 0, "the evaluations do not share measure number %zu", measure);
    size_t room = rrk_evaluation_n_queries(a);
    double *d RRK_AUTO(base_free_ptr) = base_alloc(room, sizeof *d);
    if (!d)
        return base_fail_nomem(err, room * sizeof *d);
    rrk_comparison ours = {.n_queries = paired(a, b, measure, d)};
    for (size_t i = 0; i < ours.n_queries; i++)
        ours.difference += d[i] / (double)ours.n_queries;
    t_test(d, ours.n_queries, &ours);
    ours.p_random = random_p(d, ours.n_queries, permutations ? permutations : RRK_COMPARE_DEFAULT_PERMUTATIONS, seed);
    BASE_GIVE_STATS(out, &ours);
    return RRK_OK;
}

/* Step down: the k-th smallest of n is multiplied by n - k + 1, and none may become smaller than the one before. */
void rrk_holm(double *p, size_t n)
{
    double floor = 0;
    for (size_t done = 0; done < n; done++) {
        size_t least = n;
        /* Values that are corrected already are marked by being negative. */
        for (size_t i = 0; i < n; i++) {
            if (p[i] >= 0 && (least == n || p[i] < p[least]))
                least = i;
        }
        double corrected = fmin(1, p[least] * (double)(n - done));
        floor = fmax(floor, corrected);
        p[least] = -floor - 1;
    }
    for (size_t i = 0; i < n; i++)
        p[i] = -p[i] - 1;
}
