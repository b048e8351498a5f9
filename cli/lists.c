/*
 * One query's candidates at a time. From a candidates file, a JSON object a line in one of three shapes:
 *
 *     {"qid", "query": "...", "candidates": [{"docid", "score", "title", "text"}]}
 *     {"query": {"qid", "text"}, "candidates": [{"docid", "score", "doc": {"title", "contents"|"text"|...}}]}
 *     {"qid", "q_text", "bm25_results": [{"pid", "title", "text", "bm25_score"}]}
 *
 * or from a TREC run whose passages are in a store. Rerankers read both through the same three calls.
 */
#include "cli/inputs.h"

#include "base/alloc.h"
#include "base/lines.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct run_row {
    double score;
    const char *qid; /* in cli_source.words */
    const char *docid;
    size_t query; /* its place among the run's queries, by first line */
} run_row;

struct cli_source {
    base_lines *lines; /* of a candidates file; NULL for a run */
    rrk_store *store;
    const cli_queries *queries;
    run_row *rows; /* [n_rows], grouped by query, best first */
    size_t n_rows;
    size_t at;
    char **words; /* [n_words] the lines' ids; owned */
    size_t n_words;
};

static void close_json(void *json)
{
    json_decref(json);
}

void cli_list_clear(cli_list *list)
{
    rrk_passage_list_free(RRK_STEAL(list->fetched));
    close_json(RRK_STEAL(list->json));
    list->n_passages = 0;
    list->qid = list->query = (rrk_text){0};
}

void cli_list_free(cli_list *list)
{
    cli_list_clear(list);
    base_free(RRK_STEAL(list->passages));
    list->cap = 0;
}

rrk_status cli_list_add(cli_list *list, const rrk_passage *passage, rrk_error *err)
{
    if (list->n_passages == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 128;
        rrk_passage *grown = base_realloc(list->passages, cap, sizeof *grown);
        if (!grown)
            return base_fail_nomem(err, cap * sizeof *grown);
        list->passages = grown;
        list->cap = cap;
    }
    list->passages[list->n_passages++] = *passage;
    return RRK_OK;
}

/* --- candidates files --- */

static rrk_text string_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return (rrk_text){json_string_value(value), json_string_length(value)};
}

static rrk_text first_string(const json_t *object, const char *const *keys, size_t n_keys)
{
    for (size_t i = 0; i < n_keys; i++)
        if (json_is_string(json_object_get(object, keys[i])))
            return string_of(object, keys[i]);
    return (rrk_text){0};
}

static rrk_status bad_list(const cli_source *source, rrk_error *err, const char *what)
{
    return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: %s", base_lines_name(source->lines),
                     (unsigned long long)base_lines_number(source->lines), what);
}

/* Ids are numbers in some files. The number is replaced by a string in the document, which then owns it. */
static void make_string(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (json_is_integer(value))
        json_object_set_new(object, key, json_sprintf("%lld", (long long)json_integer_value(value)));
}

static rrk_status add_candidate(cli_source *source, cli_list *list, json_t *item, rrk_error *err)
{
    static const char *const id_keys[] = {"docid", "pid", "id", "_id"};
    static const char *const text_keys[] = {"text", "contents", "segment", "body", "passage"};
    const json_t *doc = json_object_get(item, "doc");
    rrk_passage passage = {0};
    if (!json_is_object(doc))
        doc = item;
    for (size_t i = 0; i < RRK_COUNT(id_keys); i++)
        make_string(item, id_keys[i]);
    passage.id = first_string(item, id_keys, RRK_COUNT(id_keys));
    passage.title = string_of(doc, "title");
    passage.text = first_string(doc, text_keys, RRK_COUNT(text_keys));
    if (passage.id.len == 0)
        return bad_list(source, err, "a candidate has no docid");
    if (passage.text.len == 0 && passage.title.len == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: candidate '%.*s' has no text", base_lines_name(source->lines),
                         (unsigned long long)base_lines_number(source->lines), (int)RRK_MIN(passage.id.len, (size_t)64),
                         passage.id.data);
    return cli_list_add(list, &passage, err);
}

