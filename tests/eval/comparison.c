/* The figures of a comparison by hand, and the three reports of them. */
#include "eval/comparison.h"
#include "comparison_sample.h"
#include "eval/compare.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static char text[1 << 18];

static const char *table(const eval_comparison_report *report, size_t width)
{
    FILE *stream = fmemopen(text, sizeof text, "w");
    eval_comparison_table(stream, report, width);
    fclose(stream);
    return text;
}

static const char *page(const eval_comparison_report *report)
{
    FILE *stream = fmemopen(text, sizeof text, "w");
    eval_comparison_page(stream, report);
    fclose(stream);
    return text;
}

static rrk_status json(const eval_comparison_report *report, json_t **out, rrk_error *err)
{
    FILE *stream = fmemopen(text, sizeof text, "w");
    rrk_status status = eval_comparison_json(stream, report, err);
    fclose(stream);
    *out = status == RRK_OK ? json_loads(text, 0, NULL) : NULL;
    return status;
}

static eval_ndcg_values values_of(const char *run_lines, const char *const *asked)
{
    rrk_qrels *qrels;
    rrk_run *run;
    base_map *queries;
    eval_ndcg_values values;
    cr_assert(rrk_qrels_read(&qrels, scratch_text("b 0 x 1\na 0 x 1\nc 0 x 1\n"), NULL) == RRK_OK);
    cr_assert(rrk_run_read(&run, scratch_text(run_lines), NULL) == RRK_OK);
    cr_assert(base_map_new(&queries, 4, NULL) == RRK_OK);
    for (size_t i = 0; asked[i]; i++)
        cr_assert(base_map_put(queries, (rrk_text){.data = asked[i], .len = strlen(asked[i])}, 0, NULL, NULL) ==
                  RRK_OK);
    cr_assert(eval_ndcg_values_of(&values, qrels, queries, run, NULL) == RRK_OK);
    base_map_free(queries);
    rrk_qrels_free(qrels);
    rrk_run_free(run);
    return values;
}

Test(comparison, values_are_of_judged_queries_that_were_asked)
{
    const char *const asked[] = {"c", "a", "unjudged", NULL};
    eval_ndcg_values values = values_of("a Q0 y 1 2 t\na Q0 x 2 1 t\nb Q0 x 1 1 t\n", asked);
    cr_assert(values.n == 2, "%zu", values.n);
    cr_assert_float_eq(values.at[EVAL_AT_1][0], 0, 1e-15);
    cr_assert_float_eq(values.at[EVAL_AT_5][0], 1 / log2(3), 1e-15);
    cr_assert(values.at[EVAL_AT_10][1] == 0, "a query that the run lacks");
    cr_assert_float_eq(eval_ndcg_values_mean(&values, EVAL_AT_5), 0.5 / log2(3), 1e-15);
    eval_ndcg_values_free(&values);
}

Test(comparison, tests_are_against_the_first_and_corrected)
{
    double of_a[EVAL_N_CUTS][4] = {{0}}, of_b[EVAL_N_CUTS][4], of_c[EVAL_N_CUTS][4];
    eval_ndcg_values values[3] = {{.n = 4}, {.n = 4}, {.n = 4}};
    for (size_t cut = 0; cut < EVAL_N_CUTS; cut++) {
        for (size_t q = 0; q < 4; q++) {
            of_b[cut][q] = 0.1 * (double)(q + 1);
            of_c[cut][q] = q % 2 ? 0.1 : -0.1;
        }
        values[0].at[cut] = of_a[cut];
        values[1].at[cut] = of_b[cut];
        values[2].at[cut] = of_c[cut];
    }
    eval_system systems[3] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    cr_assert(eval_comparison_judge(systems, values, 3, 1, 1000, NULL) == RRK_OK);
    eval_comparison alone;
    cr_assert(eval_compare(of_a[0], of_b[0], 4, 1, 1000, &alone, NULL) == RRK_OK);
    cr_assert(isnan(systems[0].against_first[EVAL_AT_10].mean));
    cr_assert_float_eq(systems[1].ndcg[EVAL_AT_10], 0.25, 1e-15);
    cr_assert_float_eq(systems[1].against_first[EVAL_AT_10].mean, 0.25, 1e-15);
    cr_assert_float_eq(systems[1].against_first[EVAL_AT_10].p_t, 2 * alone.p_t, 1e-15);
    cr_assert_float_eq(systems[1].against_first[EVAL_AT_1].p_fisher, 2.0 * 2 / 16, 1e-15);
    cr_assert_float_eq(systems[2].against_first[EVAL_AT_10].p_t, 1, 1e-15);
}

