/* Reading golden files and hashing ids: see golden_data.h. */
#include "tests/encoder/golden_data.h"
#include "base/utf8.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>
#include <jansson.h>

enc_tokenizer *golden_open_tokenizer(const char *data, const char *name)
{
    const char *path = test_data(data);
    if (!path)
        return NULL;
    folder f = folder_new();
    folder_link(&f, name, path);
    enc_tokenizer *t = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_open(&t, f.dir, &err), RRK_OK, "%s", err.message);
    folder_remove(&f);
    return t;
}

static void hash_ids(uint64_t *h, const enc_ids *ids)
{
    for (size_t i = 0; i < ids->len; i++) {
        for (int shift = 0; shift < 32; shift += 8)
            *h = (*h ^ ((uint32_t)ids->ids[i] >> shift & 0xff)) * 0x100000001b3u;
    }
}

void golden_take(const enc_tokenizer *t, rrk_text text, uint64_t *hash, size_t *n)
{
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_encode(t, text, SIZE_MAX, &ids, NULL, &err), RRK_OK, "%s", err.message);
    hash_ids(hash, &ids);
    *n += ids.len;
}

void golden_take_plane(const enc_tokenizer *t, uint32_t plane, uint64_t *hash, size_t *n)
{
    for (uint32_t c = plane << 16; c < (plane + 1) << 16; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        char text[8] = "a";
        size_t len = 1 + base_utf8_put(c, text + 1);
        text[len++] = 'b';
        golden_take(t, (rrk_text){text, len}, hash, n);
    }
}

void golden_take_text(const enc_tokenizer *t, const json_t *json, uint64_t *hash, size_t *n)
{
    const json_t *text = json_object_get(json, "text"), *times = json_object_get(json, "times");
    base_buf b RRK_AUTO(base_buf_free) = {.max = GOLDEN_MAX_TEXT_BYTES};
    for (json_int_t i = times ? json_integer_value(times) : 1; i > 0; i--)
        cr_assert_eq(base_buf_append(&b, json_string_value(text), json_string_length(text), NULL), RRK_OK);
    golden_take(t, (rrk_text){b.data, b.len}, hash, n);
}

base_lines *golden_open(const char *name)
{
    char path[1024];
    const char *source = getenv("RRK_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/tests/encoder/golden/%s", source ? source : ".", name);
    base_lines *lines = NULL;
    rrk_error err = {0};
    cr_assert_eq(base_lines_open(&lines, path, GOLDEN_MAX_LINE_BYTES, &err), RRK_OK, "%s", err.message);
    return lines;
}

bool golden_next_line(base_lines *lines, rrk_text *line)
{
    bool more;
    rrk_error err = {0};
    cr_assert_eq(base_lines_next(lines, line, &more, &err), RRK_OK, "%s", err.message);
    return more;
}

void golden_read_hashes(base_lines *golden, size_t n_records, uint16_t *out)
{
    for (size_t i = 0; i < n_records;) {
        rrk_text line;
        cr_assert(golden_next_line(golden, &line));
        for (size_t at = 0; at + 4 <= line.len && i < n_records; at += 4) {
            char digits[5] = {0};
            memcpy(digits, line.data + at, 4);
            out[i++] = (uint16_t)strtoul(digits, NULL, 16);
        }
    }
}

static void append_text(base_buf *b, const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    cr_assert_eq(base_buf_append(b, json_string_value(value), json_string_length(value), NULL), RRK_OK);
}

void golden_record_text(rrk_text line, base_buf *b)
{
    json_t *json = json_loadb(line.data, line.len, JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(json);
    base_buf_clear(b);
    if (json_object_get(json, "title")) {
        append_text(b, json, "title");
        base_buf_append_char(b, ' ', NULL);
    }
    append_text(b, json, "text");
    json_decref(json);
}
