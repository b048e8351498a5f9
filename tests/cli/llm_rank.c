/* rrk rerank and search with an LLM: orders, costs, failures, the key, the cache, what is sent. */
#include "endpoint.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static child result;
static endpoint llm;

static void stop(void)
{
    if (llm.server)
        endpoint_stop(&llm);
}

static void expect_code(int code)
{
    cr_assert_eq(result.code, code, "exit code %d: %s", result.code, result.err);
}

static void expect_failure(const char *part)
{
    expect_code(1);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
}

static void expect_in(const char *text, const char *part)
{
    cr_assert_not_null(strstr(text, part), "'%s' is not in: %s", part, text);
}

/* docids are words with blanks between them: the run's second column, all queries in a row. */
static void expect_docs(const char *run, const char *docids)
{
    char found[512] = "", docid[32];
    for (const char *at = run; *at; at = strchr(at, '\n') + 1) {
        cr_assert_eq(sscanf(at, "%*s Q0 %31s", docid), 1, "%s", at);
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", found[0] ? " " : "", docid);
    }
    cr_assert_str_eq(found, docids);
}

#define REVERSED "a5 a4 a3 a2 a1 b5 b4 b3 b2 b1 c5 c4 c3 c2 c1"

Test(llm_rank, full_is_one_call_a_query, .fini = stop)
{
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates());
    expect_code(0);
    expect_docs(result.out, REVERSED);
    expect_in(result.out, "q1 Q0 a5 1 1 full\n");
    expect_in(result.err, "3 queries, 15 passages in ");
    expect_in(result.err, "3 calls, 300 prompt and 30 completion tokens\n3 answers in order, 0 mended\n");
    cr_assert_eq(endpoint_calls(&llm), 3);
}

/* Windows of two carry the last one to the front past the others, which keep their order. */
Test(llm_rank, sliding_moves_a_window_to_the_front, .fini = stop)
{
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "sliding", "-c", endpoint_candidates(), "--window", "2", "--stride", "1");
    expect_code(0);
    expect_docs(result.out, "a5 a1 a2 a3 a4 b5 b1 b2 b3 b4 c5 c1 c2 c3 c4");
    cr_assert_eq(endpoint_calls(&llm), 12);
}

Test(llm_rank, many_queries_come_out_in_the_inputs_order, .fini = stop)
{
    static child other;
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "sliding", "-c", endpoint_candidates(), "--in-flight", "1", "--no-stream");
    ASK(other, &llm, "rerank", "-S", "sliding", "-c", endpoint_candidates(), "--in-flight", "64");
    expect_code(0);
    expect_docs(result.out, REVERSED);
    cr_assert_str_eq(result.out, other.out);
}

Test(llm_rank, candidates_can_be_shown_in_another_order, .fini = stop)
{
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--order", "reversed", "-n", "1");
    expect_code(0);
    expect_docs(result.out, "a1 b1 c1");
}

Test(llm_rank, a_query_without_an_answer_is_left_out, .fini = stop)
{
    const char *run = child_path("left.run");
    llm.refused = "beta";
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run);
    expect_code(1);
    expect_in(result.err, "rrk rerank: query 'q2' is left out: ");
    expect_in(result.err, "not this one\n");
    expect_in(result.err, "3 queries, 1 without an answer, ");
    expect_docs(child_slurp(run), "a5 a4 a3 a2 a1 c5 c4 c3 c2 c1");
}

Test(llm_rank, or_keeps_the_order_it_came_in, .fini = stop)
{
    llm.refused = "beta";
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--on-error", "keep", "-n", "2");
    expect_code(0);
    expect_in(result.err, "rrk rerank: query 'q2' keeps its order: ");
    expect_in(result.err, "1 without an answer");
    expect_docs(result.out, "a5 a4 b1 b2 c5 c4");
}

Test(llm_rank, nothing_ranked_leaves_the_old_run, .fini = stop)
{
    const char *run = child_path("old.run");
    child_write(run, "old\n");
    llm.refused = "number";
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run);
    expect_code(1);
    expect_in(result.err, "rrk rerank: none of 3 queries was ranked\n");
    cr_assert_str_eq(child_slurp(run), "old\n");
}

