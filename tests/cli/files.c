/* What becomes of files when things go wrong: missing inputs, places that cannot be written, an interrupted import. */
#include "child.h"
#include "store/reply.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static child result;

static void expect_failure(const char *part)
{
    cr_assert_eq(result.code, 1, "exit code %d: %s", result.code, result.err);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
}

static const char *make_store(void)
{
    const char *store = child_path("files.db");
    RUN(result, "d1\tA kettle boils water.\n", "import", "--store", store, "--format", "msmarco", "-");
    cr_assert_eq(result.code, 0, "%s", result.err);
    return store;
}

Test(files, what_is_missing_is_named)
{
    RUN(result, NULL, "search", "--store", "/nowhere/store.db", "kettle");
    expect_failure("/nowhere/store.db");
    RUN(result, NULL, "info", "/nowhere/store.db");
    expect_failure("/nowhere/store.db");
    const char *candidates = child_path("candidates.jsonl");
    child_write(candidates, "");
    RUN(result, NULL, "rerank", "--strategy", "embedding", "--model", "/nowhere/model", "--candidates", candidates);
    expect_failure("/nowhere/model");
    RUN(result, NULL, "rerank", "--strategy", "embedding", "--model", "m", "--candidates", "/nowhere/c.jsonl");
    expect_failure("/nowhere/c.jsonl");
}

Test(files, output_into_a_folder_that_is_not_there_fails)
{
    const char *store = make_store(), *queries = child_path("queries.tsv");
    child_write(queries, "q1\tkettle\n");
    RUN(result, NULL, "retrieve", "--store", store, "--queries", queries, "-o", "/nowhere/run.txt");
    expect_failure("/nowhere/run.txt");
}

Test(files, a_full_device_is_no_success)
{
    if (access("/dev/full", W_OK) != 0)
        cr_skip_test("no /dev/full here");
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        cr_assert_not_null(freopen("/dev/full", "w", stdout));
        execl(getenv("RRK_TEST_BINARY"), "rrk", "--help", (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    cr_assert_eq(WEXITSTATUS(status), 1);
}

Test(files, a_read_only_folder_is_refused_and_left_alone)
{
    const char *store = make_store(), *queries = child_path("queries.tsv"), *folder = child_path("locked");
    char run[300];
    if (geteuid() == 0)
        cr_skip_test("root may write anywhere");
    child_write(queries, "q1\tkettle\n");
    cr_assert_eq(mkdir(folder, 0500), 0);
    snprintf(run, sizeof run, "%s/run.txt", folder);
    RUN(result, NULL, "retrieve", "--store", store, "--queries", queries, "-o", run);
    expect_failure("run.txt");
    cr_assert_not(child_exists(run));
}

Test(files, a_failed_run_leaves_the_old_one)
{
    const char *store = make_store(), *queries = child_path("queries.tsv"), *run = child_path("old.txt");
    static char kept[64];
    child_write(run, "old\n");
    child_write(queries, "q1\tkettle\nq2\t\n");
    RUN(result, NULL, "retrieve", "--store", store, "--queries", queries, "-o", run);
    expect_failure("q2");
    FILE *file = fopen(run, "r");
    cr_assert_not_null(fgets(kept, sizeof kept, file));
    fclose(file);
    cr_assert_str_eq(kept, "old\n");
}

/* The pipe stays open, so the import is waiting for more when the signal comes. */
Test(files, an_interrupted_import_leaves_a_store_that_opens)
{
    const char *store = child_path("interrupted.db");
    int input, status;
    const char *const arguments[] = {"import", "--store", store, "--format", "msmarco", "--batch", "1", "-", NULL};
    pid_t pid = child_start(arguments, &input);
    for (int i = 0; i < 3000; i++)
        dprintf(input, "d%d\tkettle number %d boils its water\n", i, i);
    cr_assert_eq(kill(pid, SIGINT), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    close(input);
    cr_assert(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), 1);
    RUN(result, NULL, "info", store);
    cr_assert_eq(result.code, 0, "%s", result.err);
}

Test(files, info_tells_how_many_replies_a_store_keeps_when_there_are_any)
{
    const char *path = make_store();
    RUN(result, NULL, "info", path);
    cr_assert_null(strstr(result.out, "replies"), "%s", result.out);
    rrk_store *store = NULL;
    rrk_error err;
    cr_assert_eq(rrk_store_open(&store, path, NULL, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(store_reply_put(store, "key", rrk_text_of("{}"), &err), RRK_OK, "%s", err.message);
    rrk_store_close(store);
    RUN(result, NULL, "info", "--json", path);
    cr_assert_not_null(strstr(result.out, "\"cached_replies\": 1"), "%s", result.out);
}
