/* What survives when rerank or label is interrupted, and what does not. The endpoint holds an answer back meanwhile. */
#include "endpoint.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Starts the verb, one call at a time, and signals it while its third query is being asked: two are finished. */
static void interrupt(const char *const *arguments, int number)
{
    int input, status;
    llm.held_from = 2;
    endpoint_start(&llm);
    const char *all[32] = {NULL};
    size_t n = 0;
    for (; arguments[n]; n++)
        all[n] = strcmp(arguments[n], "URL") == 0 ? llm.url : arguments[n];
    pid_t pid = child_start(all, &input);
    endpoint_await(&llm, 3);
    cr_assert_eq(kill(pid, number), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    close(input);
    if (number == SIGINT)
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %x", (unsigned)status);
    else
        cr_assert(WIFSIGNALED(status));
    llm.held_from = SIZE_MAX;
}

static void interrupt_rerank(const char *run, const char *resume, int number)
{
    interrupt((const char *const[]){"rerank", "--llm", "URL", "--llm-model", "m", "-S", "full", "-c",
                                    endpoint_candidates(), "--in-flight", "1", "-o", run, resume, NULL},
              number);
}

static void append(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

Test(llm_resume, interrupted_without_resume_leaves_nothing, .fini = stop)
{
    const char *run = child_path("plain.run");
    interrupt_rerank(run, "--no-stream", SIGINT);
    cr_assert_not(child_exists(run));
    cr_assert_not(child_exists(child_path("plain.run.partial")));
}

static void expect_the_rest(const char *run)
{
    static char whole[4096];
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", child_path("whole.run"));
    expect_code(0);
    snprintf(whole, sizeof whole, "%s", child_slurp(child_path("whole.run")));
    size_t before = endpoint_calls(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume", "--provenance");
    expect_code(0);
    cr_assert_eq(endpoint_calls(&llm) - before, 1, "finished queries were asked again");
    cr_assert_not_null(strstr(result.err, "3 queries, 2 of them finished before, 15 passages in"), "%s", result.err);
    cr_assert_not_null(strstr(result.err, ": 3 calls, "), "what was spent before counts: %s", result.err);
    cr_assert_str_eq(child_slurp(run), whole);
}

Test(llm_resume, after_an_interruption_asks_the_rest, .fini = stop)
{
    const char *run = child_path("res.run"), *partial = child_path("res.run.partial");
    interrupt_rerank(run, "--resume", SIGINT);
    cr_assert(child_exists(partial) && !child_exists(run));
    expect_the_rest(run);
    cr_assert_not(child_exists(partial));
}

Test(llm_resume, after_a_kill_cuts_a_torn_line_off, .fini = stop)
{
    const char *run = child_path("res.run"), *partial = child_path("res.run.partial");
    interrupt_rerank(run, "--resume", SIGKILL);
    append(partial, "q3 Q0 c5 1 1 full\nq3 Q0 c");
    expect_the_rest(run);
    cr_assert_not(child_exists(partial));
}

Test(llm_resume, a_torn_end_does_not_stay_in_the_file, .fini = stop)
{
    static char whole[4096];
    const char *run = child_path("res.run"), *partial = child_path("res.run.partial");
    llm.refused = "beta";
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume");
    snprintf(whole, sizeof whole, "%s", child_slurp(partial));
    append(partial, "q2 Q0 b1 1 1 full\nq2 Q0 b");
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume");
    expect_code(1);
    cr_assert_str_eq(child_slurp(partial), whole);
}

Test(llm_resume, with_other_options_is_refused_by_name, .fini = stop)
{
    const char *run = child_path("res.run"), *partial = child_path("res.run.partial");
    interrupt_rerank(run, "--resume", SIGINT);
    size_t before = endpoint_calls(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume", "--passage-words",
        "50");
    expect_code(1);
    cr_assert_not_null(strstr(result.err, "res.run.partial' was begun with passage_words 100, not 50"), "%s",
                       result.err);
    ASK(result, &llm, "rerank", "-S", "sliding", "-c", endpoint_candidates(), "-o", run, "--resume");
    expect_code(1);
    cr_assert_not_null(strstr(result.err, "was begun with strategy \"full\", not \"sliding\""), "%s", result.err);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume", "--seed", "1");
    expect_code(1);
    cr_assert_not_null(strstr(result.err, "was begun with seed unset, not 1"), "%s", result.err);
    cr_assert(child_exists(partial) && endpoint_calls(&llm) == before);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume", "--dry-run");
    expect_code(0);
    cr_assert_not_null(strstr(result.out, "2 of them finished before, 15 passages: 1 call,"), "%s", result.out);
}

Test(llm_resume, with_other_candidates_is_refused_by_the_query, .fini = stop)
{
    static char text[1 << 12];
    const char *run = child_path("res.run"), *lists = endpoint_candidates();
    interrupt_rerank(run, "--resume", SIGINT);
    snprintf(text, sizeof text, "%s", child_slurp(lists));
    memcpy(strstr(text, "beta number 4"), "BETA", 4);
    child_write(lists, text);
    ASK(result, &llm, "rerank", "-S", "full", "-c", lists, "-o", run, "--resume");
    expect_code(1);
    cr_assert_not_null(strstr(result.err, "query 'q2': '"), "%s", result.err);
    cr_assert_not_null(strstr(result.err, "was begun with other texts or candidates"), "%s", result.err);
    cr_assert_not(child_exists(run));
}

Test(llm_resume, a_query_without_an_answer_is_asked_the_next_time, .fini = stop)
{
    const char *run = child_path("res.run"), *partial = child_path("res.run.partial");
    llm.refused = "beta";
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume");
    expect_code(1);
    cr_assert(child_exists(run) && child_exists(partial));
    llm.refused = NULL;
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume");
    expect_code(0);
    cr_assert_eq(endpoint_calls(&llm), 4);
    cr_assert_not_null(strstr(child_slurp(run), "q2 Q0 b5 1 "));
    cr_assert_not(child_exists(partial));
}

Test(llm_resume, a_file_of_something_else_is_left_alone, .fini = stop)
{
    const char *run = child_path("res.run"), *partial = child_path("res.run.partial");
    child_write(partial, "my notes\nmore\n");
    endpoint_start(&llm);
    ASK(result, &llm, "rerank", "-S", "full", "-c", endpoint_candidates(), "-o", run, "--resume");
    expect_code(1);
    cr_assert_not_null(strstr(result.err, "res.run.partial' is not a file of finished queries"), "%s", result.err);
    cr_assert_str_eq(child_slurp(partial), "my notes\nmore\n");
}

/* --- labels --- */

static void expect_label(const char *line, const char *qid, char letter)
{
    char expected[256];
    snprintf(expected, sizeof expected,
             "{\"qid\":\"%s\",\"initial_list\":[\"%c1\",\"%c2\",\"%c3\",\"%c4\",\"%c5\"],"
             "\"final_list\":[\"%c5\",\"%c4\",\"%c3\",\"%c2\",\"%c1\"]}\n",
             qid, letter, letter, letter, letter, letter, letter, letter, letter, letter, letter);
    cr_assert_not_null(strstr(line, expected), "%s is not in: %s", expected, line);
}

static void expect_all_labels(const char *labels)
{
    const char *text = child_slurp(labels);
    expect_label(text, "q1", 'a');
    expect_label(text, "q2", 'b');
    expect_label(text, "q3", 'c');
    size_t n_lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        n_lines++;
    cr_assert_eq(n_lines, 3, "%s", text);
}

Test(llm_resume, labels_are_two_permutations, .fini = stop)
{
    endpoint_start(&llm);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "--in-flight", "1");
    expect_code(0);
    expect_label(result.out, "q1", 'a');
    expect_label(result.out, "q3", 'c');
}

Test(llm_resume, labels_can_say_where_they_come_from, .fini = stop)
{
    const char *labels = child_path("said.jsonl"), *verb, *model, *hash, *candidates;
    int window, calls;
    endpoint_start(&llm);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "-o", labels, "--window", "4", "--provenance");
    expect_code(0);
    json_t *json = json_loads(child_slurp(child_path("said.jsonl.json")), 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:s, s:s, s:s, s:{s:i, s:s}, s:{s:i}}", "verb", &verb, "model", &model,
                             "prompt_sha256", &hash, "options", "window", &window, "candidates", &candidates, "counts",
                             "calls", &calls),
                 0, "%s", child_slurp(child_path("said.jsonl.json")));
    cr_assert(strcmp(verb, "label") == 0 && strcmp(model, "m") == 0 && strlen(hash) == 64 && window == 4 && calls == 9);
    json_decref(json);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "--provenance");
    cr_assert(result.code == 2 && strstr(result.err, "--provenance needs --output FILE"), "%s", result.err);
}

