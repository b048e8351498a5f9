/*
 * The command against a real, small model behind llama.cpp's server, or whatever RRK_TEST_LOCAL_LLM names the base URL
 * of. Only what holds for any model is asserted: it ranks badly and answers messily, which is what it is for. The
 * context must be below 40,000 tokens, and the server must understand GBNF.
 */
#include "child.h"
#include "endpoint.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_QUERIES = 2, N_PASSAGES = 8 };

static child result;
static char candidates[300], run[300];

static void need_endpoint(void)
{
    static const char *const texts[N_PASSAGES] = {
        "A kettle boils water on a stove.",         "Trains leave the station every hour.",
        "Water boils at a lower heat on a peak.",   "The library lends books for four weeks.",
        "Steam comes out of the spout at the end.", "Bread is baked from flour and water.",
        "A thermometer tells how hot the tea is.",  "Ships carry goods over the sea."};
    if (!getenv("RRK_TEST_LOCAL_LLM"))
        cr_skip_test("no endpoint in RRK_TEST_LOCAL_LLM");
    snprintf(candidates, sizeof candidates, "%s", child_path("local.jsonl"));
    snprintf(run, sizeof run, "%s", child_path("local.run"));
    FILE *file = fopen(candidates, "w");
    for (int q = 0; q < N_QUERIES; q++) {
        fprintf(file, "{\"qid\":\"q%d\",\"query\":\"%s\",\"candidates\":[", q, q ? "trains" : "how does water boil");
        for (int i = 0; i < N_PASSAGES; i++)
            fprintf(file, "%s{\"docid\":\"d%d\",\"text\":\"%s\"}", i ? "," : "", i, texts[i]);
        fputs("]}\n", file);
    }
    cr_assert_eq(fclose(file), 0);
}

#define ASK_LOCAL(strategy, ...)                                                                                       \
    RUN(result, NULL, "rerank", "-S", strategy, "--llm", getenv("RRK_TEST_LOCAL_LLM"), "--llm-model", "smollm2",       \
        "--json", "-o", run, "-c", candidates, __VA_ARGS__)

static long long count(const char *name)
{
    json_t *root = json_loads(result.err, 0, NULL);
    const json_t *value = json_object_get(json_object_get(root, "counts"), name);
    cr_assert(result.code == 0 && json_is_integer(value), "%s: %s", name, result.err);
    long long n = json_integer_value(value);
    json_decref(root);
    return n;
}

/* Whatever was answered: each document once a query. */
static void expect_permutations(void)
{
    const char *text = child_slurp(run);
    char line[64];
    for (int q = 0; q < N_QUERIES; q++)
        for (int i = 0; i < N_PASSAGES; i++) {
            snprintf(line, sizeof line, "q%d Q0 d%d ", q, i);
            const char *first = strstr(text, line);
            cr_assert(first && !strstr(first + 1, line), "'%s' is not there once in:\n%s", line, text);
        }
}

static void expect_calls(long long n)
{
    cr_assert_eq(count("calls"), n, "%s", result.err);
    cr_assert_eq(count("failed"), 0);
    cr_assert_eq(count("ok") + count("malformed"), n);
    cr_assert_eq(count("estimated_calls"), 0, "the endpoint told no usage");
    cr_assert(count("prompt_tokens") > n * 50 && count("completion_tokens") >= n);
    expect_permutations();
}

TestSuite(llm_local, .init = need_endpoint, .timeout = 300);

Test(llm_local, full_is_a_permutation_whatever_comes)
{
    ASK_LOCAL("full", "--retries", "0");
    expect_calls(N_QUERIES);
}

Test(llm_local, sliding_is_a_permutation_whatever_comes)
{
    ASK_LOCAL("sliding", "--window", "4", "--stride", "2");
    expect_calls(3 * N_QUERIES);
}

Test(llm_local, a_grammar_holds_answers_to_identifiers)
{
    ASK_LOCAL("full", "--constrain=list");
    expect_calls(N_QUERIES);
    cr_assert_eq(count("out_of_range"), 0);
}

Test(llm_local, strict_answers_are_always_in_order)
{
    ASK_LOCAL("full", "--constrain=strict");
    expect_calls((N_PASSAGES - 1) * N_QUERIES);
    cr_assert(count("malformed") == 0 && count("repeated") == 0 && count("missing") == 0, "%s", result.err);
}

Test(llm_local, an_answer_is_ended_when_enough_came)
{
    ASK_LOCAL("full", "--constrain=list", "-n", "1");
    cr_assert_eq(count("stopped"), N_QUERIES, "%s", result.err);
    cr_assert_gt(count("tokens_saved"), 0);
}

Test(llm_local, a_cap_that_cuts_the_answer_is_told)
{
    ASK_LOCAL("full", "--extra-body", "{\"max_tokens\":3}");
    expect_calls(N_QUERIES);
    cr_assert_eq(count("cut"), N_QUERIES, "%s", result.err);
}

Test(llm_local, a_prompt_above_the_context_is_refused_in_the_endpoints_words)
{
    FILE *file = fopen(candidates, "w");
    fputs("{\"qid\":\"q\",\"query\":\"trains\",\"candidates\":[{\"docid\":\"a\",\"text\":\"x\"},"
          "{\"docid\":\"b\",\"text\":\"",
          file);
    for (int i = 0; i < 40000; i++)
        fputs("train ", file);
    fputs("\"}]}\n", file);
    cr_assert_eq(fclose(file), 0);
    ASK_LOCAL("full", "--passage-words", "100000");
    cr_assert(result.code == 1 && strstr(result.err, "HTTP 400") && strstr(result.err, "context"), "%s", result.err);
}
