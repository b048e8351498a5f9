/*
 * Unigram ids against those of `tokenizers` (tokenizer.json) and `sentencepiece` (spiece.model), by hashes that
 * tools/golden_unigram.py wrote. Tokenizers and collections are in the shared test data.
 */
#include "base/alloc.h"
#include "tests/encoder/folder.h"
#include "tests/encoder/golden_data.h"

#include <criterion/criterion.h>
#include <jansson.h>

enum { FEW_RECORDS = 5, MAX_ALSO = 256 };

/* One set of records of the golden file. */
typedef struct set {
    char name[64];
    size_t n_records, n_ids;
    uint16_t *hashes; /* [n_records] */
    struct {
        size_t record;
        uint16_t hash;
    } also[MAX_ALSO]; /* where a newer sentencepiece decides a tie otherwise */
    size_t n_also;
    size_t n_seen, n_wrong, n_ids_seen;
    bool old_only; /* no record had only its other hash right */
} set;

static void free_set(set *s)
{
    base_free(s->hashes);
}

static bool also_right(const set *s, size_t record, uint16_t hash)
{
    for (size_t i = 0; i < s->n_also; i++) {
        if (s->also[i].record == record)
            return s->also[i].hash == hash;
    }
    return false;
}

static void see(set *s, uint64_t hash, size_t n)
{
    size_t record = s->n_seen++;
    s->n_ids_seen += n;
    if (record >= s->n_records || s->hashes[record] == (hash & 0xffff))
        return;
    s->old_only = false;
    if (!also_right(s, record, hash & 0xffff) && s->n_wrong++ < FEW_RECORDS)
        cr_log_error("%s: record %zu has other ids", s->name, record);
}

static void see_text(set *s, const enc_tokenizer *t, rrk_text text)
{
    uint64_t hash = GOLDEN_EMPTY_HASH;
    size_t n = 0;
    golden_take(t, text, &hash, &n);
    see(s, hash, n);
}

static void run_collection(set *s, const enc_tokenizer *t, const char *path)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    cr_assert_eq(base_lines_open(&lines, path, GOLDEN_MAX_LINE_BYTES, NULL), RRK_OK, "%s", path);
    base_buf b RRK_AUTO(base_buf_free) = {.max = GOLDEN_MAX_TEXT_BYTES};
    for (rrk_text line; golden_next_line(lines, &line);) {
        golden_record_text(line, &b);
        see_text(s, t, (rrk_text){b.data, b.len});
    }
}

static void run_texts(set *s, const enc_tokenizer *t, const char *name)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = golden_open(name);
    for (rrk_text line; golden_next_line(lines, &line);) {
        json_t *json = json_loadb(line.data, line.len, JSON_ALLOW_NUL, NULL);
        cr_assert_not_null(json);
        uint64_t hash = GOLDEN_EMPTY_HASH;
        size_t n = 0;
        if (json_object_get(json, "text")) {
            golden_take_text(t, json, &hash, &n);
            see(s, hash, n);
        }
        json_decref(json);
    }
}

static void run_planes(set *s, const enc_tokenizer *t)
{
    for (uint32_t plane = 0; plane < s->n_records; plane++) {
        uint64_t hash = GOLDEN_EMPTY_HASH;
        size_t n = 0;
        golden_take_plane(t, plane, &hash, &n);
        see(s, hash, n);
    }
}

static base_lines *open_collection(const char *name)
{
    base_lines *lines = NULL;
    const char *path = test_data(name);
    if (!path || base_lines_open(&lines, path, GOLDEN_MAX_LINE_BYTES, NULL) != RRK_OK)
        cr_skip_test("no shared test data: %s", name);
    return lines;
}

