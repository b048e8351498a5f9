/* What is wrong with a file is said with its place; what is wrong with an argument, with its name. */
#include "scratch.h"
#include <rrk/eval.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct bad_file {
    const char *content;
    const char *place;
    const char *says;
} bad_file;

static const bad_file bad_runs[] = {
    {"q Q0 d 1 1.0 t\nq Q0 d 2 0.5 t\n", ":2: ", "comes twice"},
    {"q Q0 d 1 nan t\n", ":1: ", "not a finite score"},
    {"q Q0 d 1 inf t\n", ":1: ", "not a finite score"},
    {"q Q0 d 1 1e300 t\n", ":1: ", "not a finite score"},
    {"q Q0 d 1 1.0x t\n", ":1: ", "not a finite score"},
    {"q Q0 d 1 1.0 t\n\nq Q0 e 1 1.0\n", ":3: ", "5 columns"},
    {"q Q0 d 1 1.0 t more\n", ":1: ", "7 columns"},
    {"", ":1: ", "no hits"},
};

static const bad_file bad_qrels[] = {
    {"q 0 d 1\nq 0 d 1\n", ":2: ", "comes twice"},
    {"q 0 d 1\nq 0 e\n", ":2: ", "3 columns"},
    {"q 0 d one\n", ":1: ", "not a grade"},
    {"q 0 d 1.5\n", ":1: ", "not a grade"},
    {"q 0 d 99999999999\n", ":1: ", "not a grade"},
    {"query-id\tcorpus-id\tscore\nq\td\tx\n", ":2: ", "not a grade"},
    {"", ":1: ", "no judgements"},
    {"query-id\tcorpus-id\tscore\n", ":1: ", "no judgements"},
};

static void check_message(const rrk_error *err, const char *path, const bad_file *bad)
{
    char place[600];
    snprintf(place, sizeof place, "%s%s", path, bad->place);
    cr_assert(strstr(err->message, place) == err->message, "'%s' does not begin with '%s'", err->message, place);
    cr_assert(strstr(err->message, bad->says), "'%s' does not say '%s'", err->message, bad->says);
}

Test(run, says_where_a_bad_file_is_bad)
{
    for (size_t i = 0; i < sizeof bad_runs / sizeof bad_runs[0]; i++) {
        const char *path = scratch_text(bad_runs[i].content);
        rrk_run *run;
        rrk_error err;
        cr_assert(rrk_run_read(&run, path, &err) == RRK_E_FORMAT, "row %zu", i);
        cr_assert_null(run);
        check_message(&err, path, &bad_runs[i]);
    }
}

Test(qrels, say_where_a_bad_file_is_bad)
{
    for (size_t i = 0; i < sizeof bad_qrels / sizeof bad_qrels[0]; i++) {
        const char *path = scratch_text(bad_qrels[i].content);
        rrk_qrels *qrels;
        rrk_error err;
        cr_assert(rrk_qrels_read(&qrels, path, &err) == RRK_E_FORMAT, "row %zu", i);
        cr_assert_null(qrels);
        check_message(&err, path, &bad_qrels[i]);
    }
}

Test(files, that_are_missing_are_not_found)
{
    rrk_run *run;
    rrk_qrels *qrels;
    cr_assert(rrk_run_read(&run, "/nowhere/run", NULL) == RRK_E_NOTFOUND);
    cr_assert(rrk_qrels_read(&qrels, "/nowhere/qrels", NULL) == RRK_E_NOTFOUND);
}

/* A run of one line of this many bytes. */
static rrk_status read_long_line(size_t len, rrk_error *err)
{
    static const char begin[] = "q Q0 d 1 1.0 ";
    char *line = malloc(len + 1);
    memset(line, 't', len);
    memcpy(line, begin, sizeof begin - 1);
    line[len] = '\n';
    const char *path = scratch_file(line, len + 1);
    free(line);
    rrk_run *run;
    rrk_status status = rrk_run_read(&run, path, err);
    rrk_run_free(run);
    return status;
}

Test(files, have_lines_up_to_the_limit)
{
    rrk_error err;
    cr_assert(read_long_line(RRK_EVAL_MAX_LINE_BYTES, &err) == RRK_OK, "%s", err.message);
    cr_assert(read_long_line(RRK_EVAL_MAX_LINE_BYTES + 1, &err) == RRK_E_INVALID);
    cr_assert(strstr(err.message, ":1: "), "%s", err.message);
}

Test(arguments, of_metrics_are_checked_at_their_limits)
{
    rrk_qrels *qrels;
    rrk_run *run;
    rrk_evaluation *evaluation;
    cr_assert(rrk_qrels_read(&qrels, scratch_text("q 0 d 1\n"), NULL) == RRK_OK);
    cr_assert(rrk_run_read(&run, scratch_text("q Q0 d 1 1 t\n"), NULL) == RRK_OK);
    static const char *const good[] = {"P_1", "P_1000000", "ndcg", "rr@10"};
    static const char *const bad[] = {"P_0", "P_1000001", "P_", "ndcg_cut_10x", "ndcg_cut_-1", "", "bleu"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(rrk_evaluate(&evaluation, qrels, run, &good[i], 1, NULL, NULL) == RRK_OK, "%s", good[i]);
        rrk_evaluation_free(evaluation);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert(rrk_evaluate(&evaluation, qrels, run, &bad[i], 1, NULL, NULL) == RRK_E_INVALID, "%s", bad[i]);
    const char *many[RRK_EVAL_MAX_METRICS + 1];
    for (size_t i = 0; i <= RRK_EVAL_MAX_METRICS; i++)
        many[i] = "map";
    cr_assert(rrk_evaluate(&evaluation, qrels, run, many, RRK_EVAL_MAX_METRICS, NULL, NULL) == RRK_OK);
    rrk_evaluation_free(evaluation);
    cr_assert(rrk_evaluate(&evaluation, qrels, run, many, RRK_EVAL_MAX_METRICS + 1, NULL, NULL) == RRK_E_INVALID);
    rrk_evaluate_options options;
    rrk_evaluate_options_init(&options);
    options.relevance_level = 0;
    cr_assert(rrk_evaluate(&evaluation, qrels, run, many, 1, &options, NULL) == RRK_E_INVALID);
    rrk_qrels_free(qrels);
    rrk_run_free(run);
}

Test(arguments, of_added_hits_are_checked)
{
    rrk_run *run;
    rrk_error err;
    cr_assert(rrk_run_new(&run, &err) == RRK_OK);
    rrk_text q = {"q", 1}, spaced = {"a b", 3}, empty = {NULL, 0}, twice[] = {{"d", 1}, {"d", 1}};
    float one[] = {1, 1}, not_a_number = NAN;
    cr_assert(rrk_run_add(run, empty, twice, one, 1, &err) == RRK_E_INVALID);
    cr_assert(rrk_run_add(run, q, &spaced, one, 1, &err) == RRK_E_INVALID);
    cr_assert(rrk_run_add(run, q, NULL, one, 1, &err) == RRK_E_INVALID);
    cr_assert(strstr(err.message, "docids"));
    cr_assert(rrk_run_add(run, q, twice, &not_a_number, 1, &err) == RRK_E_INVALID);
    cr_assert(rrk_run_add(run, q, twice, one, 2, &err) == RRK_E_FORMAT);
    cr_assert(strstr(err.message, "twice"));
    rrk_run_free(run);
}