Test(comparison, one_query_has_figures_without_a_test)
{
    double value = 0.5;
    eval_ndcg_values values[2];
    for (size_t i = 0; i < 2; i++)
        values[i] = (eval_ndcg_values){.at = {&value, &value, &value}, .n = 1};
    eval_system systems[2] = {{.name = "a"}, {.name = "b"}};
    cr_assert(eval_comparison_judge(systems, values, 2, 1, 1000, NULL) == RRK_OK);
    cr_assert(systems[1].ndcg[EVAL_AT_10] == 0.5 && isnan(systems[1].against_first[EVAL_AT_10].p_t));
}

Test(comparison, takes_as_many_systems_as_the_limit_and_no_more)
{
    static eval_system systems[EVAL_MAX_SYSTEMS + 1];
    static eval_ndcg_values values[EVAL_MAX_SYSTEMS + 1];
    double two[2] = {0.1, 0.2};
    for (size_t i = 0; i <= EVAL_MAX_SYSTEMS; i++)
        values[i] = (eval_ndcg_values){.at = {two, two, two}, .n = 2};
    cr_assert(eval_comparison_judge(systems, values, EVAL_MAX_SYSTEMS, 1, 1000, NULL) == RRK_OK);
    cr_assert(eval_comparison_judge(systems, values, EVAL_MAX_SYSTEMS + 1, 1, 1000, NULL) == RRK_E_INVALID);
    cr_assert(eval_comparison_judge(systems, values, 0, 1, 1000, NULL) == RRK_E_INVALID);
}

Test(comparison, systems_with_other_queries_do_not_pair_up)
{
    double two[2] = {0};
    eval_ndcg_values values[2] = {{.at = {two, two, two}, .n = 2}, {.at = {two, two, two}, .n = 1}};
    eval_system systems[2] = {{.name = "a"}, {.name = "b"}};
    rrk_error err = {0};
    cr_assert(eval_comparison_judge(systems, values, 2, 1, 1000, &err) == RRK_E_INVALID);
    cr_assert_str_eq(err.message, "'b' has values for 1 queries, 'a' for 2");
}

Test(comparison_table, is_one_line_a_system_where_there_is_room)
{
    eval_comparison_report report = sample_report();
    const char *const lines[] = {
        "first-stage             0.6058  0.5558  0.5058        -       -      -          -          -       -      -",
        "embedding               0.7552  0.7052  0.6552  +0.1494  0.0001      -          -    301,234       -   9.50",
        "sliding                 0.7840  0.7340  0.6840  +0.1782  <.0001    387         19  1,166,270  32,000    640",
        "full:top_n=10           0.8201  0.7701  0.7201  +0.2143  <.0001     43          2   ~429,183  ~2,193  29.00",
        "full: 2 of 43 queries failed; they count with the order they came in.",
    };
    table(&report, 1000);
    for (size_t i = 0; i < RRK_COUNT(lines); i++)
        cr_assert_not_null(strstr(text, lines[i]), "'%s' is not in\n%s", lines[i], text);
}

Test(comparison_table, continues_below_where_there_is_none)
{
    eval_comparison_report report = sample_report();
    table(&report, 80);
    size_t n_headings = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        n_headings += strncmp(line, "system ", 7) == 0;
        cr_assert(strlen(line) <= 80 || strstr(line, "queries"), "%s", line);
    }
    cr_assert(n_headings == 3, "%zu", n_headings);
}

Test(comparison_table, has_no_column_that_is_empty)
{
    eval_comparison_report report = sample_report();
    report.n_systems = 2;
    table(&report, 1000);
    cr_assert_null(strstr(text, "tokens"), "%s", text);
    cr_assert_null(strstr(text, "reversed"), "%s", text);
    cr_assert_not_null(strstr(text, "nDCG"), "%s", text);
}

