/* Columns of a comparison: see comparison_columns.h. */
#include "eval/comparison_columns.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef const eval_comparison_report report_t;
typedef const eval_system system_t;

static void put_fraction(char *out, double value, const char *format)
{
    if (isnan(value))
        *out = '\0';
    else if (strcmp(format, "+") == 0)
        snprintf(out, EVAL_CELL_SIZE, "%+.4f", value);
    else
        snprintf(out, EVAL_CELL_SIZE, "%.4f", value);
}

/* "1,234,567", as digits alone are hard to compare by eye. */
static void put_count(char *out, uint64_t n, const char *prefix)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t at = (size_t)snprintf(out, EVAL_CELL_SIZE, "%s", prefix);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static void put_seconds(char *out, double seconds)
{
    snprintf(out, EVAL_CELL_SIZE, "%.*f", seconds < 1 ? 3 : seconds < 100 ? 2 : 0, seconds);
}

static void ndcg_1(char *out, report_t *report, system_t *system)
{
    put_fraction(out, system->ndcg[EVAL_AT_1], "");
}

static void ndcg_5(char *out, report_t *report, system_t *system)
{
    put_fraction(out, system->ndcg[EVAL_AT_5], "");
}

static void ndcg_10(char *out, report_t *report, system_t *system)
{
    put_fraction(out, system->ndcg[EVAL_AT_10], "");
}

static void difference(char *out, report_t *report, system_t *system)
{
    put_fraction(out, system->against_first[EVAL_AT_10].mean, "+");
}

static void p_value(char *out, report_t *report, system_t *system)
{
    double p = system->against_first[EVAL_AT_10].p_t;
    if (p < 0.0001)
        snprintf(out, EVAL_CELL_SIZE, "<.0001");
    else
        put_fraction(out, p, "");
}

static bool used_llm(system_t *system)
{
    return system->effort.n_calls + system->effort.n_cached + system->effort.n_failed > 0;
}

static void calls(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (used_llm(system))
        put_count(out, system->effort.n_calls, "");
}

static void cached(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (system->effort.n_cached > 0)
        put_count(out, system->effort.n_cached, "");
}

static const char *about_mark(system_t *system)
{
    return system->effort.n_estimated > 0 ? "~" : "";
}

static void tokens_in(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (system->ran)
        put_count(out, system->effort.tokens_in, about_mark(system));
}

static void tokens_out(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (used_llm(system))
        put_count(out, system->effort.tokens_out, about_mark(system));
}

static void seconds(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (system->ran)
        put_seconds(out, system->effort.seconds);
}

static void seconds_a_query(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (system->ran && report->n_queries > 0)
        put_seconds(out, system->effort.seconds / (double)report->n_queries);
}

static void cost(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (system->ran && !isnan(system->effort.cost))
        snprintf(out, EVAL_CELL_SIZE, "%.4f", system->effort.cost);
}

static void malformed(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (used_llm(system))
        put_count(out, system->effort.n_malformed, "");
}

static void failed(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (used_llm(system))
        put_count(out, system->effort.n_failed, "");
}

static void reversed_ndcg_10(char *out, report_t *report, system_t *system)
{
    put_fraction(out, system->ran_reversed ? system->reversed_ndcg_10 : NAN, "");
}

static void tau(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (system->ran_reversed && !isnan(system->tau))
        snprintf(out, EVAL_CELL_SIZE, "%.3f", system->tau);
}

static void same_top(char *out, report_t *report, system_t *system)
{
    *out = '\0';
    if (system->ran_reversed && !isnan(system->same_top))
        snprintf(out, EVAL_CELL_SIZE, "%.0f %%", 100 * system->same_top);
}

static const eval_column COLUMNS[] = {
    {"nDCG", "@1", "nDCG of the first place", ndcg_1},
    {"nDCG", "@5", "nDCG of the first 5 places", ndcg_5},
    {"nDCG", "@10", "nDCG of the first 10 places", ndcg_10},
    {"against first", "@10", "difference in nDCG@10 to the first system", difference},
    {"against first", "p", "paired t-test of that difference, Holm-corrected", p_value},
    {"LLM", "calls", "calls that an LLM answered", calls},
    {"LLM", "cached", "calls answered from recorded replies, which take neither tokens nor time", cached},
    {"LLM", "malformed", "replies that had to be mended to be an order", malformed},
    {"tokens", "in", "tokens that the model read", tokens_in},
    {"tokens", "out", "tokens that the model wrote", tokens_out},
    {"seconds", "all", "wall time, added up over queries", seconds},
    {"seconds", "a query", "mean wall time of a query", seconds_a_query},
    {"cost", NULL, "cost of the calls by the price table", cost},
    {"queries", "failed", "queries that the model could not be had for: they keep the order they came in", failed},
    {"reversed", "@10", "nDCG@10 when the candidates come in last first", reversed_ndcg_10},
    {"reversed", "tau", "Kendall's tau between the two orders: 1 when nothing moves", tau},
    {"reversed", "top 10", "share of the first ten that stay among them", same_top},
};

const char *eval_column_name(const eval_column *column, report_t *report)
{
    return column->name ? column->name : report->currency ? report->currency : "all";
}

static bool is_used(const eval_column *column, report_t *report)
{
    char cell[EVAL_CELL_SIZE];
    bool used = false;
    for (size_t i = 0; i < report->n_systems && !used; i++) {
        column->cell(cell, report, &report->systems[i]);
        used = *cell != '\0';
    }
    return used;
}

size_t eval_columns_of(report_t *report, const eval_column *out[EVAL_MAX_COLUMNS])
{
    _Static_assert(RRK_COUNT(COLUMNS) <= EVAL_MAX_COLUMNS, "a column too many");
    size_t n = 0;
    for (size_t i = 0; i < RRK_COUNT(COLUMNS); i++)
        if (is_used(&COLUMNS[i], report))
            out[n++] = &COLUMNS[i];
    return n;
}
