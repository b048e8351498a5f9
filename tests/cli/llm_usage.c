/* The command line of verbs that ask an LLM: mistakes, limits, predictions, prices. Nothing may be asked in here. */
#include "endpoint.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static child result;
static endpoint llm;

static void start(void)
{
    endpoint_start(&llm);
}

static void stop(void)
{
    cr_expect_eq(endpoint_calls(&llm), 0, "something was asked");
    endpoint_stop(&llm);
}

TestSuite(llm_usage, .init = start, .fini = stop);

static void expect_error(int code, const char *part)
{
    cr_assert_eq(result.code, code, "exit code %d: %s", result.code, result.err);
    cr_assert_str_empty(result.out);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
}

#define RERANK(strategy, ...)                                                                                          \
    ASK(result, &llm, "rerank", "--strategy", strategy, "--candidates", endpoint_candidates(), __VA_ARGS__)

Test(llm_usage, windows_that_cannot_move_are_refused)
{
    RERANK("sliding", "--stride", "0");
    expect_error(2, "--stride 0 is not within 1..10000");
    RERANK("sliding", "--stride", "20");
    expect_error(2, "--stride 20 is not less than the window, 20");
    RERANK("sliding", "--window", "5", "--stride", "5");
    expect_error(2, "--stride 5 is not less than the window, 5");
    RERANK("sliding", "--window", "1");
    expect_error(2, "--window 1 is not within 2..10000");
    RERANK("full", "--window", "5");
    expect_error(2, "--window is for sliding windows only");
    RERANK("full", "--stride", "5");
    expect_error(2, "--stride is for sliding windows only");
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "--stride", "25");
    expect_error(2, "rrk label: --stride 25 is not less than the window, 20");
}

Test(llm_usage, a_strategy_needs_what_ranks_it)
{
    RUN(result, NULL, "rerank", "-S", "full", "-c", "c");
    expect_error(2, "--strategy full needs --llm");
    RUN(result, NULL, "rerank", "-S", "full", "-c", "c", "--llm", llm.url);
    expect_error(2, "--llm-model is missing");
    RUN(result, NULL, "rerank", "-S", "cross", "-c", "c");
    expect_error(2, "--strategy cross needs --model");
    RERANK("cross", "--model", "m");
    expect_error(2, "--strategy cross excludes --llm and --llm-model");
    RERANK("full", "--model", "m");
    expect_error(2, "--strategy full excludes --model");
    RERANK("full", "--long", "chunk");
    expect_error(2, "--long chunk is for strategies with a model of their own");
    RERANK("full", "--threads", "2");
    expect_error(2, "--threads is for strategies with a model of their own");
    RUN(result, NULL, "rerank", "-S", "cross", "-m", "m", "-c", "c", "--dry-run");
    expect_error(2, "--dry-run is for full and sliding");
    RUN(result, NULL, "label", "-c", "c");
    expect_error(2, "--llm is missing");
    RUN(result, NULL, "label", "--llm", llm.url, "--llm-model", "m");
    expect_error(2, "needs --candidates, or --store, --run and --queries");
    RUN(result, NULL, "search", "-s", "s", "-S", "sliding", "q");
    expect_error(2, "--strategy sliding needs --llm");
    ASK(result, &llm, "search", "-s", "s", "q");
    expect_error(2, "--llm and --llm-model are for --strategy full and sliding");
}

Test(llm_usage, what_only_an_llm_looks_at_is_refused_without_one)
{
    static const char *const rows[][2] = {{"--window=5", "--window"},          {"--constrain", "--constrain"},
                                          {"--on-error=keep", "--on-error"},   {"--prompt=chat", "--prompt"},
                                          {"--in-flight=3", "--in-flight"},    {"--cache-store=c", "--cache-store"},
                                          {"--extra-body={}", "--extra-body"}, {"--no-stream", "--no-stream"}};
    char message[96];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(message, sizeof message, "%s is for strategies that ask an LLM", rows[i][1]);
        RUN(result, NULL, "rerank", "-S", "cross", "-m", "m", "-c", "c", rows[i][0]);
        expect_error(2, message);
        if (strcmp(rows[i][1], "--on-error") == 0)
            continue;
        RUN(result, NULL, "search", "-s", "s", rows[i][0], "q");
        expect_error(2, message);
    }
}

