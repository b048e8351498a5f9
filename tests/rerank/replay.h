/*
 * A child process that answers like a recorded LLM (llm_replay.py in RRK_TEST_TOOLS), for tests over real HTTP and real
 * candidates. Where the tool or the data is absent, the test is skipped and says so.
 */
#ifndef RRK_TESTS_RERANK_REPLAY_H
#define RRK_TESTS_RERANK_REPLAY_H

#include <sys/types.h>

typedef struct replay {
    pid_t pid;
    int out; /* its standard output */
    char url[64];
} replay;

/* The path of a file in RRK_TEST_DATA, in a buffer of its own for each of the last four calls. Skips the test. */
const char *replay_data(const char *name);

/* arguments end with NULL and come after the script's name. Skips the test. */
replay replay_start(const char *const *arguments);
void replay_stop(replay *r);

#endif
