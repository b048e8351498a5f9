/*
 * The command over DL19 against recorded answers of real models: the published figures, and none of the prompts is one
 * that the recordings do not know. Skipped where the collection or the replaying server is absent.
 */
#include "../rerank/replay.h"
#include "child.h"
#include "endpoint.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static child result;
static replay recorded;

static void stop(void)
{
    if (recorded.pid > 0)
        replay_stop(&recorded);
}

static void expect_code(int code)
{
    cr_assert_eq(result.code, code, "exit code %d: %s", result.code, result.err);
}

static void expect_ndcg(const char *run, const char *figure)
{
    RUN(result, NULL, "eval", "-m", "ndcg_cut_10", replay_data("dl19/qrels.txt"), run);
    expect_code(0);
    cr_assert_not_null(strstr(result.out, figure), "%s is not in: %s", figure, result.out);
}

static void start_trace(void)
{
    recorded =
        replay_start((const char *const[]){"--strict", "--trace", replay_data("dl19/trace.rankvicuna.jsonl"), NULL});
}

static void start_run(void)
{
    recorded = replay_start((const char *const[]){"--strict", "--run", replay_data("dl19/run.rankmistral100.txt"),
                                                  "--candidates", replay_data("dl19/candidates.bm25.jsonl"), NULL});
}

Test(llm_dl19, full_has_the_published_figure, .fini = stop)
{
    const char *run = child_path("full.run");
    start_run();
    RUN(result, NULL, "rerank", "-S", "full", "--llm", recorded.url, "--llm-model", "m", "-o", run, "-c",
        replay_data("dl19/candidates.bm25.jsonl"));
    expect_code(0);
    cr_assert_not_null(strstr(result.err, ": 43 calls, "), "%s", result.err);
    expect_ndcg(run, "0.7255");
}

Test(llm_dl19, sliding_has_the_traces_figure_and_needs_no_call_again, .fini = stop)
{
    static char first[1 << 18];
    const char *run = child_path("sliding.run"), *again = child_path("again.run"), *cache = child_path("cache.db");
    start_trace();
    RUN(result, NULL, "rerank", "-S", "sliding", "--llm", recorded.url, "--llm-model", "m", "-o", run, "-n", "20", "-c",
        replay_data("dl19/candidates.bm25.jsonl"), "--cache-store", cache);
    expect_code(0);
    cr_assert_not_null(strstr(result.err, ": 387 calls, "), "%s", result.err);
    expect_ndcg(run, "0.6840");
    RUN(result, NULL, "rerank", "-S", "sliding", "--llm", recorded.url, "--llm-model", "m", "-o", again, "-n", "20",
        "-c", replay_data("dl19/candidates.bm25.jsonl"), "--cache", "read", "--cache-store", cache);
    expect_code(0);
    cr_assert_not_null(strstr(result.err, ": 0 calls, 387 answered from the cache"), "%s", result.err);
    snprintf(first, sizeof first, "%s", child_slurp(run));
    cr_assert_str_eq(child_slurp(again), first);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* Both lists of a label, sorted, are the same 100 ids. */
static void expect_permutations(const json_t *label)
{
    json_t *lists[2][100];
    static const char *const names[] = {"initial_list", "final_list"};
    for (size_t l = 0; l < 2; l++) {
        json_t *list = json_object_get(label, names[l]);
        cr_assert_eq(json_array_size(list), 100);
        for (size_t i = 0; i < 100; i++)
            lists[l][i] = json_array_get(list, i);
        qsort(lists[l], 100, sizeof lists[l][0], compare_ids);
    }
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(compare_ids(&lists[0][i], &lists[1][i]), 0);
}

/* The first query alone: 45 windows take a Python server a second. */
Test(llm_dl19, a_label_takes_45_windows, .fini = stop)
{
    static char line[1 << 18];
    const char *one = child_path("one.jsonl");
    FILE *file = fopen(replay_data("dl19/candidates.bm25.jsonl"), "r");
    cr_assert_not_null(fgets(line, sizeof line, file));
    fclose(file);
    child_write(one, line);
    start_run();
    RUN(result, NULL, "label", "--llm", recorded.url, "--llm-model", "m", "-c", one);
    expect_code(0);
    cr_assert_not_null(strstr(result.err, ": 45 calls, "), "%s", result.err);
    json_t *label = json_loads(result.out, 0, NULL);
    cr_assert_not_null(label, "%s", result.out);
    expect_permutations(label);
    json_decref(label);
}
