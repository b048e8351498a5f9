/*
 * rrk compare: what it refuses, figures done by hand, and the whole of it against the replay server, which answers with
 * what these tests wrote for it, or with what a real model once said over DL19.
 */
#include "../encoder/tiny_model.h"
#include "child.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static child result;
static folder model;
static pid_t server;
static char url[64];
static const char *candidates, *qrels;

enum { EMBEDDING };

/* Two judged queries and one that is not; d1 is the relevant one of q1 and comes second, d8 that of q2, third. */
static const char CANDIDATES[] =
    "{\"qid\":\"q1\",\"query\":\"word5\",\"candidates\":[{\"docid\":\"d0\",\"text\":\"word5 word6 word7\"},"
    "{\"docid\":\"d1\",\"text\":\"word20 word21\"},{\"docid\":\"d2\",\"text\":\"word40 word5 word41\"},"
    "{\"docid\":\"d3\",\"text\":\"word60 word61\"},{\"docid\":\"d4\",\"text\":\"word80\"}]}\n"
    "{\"qid\":\"q2\",\"query\":\"word6\",\"candidates\":[{\"docid\":\"d6\",\"text\":\"word100 word101\"},"
    "{\"docid\":\"d7\",\"text\":\"word120\"},{\"docid\":\"d8\",\"text\":\"word121 word7\"}]}\n"
    "{\"qid\":\"q3\",\"query\":\"word7\",\"candidates\":[{\"docid\":\"d9\",\"text\":\"word9\"}]}\n";

/*
 * What the model says, given and reversed. q1: d1 d0 d2 d3 d4, and reversed d1 d0 d2 d4 d3, one pair of ten the other
 * way round. q2: d8 d7 d6, the second time with a repeated identifier.
 */
static const char TRACE[] =
    "{\"prompt\":\"[1] word5 word6 word7\\n[2] word20 word21\\n[3] word40 word5 word41\\n[4] word60 word61\\n[5] "
    "word80\",\"response\":\"[2] > [1] > [3] > [4] > [5]\"}\n"
    "{\"prompt\":\"[1] word80\\n[2] word60 word61\\n[3] word40 word5 word41\\n[4] word20 word21\\n[5] word5 word6 "
    "word7\",\"response\":\"[4] > [5] > [3] > [1] > [2]\"}\n"
    "{\"prompt\":\"[1] word100 word101\\n[2] word120\\n[3] word121 word7\",\"response\":\"[3] > [2] > [1]\"}\n"
    "{\"prompt\":\"[1] word121 word7\\n[2] word120\\n[3] word100 word101\",\"response\":\"[1] > [1] > [2]\"}\n";

static void make_files(void)
{
    candidates = child_path("candidates.jsonl");
    qrels = child_path("qrels.txt");
    child_write(candidates, CANDIDATES);
    child_write(qrels, "q1 0 d1 1\nq2 0 d8 1\nq4 0 d1 1\n");
}

static void drop_all(void)
{
    if (server > 0)
        kill(server, SIGKILL);
    if (model.dir[0])
        folder_remove(&model);
}

/* Starts the replay server and waits until it listens. */
static void serve(const char *const *arguments)
{
    const char *tools = getenv("RRK_TEST_TOOLS");
    char path[512], line[128] = "";
    const char *argv[12] = {"python3", path};
    int ends[2], port = 0;
    snprintf(path, sizeof path, "%s/llm_replay.py", tools ? tools : "");
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "SKIP: no RRK_TEST_TOOLS with llm_replay.py\n");
        cr_skip_test("no RRK_TEST_TOOLS with llm_replay.py");
    }
    for (size_t i = 0; arguments[i]; i++)
        argv[i + 2] = arguments[i];
    cr_assert_eq(pipe(ends), 0);
    server = fork();
    cr_assert(server >= 0);
    if (server == 0) {
        char *copies[RRK_COUNT(argv)] = {NULL};
        for (size_t i = 0; argv[i]; i++)
            copies[i] = strdup(argv[i]);
        dup2(ends[1], STDOUT_FILENO);
        execvp("python3", copies);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    while (port == 0 && fgets(line, sizeof line, out))
        sscanf(line, "listening on %d", &port);
    fclose(out);
    cr_assert(port > 0, "the replay server did not start");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", port);
}

