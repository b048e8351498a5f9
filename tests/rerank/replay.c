/* The replaying server as a child: see replay.h. */
#include "replay.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 20, MAX_PATH = 600 };

static const char *find(const char *variable, const char *name, char path[MAX_PATH])
{
    const char *folder = getenv(variable);
    snprintf(path, MAX_PATH, "%s/%s", folder ? folder : "", name);
    if (folder && access(path, R_OK) == 0)
        return path;
    printf("SKIP: %s has no %s\n", variable, name);
    cr_skip_test("%s has no %s", variable, name);
    return NULL;
}

const char *replay_data(const char *name)
{
    static char paths[4][MAX_PATH];
    static int at;
    return find("RRK_TEST_DATA", name, paths[at++ % 4]);
}

static void become(const char *script, const char *const *arguments, int out)
{
    char *argv[MAX_ARGUMENTS + 3] = {strdup("python3"), strdup(script)};
    for (size_t i = 0; arguments[i] && i < MAX_ARGUMENTS; i++)
        argv[2 + i] = strdup(arguments[i]);
    /* A test that fails must not leave it behind. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    execvp("python3", argv);
    _exit(127);
}

static int read_port(int out)
{
    char line[64] = "";
    for (size_t at = 0; at + 1 < sizeof line && read(out, line + at, 1) == 1 && line[at] != '\n'; at++)
        line[at + 1] = '\0';
    return strncmp(line, "listening on ", 13) == 0 ? (int)strtol(line + 13, NULL, 10) : 0;
}

replay replay_start(const char *const *arguments)
{
    char script[MAX_PATH];
    find("RRK_TEST_TOOLS", "llm_replay.py", script);
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    replay r = {.pid = fork(), .out = ends[0]};
    cr_assert_geq(r.pid, 0);
    if (r.pid == 0)
        become(script, arguments, ends[1]);
    close(ends[1]);
    int port = read_port(r.out);
    cr_assert_gt(port, 0, "the replaying server did not start");
    snprintf(r.url, sizeof r.url, "http://127.0.0.1:%d/v1", port);
    return r;
}

void replay_stop(replay *r)
{
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    close(r->out);
}
