/* JSON files of model folders: see json_file.h. */
#include "encoder/json_file.h"
#include "base/alloc.h"
#include "base/file.h"

#include <jansson.h>
#include <string.h>

void enc_json_free(struct json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

char *enc_path(const char *dir, const char *name, rrk_error *err)
{
    size_t dir_len = strlen(dir), name_len = strlen(name);
    char *path = base_alloc(dir_len + name_len + 2, 1);
    if (!path) {
        base_fail_nomem(err, dir_len + name_len + 2);
        return NULL;
    }
    memcpy(path, dir, dir_len);
    path[dir_len] = '/';
    memcpy(path + dir_len + 1, name, name_len + 1);
    return path;
}

bool enc_is_plain_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static rrk_status parse(struct json_t **out, const char *name, const char *data, size_t len, rrk_error *err)
{
    json_error_t cause;
    /* Whole numbers are read as reals: "no limit" is written 1000000000000000019884624838656 in tokenizer_config.json. */
    *out = json_loadb(data, len, JSON_DECODE_INT_AS_REAL, &cause);
    if (*out)
        return RRK_OK;
    if (json_error_code(&cause) == json_error_out_of_memory)
        return base_fail_nomem(err, len);
    return base_fail(err, RRK_E_FORMAT, 0, "%s:%d: not valid JSON: %s", name, cause.line, cause.text);
}

rrk_status enc_json_read(struct json_t **out, const char *dir, const char *name, size_t max_bytes, rrk_error *err)
{
    char *path RRK_AUTO(base_free_ptr) = enc_path(dir, name, err);
    if (!path)
        return RRK_E_NOMEM;
    char *data RRK_AUTO(base_free_ptr) = NULL;
    size_t len;
    RRK_TRY(base_file_read(path, max_bytes, &data, &len, err));
    struct json_t *json RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(parse(&json, name, data, len, err));
    if (!json_is_object(json))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: its top is not an object", name);
    *out = RRK_STEAL(json);
    return RRK_OK;
}

rrk_status enc_json_read_optional(struct json_t **out, const char *dir, const char *name, size_t max_bytes,
                                  rrk_error *err)
{
    *out = NULL;
    char *path RRK_AUTO(base_free_ptr) = enc_path(dir, name, err);
    if (!path)
        return RRK_E_NOMEM;
    char *data RRK_AUTO(base_free_ptr) = NULL;
    size_t len;
    rrk_error local = {0};
    rrk_status status = base_file_read(path, max_bytes, &data, &len, &local);
    if (status == RRK_E_NOTFOUND)
        return RRK_OK;
    if (status != RRK_OK)
        return base_fail(err, status, local.detail, "%s", local.message);
    return parse(out, name, data, len, err);
}

static const json_t *value_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

rrk_status enc_json_bool(const json_t *object, const char *file, const char *key, bool *out, rrk_error *err)
{
    const json_t *value = value_of(object, key);
    if (!value)
        return RRK_OK;
    if (!json_is_boolean(value))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is neither true nor false", file, key);
    *out = json_is_true(value);
    return RRK_OK;
}

rrk_status enc_json_string(const json_t *object, const char *file, const char *key, const char **out, rrk_error *err)
{
    const json_t *value = value_of(object, key);
    if (!value)
        return RRK_OK;
    if (!json_is_string(value))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is not a string", file, key);
    *out = json_string_value(value);
    return RRK_OK;
}

rrk_status enc_json_number(const json_t *object, const char *file, const char *key, double *out, rrk_error *err)
{
    const json_t *value = value_of(object, key);
    if (!value)
        return RRK_OK;
    if (!json_is_number(value))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is not a number", file, key);
    *out = json_number_value(value);
    return RRK_OK;
}

rrk_status enc_json_uint(const json_t *object, const char *file, const enc_json_range *range, uint32_t *out,
                         rrk_error *err)
{
    double number = -1;
    RRK_TRY(enc_json_number(object, file, range->key, &number, err));
    if (!value_of(object, range->key)) {
        if (!range->required)
            return RRK_OK;
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is missing", file, range->key);
    }
    if (!(number >= range->low && number <= range->high))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is %.17g, outside %u..%u", file, range->key, number,
                         range->low, range->high);
    if (number != (double)(uint32_t)number)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is %.17g, not a whole number", file, range->key, number);
    *out = (uint32_t)number;
    return RRK_OK;
}
