/* The three formats give the same, and what is wrong is said with its line. */
#include "eval/candidates.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char *const same[] = {
    "{\"query\":{\"text\":\"why\",\"qid\":7},\"candidates\":[{\"docid\":\"1\",\"score\":2.5,"
    "\"doc\":{\"title\":\"T\",\"segment\":\"x\"}}]}\n",
    "{\"qid\":\"7\",\"q_text\":\"why\",\"bm25_results\":[{\"pid\":1,\"text\":\"x\",\"title\":\"T\","
    "\"bm25_score\":2.5}],\"qrels\":{}}\n",
    "\n{\"qid\":\"7\",\"query\":\"why\",\"candidates\":[{\"docid\":1,\"score\":2.5,\"text\":\"x\",\"title\":\"T\"}]}\n",
    "{\"qid\":7,\"query\":\"why\",\"candidates\":[{\"_id\":\"1\",\"title\":\"T\",\"doc\":\"x\"}]}\r\n",
    "{\"qid\":7,\"query\":null,\"q_text\":\"why\",\"candidates\":[{\"docid\":null,\"pid\":1,\"title\":\"T\","
    "\"text\":null,\"contents\":\"x\",\"body\":\"y\"}]}",
};

static const struct {
    const char *line;
    const char *message;
} bad[] = {
    {"{", ":1: not a JSON object"},
    {"[]", ":1: not a JSON object"},
    {"{\"query\":\"why\",\"candidates\":[]}", "lacks a qid"},
    {"{\"qid\":1.5,\"query\":\"why\",\"candidates\":[]}", "lacks a qid"},
    {"{\"qid\":1,\"candidates\":[]}", "lacks a query"},
    {"{\"qid\":1,\"query\":[],\"candidates\":[]}", "lacks a query"},
    {"{\"qid\":1,\"query\":\"why\"}", "lacks a list 'candidates' or 'bm25_results'"},
    {"{\"qid\":1,\"query\":\"why\",\"candidates\":{}}", "lacks a list 'candidates' or 'bm25_results'"},
    {"{\"qid\":1,\"query\":\"w\",\"candidates\":[\"x\"]}", ":1: a candidate has no docid"},
    {"{\"qid\":1,\"query\":\"w\",\"candidates\":[{\"text\":\"x\"}]}", ":1: a candidate has no docid"},
    {"{\"qid\":1,\"query\":\"w\",\"candidates\":[{\"docid\":1}]}", ":1: candidate '1' has no text"},
    {"{\"qid\":1,\"query\":\"w\",\"candidates\":[{\"docid\":1,\"text\":5}]}", ":1: candidate '1' has no text"},
    {"{\"qid\":1,\"query\":\"w\",\"candidates\":[{\"docid\":\"a\\u0000b\",\"text\":\"x\"}]}",
     "a docid has a NUL in it"},
    {"{\"qid\":\"\\u0000\",\"query\":\"w\",\"candidates\":[]}", "a qid has a NUL in it"},
};

static eval_candidates *open_text(const char *content)
{
    eval_candidates *file;
    rrk_error err = {0};
    cr_assert_eq(eval_candidates_open(&file, scratch_text(content), &err), RRK_OK, "%s", err.message);
    return file;
}

static void check_text(rrk_text text, const char *expected)
{
    cr_assert(text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0, "'%.*s' is not '%s'",
              (int)text.len, text.data, expected);
}

Test(candidates, are_the_same_in_all_formats)
{
    for (size_t i = 0; i < RRK_COUNT(same); i++) {
        eval_candidates *file = open_text(same[i]);
        eval_candidates_query query;
        bool more;
        rrk_error err = {0};
        cr_assert_eq(eval_candidates_next(file, &query, &more, &err), RRK_OK, "row %zu: %s", i, err.message);
        cr_assert(more && query.n == 1);
        check_text(query.qid, "7");
        check_text(query.query, "why");
        check_text(query.passages[0].id, "1");
        check_text(query.passages[0].title, "T");
        check_text(query.passages[0].text, "x");
        cr_assert(eval_candidates_next(file, &query, &more, &err) == RRK_OK && !more);
        eval_candidates_close(file);
    }
}

