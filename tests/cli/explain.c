/* rrk rerank --explain and --views, on a tiny T5 with random weights: what is told must fit the order that it is about. */
#include "../encoder/tiny_spiece.h"
#include "../encoder/tiny_t5.h"
#include "child.h"

#include <jansson.h>
#include <math.h>

enum { N_PASSAGES = 5, N_VIEWS = 3 };
static child result;
static folder model;

static const char QUERIES[] =
    "{\"qid\":\"q1\",\"query\":\"word30 word31\",\"candidates\":["
    "{\"docid\":\"d0\",\"text\":\"word25 word26\"},{\"docid\":\"d1\",\"text\":\"word40 word41 word42\"},"
    "{\"docid\":\"d2\",\"text\":\"word60\"},{\"docid\":\"d3\",\"text\":\"word80 word81\"},"
    "{\"docid\":\"d4\",\"title\":\"word27\",\"text\":\"word90 word91 word92 word93\"}]}\n"
    "{\"qid\":\"q2\",\"query\":\"word50\",\"candidates\":[{\"docid\":\"d9\",\"text\":\"word20\"}]}\n";

static const char *make_model(const char *shape)
{
    model = folder_new();
    t5_write(&model, t5_shape_of(shape), NULL);
    tiny_write_spiece(&model);
    return model.dir;
}

static void drop_model(void)
{
    folder_remove(&model);
}

static void expect_done(void)
{
    cr_assert_eq(result.code, 0, "exit code %d: %s", result.code, result.err);
}

static void expect_refused(int code, const char *part)
{
    cr_assert_eq(result.code, code, "exit code %d: %s", result.code, result.err);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
}

