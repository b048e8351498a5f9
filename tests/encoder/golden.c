/*
 * Token ids against those of the `tokenizers` package, by hashes that tools/golden_wordpiece.py wrote: invented hard
 * texts, every code point, and two public collections. The vocabulary and the collections are in the shared test data.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/lines.h"
#include "base/utf8.h"
#include "encoder/tokenizer.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>
#include <jansson.h>

enum { MAX_LINE_BYTES = 1 << 22, MAX_TEXT_BYTES = 1 << 24, FEW_RECORDS = 5 };
#define EMPTY_HASH 0xcbf29ce484222325u

static const struct {
    const char *data, *name;
} ROUTES[] = {
    {"tokenizers/bert_vocab.txt", "vocab.txt"},
    {"tokenizers/minilm_tokenizer.json", "tokenizer.json"},
};

/* NULL when the data is not there; the test is skipped then. */
static enc_tokenizer *open_route(size_t route)
{
    const char *path = test_data(ROUTES[route].data);
    if (!path)
        return NULL;
    folder f = folder_new();
    folder_link(&f, ROUTES[route].name, path);
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

/* Adds a text's ids to a hash and a count. */
static void take(const enc_tokenizer *t, rrk_text text, uint64_t *hash, size_t *n)
{
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_encode(t, text, SIZE_MAX, &ids, NULL, &err), RRK_OK, "%s", err.message);
    hash_ids(hash, &ids);
    *n += ids.len;
}

static base_lines *open_golden(const char *name)
{
    char path[1024];
    const char *source = getenv("RRK_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/tests/encoder/golden/%s", source ? source : ".", name);
    base_lines *lines = NULL;
    rrk_error err = {0};
    cr_assert_eq(base_lines_open(&lines, path, MAX_LINE_BYTES, &err), RRK_OK, "%s", err.message);
    return lines;
}

static bool next_line(base_lines *lines, rrk_text *line)
{
    bool more;
    rrk_error err = {0};
    cr_assert_eq(base_lines_next(lines, line, &more, &err), RRK_OK, "%s", err.message);
    return more;
}

static void take_plane(const enc_tokenizer *t, uint32_t plane, uint64_t *hash, size_t *n)
{
    for (uint32_t c = plane << 16; c < (plane + 1) << 16; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        char text[8] = "a";
        size_t len = 1 + base_utf8_put(c, text + 1);
        text[len++] = 'b';
        take(t, (rrk_text){text, len}, hash, n);
    }
}

static void take_repeated(const enc_tokenizer *t, const json_t *text, size_t times, uint64_t *hash, size_t *n)
{
    base_buf b RRK_AUTO(base_buf_free) = {.max = MAX_TEXT_BYTES};
    for (size_t i = 0; i < times; i++)
        cr_assert_eq(base_buf_append(&b, json_string_value(text), json_string_length(text), NULL), RRK_OK);
    take(t, (rrk_text){b.data, b.len}, hash, n);
}

static void check_hard_line(const enc_tokenizer *t, rrk_text line, uint64_t number)
{
    json_t *json = json_loadb(line.data, line.len, JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(json, "line %llu", (unsigned long long)number);
    const char *want = json_string_value(json_object_get(json, "hash"));
    uint64_t hash = EMPTY_HASH;
    size_t n = 0;
    if (json_object_get(json, "plane"))
        take_plane(t, (uint32_t)json_integer_value(json_object_get(json, "plane")), &hash, &n);
    else if (want)
        take_repeated(t, json_object_get(json, "text"),
                      json_object_get(json, "times") ? (size_t)json_integer_value(json_object_get(json, "times")) : 1,
                      &hash, &n);
    if (want) {
        cr_expect_eq(n, (size_t)json_integer_value(json_object_get(json, "n")), "line %llu: %zu ids",
                     (unsigned long long)number, n);
        cr_expect_eq(hash, strtoull(want, NULL, 16), "line %llu: other ids", (unsigned long long)number);
    }
    json_decref(json);
}

static void check_hard(size_t route)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_route(route);
    if (!t)
        cr_skip_test("no shared test data: %s", ROUTES[route].data);
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = open_golden("hard.jsonl");
    rrk_text line;
    while (next_line(lines, &line))
        check_hard_line(t, line, base_lines_number(lines));
    cr_assert_gt(base_lines_number(lines), 300);
}

Test(golden, hard_texts_and_every_code_point_from_vocab_txt)
{
    check_hard(0);
}

Test(golden, hard_texts_and_every_code_point_from_tokenizer_json)
{
    check_hard(1);
}

/* The record hashes of one file, read from as many lines as they take. */
static void read_record_hashes(base_lines *golden, size_t n_records, uint16_t *out)
{
    for (size_t i = 0; i < n_records;) {
        rrk_text line;
        cr_assert(next_line(golden, &line));
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

/* Title and text of a record as the generator joins them. */
static void record_text(rrk_text line, base_buf *b)
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

static void check_file(const enc_tokenizer *t, const char *path, const uint16_t *want, size_t n_records, uint64_t *hash,
                       size_t *n_ids)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    cr_assert_eq(base_lines_open(&lines, path, MAX_LINE_BYTES, NULL), RRK_OK, "%s", path);
    base_buf b RRK_AUTO(base_buf_free) = {.max = MAX_TEXT_BYTES};
    rrk_text line;
    size_t record = 0, n_wrong = 0;
    for (; next_line(lines, &line); record++) {
        uint64_t own = EMPTY_HASH;
        size_t n_own = 0;
        record_text(line, &b);
        take(t, (rrk_text){b.data, b.len}, &own, &n_own);
        take(t, (rrk_text){b.data, b.len}, hash, n_ids);
        if (record < n_records && (own & 0xffff) != want[record] && n_wrong++ < FEW_RECORDS)
            cr_log_error("%s:%llu: other ids", path, (unsigned long long)base_lines_number(lines));
    }
    cr_expect_eq(record, n_records, "%s has %zu records, not %zu", path, record, n_records);
    cr_expect_eq(n_wrong, 0, "%s: %zu records have other ids", path, n_wrong);
}

static void check_collections(size_t route)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_route(route);
    if (!t)
        cr_skip_test("no shared test data: %s", ROUTES[route].data);
    base_lines *golden RRK_AUTO(base_lines_close_ptr) = open_golden("beir.txt");
    rrk_text line;
    cr_assert(next_line(golden, &line));
    while (next_line(golden, &line)) {
        char name[64];
        size_t n_records, want_ids, n_ids = 0;
        unsigned long long want_hash;
        cr_assert_eq(sscanf(line.data, "%63s %zu %zu %llx", name, &n_records, &want_ids, &want_hash), 4);
        uint16_t *want RRK_AUTO(base_free_ptr) = base_alloc(n_records, sizeof *want);
        cr_assert_not_null(want);
        read_record_hashes(golden, n_records, want);
        const char *path = test_data(name);
        if (!path)
            cr_skip_test("no shared test data: %s", name);
        uint64_t hash = EMPTY_HASH;
        check_file(t, path, want, n_records, &hash, &n_ids);
        cr_expect(n_ids == want_ids && hash == want_hash, "%s: %zu ids, not %zu", name, n_ids, want_ids);
    }
}

Test(golden, scifact_and_nfcorpus_from_vocab_txt)
{
    check_collections(0);
}

Test(golden, scifact_and_nfcorpus_from_tokenizer_json)
{
    check_collections(1);
}