Test(llm_rank, an_empty_query_is_named, .fini = stop)
{
    const char *lists = child_path("empty.jsonl");
    child_write(lists, "{\"qid\":\"full\",\"query\":\"x\",\"candidates\":[{\"docid\":\"1\",\"text\":\"x\"}]}\n"
                       "{\"qid\":\"void\",\"query\":\" \",\"candidates\":[{\"docid\":\"1\",\"text\":\"x\"}]}\n");
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", lists);
    expect_failure("rrk rerank: query 'void': ");
    cr_assert_eq(endpoint_calls(&llm), 0);
}

Test(llm_rank, the_key_is_sent_and_never_shown, .fini = stop)
{
    const char *key = child_path("key"), *run = child_path("key.run"), *log = child_path("key.log");
    child_write(key, "  top-secret \n");
    llm.key = "top-secret";
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm-key-file", key, "-o", run,
        "--provenance", "--call-log", log);
    expect_code(0);
    cr_assert_null(strstr(result.err, "top-secret"));
    expect_in(child_slurp(log), "\"status\":\"RRK_OK\"");
    cr_assert_null(strstr(child_slurp(log), "top-secret"));
    cr_assert_null(strstr(child_slurp(run), "top-secret"));
    cr_assert_null(strstr(child_slurp(child_path("key.run.json")), "top-secret"));
    setenv("RRK_TEST_KEY", "top-secret", 1);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm-key-env", "RRK_TEST_KEY");
    expect_code(0);
    setenv("RRK_TEST_KEY", "other-secret", 1);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm-key-env", "RRK_TEST_KEY");
    expect_code(1);
    expect_in(result.err, "HTTP 401: not with this key");
    cr_assert_null(strstr(result.err, "other-secret"));
}

Test(llm_rank, keys_that_cannot_be_had_are_named, .fini = stop)
{
    const char *empty = child_path("empty.key"), *two = child_path("two.key");
    child_write(empty, "\n");
    child_write(two, "one two\n");
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm-key-file", "/nowhere/key");
    expect_failure("/nowhere/key");
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm-key-file", empty);
    expect_failure("empty.key has no key");
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm-key-file", two);
    expect_failure("two.key: the key has a blank");
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm-key-env", "RRK_TEST_NO_KEY");
    expect_failure("the environment has no RRK_TEST_NO_KEY");
    cr_assert_eq(endpoint_calls(&llm), 0);
}

Test(llm_rank, a_second_run_with_a_cache_asks_nothing, .fini = stop)
{
    static char first[4096];
    const char *run = child_path("cached.run"), *cache = child_path("cache.db");
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--cache-store", cache);
    expect_code(0);
    cr_assert_eq(endpoint_calls(&llm), 3);
    snprintf(first, sizeof first, "%s", child_slurp(run));
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--cache", "read",
        "--cache-store", cache);
    expect_code(0);
    expect_in(result.err, "0 calls, 3 answered from the cache");
    cr_assert_eq(endpoint_calls(&llm), 3);
    cr_assert_str_eq(child_slurp(run), first);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--cache", "read",
        "--cache-store", cache, "--order", "reversed");
    expect_code(0);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--cache", "read",
        "--cache-store", cache, "--order", "reversed");
    cr_assert_eq(endpoint_calls(&llm), 9, "reading must not record");
}

static json_t *sent_body(size_t number)
{
    const server_request *request = server_request_at(llm.server, number);
    return request ? json_loadb(request->body, request->body_len, 0, NULL) : NULL;
}

