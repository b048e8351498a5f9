/* BEIR's corpus.jsonl: a JSON object a line with _id, title, text and metadata. */
#include "store/import.h"

#include <jansson.h>

#include <stdlib.h>

static void free_string_ptr(char **string)
{
    free(*string); /* Jansson's */
}

/* A member that is a string, or is missing or null, which gives the empty text. */
static rrk_status text_member(const json_t *object, const char *name, rrk_text *out, rrk_error *err)
{
    const json_t *member = json_object_get(object, name);
    *out = (rrk_text){0};
    if (!member || json_is_null(member))
        return RRK_OK;
    if (!json_is_string(member))
        return base_fail(err, RRK_E_FORMAT, 0, "\"%s\" is not a string", name);
    *out = (rrk_text){json_string_value(member), json_string_length(member)};
    return RRK_OK;
}

static rrk_status read_passage(const json_t *object, rrk_passage *passage, char **metadata, rrk_error *err)
{
    if (!json_is_object(object))
        return base_fail(err, RRK_E_FORMAT, 0, "not a JSON object");
    RRK_TRY(text_member(object, "_id", &passage->id, err));
    RRK_TRY(text_member(object, "title", &passage->title, err));
    RRK_TRY(text_member(object, "text", &passage->text, err));
    const json_t *member = json_object_get(object, "metadata");
    if (!member || json_is_null(member) || (json_is_object(member) && json_object_size(member) == 0))
        return RRK_OK;
    *metadata = json_dumps(member, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!*metadata)
        return base_fail_nomem(err, 1);
    passage->metadata = rrk_text_of(*metadata);
    return RRK_OK;
}

rrk_status store_import_beir_line(store_importer *importer, store_place place, rrk_text line, rrk_error *err)
{
    json_error_t json_error;
    RRK_AUTO(json_decrefp) json_t *object = json_loadb(line.data, line.len, JSON_ALLOW_NUL, &json_error);
    rrk_passage passage = {0};
    RRK_AUTO(free_string_ptr) char *metadata = NULL;
    rrk_status status = object ? read_passage(object, &passage, &metadata, err)
                               : base_fail(err, RRK_E_FORMAT, 0, "no JSON: %s", json_error.text);
    if (status != RRK_OK)
        return store_import_bad(importer, place, status, err);
    return store_import_add(importer, place, &passage, err);
}
