/* Candidate files in three formats: see candidates.h. */
#include "eval/candidates.h"
#include "base/alloc.h"
#include "eval/table.h"

#include <jansson.h>
#include <string.h>

enum { MAX_ID_IN_MESSAGE = 64 };

struct eval_candidates {
    base_lines *lines;
    json_t *root;          /* of the current line; texts point into it */
    rrk_passage *passages; /* [cap] */
    size_t cap;
};

void eval_candidates_close(eval_candidates *file)
{
    if (!file)
        return;
    json_decref(file->root);
    base_free(file->passages);
    base_lines_close(file->lines);
    base_free(file);
}

static void close_ptr(eval_candidates **file)
{
    eval_candidates_close(*file);
}

rrk_status eval_candidates_open(eval_candidates **out, const char *path, rrk_error *err)
{
    eval_candidates *file RRK_AUTO(close_ptr) = base_calloc(1, sizeof *file);
    if (!file)
        return base_fail_nomem(err, sizeof *file);
    RRK_TRY(base_lines_open(&file->lines, path, EVAL_CANDIDATES_MAX_LINE_BYTES, err));
    *out = RRK_STEAL(file);
    return RRK_OK;
}

static rrk_text text_of(const json_t *string)
{
    return (rrk_text){.data = json_string_value(string), .len = json_string_length(string)};
}

/* The first of the keys that the object has a value for; NULL when there is none. */
static const char *first_of(const json_t *object, const char *const *keys)
{
    const json_t *value;
    while (*keys && (!(value = json_object_get(object, *keys)) || json_is_null(value)))
        keys++;
    return *keys;
}

static json_t *value_of(const json_t *object, const char *const *keys)
{
    const char *key = first_of(object, keys);
    return key ? json_object_get(object, key) : NULL;
}

/* A number is replaced by its digits in the document, which then owns them. */
static rrk_status take_id(json_t *object, const char *const *keys, rrk_text *out, rrk_error *err)
{
    const char *key = first_of(object, keys);
    json_t *value = key ? json_object_get(object, key) : NULL;
    if (json_is_integer(value)) {
        if (json_object_set_new(object, key, json_sprintf("%lld", (long long)json_integer_value(value))) != 0)
            return base_fail(err, RRK_E_NOMEM, 0, "no memory for a %s", key);
        value = json_object_get(object, key);
    }
    *out = text_of(value);
    /* Texts may have a NUL; an id goes into files of words. */
    if (out->len && memchr(out->data, '\0', out->len))
        return base_fail(err, RRK_E_FORMAT, 0, "a %s has a NUL in it", key);
    return RRK_OK;
}

static rrk_status take_passage(json_t *item, rrk_passage *out, rrk_error *err)
{
    static const char *const ids[] = {"docid", "pid", "id", "_id", NULL};
    static const char *const texts[] = {"text", "contents", "segment", "body", "passage", NULL};
    const json_t *doc = json_object_get(item, "doc");
    const json_t *holder = json_is_object(doc) ? doc : item;
    *out = (rrk_passage){0};
    RRK_TRY(take_id(item, ids, &out->id, err));
    if (out->id.len == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "a candidate has no docid");
    out->title = text_of(json_object_get(holder, "title"));
    out->text = text_of(json_is_string(doc) ? doc : value_of(holder, texts));
    if (out->text.len == 0 && out->title.len == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "candidate '%.*s' has no text",
                         (int)RRK_MIN(out->id.len, (size_t)MAX_ID_IN_MESSAGE), out->id.data);
    return RRK_OK;
}

static rrk_status take_passages(eval_candidates *file, const json_t *list, rrk_error *err)
{
    size_t n = json_array_size(list);
    if (n > file->cap) {
        rrk_passage *grown = base_realloc(file->passages, n, sizeof *grown);
        if (!grown)
            return base_fail_nomem(err, n * sizeof *grown);
        file->passages = grown;
        file->cap = n;
    }
    for (size_t i = 0; i < n; i++)
        RRK_TRY(take_passage(json_array_get(list, i), &file->passages[i], err));
    return RRK_OK;
}

static rrk_status take_line(eval_candidates *file, rrk_text line, eval_candidates_query *out, rrk_error *err)
{
    static const char *const ids[] = {"qid", NULL}, *const queries[] = {"query", "q_text", NULL};
    static const char *const lists[] = {"candidates", "bm25_results", NULL};
    json_error_t problem;
    file->root = json_loadb(line.data, line.len, JSON_ALLOW_NUL, &problem);
    if (!file->root)
        return base_fail(err, RRK_E_FORMAT, 0, "not a JSON object: %.120s", problem.text);
    if (!json_is_object(file->root))
        return base_fail(err, RRK_E_FORMAT, 0, "not a JSON object");
    json_t *query = value_of(file->root, queries), *list = value_of(file->root, lists);
    RRK_TRY(take_id(json_is_object(query) ? query : file->root, ids, &out->qid, err));
    out->query = text_of(json_is_object(query) ? json_object_get(query, "text") : query);
    if (out->qid.len && json_is_string(json_is_object(query) ? json_object_get(query, "text") : query) &&
        out->query.len == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "query '%.*s' is empty",
                         (int)RRK_MIN(out->qid.len, (size_t)MAX_ID_IN_MESSAGE), out->qid.data);
    if (out->qid.len == 0 || out->query.len == 0 || !json_is_array(list))
        return base_fail(err, RRK_E_FORMAT, 0, "no known candidates format: it lacks a %s",
                         out->qid.len == 0     ? "qid"
                         : out->query.len == 0 ? "query"
                                               : "list 'candidates' or 'bm25_results'");
    RRK_TRY(take_passages(file, list, err));
    out->passages = file->passages;
    out->n = json_array_size(list);
    return RRK_OK;
}

rrk_status eval_candidates_next(eval_candidates *file, eval_candidates_query *out, bool *more, rrk_error *err)
{
    rrk_text line;
    json_decref(RRK_STEAL(file->root));
    *out = (eval_candidates_query){0};
    do {
        RRK_TRY(base_lines_next(file->lines, &line, more, err));
    } while (*more && line.len == 0);
    return *more ? eval_at_line(file->lines, take_line(file, line, out, err), err) : RRK_OK;
}

const base_lines *eval_candidates_lines(const eval_candidates *file)
{
    return file->lines;
}