Test(candidates, texts_may_have_a_nul)
{
    eval_candidates *file =
        open_text("{\"qid\":1,\"query\":\"a\\u0000b\",\"candidates\":[{\"docid\":1,\"text\":\"x\\u0000y\"}]}");
    eval_candidates_query query;
    bool more;
    cr_assert_eq(eval_candidates_next(file, &query, &more, NULL), RRK_OK);
    cr_assert(query.query.len == 3 && memcmp(query.query.data, "a\0b", 3) == 0);
    cr_assert(query.passages[0].text.len == 3 && memcmp(query.passages[0].text.data, "x\0y", 3) == 0);
    eval_candidates_close(file);
}

Test(candidates, say_where_a_line_is_bad)
{
    for (size_t i = 0; i < RRK_COUNT(bad); i++) {
        eval_candidates *file = open_text(bad[i].line);
        eval_candidates_query query;
        bool more;
        rrk_error err = {0};
        cr_assert_eq(eval_candidates_next(file, &query, &more, &err), RRK_E_FORMAT, "row %zu", i);
        cr_assert_not_null(strstr(err.message, ":1: "), "row %zu: %s", i, err.message);
        cr_assert_not_null(strstr(err.message, bad[i].message), "row %zu: %s", i, err.message);
        eval_candidates_close(file);
    }
}

/* A short list after a long one must not show what is left of the long one. */
Test(candidates, of_a_line_are_its_own)
{
    eval_candidates *file = open_text(
        "{\"qid\":1,\"query\":\"w\",\"candidates\":[{\"docid\":1,\"text\":\"a\"},{\"docid\":2,\"text\":\"b\"}]}\n"
        "{\"qid\":2,\"query\":\"w\",\"candidates\":[{\"docid\":3,\"title\":\"c\"}]}\n"
        "{\"qid\":3,\"query\":\"w\",\"candidates\":[]}\n");
    static const size_t expected[] = {2, 1, 0};
    eval_candidates_query query;
    bool more;
    for (size_t i = 0; i < RRK_COUNT(expected); i++) {
        cr_assert(eval_candidates_next(file, &query, &more, NULL) == RRK_OK && more);
        cr_assert_eq(query.n, expected[i]);
        cr_assert(i != 1 || query.passages[0].text.len == 0);
    }
    eval_candidates_close(file);
}

static void check_line_of(size_t n_bytes, rrk_status expected)
{
    static const char head[] = "{\"qid\":1,\"query\":\"w\",\"candidates\":[]}";
    char *content = malloc(n_bytes);
    cr_assert_not_null(content);
    memset(content, ' ', n_bytes);
    memcpy(content, head, sizeof head - 1);
    eval_candidates *file;
    eval_candidates_query query;
    bool more;
    cr_assert_eq(eval_candidates_open(&file, scratch_file(content, n_bytes), NULL), RRK_OK);
    cr_assert_eq(eval_candidates_next(file, &query, &more, NULL), expected, "%zu bytes", n_bytes);
    eval_candidates_close(file);
    free(content);
}

Test(candidates, have_a_longest_line)
{
    check_line_of(EVAL_CANDIDATES_MAX_LINE_BYTES, RRK_OK);
    check_line_of(EVAL_CANDIDATES_MAX_LINE_BYTES + 1, RRK_E_INVALID);
}

Test(candidates, of_dl19_are_read)
{
    eval_candidates *file;
    eval_candidates_query query;
    bool more;
    size_t n = 0;
    cr_assert_eq(eval_candidates_open(&file, data_path("dl19/candidates.bm25.jsonl"), NULL), RRK_OK);
    for (; eval_candidates_next(file, &query, &more, NULL) == RRK_OK && more; n++)
        cr_assert(query.n > 0 && query.passages[0].text.len > 0);
    cr_assert_eq(n, 43, "%zu queries", n);
    eval_candidates_close(file);
}