Test(llm_usage, messages_have_the_names_of_the_command_line)
{
    static const char *const rows[][2] = {{"127.0.0.1/v1", "--llm must begin with http:// or https://"},
                                          {"http://u:p@127.0.0.1/v1", "--llm holds a user name: hand a key over by "
                                                                      "--llm-key-env or --llm-key-file"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        RUN(result, NULL, "rerank", "-S", "full", "-c", endpoint_candidates(), "--llm", rows[i][0], "--llm-model", "m");
        expect_error(1, rows[i][1]);
    }
    RERANK("full", "--constrain=strict", "--ask-top-n");
    expect_error(2, "--ask-top-n and --constrain=strict exclude each other");
}

Test(llm_usage, labels_have_no_shortcuts)
{
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "--ask-top-n");
    expect_error(2, "unknown option '--ask-top-n'");
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "--on-error", "keep");
    expect_error(2, "unknown option");
}

Test(llm_usage, options_that_exclude_each_other_say_so)
{
    RERANK("full", "--llm-key-env", "A", "--llm-key-file", "b");
    expect_error(2, "--llm-key-env and --llm-key-file exclude each other");
    RERANK("full", "--cache", "write");
    expect_error(2, "--cache needs --cache-store FILE");
    RERANK("full", "--cache", "off", "--cache-store", "c");
    expect_error(2, "--cache off and --cache-store exclude each other");
    RERANK("full", "--resume");
    expect_error(2, "--resume needs --output FILE");
}

Test(llm_usage, limits_hold_to_the_unit)
{
    static const char *const rows[][3] = {
        {"--in-flight", "1024", "1025"}, {"--retries", "100", "101"},
        {"--passes", "10", "11"},        {"--window", "10000", "10001"},
        {"--stride", "19", "10001"},     {"--thinking-tokens", "1000000", "1000001"},
        {"--passage-words", "8", "7"},   {"--attempt-timeout", "86400000", "86400001"},
        {"--in-flight", "1", "0"},       {"--seed", "9007199254740991", "9007199254740993"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        RERANK("sliding", rows[i][0], rows[i][1], "--dry-run");
        cr_assert_eq(result.code, 0, "%s %s: %s", rows[i][0], rows[i][1], result.err);
        RERANK("sliding", rows[i][0], rows[i][2], "--dry-run");
        expect_error(2, "is not within");
    }
}

Test(llm_usage, files_and_bodies_that_are_no_good_are_named)
{
    RERANK("full", "--extra-body", "{bad");
    expect_error(1, "--extra-body is not JSON");
    RERANK("full", "--extra-body", "[1]");
    expect_error(1, "--extra-body is not a JSON object");
    RERANK("full", "--extra-body", "{\"stream\":1}");
    expect_error(1, "--extra-body may not set 'stream'");
    RERANK("full", "--ca-file", "/nowhere/ca.pem");
    expect_error(1, "/nowhere/ca.pem");
    RERANK("full", "--extra-body", "@/nowhere/body.json");
    expect_error(1, "/nowhere/body.json");
    RERANK("full", "--prompt", "/nowhere/prompt.yaml");
    expect_error(1, "/nowhere/prompt.yaml");
    RERANK("full", "--prices", "/nowhere/prices");
    expect_error(1, "/nowhere/prices");
    RERANK("full", "--call-log", "/nowhere/log");
    expect_error(1, "/nowhere/log");
    RERANK("full", "--cache", "read", "--cache-store", "/nowhere/cache.db");
    expect_error(1, "/nowhere/cache.db");
    RERANK("full", "--output", "/nowhere/run");
    expect_error(1, "/nowhere/run");
}

static void predict(const char *prices)
{
    RERANK("sliding", "--window", "2", "--stride", "1", "--dry-run", "--prices", prices);
}

Test(llm_usage, a_prediction_asks_nothing_and_begins_nothing)
{
    const char *run = child_path("dry.run"), *cache = child_path("dry.db"), *log = child_path("dry.log");
    RERANK("sliding", "--window", "2", "--stride", "1", "--dry-run", "-o", run, "--resume", "--cache-store", cache,
           "--call-log", log, "--llm-key-file", "/nowhere/key");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_eq(strncmp(result.out, "3 queries, 15 passages: 12 calls, about ", 40), 0, "%s", result.out);
    cr_assert_not_null(strstr(result.out, " tokens; nothing was asked\n"), "%s", result.out);
    cr_assert_not(child_exists(run) || child_exists(child_path("dry.run.partial")));
    cr_assert_not(child_exists(cache) || child_exists(log));
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "--dry-run", "-o", run, "--window", "2", "--stride", "1");
    cr_assert_eq(result.code, 0, "%s", result.err);
    /* 5 candidates: 4 windows settle the first, 3 the second, 2 the third, 1 the last two. */
    cr_assert_eq(strncmp(result.out, "3 queries, 15 passages: 30 calls, about ", 40), 0, "%s", result.out);
    cr_assert_not(child_exists(run));
}

