/* BEIR's corpus.jsonl: an object a line with _id, title, text and perhaps metadata. */
#include "base/alloc.h"
#include "store/import.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void free_json(json_t **json)
{
    json_decref(*json);
}

static void free_dump(char **dump)
{
    free(*dump);
}

/* A string, or with number_too an integer written out in digits; absent and null are "". */
static rrk_status read_text(const json_t *object, const char *key, bool number_too, char digits[32], rrk_text *out,
                            rrk_error *err)
{
    const json_t *value = json_object_get(object, key);
    *out = (rrk_text){0};
    if (!value || json_is_null(value))
        return RRK_OK;
    if (json_is_string(value)) {
        *out = (rrk_text){json_string_value(value), json_string_length(value)};
        return RRK_OK;
    }
    if (!number_too || !json_is_integer(value))
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' is not a string", key);
    int n = snprintf(digits, 32, "%lld", (long long)json_integer_value(value));
    *out = (rrk_text){digits, (size_t)n};
    return RRK_OK;
}

static rrk_status read_passage(const json_t *object, char digits[32], char **metadata, rrk_passage *out, rrk_error *err)
{
    RRK_TRY(read_text(object, "_id", true, digits, &out->id, err));
    RRK_TRY(read_text(object, "title", false, NULL, &out->title, err));
    RRK_TRY(read_text(object, "text", false, NULL, &out->text, err));
    const json_t *extra = json_object_get(object, "metadata");
    if (!json_is_object(extra) || json_object_size(extra) == 0)
        return RRK_OK;
    *metadata = json_dumps(extra, JSON_COMPACT | JSON_SORT_KEYS);
    if (!*metadata)
        return base_fail_nomem(err, 0);
    out->metadata = rrk_text_of(*metadata);
    return RRK_OK;
}

rrk_status store_import_beir_line(store_import *import, rrk_text line, const char *place, rrk_error *err)
{
    json_error_t cause;
    json_t *object RRK_AUTO(free_json) = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &cause);
    rrk_passage passage = {0};
    char digits[32];
    char *metadata RRK_AUTO(free_dump) = NULL;
    rrk_status status = RRK_OK;
    if (!object)
        status = base_fail(err, RRK_E_FORMAT, 0, "not valid JSON: %s", cause.text);
    else if (!json_is_object(object))
        status = base_fail(err, RRK_E_FORMAT, 0, "not a JSON object");
    else
        status = read_passage(object, digits, &metadata, &passage, err);
    if (status == RRK_OK)
        return store_import_add(import, &passage, place, err);
    base_error_prefix(err, "%s", place);
    return store_import_bad(import, status, err);
}