static void serve_trace(void)
{
    const char *trace = child_path("trace.jsonl");
    child_write(trace, TRACE);
    serve((const char *const[]){"--trace", trace, NULL});
}

static void expect(int code, const char *part)
{
    cr_assert_eq(result.code, code, "exit code %d: %s", result.code, result.err);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
}

#define COMPARE(...) RUN(result, NULL, "compare", "--qrels", qrels, "--candidates", candidates, __VA_ARGS__)
#define COMPARE_LLM(...) COMPARE("--llm", url, "--llm-model", "replay", "--retries", "0", __VA_ARGS__)

/* The system at index of the JSON that was printed. */
static json_t *root;
static json_t *printed(size_t index)
{
    cr_assert_eq(result.code, 0, "exit code %d: %s", result.code, result.err);
    json_decref(root);
    root = json_loads(result.out, 0, NULL);
    cr_assert_not_null(root, "%s", result.out);
    json_t *system = json_array_get(json_object_get(root, "systems"), index);
    cr_assert_not_null(system, "%s", result.out);
    return system;
}

/* The number at a path like "effort.calls"; NaN for null. */
static double figure(json_t *of, const char *path)
{
    char copy[64], *rest = copy, *word;
    snprintf(copy, sizeof copy, "%s", path);
    while ((word = strsep(&rest, ".")))
        of = json_object_get(of, word);
    cr_assert_not_null(of, "no %s in %s", path, result.out);
    return json_is_null(of) ? NAN : json_number_value(of);
}

Test(compare, what_is_wrong_is_named_before_any_work, .init = make_files)
{
    RUN(result, NULL, "compare", "--candidates", candidates, "first-stage");
    expect(2, "--qrels is missing");
    RUN(result, NULL, "compare", "--qrels", qrels, "first-stage");
    expect(2, "needs --candidates, or --store, --run and --queries");
    RUN(result, NULL, "compare", "--qrels", qrels, "--candidates", "-", "first-stage");
    expect(2, "cannot be standard input");
    RUN(result, NULL, "compare", "--qrels", qrels, "--candidates", candidates);
    expect(2, "needs a system");
    COMPARE("--html", "-", "--json", "first-stage");
    expect(2, "--html - and --json both want standard output");
    COMPARE("first-stage", "magic");
    expect(2,
           "system 'magic': unknown strategy 'magic': known are embedding, cross, mvp, monot5, rankt5, full, sliding");
    COMPARE("sliding:speed=3");
    expect(2, "unknown option '--speed=3'");
    COMPARE("sliding:window=many");
    expect(2, "--window 'many' is not a whole number");
    COMPARE("sliding:,window=4");
    expect(2, "system 'sliding:,window=4': expected NAME[:option=value,...]");
    COMPARE("sliding");
    expect(2, "system 'sliding': strategy 'sliding' needs an LLM");
    COMPARE("embedding");
    expect(2, "system 'embedding': strategy 'embedding' needs an encoder");
    COMPARE("run:");
    expect(2, "expected run:FILE");
    COMPARE("--llm", "http://127.0.0.1:1/v1", "--llm-model", "m", "sliding:window=4,stride=4");
    expect(2, "system 'sliding:window=4,stride=4': ");
    COMPARE("--llm", "http://127.0.0.1:1/v1", "--llm-model", "m", "--window", "10", "full:stride=4");
    expect(2, "--stride is for sliding windows only");
}

Test(compare, takes_as_many_systems_as_the_limit_and_no_more, .init = make_files)
{
    static const char *arguments[40] = {"compare", "--json"};
    char of_qrels[300], of_candidates[300];
    snprintf(of_qrels, sizeof of_qrels, "--qrels=%s", qrels);
    snprintf(of_candidates, sizeof of_candidates, "--candidates=%s", candidates);
    arguments[2] = of_qrels;
    arguments[3] = of_candidates;
    for (size_t i = 4; i < 4 + 32; i++)
        arguments[i] = "first-stage";
    child_run(&result, NULL, arguments);
    printed(31);
    arguments[4 + 32] = "first-stage";
    child_run(&result, NULL, arguments);
    expect(2, "takes at most 32 systems");
}

