/* Query files: see queries.h. */
#include "eval/queries.h"
#include "eval/table.h"

#include <jansson.h>

enum { EXPECTED_QUERIES = 1024, MAX_ID_IN_MESSAGE = 64 };

static rrk_status add_query(eval_queries *queries, rrk_text id, rrk_text text, rrk_error *err)
{
    bool existed;
    size_t start = queries->texts.len;
    if (id.len == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "the query has no id");
    RRK_TRY(base_map_put(queries->by_id, id, (int64_t)base_map_len(queries->by_id), &existed, err));
    if (existed)
        return base_fail(err, RRK_E_FORMAT, 0, "query '%.*s' was there before",
                         (int)RRK_MIN(id.len, (size_t)MAX_ID_IN_MESSAGE), id.data);
    RRK_TRY(base_buf_append(&queries->starts, &start, sizeof start, err));
    RRK_TRY(base_buf_append(&queries->texts, text.data, text.len, err));
    return base_buf_append_char(&queries->texts, '\0', err);
}

static rrk_status add_json_query(eval_queries *queries, rrk_text line, rrk_error *err)
{
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(line.data, line.len, 0, NULL);
    const char *id = NULL, *text = NULL;
    if (!json || json_unpack(json, "{s:s, s:s}", "_id", &id, "text", &text) != 0)
        return base_fail(err, RRK_E_FORMAT, 0, "not a JSON object with the strings _id and text");
    return add_query(queries, rrk_text_of(id), rrk_text_of(text), err);
}

static rrk_status add_tsv_query(eval_queries *queries, rrk_text line, rrk_error *err)
{
    const char *tab = memchr(line.data, '\t', line.len);
    if (!tab)
        return base_fail(err, RRK_E_FORMAT, 0, "neither JSON nor 'qid TAB text'");
    rrk_text id = {line.data, (size_t)(tab - line.data)};
    rrk_text text = {tab + 1, line.len - id.len - 1};
    return add_query(queries, id, text, err);
}

rrk_status eval_queries_read(eval_queries *out, const char *path, rrk_error *err)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    rrk_text line;
    bool more;
    out->texts.max = out->starts.max = EVAL_QUERIES_MAX_BYTES;
    RRK_TRY(base_map_new(&out->by_id, EXPECTED_QUERIES, err));
    RRK_TRY(base_lines_open(&lines, path, EVAL_QUERIES_MAX_LINE_BYTES, err));
    for (;;) {
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            return RRK_OK;
        if (line.len == 0)
            continue;
        rrk_status status = line.data[0] == '{' ? add_json_query(out, line, err) : add_tsv_query(out, line, err);
        RRK_TRY(eval_at_line(lines, status, err));
    }
}

void eval_queries_free(eval_queries *queries)
{
    base_map_free(queries->by_id);
    base_buf_free(&queries->texts);
    base_buf_free(&queries->starts);
}

size_t eval_queries_len(const eval_queries *queries)
{
    return base_map_len(queries->by_id);
}

rrk_text eval_queries_id(const eval_queries *queries, size_t index)
{
    return base_map_key(queries->by_id, index);
}

rrk_text eval_queries_text(const eval_queries *queries, size_t index)
{
    size_t start;
    memcpy(&start, queries->starts.data + index * sizeof start, sizeof start);
    return rrk_text_of(queries->texts.data + start);
}

bool eval_queries_find(const eval_queries *queries, rrk_text id, rrk_text *text)
{
    int64_t index;
    if (!base_map_get(queries->by_id, id, &index))
        return false;
    *text = eval_queries_text(queries, (size_t)index);
    return true;
}