/* MVP's rows: the views are ids, the rest is made of segments that each begin a word. */
static void run_prompts(set *s, const enc_tokenizer *t)
{
    base_lines *queries RRK_AUTO(base_lines_close_ptr) = open_collection("scifact/queries.jsonl");
    base_lines *passages RRK_AUTO(base_lines_close_ptr) = open_collection("scifact/corpus.jsonl");
    base_buf query RRK_AUTO(base_buf_free) = {.max = GOLDEN_MAX_TEXT_BYTES};
    base_buf passage RRK_AUTO(base_buf_free) = {.max = GOLDEN_MAX_TEXT_BYTES};
    for (rrk_text line; s->n_seen < s->n_records && golden_next_line(queries, &line);) {
        golden_record_text(line, &query);
        cr_assert(golden_next_line(passages, &line));
        golden_record_text(line, &passage);
        uint64_t hash = GOLDEN_EMPTY_HASH;
        size_t n = 0;
        golden_take(t, rrk_text_of(" | Query: "), &hash, &n);
        golden_take(t, (rrk_text){query.data, query.len}, &hash, &n);
        golden_take(t, rrk_text_of(" | Context: "), &hash, &n);
        golden_take(t, (rrk_text){passage.data, passage.len}, &hash, &n);
        see(s, hash, n);
    }
}

static void run_set(set *s, const enc_tokenizer *t)
{
    if (strcmp(s->name, "hard") == 0)
        run_texts(s, t, "hard.jsonl");
    else if (strcmp(s->name, "unigram_hard") == 0)
        run_texts(s, t, "unigram_hard.jsonl");
    else if (strcmp(s->name, "planes") == 0)
        run_planes(s, t);
    else if (strcmp(s->name, "prompts") == 0)
        run_prompts(s, t);
    else if (test_data(s->name))
        run_collection(s, t, test_data(s->name));
    else
        cr_skip_test("no shared test data: %s", s->name);
    cr_expect_eq(s->n_seen, s->n_records, "%s: %zu records, not %zu", s->name, s->n_seen, s->n_records);
    cr_expect_eq(s->n_wrong, 0, "%s: %zu records have other ids", s->name, s->n_wrong);
    cr_expect(!s->old_only || s->n_ids_seen == s->n_ids, "%s: %zu ids, not %zu", s->name, s->n_ids_seen, s->n_ids);
}

/* The "also" lines behind a set; gives the first line that is none, or false at the end. */
static bool read_also(base_lines *golden, set *s, rrk_text *line)
{
    while (golden_next_line(golden, line)) {
        size_t record;
        unsigned hash;
        if (sscanf(line->data, "also %zu %x", &record, &hash) != 2)
            return true;
        cr_assert_lt(s->n_also, MAX_ALSO);
        s->also[s->n_also].record = record;
        s->also[s->n_also++].hash = (uint16_t)hash;
    }
    return false;
}

/* All sets of one tokenizer. */
static void check(const char *data, const char *name)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = golden_open_tokenizer(data, name);
    if (!t)
        cr_skip_test("no shared test data: %s", data);
    base_lines *golden RRK_AUTO(base_lines_close_ptr) = golden_open("unigram.txt");
    bool ours = false, more;
    size_t n_sets = 0;
    rrk_text line;
    for (more = golden_next_line(golden, &line); more;) {
        char file[128];
        if (sscanf(line.data, "tokenizer %127s", file) == 1)
            ours = strcmp(file, data) == 0;
        set s RRK_AUTO(free_set) = {.old_only = true};
        if (!ours || sscanf(line.data, "set %63s %zu %zu", s.name, &s.n_records, &s.n_ids) != 3) {
            more = golden_next_line(golden, &line);
            continue;
        }
        s.hashes = base_alloc(s.n_records, sizeof *s.hashes);
        cr_assert_not_null(s.hashes);
        golden_read_hashes(golden, s.n_records, s.hashes);
        more = read_also(golden, &s, &line);
        run_set(&s, t);
        n_sets++;
    }
    cr_assert_eq(n_sets, 8, "%zu sets", n_sets);
}

Test(golden, unigram32k_from_tokenizer_json)
{
    check("tokenizers/unigram32k.tokenizer.json", "tokenizer.json");
}

Test(golden, pegasus_from_tokenizer_json)
{
    check("tokenizers/pegasus_tokenizer.json", "tokenizer.json");
}

Test(golden, unigram32k_from_spiece_model)
{
    check("tokenizers/unigram32k.spiece.model", "spiece.model");
}

Test(golden, a_small_t5_model_from_spiece_model)
{
    check("tokenizers/hf_test_sentencepiece.model", "spiece.model");
}
