/* Queries, judged ids and run lines: the small text formats that retrieve and rerank share. */
#include "cli/inputs.h"

#include "base/lines.h"

#include <jansson.h>
#include <math.h>

#define MAX_QUERIES_BYTES (1u << 30)

static rrk_status bad_line(const base_lines *lines, const char *what, rrk_error *err)
{
    return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: %s", base_lines_name(lines),
                     (unsigned long long)base_lines_number(lines), what);
}

static void free_json(json_t **json)
{
    json_decref(*json);
}

static rrk_status add_query(cli_queries *queries, const base_lines *lines, rrk_text id, rrk_text text, rrk_error *err)
{
    bool existed;
    size_t start = queries->texts.len;
    if (id.len == 0)
        return bad_line(lines, "the query has no id", err);
    RRK_TRY(base_map_put(queries->by_id, id, (int64_t)base_map_len(queries->by_id), &existed, err));
    if (existed)
        return bad_line(lines, "this query's id was there before", err);
    RRK_TRY(base_buf_append(&queries->starts, &start, sizeof start, err));
    RRK_TRY(base_buf_append(&queries->texts, text.data, text.len, err));
    return base_buf_append_char(&queries->texts, '\0', err);
}

static rrk_status add_json_query(cli_queries *queries, const base_lines *lines, rrk_text line, rrk_error *err)
{
    json_t *json RRK_AUTO(free_json) = json_loadb(line.data, line.len, 0, NULL);
    const char *id = NULL, *text = NULL;
    if (!json || json_unpack(json, "{s:s, s:s}", "_id", &id, "text", &text) != 0)
        return bad_line(lines, "not a JSON object with the strings _id and text", err);
    return add_query(queries, lines, rrk_text_of(id), rrk_text_of(text), err);
}

static rrk_status add_tsv_query(cli_queries *queries, const base_lines *lines, rrk_text line, rrk_error *err)
{
    const char *tab = memchr(line.data, '\t', line.len);
    if (!tab)
        return bad_line(lines, "neither JSON nor 'qid TAB text'", err);
    rrk_text id = {line.data, (size_t)(tab - line.data)};
    rrk_text text = {tab + 1, line.len - id.len - 1};
    return add_query(queries, lines, id, text, err);
}

rrk_status cli_queries_read(cli_queries *out, const char *path, rrk_error *err)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    rrk_text line;
    bool more;
    out->texts.max = out->starts.max = MAX_QUERIES_BYTES;
    RRK_TRY(base_map_new(&out->by_id, 1024, err));
    RRK_TRY(base_lines_open(&lines, path, CLI_MAX_LINE_BYTES, err));
    for (;;) {
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            return RRK_OK;
        if (line.len == 0)
            continue;
        RRK_TRY(line.data[0] == '{' ? add_json_query(out, lines, line, err) : add_tsv_query(out, lines, line, err));
    }
}

void cli_queries_free(cli_queries *queries)
{
    base_map_free(queries->by_id);
    base_buf_free(&queries->texts);
    base_buf_free(&queries->starts);
}

size_t cli_queries_len(const cli_queries *queries)
{
    return base_map_len(queries->by_id);
}

rrk_text cli_queries_id(const cli_queries *queries, size_t index)
{
    return base_map_key(queries->by_id, index);
}

rrk_text cli_queries_text(const cli_queries *queries, size_t index)
{
    size_t start;
    memcpy(&start, queries->starts.data + index * sizeof start, sizeof start);
    return rrk_text_of(queries->texts.data + start);
}

rrk_status cli_judged_read(base_map **out, const char *path, rrk_error *err)
{
    base_map *ids RRK_AUTO(base_map_free_ptr) = NULL;
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    rrk_text line;
    bool more;
    RRK_TRY(base_map_new(&ids, 1024, err));
    RRK_TRY(base_lines_open(&lines, path, CLI_MAX_LINE_BYTES, err));
    for (;;) {
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            break;
        size_t len = strcspn(line.data, " \t");
        bool header = base_lines_number(lines) == 1 && len == 8 && memcmp(line.data, "query-id", 8) == 0;
        if (len > 0 && !header)
            RRK_TRY(base_map_put(ids, (rrk_text){line.data, len}, 1, NULL, err));
    }
    *out = RRK_STEAL(ids);
    return RRK_OK;
}

void cli_run_put(FILE *out, const cli_run_line *line, float *previous)
{
    float score = (float)line->score;
    if (!(score < *previous))
        score = nextafterf(*previous, -INFINITY);
    *previous = score;
    fprintf(out, "%.*s Q0 %.*s %zu %.9g %s\n", (int)line->qid.len, line->qid.data, (int)line->docid.len,
            line->docid.data, line->rank, (double)score, line->tag);
}
