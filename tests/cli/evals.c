/* rrk eval: exit codes, trec_eval's lines, JSON, and comparisons. The measures themselves are tested in tests/eval. */
#include "child.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static child result;
static const char *qrels, *good, *poor;

static void make_files(void)
{
    qrels = child_path("qrels.txt");
    good = child_path("good.run");
    poor = child_path("poor.run");
    child_write(qrels, "q1 0 d1 1\nq2 0 d1 1\nq3 0 d2 2\n");
    child_write(good, "q1 Q0 d1 1 2 t\nq2 Q0 d1 1 2 t\nq3 Q0 d2 1 2 t\nq3 Q0 d1 2 1 t\n");
    child_write(poor, "q1 Q0 d2 1 2 t\nq1 Q0 d1 2 1 t\nq2 Q0 d1 1 2 t\nq3 Q0 d3 1 2 t\n");
}

static void expect(int code, const char *part)
{
    cr_assert_eq(result.code, code, "exit code %d: %s", result.code, result.err);
    cr_assert_str_empty(result.out);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
}

TestSuite(evals, .init = make_files);

Test(evals, a_wrong_command_line_is_2)
{
    RUN(result, NULL, "eval");
    expect(2, "needs QRELS and a RUN");
    RUN(result, NULL, "eval", qrels);
    expect(2, "needs QRELS and a RUN");
    RUN(result, NULL, "eval", "--sets");
    expect(2, "needs at least one NAME=QRELS:RUN");
    RUN(result, NULL, "eval", "--compare", qrels, good);
    expect(2, "--compare needs two runs");
    RUN(result, NULL, "eval", "--level", "0", qrels, good);
    expect(2, "--level 0 is not within");
}

Test(evals, a_failure_is_1_and_named)
{
    const char *twice = child_path("twice.run");
    RUN(result, NULL, "eval", qrels, "/nowhere/run.txt");
    expect(1, "/nowhere/run.txt");
    RUN(result, NULL, "eval", "-m", "magic", qrels, good);
    expect(1, "magic");
    RUN(result, NULL, "eval", "--sets", "lacks-a-colon=x");
    expect(1, "expected NAME=QRELS:RUN");
    child_write(twice, "q1 Q0 d1 1 2 t\n\nq1 Q0 d1 2 1 t\n");
    RUN(result, NULL, "eval", qrels, twice);
    expect(1, "twice.run:3: docid 'd1' comes twice for query 'q1'");
}

Test(evals, one_run_is_printed_as_trec_eval_does)
{
    RUN(result, NULL, "eval", "-m", "RR,num_q", qrels, poor);
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_str_eq(result.out, "recip_rank            \tall\t0.5000\nnum_q                 \tall\t3\n");
    RUN(result, NULL, "eval", "-q", "-m", "RR", qrels, poor);
    cr_assert_str_eq(result.out, "recip_rank            \tq1\t0.5000\nrecip_rank            \tq2\t1.0000\n"
                                 "recip_rank            \tq3\t0.0000\nrecip_rank            \tall\t0.5000\n");
}

Test(evals, a_run_may_come_from_standard_input)
{
    RUN(result, "q1 Q0 d1 1 2 t\n", "eval", "-m", "P@1", qrels, "-");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_str_eq(result.out, "P_1                   \tall\t1.0000\n");
    RUN(result, "q1 Q0 d1 1 2 t\n", "eval", "-c", "-m", "P@1", qrels, "-");
    cr_assert_str_eq(result.out, "P_1                   \tall\t0.3333\n");
}

Test(evals, several_runs_are_a_table)
{
    RUN(result, NULL, "eval", "-m", "RR", qrels, good, poor);
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_not_null(strstr(result.out, good), "%s", result.out);
    cr_assert_not_null(strstr(result.out, poor), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "1.0000"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "0.5000"), "%s", result.out);
}

Test(evals, sets_end_with_their_mean)
{
    char one[600], two[600];
    snprintf(one, sizeof one, "one=%s:%s", qrels, good);
    snprintf(two, sizeof two, "two=%s:%s", qrels, poor);
    RUN(result, NULL, "eval", "--sets", "-m", "RR", one, two);
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_not_null(strstr(result.out, "0.7500"), "%s", result.out);
}

Test(evals, json_has_the_same_values)
{
    double mean, first;
    int n_queries;
    const char *run;
    RUN(result, NULL, "eval", "--json", "-q", "-m", "RR", qrels, poor);
    cr_assert_eq(result.code, 0, "%s", result.err);
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:[{s:s, s:i, s:{s:F}, s:{s:{s:F}}}]}", "runs", "run", &run, "queries", &n_queries,
                             "measures", "recip_rank", &mean, "per_query", "q1", "recip_rank", &first),
                 0, "%s", result.out);
    cr_assert_str_eq(run, poor);
    cr_assert(n_queries == 3 && mean == 0.5 && first == 0.5, "%s", result.out);
    json_decref(json);
}

Test(evals, comparisons_have_both_tests)
{
    double difference, p_t, p_random;
    RUN(result, NULL, "eval", "--compare", "-m", "RR", qrels, good, poor);
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_not_null(strstr(result.out, "-0.5000  t-test p "), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "randomisation p "), "%s", result.out);
    RUN(result, NULL, "eval", "--compare", "--json", "-m", "RR", qrels, good, poor);
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:[{s:F, s:F, s:F}]}", "comparisons", "difference", &difference, "p_t_test", &p_t,
                             "p_random", &p_random),
                 0, "%s", result.out);
    cr_assert_eq(difference, -0.5);
    cr_assert(fabs(p_t - 0.2254) < 1e-3, "%g", p_t);
    cr_assert(p_random > 0 && p_random <= 1, "%g", p_random);
    json_decref(json);
}
