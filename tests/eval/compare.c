/* Significance against scipy's numbers (golden/, made by tools/golden_eval.py) and small cases done by hand. */
#include "eval/compare.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

enum { MAX_PAIRS = 200, ROUNDS = 20000 };

Test(compare, incomplete_beta_equals_scipys)
{
    FILE *file = fopen(golden_path("beta.txt"), "re");
    cr_assert(file);
    double a, b, x, expected;
    int checked = 0;
    for (; fscanf(file, "%lf %lf %lf %lf", &a, &b, &x, &expected) == 4; checked++)
        cr_assert(fabs(eval_incomplete_beta(a, b, x) - expected) <= 1e-11 * expected + 1e-300, "I_%g(%g, %g)", x, a, b);
    fclose(file);
    cr_assert(checked == 75, "%d values", checked);
}

Test(compare, t_test_equals_scipys)
{
    FILE *file = fopen(golden_path("t_test.txt"), "re");
    cr_assert(file);
    double a[MAX_PAIRS], b[MAX_PAIRS], t, p;
    int n, checked = 0;
    for (; fscanf(file, "%d %lf %lf", &n, &t, &p) == 3; checked++) {
        for (int i = 0; i < n; i++)
            cr_assert(fscanf(file, "%lf %lf", &a[i], &b[i]) == 2);
        eval_comparison c;
        cr_assert(eval_compare(a, b, (size_t)n, 1, ROUNDS, &c, NULL) == RRK_OK);
        cr_assert(fabs(c.t - t) < 1e-8 && fabs(c.p_t - p) < 1e-8, "n %d: t %g %g, p %g %g", n, c.t, t, c.p_t, p);
        cr_assert(n < 43 || fabs(c.p_fisher - p) < 0.02, "n %d: Fisher %g, t %g", n, c.p_fisher, p);
        cr_assert(c.fisher_exact == (n <= EVAL_EXACT_MAX_DIFFERENCES));
    }
    fclose(file);
    cr_assert(checked == 5, "%d tests", checked);
}

Test(compare, fisher_counts_all_patterns_of_few_differences)
{
    const double a[] = {0, 0, 0, 0, 1}, b[] = {1, 1, 1, 1, 1};
    eval_comparison c;
    cr_assert(eval_compare(a, b, 5, 1, ROUNDS, &c, NULL) == RRK_OK);
    cr_assert(c.fisher_exact);
    cr_assert_float_eq(c.p_fisher, 2.0 / 16, 1e-15);
}

Test(compare, fisher_depends_on_the_seed_alone)
{
    double a[40], b[40];
    for (int i = 0; i < 40; i++) {
        a[i] = i % 7;
        b[i] = i % 5 + 0.3;
    }
    eval_comparison first, again, other;
    cr_assert(eval_compare(a, b, 40, 5, ROUNDS, &first, NULL) == RRK_OK);
    cr_assert(eval_compare(a, b, 40, 5, ROUNDS, &again, NULL) == RRK_OK);
    cr_assert(eval_compare(a, b, 40, 6, ROUNDS, &other, NULL) == RRK_OK);
    cr_assert(first.p_fisher == again.p_fisher && first.p_fisher != other.p_fisher);
}

Test(compare, equal_systems_do_not_differ)
{
    const double a[] = {0.1, 0.2, 0.3};
    eval_comparison c;
    cr_assert(eval_compare(a, a, 3, 1, ROUNDS, &c, NULL) == RRK_OK);
    cr_assert(c.t == 0 && c.p_t == 1 && c.p_fisher == 1);
    cr_assert(eval_compare(a, a, 1, 1, ROUNDS, &c, NULL) == RRK_E_INVALID);
}

Test(compare, holm_steps_down)
{
    double p[] = {0.04, 0.01, 0.03, 0.5};
    const double expected[] = {0.09, 0.04, 0.09, 0.5};
    cr_assert(eval_holm(p, 4, NULL) == RRK_OK);
    for (int i = 0; i < 4; i++)
        cr_assert_float_eq(p[i], expected[i], 1e-12);
}