Test(comparison_table, shows_that_a_name_was_cut)
{
    eval_comparison_report report = sample_report();
    eval_system system = report.systems[0];
    report.systems = &system;
    report.n_systems = 1;
    system.name = "1234567890123456789012345678901234567890";
    cr_assert_not_null(strstr(table(&report, 1000), "678901234567890  0.6"), "%s", text);
    system.name = "1234567890123456789012345678901234567890.";
    cr_assert_not_null(strstr(table(&report, 1000), "67890123456789\xe2\x80\xa6  0.6"), "%s", text);
}

Test(comparison_table, passes_no_controls_on)
{
    eval_comparison_report report = sample_hostile_report();
    table(&report, 1000);
    cr_assert_null(strchr(text, '\x1b'), "%s", text);
}

Test(comparison_json, has_every_figure)
{
    eval_comparison_report report = sample_report();
    json_t *root;
    double ndcg, p, tau;
    int n_queries, n_calls, n_failed;
    cr_assert(json(&report, &root, NULL) == RRK_OK);
    json_t *systems = json_object_get(root, "systems");
    cr_assert_eq(json_unpack(root, "{s:i}", "queries", &n_queries), 0);
    cr_assert(n_queries == 43 && json_array_size(systems) == 6);
    cr_assert_eq(json_unpack(json_array_get(systems, 4), "{s:{s:F}, s:{s:{s:F}}, s:{s:i, s:i}, s:{s:F}}", "ndcg", "10",
                             &ndcg, "against_first", "10", "p_t_test", &p, "effort", "calls", &n_calls,
                             "failed_queries", &n_failed, "reversed", "tau", &tau),
                 0, "%s", text);
    cr_assert(ndcg == 0.7255 && p == 1e-9 && n_calls == 43 && n_failed == 2 && tau == 0.6, "%s", text);
    cr_assert(json_is_null(json_object_get(json_array_get(systems, 0), "effort")));
    json_decref(root);
}

Test(comparison_json, refuses_a_name_that_is_not_utf8)
{
    eval_comparison_report report = sample_hostile_report();
    json_t *root;
    rrk_error err = {0};
    cr_assert(json(&report, &root, &err) == RRK_E_FORMAT);
    cr_assert_str_eq(err.message, "the name of system 4 is not UTF-8");
}

static size_t count(const char *needle)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, needle)); at += strlen(needle))
        n++;
    return n;
}

Test(comparison_page, has_a_row_a_system_and_two_plots)
{
    eval_comparison_report report = sample_report();
    page(&report);
    cr_assert(count("<th scope=\"row\">") == 6);
    cr_assert(count("<svg class=\"plot\"") == 2 && count("role=\"img\"") == 2);
    cr_assert(count("<desc id=") == 2);
    cr_assert(count("<line class=\"line\"") == 4, "two orders that took nothing in two plots");
    cr_assert(count("<path class=\"mark ") == 4 + 2 * 4, "a key in the table and a mark in both plots");
}

Test(comparison_page, lets_no_name_become_markup)
{
    eval_comparison_report report = sample_hostile_report();
    page(&report);
    cr_assert(count("<script") == 0 && count("<img") == 0 && count("onload=\"") == 0 && count("<b>") == 0);
    cr_assert(count("]]>") == 0 && count("<!--") == 0 && count("\x1b") == 0);
    cr_assert(count("&lt;/title&gt;&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;") >= 2);
}

Test(comparison_page, reaches_for_nothing_outside)
{
    eval_comparison_report report = sample_crowd();
    page(&report);
    cr_assert(count("src=") == 0 && count("href=") == 0 && count("url(") == 0 && count("@import") == 0);
}

Test(comparison_page, leaves_answers_from_the_cache_out_of_the_plots)
{
    eval_comparison_report report = sample_report();
    eval_system cached = report.systems[3];
    cached.effort.n_cached = 387;
    report.systems = &cached;
    report.n_systems = 1;
    page(&report);
    cr_assert(count("1 left out: answered from recorded replies") == 2);
    cr_assert(count("<path class=\"mark ") == 1);
}
