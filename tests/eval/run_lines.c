/* Lines of a run keep the order that was meant, whatever the scores. */
#include "eval/run_line.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

Test(run_lines, scores_decrease_even_as_floats)
{
    char *data = NULL;
    size_t len;
    FILE *out = open_memstream(&data, &len);
    const double scores[] = {1.0, 1.0, 1.0 - 1e-12, 0.5, 0.5, 0.0, -0.0, -3.0, -3.0};
    float previous = EVAL_NO_SCORE, last = EVAL_NO_SCORE;
    for (size_t i = 0; i < RRK_COUNT(scores); i++) {
        eval_run_line line = {rrk_text_of("q"), rrk_text_of("d"), i + 1, scores[i], "t"};
        cr_assert_eq(eval_run_put(out, &line, &previous, NULL), RRK_OK);
    }
    fclose(out);
    char *at = data;
    for (size_t i = 0; i < RRK_COUNT(scores); i++) {
        float score;
        cr_assert_eq(sscanf(at, "q Q0 d %*u %f t", &score), 1);
        cr_assert(score < last);
        last = score;
        at = strchr(at, '\n') + 1;
    }
    free(data);
}

Test(run_lines, what_is_no_score_is_refused)
{
    const double scores[] = {NAN, INFINITY, -INFINITY, 1e300};
    for (size_t i = 0; i < RRK_COUNT(scores); i++) {
        eval_run_line line = {rrk_text_of("q"), rrk_text_of("d"), 1, scores[i], "t"};
        float previous = EVAL_NO_SCORE;
        rrk_error err = {0};
        cr_assert_eq(eval_run_put(stdout, &line, &previous, &err), RRK_E_INVALID, "row %zu", i);
        cr_assert_not_null(strstr(err.message, "query 'q'"), "%s", err.message);
    }
}

Test(run_lines, below_the_lowest_there_is_none)
{
    eval_run_line line = {rrk_text_of("q"), rrk_text_of("d"), 2, -FLT_MAX, "t"};
    float previous = -FLT_MAX;
    cr_assert_eq(eval_run_put(stdout, &line, &previous, NULL), RRK_E_INVALID);
}

Test(run_lines, ids_with_white_space_or_nul_are_refused)
{
    static const char *const ids[] = {"", "a b", "a\t", "\n"};
    for (size_t i = 0; i < RRK_COUNT(ids); i++) {
        eval_run_line docid = {rrk_text_of("q"), rrk_text_of(ids[i]), 1, 1, "t"};
        eval_run_line qid = {rrk_text_of(ids[i]), rrk_text_of("d"), 1, 1, "t"};
        float previous = EVAL_NO_SCORE;
        cr_assert_eq(eval_run_put(stdout, &docid, &previous, NULL), RRK_E_INVALID, "row %zu", i);
        cr_assert_eq(eval_run_put(stdout, &qid, &previous, NULL), RRK_E_INVALID, "row %zu", i);
    }
    rrk_text nul = {"a\0b", 3};
    eval_run_line line = {rrk_text_of("q"), nul, 1, 1, "t"};
    float previous = EVAL_NO_SCORE;
    cr_assert_eq(eval_run_put(stdout, &line, &previous, NULL), RRK_E_INVALID);
}