Test(compare, failures_are_1_and_named, .init = make_files)
{
    COMPARE("run:/nowhere/run.txt");
    expect(1, "/nowhere/run.txt");
    COMPARE("--model", "/nowhere/model", "embedding");
    expect(1, "system 'embedding': ");
    child_write(qrels, "other 0 d1 1\n");
    COMPARE("first-stage");
    expect(1, "no query that has candidates is judged in '");
    child_write(candidates, "{\"qid\":\"other\",\"query\":\"a\",\"candidates\":[]}\n"
                            "{\"qid\":\"other\",\"query\":\"a\",\"candidates\":[]}\n");
    COMPARE("first-stage");
    expect(1, "query 'other': the query comes twice");
}

/* nDCG@10 of q1 is 1 / log2(3), of q2 1 / log2(4); the run has d1 first and lacks q2. */
Test(compare, orders_that_are_there_are_measured_over_the_same_queries, .init = make_files)
{
    const char *run = child_path("a.run");
    char system[300];
    child_write(run, "q1 Q0 d1 1 2 t\nq1 Q0 d0 2 1 t\nq4 Q0 d1 1 1 t\n");
    snprintf(system, sizeof system, "run:%s", run);
    COMPARE("--json", "first-stage", system);
    json_t *first = printed(0), *second = json_array_get(json_object_get(root, "systems"), 1);
    cr_assert_float_eq(figure(first, "ndcg.10"), (1 / log2(3) + 0.5) / 2, 1e-6);
    cr_assert_float_eq(figure(second, "ndcg.10"), 0.5, 1e-6);
    cr_assert_float_eq(figure(second, "against_first.10.difference"), 0.5 - (1 / log2(3) + 0.5) / 2, 1e-6);
    cr_assert(isnan(figure(first, "effort")) && isnan(figure(second, "reversed")));
    cr_assert_str_eq(json_string_value(json_object_get(second, "name")), "a.run");
    cr_assert(figure(root, "queries") == 2 && figure(root, "unjudged_queries") == 1);
    COMPARE("--html", "-", "first-stage");
    cr_assert(result.code == 0 && strncmp(result.out, "<!DOCTYPE html>", 15) == 0, "%s", result.out);
    cr_assert_str_eq(result.out + strlen(result.out) - 8, "</html>\n");
    snprintf(system, sizeof system, "run:%s,label=mine", run);
    COMPARE("--json", system);
    cr_assert_str_eq(json_string_value(json_object_get(printed(0), "name")), "mine");
}

Test(compare, candidates_may_be_a_run_over_a_store, .init = make_files)
{
    const char *store = child_path("passages.db"), *run = child_path("first.run"), *queries = child_path("queries.tsv");
    RUN(result, "d0\tone\nd1\ttwo\nd2\tthree\n", "import", "--store", store, "--format", "msmarco", "-");
    cr_assert_eq(result.code, 0, "%s", result.err);
    child_write(run, "q1 Q0 d0 1 3 t\nq1 Q0 d2 2 2 t\nq1 Q0 d1 3 1 t\n");
    child_write(queries, "q1\tword5\n");
    RUN(result, NULL, "compare", "--json", "--qrels", qrels, "--store", store, "--run", run, "--queries", queries,
        "first-stage");
    cr_assert_float_eq(figure(printed(0), "ndcg.10"), 0.5, 1e-6);
    cr_assert_str_eq(json_string_value(json_object_get(root, "candidates")), run);
}

Test(compare, pointwise_orders_do_not_move, .init = make_files, .fini = drop_all)
{
    char system[300];
    model = folder_new();
    tiny_write(&model, &TINY_SHAPES[EMBEDDING], NULL);
    snprintf(system, sizeof system, "embedding:model=%s,label=tiny", model.dir);
    COMPARE("--json", "--threads", "1", "first-stage", system);
    json_t *tiny = printed(1);
    cr_assert_str_eq(json_string_value(json_object_get(tiny, "name")), "tiny");
    cr_assert(figure(tiny, "reversed.tau") == 1 && figure(tiny, "reversed.same_top_10") == 1, "%s", result.out);
    cr_assert(figure(tiny, "reversed.ndcg_10") == figure(tiny, "ndcg.10"));
    cr_assert(figure(tiny, "effort.calls") == 0 && figure(tiny, "effort.tokens_in") > 8);
    cr_assert(figure(tiny, "reversed.effort.tokens_in") == figure(tiny, "effort.tokens_in"));
    snprintf(system, sizeof system, "embedding:model=%s,passes=2", model.dir);
    COMPARE("--threads", "1", "--window", "4", system);
    expect(2, "--passes is for strategies that ask an LLM");
}

