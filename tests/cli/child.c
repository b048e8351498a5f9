/* Child processes and scratch files for the tests of the command. */
#include "child.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGUMENTS 64

static const char *binary(void)
{
    const char *path = getenv("RRK_TEST_BINARY");
    cr_assert_not_null(path, "RRK_TEST_BINARY is not set");
    return path;
}

static void become(const char *path, const char *const *arguments, int in, int out, int err)
{
    char *copies[MAX_ARGUMENTS] = {strdup("rrk")};
    for (size_t i = 0; arguments[i] && i + 2 < MAX_ARGUMENTS; i++)
        copies[i + 1] = strdup(arguments[i]);
    dup2(in, STDIN_FILENO);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    if (err >= 0)
        dup2(err, STDERR_FILENO);
    execv(path, copies);
    _exit(127);
}

static FILE *scratch_with(const char *text)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    if (text)
        fputs(text, file);
    fflush(file);
    rewind(file);
    lseek(fileno(file), 0, SEEK_SET);
    return file;
}

static void slurp(FILE *file, char *into, size_t size)
{
    rewind(file);
    into[fread(into, 1, size - 1, file)] = '\0';
    fclose(file);
}

void child_run(child *result, const char *input, const char *const *arguments)
{
    FILE *in = scratch_with(input), *out = scratch_with(NULL), *err = scratch_with(NULL);
    int status;
    const char *path = binary(); /* before the fork: a failed assertion in the child would hang the test */
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0)
        become(path, arguments, fileno(in), fileno(out), fileno(err));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    result->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fclose(in);
    slurp(out, result->out, sizeof result->out);
    slurp(err, result->err, sizeof result->err);
}

pid_t child_start(const char *const *arguments, int *input)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    const char *path = binary(); /* before the fork: a failed assertion in the child would hang the test */
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        become(path, arguments, ends[0], null, null);
    }
    close(ends[0]);
    *input = ends[1];
    return pid;
}

const char *child_path(const char *name)
{
    static char folder[] = "/tmp/rrk-cli-XXXXXX";
    static char paths[16][256];
    static size_t next;
    static int made;
    if (!made++)
        cr_assert_not_null(mkdtemp(folder));
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void child_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

int child_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}