Test(llm_usage, a_prediction_as_json_has_tokens_and_price)
{
    const char *prices = child_path("prices"), *currency;
    int calls, prompt_tokens, completion_tokens;
    double amount, expected;
    child_write(prices, "m\t1000\t2000\tEUR\n");
    RERANK("full", "--dry-run", "--json", "--prices", prices);
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:{s:i, s:i, s:i}, s:{s:F, s:s}}", "predicted", "calls", &calls, "prompt_tokens",
                             &prompt_tokens, "completion_tokens", &completion_tokens, "cost", "amount", &amount,
                             "currency", &currency),
                 0, "%s", result.out);
    json_decref(json);
    expected = (1000.0 * prompt_tokens + 2000.0 * completion_tokens) / 1e6;
    cr_assert(calls == 3 && prompt_tokens > 0 && completion_tokens > 0);
    cr_assert_float_eq(amount, expected, 1e-4, "%g, not %g", amount, expected);
}

Test(llm_usage, the_longest_beginning_of_a_models_name_has_the_price)
{
    const char *prices = child_path("prices");
    child_write(prices, "# none\n\n  mm 5 5 FIVE\n* 1 1 ONE\nm 0 0 TWO # of all that begin with m\n");
    predict(prices);
    cr_assert_not_null(strstr(result.out, ", 0.0000 TWO; nothing"), "%s", result.out);
    child_write(prices, "mm 5 5 FIVE\n* 0 0 ONE\n");
    predict(prices);
    cr_assert_not_null(strstr(result.out, ", 0.0000 ONE; nothing"), "%s", result.out);
    child_write(prices, "mm 5 5 FIVE\n");
    predict(prices);
    cr_assert_not_null(strstr(result.out, " tokens; nothing"), "no price, no figure: %s", result.out);
}

Test(llm_usage, a_bad_line_of_prices_is_named_wherever_it_is)
{
    static const char *const rows[][2] = {
        {"m 1 2 EUR\nother 1 2\n", "prices:2: not 'model input output currency'"},
        {"m 1 2 EUR more\n", "prices:1: not 'model input output currency'"},
        {"m one 2 EUR\n", "prices:1: 'one' is no price of a million tokens"},
        {"m 1 -2 EUR\n", "prices:1: '-2' is no price"},
        {"m 1 inf EUR\n", "prices:1: 'inf' is no price"},
        {"m 1 2 abcdefghijklmnop\n", "prices:1: 'abcdefghijklmnop' is no currency"},
    };
    const char *prices = child_path("prices");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        child_write(prices, rows[i][0]);
        predict(prices);
        expect_error(1, rows[i][1]);
    }
    child_write(prices, "m 0 0 abcdefghijklmno\n"); /* the longest currency */
    predict(prices);
    cr_assert_not_null(strstr(result.out, " abcdefghijklmno;"), "%s", result.out);
}

Test(llm_usage, prices_have_a_place_of_their_own)
{
    char path[300];
    const char *home = child_path("home");
    snprintf(path, sizeof path, "%s/rrk", home);
    cr_assert(mkdir(home, 0700) == 0 && mkdir(path, 0700) == 0);
    setenv("XDG_CONFIG_HOME", home, 1);
    RERANK("full", "--dry-run");
    cr_assert_not_null(strstr(result.out, " tokens; nothing"), "%s", result.out);
    snprintf(path, sizeof path, "%s/rrk/prices", home);
    child_write(path, "* 0 0 HERE\n");
    RERANK("full", "--dry-run");
    cr_assert_not_null(strstr(result.out, ", 0.0000 HERE; nothing"), "%s", result.out);
}
