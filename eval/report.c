/* Printing evaluations: see report.h. */
#include "eval/report.h"
#include "base/macros.h"

#include <stdbool.h>
#include <string.h>

static bool is_count(const char *metric)
{
    return strncmp(metric, "num_", 4) == 0;
}

static void print_line(FILE *stream, const char *metric, rrk_text qid, double value)
{
    fprintf(stream, "%-22s\t%.*s\t%.*f\n", metric, (int)qid.len, qid.data, is_count(metric) ? 0 : 4, value);
}

void eval_report_lines(FILE *stream, const rrk_evaluation *evaluation, size_t n_metrics, int per_query)
{
    for (size_t q = 0; per_query && q < rrk_evaluation_queries(evaluation); q++)
        for (size_t m = 0; m < n_metrics; m++)
            print_line(stream, rrk_evaluation_metric(evaluation, m), rrk_evaluation_qid(evaluation, q),
                       rrk_evaluation_value(evaluation, m, q));
    rrk_text all = {.data = "all", .len = 3};
    for (size_t m = 0; m < n_metrics; m++)
        print_line(stream, rrk_evaluation_metric(evaluation, m), all, rrk_evaluation_mean(evaluation, m));
}

static void print_cell(FILE *stream, const char *metric, double value, bool whole)
{
    int width = (int)RRK_MAX(strlen(metric), (size_t)8);
    fprintf(stream, "  %*.*f", width, whole ? 0 : 4, value);
}

static void print_means(FILE *stream, const eval_report_row *rows, size_t n_rows, size_t n_metrics, int width)
{
    fprintf(stream, "%-*s", width, "mean");
    for (size_t m = 0; m < n_metrics; m++) {
        double sum = 0;
        for (size_t r = 0; r < n_rows; r++)
            sum += rrk_evaluation_mean(rows[r].evaluation, m);
        print_cell(stream, rrk_evaluation_metric(rows[0].evaluation, m), sum / (double)n_rows, false);
    }
    fputc('\n', stream);
}

void eval_report_table(FILE *stream, const eval_report_row *rows, size_t n_rows, size_t n_metrics, int with_mean)
{
    size_t longest = strlen("mean");
    for (size_t r = 0; r < n_rows; r++)
        longest = RRK_MAX(longest, strlen(rows[r].name));
    int width = (int)longest;
    fprintf(stream, "%-*s", width, "");
    for (size_t m = 0; m < n_metrics; m++)
        fprintf(stream, "  %8s", rrk_evaluation_metric(rows[0].evaluation, m));
    fputc('\n', stream);
    for (size_t r = 0; r < n_rows; r++) {
        fprintf(stream, "%-*s", width, rows[r].name);
        for (size_t m = 0; m < n_metrics; m++) {
            const char *metric = rrk_evaluation_metric(rows[r].evaluation, m);
            print_cell(stream, metric, rrk_evaluation_mean(rows[r].evaluation, m), is_count(metric));
        }
        fputc('\n', stream);
    }
    if (with_mean && n_rows > 1)
        print_means(stream, rows, n_rows, n_metrics, width);
}