Test(llm_rank, options_reach_the_endpoint, .fini = stop)
{
    const char *extra = child_path("extra.json"), *model;
    int seed, top_k;
    child_write(extra, "{\"top_k\": 7}");
    llm.refused = "beta";
    endpoint_start(&llm);
    char at_extra[300];
    snprintf(at_extra, sizeof at_extra, "@%s", extra);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "--seed", "5", "--extra-body", at_extra,
        "--cap-name", "max_completion_tokens", "--constrain", "--in-flight", "1");
    expect_code(1);
    json_t *body = sent_body(0);
    cr_assert_eq(json_unpack(body, "{s:s, s:i, s:i}", "model", &model, "seed", &seed, "top_k", &top_k), 0, "%s",
                 server_request_at(llm.server, 0)->body);
    cr_assert(strcmp(model, "m") == 0 && seed == 5 && top_k == 7);
    cr_assert_not_null(json_object_get(body, "max_completion_tokens"));
    cr_assert_null(json_object_get(body, "max_tokens"));
    cr_assert_not_null(json_object_get(body, "grammar"), "--constrain alone means list");
    json_decref(body);
}

Test(llm_rank, a_choice_may_follow_behind_a_blank_or_not_at_all, .fini = stop)
{
    static const char *const forms[][3] = {{"--constrain=strict"}, {"--constrain", "strict"}, {"--constrain"}};
    endpoint_start(&llm);
    for (size_t i = 0; i < 3; i++) {
        size_t before = endpoint_calls(&llm);
        ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), forms[i][0],
            forms[i][1] ? forms[i][1] : "--no-stream");
        expect_code(0);
        if (i < 2)
            cr_assert_gt(endpoint_calls(&llm) - before, 3, "strict asks for one identifier a call");
        else
            cr_assert_eq(endpoint_calls(&llm) - before, 3);
    }
}

Test(llm_rank, provenance_has_the_prompt_the_endpoint_and_the_cost, .fini = stop)
{
    const char *run = child_path("p.run"), *prices = child_path("prices"), *endpoint_url, *hash, *model, *currency;
    int window, calls, prompt_tokens;
    double amount;
    char url[300];
    child_write(prices, "# a comment\nm 10 100 EUR # of the model\n* 1 1 XXX\n");
    endpoint_start(&llm);
    snprintf(url, sizeof url, "%s/?token=hidden", llm.url);
    RUN(result, NULL, "rerank", "-S", "sliding", "--llm", url, "--llm-model", "m2", "-c", endpoint_candidates(), "-o",
        run, "--provenance", "--prices", prices, "--json");
    expect_code(0);
    json_t *json = json_loads(child_slurp(child_path("p.run.json")), 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:s, s:s, s:s, s:{s:i}, s:{s:i, s:i}, s:{s:F, s:s}}", "model", &model, "endpoint",
                             &endpoint_url, "prompt_sha256", &hash, "options", "window", &window, "counts", "calls",
                             &calls, "prompt_tokens", &prompt_tokens, "cost", "amount", &amount, "currency", &currency),
                 0, "%s", child_slurp(child_path("p.run.json")));
    cr_assert_null(strstr(endpoint_url, "hidden"));
    cr_assert(strcmp(model, "m2") == 0 && strlen(hash) == 64 && window == 20 && calls == 3 && prompt_tokens == 300);
    cr_assert(amount > 0.00599 && amount < 0.00601 && strcmp(currency, "EUR") == 0, "%g %s", amount, currency);
    json_decref(json);
}

Test(llm_rank, search_asks_too, .fini = stop)
{
    const char *store = child_path("asked.db");
    RUN(result, "d1\tblue kettle\nd2\tred kettle\nd3\tgreen kettle\n", "import", "--store", store, "--format",
        "msmarco", "-");
    expect_code(0);
    endpoint_start(&llm);
    ASK(result, &llm, "search", "-s", store, "-S", "full", "--json", "--cache", "write", "kettle");
    expect_code(0);
    const char *strategy, *id;
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:s, s:[{s:s}]}", "strategy", &strategy, "results", "id", &id), 0, "%s",
                 result.out);
    cr_assert(strcmp(strategy, "full") == 0 && strcmp(id, "d3") == 0, "%s", result.out);
    json_decref(json);
    ASK(result, &llm, "search", "-s", store, "-S", "full", "--cache", "read", "kettle");
    expect_code(0);
    cr_assert_eq(endpoint_calls(&llm), 1);
}