static double number_at(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

/* How many of a view's scores are above another. */
static json_int_t place_of(const json_t *passages, size_t view, double score)
{
    json_int_t place = 1;
    for (size_t i = 0; i < json_array_size(passages); i++)
        place += number_at(json_object_get(json_array_get(passages, i), "view_scores"), view) > score;
    return place;
}

static void expect_passage(const json_t *passages, size_t rank)
{
    const json_t *p = json_array_get(passages, rank), *scores = json_object_get(p, "view_scores"),
                 *ranks = json_object_get(p, "view_ranks");
    double sum = 0;
    cr_assert_eq(json_integer_value(json_object_get(p, "rank")), (json_int_t)rank + 1);
    cr_assert(json_array_size(scores) == N_VIEWS && json_array_size(ranks) == N_VIEWS);
    for (size_t k = 0; k < N_VIEWS; k++) {
        sum += number_at(scores, k);
        cr_assert_eq((json_int_t)number_at(ranks, k), place_of(passages, k, number_at(scores, k)));
    }
    cr_assert_float_eq(json_number_value(json_object_get(p, "score")), sum / N_VIEWS, 1e-6);
}

static void expect_symmetric(const json_t *matrix, double most)
{
    cr_assert_eq(json_array_size(matrix), N_VIEWS);
    for (size_t i = 0; i < N_VIEWS; i++) {
        const json_t *row = json_array_get(matrix, i);
        cr_assert_eq(json_array_size(row), N_VIEWS);
        cr_assert_float_eq(number_at(row, i), 1, 1e-6);
        for (size_t j = 0; j < N_VIEWS; j++)
            cr_assert(fabs(number_at(row, j)) <= most && number_at(row, j) == number_at(json_array_get(matrix, j), i));
    }
}

/* The docids in the order told, as the run of the same command has them. */
static void expect_order_of_the_run(const json_t *passages)
{
    char docid[32];
    size_t n = 0;
    RUN(result, QUERIES, "rerank", "-S", "mvp", "-m", model.dir, "-t", "1", "--views", "3", "-c", "-");
    expect_done();
    for (const char *at = result.out; strncmp(at, "q1 ", 3) == 0; at = strchr(at, '\n') + 1, n++) {
        cr_assert_eq(sscanf(at, "q1 Q0 %31s", docid), 1);
        cr_assert_str_eq(json_string_value(json_object_get(json_array_get(passages, n), "docid")), docid);
    }
    cr_assert_eq(n, N_PASSAGES);
}

Test(explain, as_json_is_an_object_a_query, .fini = drop_model)
{
    const char *dir = make_model("mvp10");
    RUN(result, QUERIES, "rerank", "-S", "mvp", "-m", dir, "-t", "1", "--views", "3", "-c", "-", "--explain", "--json");
    expect_done();
    char *second = strchr(result.out, '\n') + 1;
    json_t *one = json_loadb(result.out, (size_t)(second - result.out), 0, NULL), *two = json_loads(second, 0, NULL);
    cr_assert(one && two, "%s", result.out);
    cr_assert_str_eq(json_string_value(json_object_get(one, "qid")), "q1");
    cr_assert_str_eq(json_string_value(json_object_get(one, "query")), "word30 word31");
    const json_t *passages = json_object_get(one, "passages");
    cr_assert_eq(json_array_size(passages), N_PASSAGES);
    for (size_t i = 0; i < N_PASSAGES; i++)
        expect_passage(passages, i);
    expect_symmetric(json_object_get(one, "anchor_cosines"), 1 + 1e-6);
    expect_symmetric(json_object_get(one, "view_taus"), 1);
    cr_assert_eq(json_array_size(json_object_get(one, "final_taus")), N_VIEWS);
    expect_order_of_the_run(passages);
    /* One passage: no two of them to be in order. */
    cr_assert_str_eq(json_string_value(json_object_get(two, "qid")), "q2");
    cr_assert(json_is_null(json_array_get(json_object_get(two, "final_taus"), 0)));
    cr_assert_float_eq(number_at(json_array_get(json_object_get(two, "anchor_cosines"), 1), 1), 1, 1e-6);
    json_decref(one);
    json_decref(two);
}

Test(explain, for_people_is_tables, .fini = drop_model)
{
    const char *dir = make_model("mvp10");
    RUN(result, QUERIES, "rerank", "-S", "mvp", "-m", dir, "-t", "1", "--views", "3", "-c", "-", "--explain", "-n",
        "2");
    expect_done();
    cr_assert_eq(strncmp(result.out, "query q1: word30 word31 (5 passages, 3 views)\n", 46), 0, "%s", result.out);
    cr_assert_not_null(strstr(result.out, "\nquery q2: word50 (1 passage, 3 views)\n"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "\ncosines of the views' anchors"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "\n     3"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "    2 "), "%s", result.out);
    cr_assert_null(strstr(result.out, "\n    3 "), "more than two passages: %s", result.out);
    cr_assert_null(strstr(result.out, "nan"), "%s", result.out);
    cr_assert_null(strchr(result.out, '\033'), "%s", result.out);
}

Test(explain, goes_into_a_file_with_provenance, .fini = drop_model)
{
    const char *dir = make_model("mvp10"), *file = child_path("why.jsonl");
    RUN(result, QUERIES, "rerank", "-S", "mvp", "-m", dir, "--views", "3", "-c", "-", "--explain", "--json", "-o", file,
        "--provenance");
    expect_done();
    cr_assert_str_empty(result.out);
    cr_assert(child_exists(file));
    json_t *json = json_load_file(child_path("why.jsonl.json"), 0, NULL);
    const json_t *options = json_object_get(json, "options");
    cr_assert_eq(json_integer_value(json_object_get(options, "views")), 3);
    cr_assert_str_eq(json_string_value(json_object_get(options, "dtype")), "f32");
    json_decref(json);
}

Test(explain, is_refused_where_there_is_nothing_to_tell)
{
    RUN(result, NULL, "rerank", "-S", "cross", "-m", "m", "-c", "c", "--explain");
    expect_refused(2, "--explain is for --strategy mvp: cross has no views");
    RUN(result, NULL, "rerank", "-S", "full", "--llm", "http://127.0.0.1:1/v1", "--llm-model", "m", "-c", "c",
        "--explain");
    expect_refused(2, "--explain is for --strategy mvp: full has no views");
    RUN(result, NULL, "rerank", "-S", "mvp", "-m", "m", "-c", "c", "--explain", "--tag", "t");
    expect_refused(2, "--explain excludes --tag");
    RUN(result, NULL, "rerank", "-S", "mvp", "-m", "m", "-c", "c", "--explain", "--resume", "-o", "o");
    expect_refused(2, "--explain excludes --resume");
}

Test(views, open_a_plain_t5_as_an_mvp_model, .fini = drop_model)
{
    const char *dir = make_model("mvp10"), *store = child_path("views.db");
    RUN(result, QUERIES, "rerank", "-S", "mvp", "-m", dir, "-c", "-");
    expect_refused(1, "strategy 'mvp' needs a model with views (--views)");
    RUN(result, NULL, "info", dir, "--views", "99");
    expect_done();
    cr_assert_not_null(strstr(result.out, "\nviews            99\n"), "%s", result.out);
    RUN(result, "p\tword25 word26\n", "import", "-s", store, "--format", "msmarco", "-");
    expect_done();
    RUN(result, NULL, "search", "-s", store, "-m", dir, "--views", "2", "--json", "word25");
    expect_done();
    cr_assert_not_null(strstr(result.out, "\"strategy\": \"mvp\""), "%s", result.out);
}

Test(views, are_as_many_as_there_are_tokens, .fini = drop_model)
{
    static const char *const VERBS[] = {"rerank", "search", "info"};
    for (size_t i = 0; i < RRK_COUNT(VERBS); i++) {
        RUN(result, NULL, VERBS[i], "--views", "0");
        expect_refused(2, "--views 0 is not within 1..99");
        RUN(result, NULL, VERBS[i], "--views", "100");
        expect_refused(2, "--views 100 is not within 1..99");
    }
    RUN(result, NULL, "rerank", "-S", "monot5", "-m", "m", "-c", "c", "--views", "4");
    expect_refused(2, "--views is for --strategy mvp: monot5 has no views");
    RUN(result, NULL, "info", make_model("v10"), "--views", "4");
    expect_refused(1, "--views is 4, but a model of architecture 'T5EncoderModel' has no views");
}

Test(device, is_one_that_the_processor_has, .fini = drop_model)
{
    const char *dir = make_model("v10");
    RUN(result, NULL, "info");
    expect_done();
    cr_assert_not_null(strstr(result.out, "cpu:plain"), "%s", result.out);
    RUN(result, NULL, "info", dir, "--device", "cpu:plain");
    expect_done();
    cr_assert_not_null(strstr(result.out, "cpu f32 plain"), "%s", result.out);
    RUN(result, NULL, "info", dir, "--device", "cpu:abacus");
    expect_refused(1, "device 'cpu:abacus': this processor has no such instruction set");
    RUN(result, NULL, "rerank", "-S", "full", "--llm", "http://127.0.0.1:1/v1", "--llm-model", "m", "-c", "c",
        "--device", "cpu");
    expect_refused(2, "--device is for strategies with a model of their own");
}
