/* The metrics against pytrec_eval's values (golden/, made by tools/golden_eval.py), published figures and by hand. */
#include "scratch.h"
#include <rrk/eval.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

typedef struct inputs {
    rrk_qrels *qrels;
    rrk_run *run;
    rrk_evaluation *evaluation;
} inputs;

static void evaluate(inputs *in, const char *const *metrics, size_t n, const rrk_evaluate_options *options)
{
    rrk_error err;
    cr_assert(rrk_evaluate(&in->evaluation, in->qrels, in->run, metrics, n, options, &err) == RRK_OK, "%s",
              err.message);
}

static inputs read_both(const char *qrels, const char *run)
{
    inputs in = {0};
    rrk_error err;
    cr_assert(rrk_qrels_read(&in.qrels, qrels, &err) == RRK_OK, "%s", err.message);
    cr_assert(rrk_run_read(&in.run, run, &err) == RRK_OK, "%s", err.message);
    return in;
}

static void release(inputs *in)
{
    rrk_evaluation_free(in->evaluation);
    rrk_qrels_free(in->qrels);
    rrk_run_free(in->run);
}

static size_t find_query(const rrk_evaluation *evaluation, const char *qid)
{
    for (size_t i = 0; i < rrk_evaluation_queries(evaluation); i++) {
        rrk_text text = rrk_evaluation_qid(evaluation, i);
        if (text.len == strlen(qid) && memcmp(text.data, qid, text.len) == 0)
            return i;
    }
    cr_assert_fail("no query %s", qid);
    return 0;
}

static int check_golden_case(int number)
{
    char qrels[512], run[512], name[32];
    snprintf(name, sizeof name, "%d.qrels", number);
    snprintf(qrels, sizeof qrels, "%s", golden_path(name));
    snprintf(name, sizeof name, "%d.run", number);
    snprintf(run, sizeof run, "%s", golden_path(name));
    inputs in = read_both(qrels, run);
    snprintf(name, sizeof name, "%d.expected", number);
    FILE *expected = fopen(golden_path(name), "re");
    cr_assert(expected);
    char qid[32], metric[32];
    int level, checked = 0;
    double value;
    while (fscanf(expected, "%31s %31s %d %lf", qid, metric, &level, &value) == 4) {
        rrk_evaluate_options options;
        rrk_evaluate_options_init(&options);
        options.relevance_level = level;
        const char *metrics[] = {metric};
        evaluate(&in, metrics, 1, &options);
        double ours = rrk_evaluation_value(in.evaluation, 0, find_query(in.evaluation, qid));
        cr_assert(fabs(ours - value) < 1e-8, "case %d %s %s: %.9f, trec_eval %.9f", number, qid, metric, ours, value);
        rrk_evaluation_free(in.evaluation);
        in.evaluation = NULL;
        checked++;
    }
    fclose(expected);
    release(&in);
    return checked;
}

Test(metrics, equal_trec_evals_on_random_runs)
{
    int checked = 0;
    for (int number = 0; number < 8; number++)
        checked += check_golden_case(number);
    cr_assert(checked > 500, "only %d values", checked);
}

static double dl19(const char *run_name)
{
    char qrels[512];
    snprintf(qrels, sizeof qrels, "%s", data_path("dl19/qrels.txt"));
    inputs in = read_both(qrels, data_path(run_name));
    const char *metrics[] = {"nDCG@10"};
    evaluate(&in, metrics, 1, NULL);
    double mean = rrk_evaluation_mean(in.evaluation, 0);
    release(&in);
    return mean;
}

Test(metrics, give_the_published_figures_of_dl19)
{
    cr_assert_float_eq(dl19("dl19/run.bm25.txt"), 0.5058, 5e-5);
    cr_assert_float_eq(dl19("dl19/run.rankmistral100.txt"), 0.7255, 5e-5);
}

Test(metrics, complete_counts_the_queries_that_the_run_lacks)
{
    inputs in = read_both(scratch_text("a 0 x 1\nb 0 y 1\n"), scratch_text("a Q0 x 1 1.0 t\n"));
    const char *metrics[] = {"map", "num_q", "num_rel"};
    evaluate(&in, metrics, 3, NULL);
    cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, 0), 1.0, 1e-12);
    rrk_evaluation_free(in.evaluation);
    rrk_evaluate_options options;
    rrk_evaluate_options_init(&options);
    options.complete = 1;
    evaluate(&in, metrics, 3, &options);
    cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, 0), 0.5, 1e-12);
    cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, 1), 2, 0);
    cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, 2), 2, 0);
    release(&in);
}

Test(metrics, drop_self_leaves_out_the_query_itself)
{
    inputs in = read_both(scratch_text("query-id\tcorpus-id\tscore\na\tx\t1\n"),
                          scratch_text("a Q0 a 1 2.0 t\na Q0 x 2 1.0 t\n"));
    const char *metrics[] = {"RR@1", "RR"};
    evaluate(&in, metrics, 2, NULL);
    cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, 0), 0, 0);
    cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, 1), 0.5, 0);
    rrk_evaluation_free(in.evaluation);
    rrk_evaluate_options options;
    rrk_evaluate_options_init(&options);
    options.drop_self = 1;
    evaluate(&in, metrics, 2, &options);
    cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, 0), 1, 0);
    release(&in);
}

Test(metrics, a_query_without_relevant_passages_is_0_everywhere)
{
    inputs in = read_both(scratch_text("a 0 x 0\na 0 y -2\n"), scratch_text("a Q0 x 1 1 t\na Q0 y 2 0 t\n"));
    const char *metrics[] = {"ndcg_cut_10", "ndcg", "RR", "AP", "P@5", "R@5", "num_rel", "num_rel_ret"};
    evaluate(&in, metrics, 8, NULL);
    for (size_t m = 0; m < 8; m++)
        cr_assert_float_eq(rrk_evaluation_mean(in.evaluation, m), 0, 0);
    release(&in);
}

Test(run, written_scores_are_distinct_and_keep_the_order)
{
    rrk_error err;
    rrk_run *run;
    cr_assert(rrk_run_new(&run, &err) == RRK_OK);
    const rrk_text docs[] = {{"a", 1}, {"b", 1}, {"ba", 2}, {"c", 1}};
    const float scores[] = {1.0f, 1.0f, 1.0f, nextafterf(1.0f, 0)};
    cr_assert(rrk_run_add(run, (rrk_text){"q", 1}, docs, scores, 4, &err) == RRK_OK, "%s", err.message);
    const char *path = scratch_text("");
    cr_assert(rrk_run_write(run, path, "t", &err) == RRK_OK, "%s", err.message);
    rrk_run_free(run);
    FILE *file = fopen(path, "re");
    const char *order[] = {"ba", "b", "a", "c"};
    float above = INFINITY;
    for (int i = 0; i < 4; i++) {
        char docid[8];
        float score;
        int rank;
        cr_assert(fscanf(file, "q Q0 %7s %d %f t\n", docid, &rank, &score) == 3);
        cr_assert_str_eq(docid, order[i]);
        cr_assert(score < above && rank == i + 1);
        above = score;
    }
    fclose(file);
}