Test(compare_llm, an_llms_order_may_move_with_its_candidates, .init = make_files, .fini = drop_all)
{
    const char *prices = child_path("prices");
    child_write(prices, "replay 1 2 EUR\n");
    serve_trace();
    COMPARE_LLM("--json", "--prices", prices, "first-stage", "full");
    json_t *full = printed(1);
    cr_assert(figure(full, "ndcg.10") == 1 && figure(full, "reversed.ndcg_10") == 1, "%s", result.out);
    cr_assert_float_eq(figure(full, "reversed.tau"), (0.8 + 1) / 2, 1e-6);
    cr_assert(figure(full, "reversed.same_top_10") == 1);
    cr_assert(figure(full, "effort.calls") == 2 && figure(full, "reversed.effort.calls") == 2);
    cr_assert(figure(full, "effort.malformed_replies") == 0);
    cr_assert(figure(full, "reversed.effort.malformed_replies") == 1);
    cr_assert_float_eq(figure(full, "effort.cost"),
                       (figure(full, "effort.tokens_in") + 2 * figure(full, "effort.tokens_out")) / 1e6, 1e-12);
    cr_assert_str_eq(json_string_value(json_object_get(root, "currency")), "EUR");
    cr_assert_not_null(strstr(json_string_value(json_object_get(full, "about")), "replay at http://127.0.0.1"));
}

Test(compare_llm, a_table_has_one_currency, .init = make_files, .fini = drop_all)
{
    const char *prices = child_path("prices");
    child_write(prices, "one 1 2 EUR\ntwo 1 2 USD\n");
    serve_trace();
    COMPARE_LLM("--json", "--no-reversed", "--prices", prices, "full:llm_model=one", "full:llm_model=two,label=second",
                "full:llm_model=three");
    json_t *systems = json_object_get((printed(0), root), "systems");
    cr_assert_str_eq(json_string_value(json_object_get(root, "currency")), "EUR");
    cr_assert(figure(json_array_get(systems, 0), "effort.cost") > 0);
    cr_assert(isnan(figure(json_array_get(systems, 1), "effort.cost")));
    cr_assert(isnan(figure(json_array_get(systems, 2), "effort.cost")));
    cr_assert_not_null(strstr(result.err, "the cost of 'second' is in USD and is not shown beside EUR"), "%s",
                       result.err);
}

Test(compare_llm, queries_in_flight_together_give_the_same_figures, .init = make_files, .fini = drop_all)
{
    serve_trace();
    COMPARE_LLM("--json", "--in-flight", "4", "full", "sliding:window=5,stride=2,in_flight=2");
    json_t *systems = json_object_get((printed(0), root), "systems");
    for (size_t i = 0; i < 2; i++) {
        json_t *system = json_array_get(systems, i);
        cr_assert(figure(system, "ndcg.10") == 1 && figure(system, "effort.calls") == 2, "%s", result.out);
        cr_assert_float_eq(figure(system, "reversed.tau"), 0.9, 1e-6);
    }
}

Test(compare_llm, recorded_replies_are_told_apart, .init = make_files, .fini = drop_all)
{
    const char *store = child_path("replies.db");
    serve_trace();
    for (int again = 0; again < 2; again++) {
        COMPARE_LLM("--json", "--no-reversed", "--cache-store", store, "full");
        json_t *full = printed(0);
        cr_assert(figure(full, "effort.calls") == (again ? 0 : 2) && figure(full, "ndcg.10") == 1, "%s", result.out);
        cr_assert(figure(full, "effort.cached_calls") == (again ? 2 : 0), "%s", result.out);
        cr_assert(isnan(figure(full, "reversed")));
    }
}

