/* See scratch.h. Criterion runs each test in a process of its own, so static state is one test's. */
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_FILES = 16, PATH_SIZE = 512 };

static char paths[MAX_FILES][PATH_SIZE];
static int n_paths;

static void remove_all(void)
{
    for (int i = 0; i < n_paths; i++)
        unlink(paths[i]);
}

const char *scratch_file(const void *content, size_t len)
{
    cr_assert(n_paths < MAX_FILES);
    if (n_paths == 0)
        atexit(remove_all);
    char *path = paths[n_paths++];
    snprintf(path, PATH_SIZE, "/tmp/rrk-eval-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, content, len) == (ssize_t)len);
    close(fd);
    return path;
}

const char *scratch_text(const char *content)
{
    return scratch_file(content, strlen(content));
}

const char *golden_path(const char *name)
{
    static char path[PATH_SIZE];
    const char *source = getenv("RRK_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/tests/eval/golden/%s", source ? source : ".", name);
    return path;
}

const char *data_path(const char *name)
{
    static char path[PATH_SIZE];
    const char *data = getenv("RRK_TEST_DATA");
    snprintf(path, sizeof path, "%s/%s", data ? data : "", name);
    if (!data || access(path, R_OK) != 0) {
        fprintf(stderr, "SKIP: no RRK_TEST_DATA with %s\n", name);
        cr_skip_test("no RRK_TEST_DATA with %s", name);
    }
    return path;
}
