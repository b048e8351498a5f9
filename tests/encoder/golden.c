/*
 * Token ids against those of the `tokenizers` package, by hashes that tools/golden_wordpiece.py wrote: invented hard
 * texts, every code point, and two public collections. The vocabulary and the collections are in the shared test data.
 */
#include "base/alloc.h"
#include "tests/encoder/folder.h"
#include "tests/encoder/golden_data.h"

#include <criterion/criterion.h>
#include <jansson.h>

enum { FEW_RECORDS = 5 };

static const struct {
    const char *data, *name;
} ROUTES[] = {
    {"tokenizers/bert_vocab.txt", "vocab.txt"},
    {"tokenizers/minilm_tokenizer.json", "tokenizer.json"},
};

/* NULL when the data is not there; the test is skipped then. */
static enc_tokenizer *open_route(size_t route)
{
    return golden_open_tokenizer(ROUTES[route].data, ROUTES[route].name);
}

static void check_hard_line(const enc_tokenizer *t, rrk_text line, uint64_t number)
{
    json_t *json = json_loadb(line.data, line.len, JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(json, "line %llu", (unsigned long long)number);
    const char *want = json_string_value(json_object_get(json, "hash"));
    uint64_t hash = GOLDEN_EMPTY_HASH;
    size_t n = 0;
    if (json_object_get(json, "plane"))
        golden_take_plane(t, (uint32_t)json_integer_value(json_object_get(json, "plane")), &hash, &n);
    else if (want)
        golden_take_text(t, json, &hash, &n);
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
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = golden_open("hard.jsonl");
    rrk_text line;
    while (golden_next_line(lines, &line))
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

static void check_file(const enc_tokenizer *t, const char *path, const uint16_t *want, size_t n_records, uint64_t *hash,
                       size_t *n_ids)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    cr_assert_eq(base_lines_open(&lines, path, GOLDEN_MAX_LINE_BYTES, NULL), RRK_OK, "%s", path);
    base_buf b RRK_AUTO(base_buf_free) = {.max = GOLDEN_MAX_TEXT_BYTES};
    rrk_text line;
    size_t record = 0, n_wrong = 0;
    for (; golden_next_line(lines, &line); record++) {
        uint64_t own = GOLDEN_EMPTY_HASH;
        size_t n_own = 0;
        golden_record_text(line, &b);
        golden_take(t, (rrk_text){b.data, b.len}, &own, &n_own);
        golden_take(t, (rrk_text){b.data, b.len}, hash, n_ids);
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
    base_lines *golden RRK_AUTO(base_lines_close_ptr) = golden_open("beir.txt");
    rrk_text line;
    cr_assert(golden_next_line(golden, &line));
    while (golden_next_line(golden, &line)) {
        char name[64];
        size_t n_records, want_ids, n_ids = 0;
        unsigned long long want_hash;
        cr_assert_eq(sscanf(line.data, "%63s %zu %zu %llx", name, &n_records, &want_ids, &want_hash), 4);
        uint16_t *want RRK_AUTO(base_free_ptr) = base_alloc(n_records, sizeof *want);
        cr_assert_not_null(want);
        golden_read_hashes(golden, n_records, want);
        const char *path = test_data(name);
        if (!path)
            cr_skip_test("no shared test data: %s", name);
        uint64_t hash = GOLDEN_EMPTY_HASH;
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