Test(compare_llm, a_query_without_an_answer_is_counted_and_keeps_its_order, .init = make_files, .fini = drop_all)
{
    child_write(qrels, "q1 0 d1 1\nq2 0 d8 1\nq3 0 d9 1\nq5 0 d1 1\n");
    char more[sizeof CANDIDATES + 256];
    snprintf(more, sizeof more, "%s%s", CANDIDATES,
             "{\"qid\":\"q5\",\"query\":\"word5\",\"candidates\":[{\"docid\":\"d1\",\"text\":\"no record\"},"
             "{\"docid\":\"d2\",\"text\":\"of this\"}]}\n");
    child_write(candidates, more);
    serve_trace();
    COMPARE_LLM("--no-reversed", "full:label=one call");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_not_null(strstr(result.err, "rrk compare: one call: query 'q5' keeps its order: "), "%s", result.err);
    cr_assert_not_null(strstr(result.out, "one call: 1 of 4 queries failed; they count with the order they came in."),
                       "%s", result.out);
    COMPARE_LLM("--json", "--no-reversed", "full");
    cr_assert(figure(printed(0), "effort.failed_queries") == 1 && figure(printed(0), "ndcg.10") == 1);
    COMPARE_LLM("--on-error", "fail", "--no-reversed", "full");
    expect(1, "system 'full': a query failed, and --on-error is fail");
}

static int check_page(const char *page)
{
    char command[1200];
    snprintf(command, sizeof command, "python3 %s/tests/eval/check_page.py --file %s >/dev/null",
             getenv("RRK_TEST_SOURCE"), page);
    return system(command);
}

Test(compare_llm, the_page_is_written_whole_or_not_at_all, .init = make_files, .fini = drop_all)
{
    const char *page = child_path("page.html");
    serve_trace();
    COMPARE_LLM("--html", page, "first-stage", "full:label=<b>&\"mine\"");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_not_null(strstr(result.out, "<b>&\"mine\""), "%s", result.out);
    cr_assert_eq(check_page(page), 0);
    unlink(page);
    COMPARE("--llm", url, "--llm-model", "replay", "--html", page, "--no-reversed",
            "full:passage_words=8,prompt=/nowhere");
    cr_assert(result.code != 0 && !child_exists(page), "%s", result.err);
    child_write(candidates, "{\"qid\":\"q1\",\"query\":\"a\",\"candidates\":[{\"docid\":\"d1\",\"text\":\"unknown\"},"
                            "{\"docid\":\"d2\",\"text\":\"as well\"}]}\n");
    COMPARE_LLM("--html", page, "--no-reversed", "full");
    expect(1, "system 'full': not one of 1 queries was ranked");
    cr_assert(!child_exists(page));
}

static const char *dl19(const char *name)
{
    static char paths[8][512];
    static size_t next;
    char *path = paths[next++ % 8];
    const char *data = getenv("RRK_TEST_DATA");
    snprintf(path, sizeof paths[0], "%s/dl19/%s", data ? data : "", name);
    if (!data || access(path, R_OK) != 0) {
        fprintf(stderr, "SKIP: no RRK_TEST_DATA with dl19/%s\n", name);
        cr_skip_test("no RRK_TEST_DATA with dl19/%s", name);
    }
    return path;
}

Test(compare_llm, sliding_and_full_over_dl19, .fini = drop_all, .timeout = 120)
{
    candidates = dl19("candidates.bm25.jsonl");
    qrels = dl19("qrels.txt");
    serve((const char *const[]){"--strict", "--trace", dl19("trace.rankvicuna.jsonl"), "--run",
                                dl19("run.rankmistral100.txt"), "--candidates", candidates, NULL});
    COMPARE_LLM("--json", "--no-reversed", "sliding", "full");
    json_t *sliding = printed(0), *full = json_array_get(json_object_get(root, "systems"), 1);
    cr_assert(figure(root, "queries") == 43);
    cr_assert(figure(sliding, "effort.calls") == 387 && figure(full, "effort.calls") == 43, "9 : 1");
    cr_assert(figure(sliding, "effort.failed_queries") == 0 && figure(full, "effort.failed_queries") == 0);
    cr_assert_float_eq(figure(sliding, "ndcg.10"), 0.6840, 5e-5);
    cr_assert_float_eq(figure(full, "ndcg.10"), 0.7255, 5e-5);
    cr_assert(figure(sliding, "effort.tokens_in") > 1.5 * figure(full, "effort.tokens_in"));
}
