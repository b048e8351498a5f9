/*
 * The JSON of model folders: a file read whole with a limit, and keys taken out with their type and range checked. Every
 * failure names the file (by its last component) and the key. json_t stays an incomplete type here, so that only the
 * files that walk a tree by hand include Jansson.
 */
#ifndef RRK_ENCODER_JSON_FILE_H
#define RRK_ENCODER_JSON_FILE_H

#include "base/error.h"

struct json_t;

/* Frees what *json holds; for RRK_AUTO. */
void enc_json_free(struct json_t **json);

/* dir/name, in memory of the caller's (base_free); NULL when out of memory, with err filled. */
char *enc_path(const char *dir, const char *name, rrk_error *err);

/* A file name that stays inside its folder: not empty, no '/', neither "." nor "..". */
bool enc_is_plain_name(const char *name);

/* Reads dir/name, an object at its top. RRK_E_NOTFOUND gives the whole path. */
rrk_status enc_json_read(struct json_t **out, const char *dir, const char *name, size_t max_bytes, rrk_error *err);

/* As enc_json_read(), but a file that is not there gives *out = NULL and RRK_OK; its top is an object or an array. */
rrk_status enc_json_read_optional(struct json_t **out, const char *dir, const char *name, size_t max_bytes,
                                  rrk_error *err);

/* Keys of an object; file is for the message. A key that is absent or null leaves *out as it is. */
rrk_status enc_json_bool(const struct json_t *object, const char *file, const char *key, bool *out, rrk_error *err);
rrk_status enc_json_string(const struct json_t *object, const char *file, const char *key, const char **out,
                           rrk_error *err);
rrk_status enc_json_number(const struct json_t *object, const char *file, const char *key, double *out, rrk_error *err);

/* A whole number in low..high; RRK_E_FORMAT when absent and required. */
typedef struct enc_json_range {
    const char *key;
    uint32_t low, high;
    bool required;
} enc_json_range;
rrk_status enc_json_uint(const struct json_t *object, const char *file, const enc_json_range *range, uint32_t *out,
                         rrk_error *err);

#endif
