/*
 * Against a server that replays a published ranking of DL19: prompts of its passages, whole, streamed and stopped, with
 * faults before the answers. What the answers are worth is measured where listwise ranking is tested.
 */
#include "base/buf.h"
#include "talk.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_SHOWN = 20 };

/* One a test: a test runs in a process of its own, and the server must go even when it fails. */
static struct {
    pid_t pid;
    char url[64];
    char *prompt;
} replay;

static char *path_in(const char *variable, const char *name)
{
    const char *folder = getenv(variable);
    char *path = NULL;
    if (!folder || asprintf(&path, "%s/%s", folder, name) < 0 || access(path, R_OK) != 0)
        cr_skip_test("no %s in %s", name, variable);
    return path;
}

/* The first query's passages as a listwise prompt shows them. */
static char *prompt_from(const char *candidates)
{
    FILE *f = fopen(candidates, "r");
    char *line = NULL;
    size_t cap = 0;
    cr_assert(f && getline(&line, &cap, f) > 0);
    fclose(f);
    json_t *query = json_loads(line, 0, NULL);
    base_buf prompt = {.max = 1 << 20};
    base_buf_printf(&prompt, NULL, "%s\n", json_string_value(json_object_get(query, "query")));
    for (size_t i = 0; i < N_SHOWN; i++)
        base_buf_printf(
            &prompt, NULL, "[%zu] %s\n", i + 1,
            json_string_value(json_object_get(json_array_get(json_object_get(query, "candidates"), i), "text")));
    json_decref(query);
    free(line);
    return prompt.data;
}

static void start(const char *fault)
{
    char *script = path_in("RRK_TEST_TOOLS", "llm_replay.py");
    char *run = path_in("RRK_TEST_DATA", "dl19/run.rankmistral100.txt");
    char *candidates = path_in("RRK_TEST_DATA", "dl19/candidates.bm25.jsonl");
    const char *args[] = {"python3", script,     "--run", run,       "--candidates", candidates, "--key",
                          "sk-test", "--pieces", "char",  "--fault", fault,          NULL};
    char *argv[RRK_COUNT(args)];
    memcpy(argv, args, sizeof argv);
    int ends[2], port = 0;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    cr_assert_eq(posix_spawnp(&replay.pid, argv[0], &actions, NULL, argv, environ), 0, "python3 is needed");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    cr_assert_eq(fscanf(out, "listening on %d", &port), 1);
    fclose(out);
    snprintf(replay.url, sizeof replay.url, "http://127.0.0.1:%d/v1", port);
    replay.prompt = prompt_from(candidates);
    free(script);
    free(run);
    free(candidates);
}

static void stop(void)
{
    if (replay.pid > 0) {
        kill(replay.pid, SIGKILL);
        waitpid(replay.pid, NULL, 0);
    }
    base_buf prompt = {.data = replay.prompt};
    base_buf_free(&prompt);
}

static rrk_llm_options options_for_replay(void)
{
    rrk_llm_options options = talk_options(replay.url);
    options.key = "sk-test";
    options.max_retries = 5;
    return options;
}

static bool has_three(void *ctx, rrk_text text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == ']';
    return n == 3;
}

Test(replay, gives_the_same_answer_whole_streamed_and_after_faults, .fini = stop)
{
    start("429,500,drop,503");
    rrk_llm_options options = options_for_replay();
    llm_prompt prompt = talk_prompt(replay.prompt);
    llm_reply *whole = talk_once(&options, &prompt);
    cr_assert_eq(whole->status, RRK_OK, "%s", whole->error.message);
    /* A drop on a connection that was used before may be noticed and repeated below. */
    cr_assert(whole->n_attempts == 4 || whole->n_attempts == 5, "%u", (unsigned)whole->n_attempts);
    cr_assert_gt(whole->answer_len, (size_t)N_SHOWN * 3);
    cr_assert_gt(whole->prompt_tokens, 500);
    prompt.enough = has_three;
    llm_reply *stopped = talk_once(&options, &prompt);
    cr_assert_eq(stopped->status, RRK_OK, "%s", stopped->error.message);
    cr_assert(stopped->was_stopped);
    cr_assert_lt(stopped->answer_len, whole->answer_len);
    cr_assert_eq(memcmp(stopped->answer, whole->answer, stopped->answer_len), 0);
    cr_assert_eq(stopped->answer[stopped->answer_len - 1], ']');
    llm_reply_free(whole);
    llm_reply_free(stopped);
}

Test(replay, refuses_a_wrong_key_and_an_unknown_prompt_in_words, .fini = stop)
{
    start("");
    rrk_llm_options options = options_for_replay();
    llm_prompt unknown = talk_prompt("[1] a\n[2] b\n");
    llm_reply *reply = talk_once(&options, &unknown);
    talk_assert_failed(reply, RRK_E_UPSTREAM, 404, "HTTP 404: no record of these 2 passages in this order");
    llm_reply_free(reply);
    options.key = "sk-wrong";
    reply = talk_once(&options, &unknown);
    talk_assert_failed(reply, RRK_E_UPSTREAM, 401, "HTTP 401: bad key");
    llm_reply_free(reply);
}
