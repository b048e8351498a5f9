/*
 * A comparison as a page: the table, two plots, and how to read them. No scripts, nothing from elsewhere, and markup that
 * an XML parser takes, too, so that tests can look into it.
 */
#include "eval/comparison_columns.h"
#include "eval/markup.h"
#include "eval/plot.h"

#include <math.h>
#include <string.h>

static const char HEAD[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
    "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
    "<title>rrk compare</title>\n<style>\n"
    ":root { --page: #fcfcfb; --ink: #1a1a19; --soft: #5c5b57; --rule: #dedcd6; --grid: #ebe9e4; --best: #eef4ea;\n"
    "  --c0: #2369bd; --c1: #c2410c; --c2: #16794c; --c3: #7440c9; --c4: #b3205c; --c5: #806000; }\n"
    "@media (prefers-color-scheme: dark) { :root { --page: #1a1a19; --ink: #f2f1ed; --soft: #b3b1a9; --rule: #3d3c39;\n"
    "  --grid: #2d2c2a; --best: #26331f; --c0: #6aa8f7; --c1: #f7935c; --c2: #4fc38b; --c3: #b899ff; --c4: #ff85b3;\n"
    "  --c5: #d8b945; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 88rem; background: var(--page); color: var(--ink);\n"
    "  font: 16px/1.5 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }\n"
    "h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }\n"
    "p, dl { margin: 0 0 .75rem; max-width: 44rem; } .soft, figcaption { color: var(--soft); }\n"
    "p, dd, dt, figcaption { overflow-wrap: anywhere; }\n"
    ".scroll { overflow-x: auto; margin: 1.25rem 0; }\n"
    "table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; white-space: nowrap; "
    "}\n"
    "th, td { padding: .3rem .45rem; text-align: right; border-bottom: 1px solid var(--rule); font-weight: 400; }\n"
    "thead th { color: var(--soft); border-bottom: 2px solid var(--rule); vertical-align: bottom; }\n"
    "thead th.group { text-align: center; border-bottom: 0; padding-bottom: 0; }\n"
    "thead th.group span { display: block; border-bottom: 1px solid var(--rule); }\n"
    "th.first, td.first { padding-left: .9rem; }\n"
    "th[scope=row], thead th.system { text-align: left; font-weight: 600; padding-left: 0; }\n"
    "th bdi { display: inline-block; width: max-content; max-width: 15rem; white-space: normal; overflow-wrap: "
    "anywhere;\n"
    "  vertical-align: top; }\n"
    "td.best { background: var(--best); font-weight: 600; }\n"
    ".key { width: 1em; height: 1em; margin: .25em .4em 0 0; vertical-align: top; }\n"
    ".plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem; }\n"
    "figure { margin: 0; } figcaption { font-size: .875rem; } .plot { width: 100%; height: auto; max-width: 40rem; "
    "display: block; }\n"
    ".plot text { font: 13px system-ui, sans-serif; fill: var(--soft); } .plot text.name { fill: var(--ink);\n"
    "  unicode-bidi: isolate; }\n"
    ".grid { stroke: var(--grid); } .tick, .base { stroke: var(--soft); } .leader { stroke: var(--soft); }\n"
    ".line { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; }\n"
    ".mark { stroke: var(--page); stroke-width: 1.5; }\n"
    ".m0 { fill: var(--c0); } .m1 { fill: var(--c1); } .m2 { fill: var(--c2); } .m3 { fill: var(--c3); }\n"
    ".m4 { fill: var(--c4); } .m5 { fill: var(--c5); }\n"
    "dt { font-weight: 600; } dd { margin: 0 0 .5rem; color: var(--soft); }\n"
    "</style>\n</head>\n<body>\n<main>\n";

static void put_intro(FILE *out, const eval_comparison_report *report)
{
    fprintf(out, "<h1>%zu %s over the same candidates</h1>\n<p class=\"soft\">", report->n_systems,
            report->n_systems == 1 ? "system" : "systems");
    fputs("Candidates: <bdi>", out);
    eval_put_escaped(out, report->candidates);
    fputs("</bdi>. Judgments: <bdi>", out);
    eval_put_escaped(out, report->qrels);
    fprintf(out, "</bdi>. %zu judged %s", report->n_queries, report->n_queries == 1 ? "query" : "queries");
    if (report->n_unjudged > 0)
        fprintf(out, "; left out, as nobody judged them: %zu", report->n_unjudged);
    fputs(".</p>\n", out);
}

/* --- the table --- */

typedef struct table {
    const eval_comparison_report *report;
    const eval_column *columns[EVAL_MAX_COLUMNS];
    size_t n_columns;
} table;

static bool begins_group(const table *t, size_t c)
{
    return c == 0 || strcmp(t->columns[c]->group, t->columns[c - 1]->group) != 0;
}

static void put_headings(FILE *out, const table *t)
{
    fputs("<thead>\n<tr><th class=\"system\" scope=\"col\" rowspan=\"2\">system</th>", out);
    for (size_t c = 0, next; c < t->n_columns; c = next) {
        for (next = c + 1; next < t->n_columns && !begins_group(t, next);)
            next++;
        fprintf(out, "<th class=\"group first\" scope=\"colgroup\" colspan=\"%zu\"><span>%s</span></th>", next - c,
                t->columns[c]->group);
    }
    fputs("</tr>\n<tr>", out);
    for (size_t c = 0; c < t->n_columns; c++) {
        fprintf(out, "<th scope=\"col\"%s title=\"%s\">", begins_group(t, c) ? " class=\"first\"" : "",
                t->columns[c]->meaning);
        eval_put_escaped(out, eval_column_name(t->columns[c], t->report));
        fputs("</th>", out);
    }
    fputs("</tr>\n</thead>\n", out);
}

/* The largest figure of a column of nDCG. */
static bool is_best(const table *t, size_t c, size_t row)
{
    const eval_system *systems = t->report->systems;
    if (strcmp(t->columns[c]->group, "nDCG") != 0 || t->report->n_systems < 2)
        return false;
    for (size_t i = 0; i < t->report->n_systems; i++)
        if (systems[i].ndcg[c] > systems[row].ndcg[c])
            return false;
    return true;
}

static void put_row(FILE *out, const table *t, size_t row)
{
    char cell[EVAL_CELL_SIZE];
    const eval_system *system = &t->report->systems[row];
    fputs("<tr><th scope=\"row\">", out);
    if (system->ran)
        eval_plot_mark(out, row);
    fputs("<bdi>", out);
    eval_put_escaped(out, system->name);
    fputs("</bdi></th>", out);
    for (size_t c = 0; c < t->n_columns; c++) {
        bool first = begins_group(t, c), best = is_best(t, c, row);
        t->columns[c]->cell(cell, t->report, system);
        fprintf(out, "<td%s%s%s%s>", first || best ? " class=\"" : "", first ? "first " : "", best ? "best" : "",
                first || best ? "\"" : "");
        eval_put_escaped(out, *cell ? cell : "\xe2\x80\x93");
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

static void put_table(FILE *out, const eval_comparison_report *report)
{
    table t = {.report = report};
    t.n_columns = eval_columns_of(report, t.columns);
    fputs("<div class=\"scroll\" role=\"region\" aria-label=\"Figures of all systems\" tabindex=\"0\">\n<table>\n",
          out);
    put_headings(out, &t);
    fputs("<tbody>\n", out);
    for (size_t i = 0; i < report->n_systems; i++)
        put_row(out, &t, i);
    fputs("</tbody>\n</table>\n</div>\n", out);
}

/* --- plots --- */

/* Calls that recorded replies answered took nothing: their sums say nothing about a model. */
static bool has_place(const eval_system *system)
{
    return system->ran && system->effort.n_cached == 0;
}

static double tokens_a_query(const eval_comparison_report *report, const eval_system *system)
{
    return (double)(system->effort.tokens_in + system->effort.tokens_out) / (double)report->n_queries;
}

static double seconds_a_query(const eval_comparison_report *report, const eval_system *system)
{
    return system->effort.seconds / (double)report->n_queries;
}

static void put_plot(FILE *out, const eval_comparison_report *report, const char *id, const char *title,
                     const char *x_label, double (*x)(const eval_comparison_report *report, const eval_system *system))
{
    eval_plot_point points[EVAL_MAX_SYSTEMS];
    eval_plot plot = {id, title, x_label, "nDCG@10", points, 0};
    size_t n_left_out = 0;
    for (size_t i = 0; i < report->n_systems && i < EVAL_MAX_SYSTEMS; i++) {
        const eval_system *system = &report->systems[i];
        if (system->ran && !has_place(system))
            n_left_out++;
        else
            points[plot.n_points++] =
                (eval_plot_point){system->name, system->ran ? x(report, system) : NAN, system->ndcg[EVAL_AT_10], i};
    }
    fputs("<figure>\n", out);
    eval_plot_svg(out, &plot);
    fprintf(out, "<figcaption>%s.", title);
    if (n_left_out > 0)
        fprintf(out, " %zu left out: answered from recorded replies, in part at least.", n_left_out);
    fputs("</figcaption>\n</figure>\n", out);
}

static void put_plots(FILE *out, const eval_comparison_report *report)
{
    fputs("<div class=\"plots\">\n", out);
    put_plot(out, report, "tokens", "Effectiveness against tokens", "tokens a query, read and written", tokens_a_query);
    put_plot(out, report, "latency", "Effectiveness against latency", "seconds a query", seconds_a_query);
    fputs("</div>\n", out);
}

/* --- words --- */

static void put_reading(FILE *out, const eval_comparison_report *report)
{
    bool any_reversed = false, any_estimated = false;
    for (size_t i = 0; i < report->n_systems; i++) {
        any_reversed |= report->systems[i].ran_reversed;
        any_estimated |= report->systems[i].effort.n_estimated > 0;
    }
    fputs("<h2>How to read this</h2>\n"
          "<p>Every system ordered the same passages for the same queries. nDCG is a mean over queries: 1 is the best "
          "order "
          "that the judgments allow. In the plots, further up and further left is better; a dashed line is an order "
          "that was "
          "there before and took nothing.</p>\n",
          out);
    if (report->n_systems > 1)
        fprintf(
            out,
            "<p>p is the probability of a difference in nDCG@10 to the first system that is at least this large, if "
            "both were equally good: a paired t-test over %zu queries, Holm-corrected over %zu system%s.</p>\n",
            report->n_queries, report->n_systems - 1, report->n_systems == 2 ? "" : "s");
    fputs("<p>Calls, tokens, seconds and cost are sums over queries unless they say otherwise. An encoder reads tokens "
          "and "
          "writes none. A query that failed counts with the order it came in.",
          out);
    fputs(any_estimated
              ? " ~ stands before tokens that are estimated in part, as the endpoint did not count them.</p>\n"
              : "</p>\n",
          out);
    if (any_reversed)
        fputs("<p>Reversed: the same once more with the candidates given last first, its effort not included. An order "
              "that does not lean on its candidates' order keeps its nDCG@10, has a tau (Kendall's) of 1 and the same "
              "first ten.</p>\n",
              out);
}

static void put_systems(FILE *out, const eval_comparison_report *report)
{
    fputs("<h2>Systems</h2>\n<dl>\n", out);
    for (size_t i = 0; i < report->n_systems; i++) {
        fputs("<dt><bdi>", out);
        eval_put_escaped(out, report->systems[i].name);
        fputs("</bdi></dt>\n<dd><bdi>", out);
        eval_put_escaped(out, report->systems[i].about ? report->systems[i].about : "as it came");
        fputs("</bdi></dd>\n", out);
    }
    fputs("</dl>\n", out);
}

void eval_comparison_page(FILE *out, const eval_comparison_report *report)
{
    fputs(HEAD, out);
    put_intro(out, report);
    put_table(out, report);
    put_plots(out, report);
    put_reading(out, report);
    put_systems(out, report);
    fputs("<p class=\"soft\">rrk ", out);
    eval_put_escaped(out, report->version);
    fputs("</p>\n</main>\n</body>\n</html>\n", out);
}
