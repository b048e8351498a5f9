/* Runs the built command and keeps what it wrote. */
#ifndef RRK_TESTS_CLI_CHILD_H
#define RRK_TESTS_CLI_CHILD_H

#include <stddef.h>
#include <sys/types.h>

typedef struct child {
    int code; /* exit code, or 128 + the signal that ended it */
    char out[1 << 18];
    char err[1 << 16];
} child;

/* input may be NULL: then standard input is empty. The arguments end with NULL and do not include the command. */
void child_run(child *result, const char *input, const char *const *arguments);
#define RUN(result, input, ...) child_run(&(result), input, (const char *const[]){__VA_ARGS__, NULL})

/* The command is started with a pipe as its standard input, for tests that interrupt it. */
pid_t child_start(const char *const *arguments, int *input);

/* A fresh folder below the temporary one; PATH(name) is a file in it, in a buffer of its own for each call. */
const char *child_path(const char *name);
void child_write(const char *path, const char *text);
int child_exists(const char *path);

#endif
