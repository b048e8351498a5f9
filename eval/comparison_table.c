/* A comparison for a terminal: two lines of headings, a line a system, and what the figures mean below. */
#include "base/utf8.h"
#include "eval/comparison_columns.h"

#include <string.h>

enum { GAP = 2, MAX_NAME = 40 };

typedef struct table {
    const eval_comparison_report *report;
    const eval_column *columns[EVAL_MAX_COLUMNS];
    size_t widths[EVAL_MAX_COLUMNS]; /* characters, without the gap before */
    size_t n_columns;
    size_t name_width;
} table;

static size_t characters(const char *text)
{
    size_t n = 0, len = strlen(text);
    for (size_t at = 0; at < len; n++)
        base_utf8_next(text, len, &at);
    return n;
}

/* Nothing that a name contains may steer the terminal. */
static void put_name(FILE *out, const char *name, size_t width)
{
    size_t n = 0, len = strlen(name), shown = characters(name) > width ? width - 1 : width;
    for (size_t at = 0; at < len && n < shown; n++) {
        size_t start = at;
        uint32_t c = base_utf8_next(name, len, &at);
        if (c == BASE_UTF8_BAD || c < 0x20 || (c >= 0x7f && c < 0xa0))
            fputc('?', out);
        else
            fwrite(name + start, 1, at - start, out);
    }
    if (shown < width)
        fputs("\xe2\x80\xa6", out);
    fprintf(out, "%*s", (int)(shown - n), "");
}

static bool same_group(const table *t, size_t a, size_t b)
{
    return strcmp(t->columns[a]->group, t->columns[b]->group) == 0;
}

static void widen_for_group(table *t, size_t from, size_t to)
{
    size_t width = 0, needed = strlen(t->columns[from]->group);
    for (size_t c = from; c < to; c++)
        width += t->widths[c] + (c > from ? GAP : 0);
    if (needed > width)
        t->widths[from] += needed - width;
}

static void measure(table *t)
{
    char cell[EVAL_CELL_SIZE];
    for (size_t i = 0; i < t->report->n_systems; i++)
        t->name_width = RRK_MAX(t->name_width, RRK_MIN(characters(t->report->systems[i].name), (size_t)MAX_NAME));
    for (size_t c = 0; c < t->n_columns; c++) {
        t->widths[c] = characters(eval_column_name(t->columns[c], t->report));
        for (size_t i = 0; i < t->report->n_systems; i++) {
            t->columns[c]->cell(cell, t->report, &t->report->systems[i]);
            t->widths[c] = RRK_MAX(t->widths[c], strlen(cell));
        }
    }
    for (size_t from = 0, to; from < t->n_columns; from = to) {
        for (to = from + 1; to < t->n_columns && same_group(t, from, to);)
            to++;
        widen_for_group(t, from, to);
    }
}

/* A heading over several columns is drawn out over all of them: "--- nDCG ---". */
static void put_group(FILE *out, const char *group, size_t width, bool drawn_out)
{
    size_t len = strlen(group);
    if (!drawn_out || width < len + 4) {
        fprintf(out, "%*s", (int)(GAP + width), group);
        return;
    }
    size_t left = (width - len - 2) / 2, right = width - len - 2 - left;
    fprintf(out, "%*s", GAP, "");
    for (size_t i = 0; i < left; i++)
        fputc('-', out);
    fprintf(out, " %s ", group);
    for (size_t i = 0; i < right; i++)
        fputc('-', out);
}

static void put_groups(FILE *out, const table *t, size_t from, size_t to)
{
    fprintf(out, "%*s", (int)t->name_width, "");
    for (size_t c = from, next; c < to; c = next) {
        size_t width = t->widths[c];
        for (next = c + 1; next < to && same_group(t, c, next); next++)
            width += GAP + t->widths[next];
        put_group(out, t->columns[c]->group, width, next > c + 1);
    }
    fputc('\n', out);
}

static void put_block(FILE *out, const table *t, size_t from, size_t to)
{
    char cell[EVAL_CELL_SIZE];
    put_groups(out, t, from, to);
    put_name(out, "system", t->name_width);
    for (size_t c = from; c < to; c++)
        fprintf(out, "%*s", (int)(GAP + t->widths[c]), eval_column_name(t->columns[c], t->report));
    fputc('\n', out);
    for (size_t i = 0; i < t->report->n_systems; i++) {
        put_name(out, t->report->systems[i].name, t->name_width);
        for (size_t c = from; c < to; c++) {
            t->columns[c]->cell(cell, t->report, &t->report->systems[i]);
            fprintf(out, "%*s", (int)(GAP + t->widths[c]), *cell ? cell : "-");
        }
        fputc('\n', out);
    }
}

/* Groups stay together: the end of as many of them, from column from on, as fit. */
static size_t fit(const table *t, size_t from, size_t width)
{
    size_t used = t->name_width, end = from;
    for (size_t c = from; c < t->n_columns; c++) {
        used += GAP + t->widths[c];
        if (used > width && end > from)
            return end;
        if (c + 1 == t->n_columns || !same_group(t, c, c + 1))
            end = c + 1;
    }
    return t->n_columns;
}

static void put_failed(FILE *out, const eval_comparison_report *report, const eval_system *system, size_t n_failed,
                       const char *when)
{
    put_name(out, system->name, characters(system->name));
    fprintf(out, ": %zu of %zu queries failed%s; they count with the order they came in.\n", n_failed,
            report->n_queries, when);
}

static void put_notes(FILE *out, const eval_comparison_report *report)
{
    fprintf(out, "\n%zu judged %s; the same candidates for all.", report->n_queries,
            report->n_queries == 1 ? "query" : "queries");
    if (report->n_systems > 1)
        fprintf(out, " p: paired t-test of nDCG@10 against the first, Holm-corrected over %zu system%s.",
                report->n_systems - 1, report->n_systems == 2 ? "" : "s");
    fputc('\n', out);
    for (size_t i = 0; i < report->n_systems; i++) {
        const eval_system *system = &report->systems[i];
        if (system->effort.n_failed > 0)
            put_failed(out, report, system, system->effort.n_failed, "");
        if (system->ran_reversed && system->reversed_effort.n_failed > 0)
            put_failed(out, report, system, system->reversed_effort.n_failed, " with the candidates reversed");
    }
}

void eval_comparison_table(FILE *out, const eval_comparison_report *report, size_t width)
{
    table t = {.report = report, .name_width = strlen("system")};
    t.n_columns = eval_columns_of(report, t.columns);
    measure(&t);
    for (size_t from = 0, to; from < t.n_columns; from = to) {
        if (from > 0)
            fputc('\n', out);
        to = fit(&t, from, width);
        put_block(out, &t, from, to);
    }
    put_notes(out, report);
}