static rrk_status parse_list(cli_source *source, cli_list *list, rrk_text line, rrk_error *err)
{
    json_error_t where;
    json_t *json = json_loadb(line.data, line.len, 0, &where);
    json_t *query, *items, *item;
    size_t i;
    list->json = json;
    if (!json_is_object(json))
        return bad_list(source, err, json ? "not a JSON object" : where.text);
    query = json_object_get(json, "query");
    json_t *id_owner = json_is_object(query) ? query : json;
    make_string(id_owner, "qid");
    list->qid = string_of(id_owner, "qid");
    list->query = json_is_object(query) ? string_of(query, "text") : string_of(json, query ? "query" : "q_text");
    items = json_object_get(json, "candidates");
    if (!items)
        items = json_object_get(json, "bm25_results");
    if (list->qid.len == 0 || list->query.len == 0 || !json_is_array(items))
        return bad_list(source, err, "no known candidates format: needs a qid, a query and its candidates");
    json_array_foreach(items, i, item)
    {
        RRK_TRY(add_candidate(source, list, item, err));
    }
    return RRK_OK;
}

static rrk_status next_from_file(cli_source *source, cli_list *list, bool *more, rrk_error *err)
{
    rrk_text line;
    do {
        RRK_TRY(base_lines_next(source->lines, &line, more, err));
    } while (*more && line.len == 0);
    return *more ? parse_list(source, list, line, err) : RRK_OK;
}

rrk_status cli_source_of_file(cli_source **out, const char *path, rrk_error *err)
{
    cli_source *source RRK_AUTO(cli_source_free_ptr) = base_calloc(1, sizeof *source);
    if (!source)
        return base_fail_nomem(err, sizeof *source);
    RRK_TRY(base_lines_open(&source->lines, path, CLI_MAX_LINE_BYTES, err));
    *out = RRK_STEAL(source);
    return RRK_OK;
}

/* --- runs --- */

static int by_query_and_score(const void *a, const void *b)
{
    const run_row *x = a, *y = b;
    if (x->query != y->query)
        return x->query < y->query ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return -strcmp(x->docid, y->docid); /* as evaluation breaks ties */
}

static rrk_status add_row(cli_source *source, size_t *cap, const run_row *row, rrk_error *err)
{
    if (source->n_rows == *cap) {
        size_t grown_cap = *cap ? 2 * *cap : 1024;
        run_row *rows = base_realloc(source->rows, grown_cap, sizeof *rows);
        if (!rows)
            return base_fail_nomem(err, grown_cap * sizeof *rows);
        source->rows = rows;
        *cap = grown_cap;
    }
    source->rows[source->n_rows++] = *row;
    return RRK_OK;
}

/* Cuts the line's copy in place; the copy lives as long as the source. */
static rrk_status keep_line(cli_source *source, size_t *cap, rrk_text line, char **copy, rrk_error *err)
{
    if (source->n_words == *cap) {
        size_t grown_cap = *cap ? 2 * *cap : 1024;
        char **words = base_realloc(source->words, grown_cap, sizeof *words);
        if (!words)
            return base_fail_nomem(err, grown_cap * sizeof *words);
        source->words = words;
        *cap = grown_cap;
    }
    *copy = base_strndup(line.data, line.len);
    if (!*copy)
        return base_fail_nomem(err, line.len + 1);
    source->words[source->n_words++] = *copy;
    return RRK_OK;
}

static rrk_status parse_row(const base_lines *lines, char *line, run_row *row, rrk_error *err)
{
    char *rest = NULL, *end = NULL;
    char *fields[6];
    for (size_t i = 0; i < RRK_COUNT(fields); i++) {
        fields[i] = strtok_r(i == 0 ? line : NULL, " \t", &rest);
        if (!fields[i])
            return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: not 'qid Q0 docid rank score tag'", base_lines_name(lines),
                             (unsigned long long)base_lines_number(lines));
    }
    row->qid = fields[0];
    row->docid = fields[2];
    row->score = strtod(fields[4], &end);
    if (*end || row->score != row->score)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: score '%s' is not a number", base_lines_name(lines),
                         (unsigned long long)base_lines_number(lines), fields[4]);
    return RRK_OK;
}

