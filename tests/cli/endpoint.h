/*
 * An LLM for tests, in this process: it puts every list in reverse. What it refuses, what it holds back and what it was
 * sent is the test's to say and to see. The tests of the command start rrk as a child that asks it over real HTTP.
 */
#ifndef RRK_TESTS_CLI_ENDPOINT_H
#define RRK_TESTS_CLI_ENDPOINT_H

#include "../net/server.h"
#include "child.h"

typedef struct endpoint {
    server *server;
    char url[128];
    const char *refused; /* NULL, or a word: prompts with it get 400 "not this one" */
    const char *key;     /* NULL, or what must come as a bearer's token, otherwise 401 */
    size_t held_from;    /* requests from this number on wait until released; SIZE_MAX: none */
} endpoint;

void endpoint_start(endpoint *e);
void endpoint_stop(endpoint *e);
size_t endpoint_calls(endpoint *e);
/* Waits until n requests have come; the test fails when they do not. */
void endpoint_await(endpoint *e, size_t n);

/* Three queries, q1 to q3, with the candidates a1 to a5, b1 to b5 and c1 to c5; the second has the word "beta". */
const char *endpoint_candidates(void);

/* The whole file, in a buffer that the next call overwrites. */
const char *child_slurp(const char *path);

/* Runs the command with the arguments that every test here has in front: verb, the endpoint, its model. */
#define ASK(result, e, verb, ...) RUN(result, NULL, verb, "--llm", (e)->url, "--llm-model", "m", __VA_ARGS__)

#endif