Test(llm_resume, an_interrupted_labelling_goes_on, .fini = stop)
{
    const char *labels = child_path("labels.jsonl");
    interrupt((const char *const[]){"label", "--llm", "URL", "--llm-model", "m", "-c", endpoint_candidates(),
                                    "--in-flight", "1", "-o", labels, NULL},
              SIGKILL);
    append(labels, "{\"qid\":\"q3\",\"initial_list\":[\"c1");
    size_t before = endpoint_calls(&llm);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "-o", labels, "--dry-run");
    expect_code(0);
    cr_assert_not_null(strstr(result.out, "2 of them finished before, 15 passages: 1 call,"), "%s", result.out);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "-o", labels);
    expect_code(0);
    cr_assert_eq(endpoint_calls(&llm) - before, 1);
    expect_all_labels(labels);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "-o", labels);
    expect_code(0);
    cr_assert_eq(endpoint_calls(&llm) - before, 1);
    expect_all_labels(labels);
}

Test(llm_resume, a_query_without_an_answer_has_no_label, .fini = stop)
{
    const char *labels = child_path("labels.jsonl");
    llm.refused = "beta";
    endpoint_start(&llm);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "-o", labels);
    expect_code(1);
    cr_assert_not_null(strstr(result.err, "rrk label: query 'q2' is left out: "), "%s", result.err);
    cr_assert_null(strstr(child_slurp(labels), "\"q2\""));
    llm.refused = NULL;
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "-o", labels);
    expect_code(0);
    cr_assert_eq(endpoint_calls(&llm), 4);
    expect_all_labels(labels);
}

Test(llm_resume, a_damaged_label_is_named, .fini = stop)
{
    const char *labels = child_path("labels.jsonl");
    child_write(labels, "{\"qid\":\"q1\",\"initial_list\":[\"a1\"],\"final_list\":[\"a1\"]}\n{\"qid\":\"q2\"}\n");
    endpoint_start(&llm);
    ASK(result, &llm, "label", "-c", endpoint_candidates(), "-o", labels);
    expect_code(1);
    cr_assert_not_null(strstr(result.err, "labels.jsonl:2: not a label"), "%s", result.err);
    cr_assert_eq(endpoint_calls(&llm), 0);
}