static rrk_status read_run(cli_source *source, base_lines *lines, rrk_error *err)
{
    base_map *seen RRK_AUTO(base_map_free_ptr) = NULL;
    size_t rows_cap = 0, words_cap = 0;
    rrk_text line;
    bool more;
    RRK_TRY(base_map_new(&seen, 1024, err));
    for (;;) {
        char *copy;
        run_row row;
        int64_t query;
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            return RRK_OK;
        if (line.len == 0)
            continue;
        RRK_TRY(keep_line(source, &words_cap, line, &copy, err));
        RRK_TRY(parse_row(lines, copy, &row, err));
        if (!base_map_get(seen, rrk_text_of(row.qid), &query)) {
            query = (int64_t)base_map_len(seen);
            RRK_TRY(base_map_put(seen, rrk_text_of(row.qid), query, NULL, err));
        }
        row.query = (size_t)query;
        RRK_TRY(add_row(source, &rows_cap, &row, err));
    }
}

rrk_status cli_source_of_run(cli_source **out, const char *run_path, rrk_store *store, const cli_queries *queries,
                             rrk_error *err)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    cli_source *source RRK_AUTO(cli_source_free_ptr) = base_calloc(1, sizeof *source);
    if (!source)
        return base_fail_nomem(err, sizeof *source);
    source->store = store;
    source->queries = queries;
    RRK_TRY(base_lines_open(&lines, run_path, CLI_MAX_LINE_BYTES, err));
    RRK_TRY(read_run(source, lines, err));
    if (source->n_rows)
        qsort(source->rows, source->n_rows, sizeof *source->rows, by_query_and_score);
    *out = RRK_STEAL(source);
    return RRK_OK;
}

static rrk_status fetch_rows(cli_source *source, cli_list *list, const run_row *rows, size_t n, rrk_error *err)
{
    size_t n_items;
    int64_t *ids RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *ids);
    if (!ids)
        return base_fail_nomem(err, n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        RRK_TRY(rrk_store_find(source->store, rrk_text_of(rows[i].docid), &ids[i], err));
    RRK_TRY(rrk_store_fetch(source->store, ids, n, &list->fetched, err));
    const rrk_passage *items = rrk_passage_list_items(list->fetched, &n_items);
    for (size_t i = 0; i < n_items; i++)
        RRK_TRY(cli_list_add(list, &items[i], err));
    return RRK_OK;
}

static rrk_status next_from_run(cli_source *source, cli_list *list, bool *more, rrk_error *err)
{
    int64_t query;
    size_t begin = source->at, end = begin;
    *more = begin < source->n_rows;
    if (!*more)
        return RRK_OK;
    while (end < source->n_rows && source->rows[end].query == source->rows[begin].query)
        end++;
    source->at = end;
    list->qid = rrk_text_of(source->rows[begin].qid);
    if (!base_map_get(source->queries->by_id, list->qid, &query))
        return base_fail(err, RRK_E_NOTFOUND, 0, "query '%s' of the run is not in the queries file",
                         source->rows[begin].qid);
    list->query = cli_queries_text(source->queries, (size_t)query);
    return fetch_rows(source, list, source->rows + begin, end - begin, err);
}

void cli_source_free(cli_source *source)
{
    if (!source)
        return;
    for (size_t i = 0; i < source->n_words; i++)
        base_free(source->words[i]);
    base_free(source->words);
    base_free(source->rows);
    base_lines_close(source->lines);
    base_free(source);
}

rrk_status cli_source_next(cli_source *source, cli_list *list, bool *more, rrk_error *err)
{
    cli_list_clear(list);
    return source->lines ? next_from_file(source, list, more, err) : next_from_run(source, list, more, err);
}

void cli_source_position(const cli_source *source, uint64_t *done, uint64_t *total)
{
    *done = source->lines ? base_lines_bytes(source->lines) : source->at;
    *total = source->lines ? base_lines_total(source->lines) : source->n_rows;
}
