/* The three faces of an answer: a table for people, two orders side by side, one JSON object for programs. */
#include "cli/search.h"

#include "cli/snippet.h"

#include <jansson.h>

#define SNIPPET_LINES 2
#define INDENT 6

static void put_movement(const cli_answer *answer, size_t i, const cli_style *style, FILE *out)
{
    size_t rank = i + 1, before = answer->bm25_ranks[i];
    if (before == 0)
        fprintf(out, "%snew %s", style->up, style->reset);
    else if (before == rank)
        fprintf(out, "%s=   %s", style->dim, style->reset);
    else
        fprintf(out, "%s%s%-3zu%s", before > rank ? style->up : style->down, before > rank ? "▲" : "▼",
                before > rank ? before - rank : rank - before, style->reset);
}

static void put_part(FILE *out, rrk_text text, size_t start, size_t end)
{
    if (end > start)
        cli_put_text(out, (rrk_text){text.data + start, end - start}, SIZE_MAX);
}

/* Blanks around a mark belong to the parts, and cli_put_text() drops leading ones: they are put by hand. */
static void put_gap(FILE *out, rrk_text text, size_t start, size_t end)
{
    unsigned char first = start < end ? (unsigned char)text.data[start] : 'x';
    if (first <= ' ')
        fputc(' ', out);
    put_part(out, text, start, end);
}

static void put_snippet(rrk_text text, const cli_snippet *snippet, const cli_style *style, FILE *out)
{
    size_t at = snippet->start;
    fprintf(out, "%*s", INDENT, "");
    if (snippet->start > 0)
        fputs("… ", out);
    for (size_t i = 0; i < snippet->n_marks; i++) {
        const cli_mark *mark = &snippet->marks[i];
        if (mark->start < at || mark->end > snippet->end)
            continue;
        put_gap(out, text, at, mark->start);
        fputs(style->bold, out);
        put_part(out, text, mark->start, mark->end);
        fputs(style->reset, out);
        at = mark->end;
    }
    put_gap(out, text, at, snippet->end);
    fputs(snippet->end < text.len ? " …\n" : "\n", out);
}

static rrk_status put_result(const cli_answer *answer, size_t i, const cli_style *style, size_t columns, FILE *out,
                             rrk_error *err)
{
    cli_snippet snippet RRK_AUTO(cli_snippet_free) = {0};
    const rrk_search_result *item = &answer->items[i];
    size_t width = SNIPPET_LINES * (columns - INDENT) - 4;
    fprintf(out, "%3zu  ", i + 1);
    put_movement(answer, i, style, out);
    fprintf(out, " %8.4f  %s", item->score, style->bold);
    cli_put_text(out, item->passage.title.len ? item->passage.title : item->passage.id, columns - 22);
    fprintf(out, "%s\n", style->reset);
    RRK_TRY(cli_snippet_of(answer->query, item->passage.text, width, &snippet, err));
    if (item->passage.text.len)
        put_snippet(item->passage.text, &snippet, style, out);
    return RRK_OK;
}

rrk_status cli_answer_table(const cli_answer *answer, FILE *out, rrk_error *err)
{
    cli_style style = cli_style_of(out);
    size_t columns = (size_t)cli_columns(out);
    if (answer->n_items == 0)
        fputs("nothing found\n", out);
    for (size_t i = 0; i < answer->n_items; i++)
        RRK_TRY(put_result(answer, i, &style, columns, out, err));
    fprintf(out, "%s%s %.1f ms", style.dim, answer->retriever, answer->retrieve_ms);
    if (strcmp(answer->strategy, "bm25") != 0)
        fprintf(out, ", %s %.1f ms", answer->strategy, answer->rerank_ms);
    fprintf(out, "%s\n", style.reset);
    return RRK_OK;
}

static void put_cell(FILE *out, const rrk_passage *passage, size_t columns)
{
    size_t written = passage ? cli_put_text(out, cli_heading(passage), columns) : 0;
    fprintf(out, "%*s", (int)(columns - written), "");
}

void cli_answer_compare(const cli_answer *answer, FILE *out)
{
    cli_style style = cli_style_of(out);
    size_t columns = ((size_t)cli_columns(out) - 15) / 2;
    char left[64], right[64];
    snprintf(left, sizeof left, "bm25 (%.1f ms)", answer->bm25_ms);
    snprintf(right, sizeof right, "%s (+%.1f ms)", answer->strategy, answer->rerank_ms);
    fprintf(out, "%s     %-*s      %s%s\n", style.bold, (int)columns, left, right, style.reset);
    for (size_t i = 0; i < RRK_MAX(answer->n_before, answer->n_items); i++) {
        fprintf(out, "%3zu  ", i + 1);
        put_cell(out, i < answer->n_before ? &answer->before[i] : NULL, columns);
        fputs("  ", out);
        if (i < answer->n_items) {
            put_movement(answer, i, &style, out);
            cli_put_text(out, cli_heading(&answer->items[i].passage), columns);
        }
        fputc('\n', out);
    }
}

static json_t *json_text(rrk_text text)
{
    return json_stringn(text.data ? text.data : "", text.len);
}

static json_t *json_metadata(rrk_text metadata)
{
    json_t *value = metadata.len ? json_loadb(metadata.data, metadata.len, 0, NULL) : NULL;
    return value ? value : json_object();
}

static json_t *json_result(const rrk_search_result *item, size_t rank)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:f, s:I, s:f, s:o}", "rank", (json_int_t)rank, "id",
                     json_text(item->passage.id), "title", json_text(item->passage.title), "text",
                     json_text(item->passage.text), "score", item->score, "first_stage_rank",
                     (json_int_t)item->first_stage_rank, "first_stage_score", item->first_stage_score, "metadata",
                     json_metadata(item->passage.metadata));
}

rrk_status cli_answer_json(const cli_answer *answer, FILE *out, rrk_error *err)
{
    json_t *results = json_array();
    for (size_t i = 0; i < answer->n_items; i++)
        json_array_append_new(results, json_result(&answer->items[i], i + 1));
    json_t *root = json_pack("{s:o, s:s, s:s, s:{s:f, s:f}, s:o}", "query", json_text(answer->query), "strategy",
                             answer->strategy, "retriever", answer->retriever, "times", "retrieve_ms",
                             answer->retrieve_ms, "rerank_ms", answer->rerank_ms, "results", results);
    int failed = !root || json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0 ||
                 json_array_size(json_object_get(root, "results")) != answer->n_items;
    json_decref(root);
    fputc('\n', out);
    return failed ? base_fail(err, RRK_E_NOMEM, 0, "the answer could not be written as JSON") : RRK_OK;
}
