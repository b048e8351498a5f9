/*
 * A Hugging Face compatible hub in the test's process: it serves a tiny model by redirects to another host, and breaks
 * connections, lies in its listings and in its files as a test wants. The cache is a folder of the test's own.
 */
#ifndef RRK_TESTS_CLI_HUB_H
#define RRK_TESTS_CLI_HUB_H

#include "../encoder/folder.h"
#include "../net/server.h"
#include "child.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define TOKEN "hf_s3cr3t"

/* All zero is well. */
typedef struct hub_ways {
    const char *token;   /* NULL: none is needed */
    const char *commit;  /* NULL: COMMIT */
    const char *listing; /* NULL: the model's own; otherwise the whole reply */
    const char *more;    /* further entries for the listing */
    const char *wrong;   /* a file that does not come as listed */
    size_t break_after;  /* bytes of weights until the connection breaks */
    size_t n_broken;     /* connections that still break */
    bool holds_weights;  /* after break_after bytes it waits */
    bool has_no_sizes;
    bool is_gated; /* the listing is for all, the files are not: those without token get 401, with it 403 */
} hub_ways;

extern child result;
extern folder model, cache;
extern server *hub, *storage; /* the weights lie with the latter */
extern hub_ways how;

void hub_set_up(void); /* and the environment's XDG_CACHE_HOME */
void hub_tear_down(void);

#define PULL(...) RUN(result, NULL, "pull", "--endpoint", server_url(hub), __VA_ARGS__)

void expect_done(void);
void expect_failure(const char *part); /* of the one line on standard error */

const char *read_model_file(const char *name, size_t *len); /* in a buffer until the next call; NULL: not there */
const char *in_cache(const char *name);
const char *pulled_file(const char *name);
void expect_same_file(const char *name); /* pulled, and as the hub has it */
void embed_with(const char *name);       /* the result is that of rrk embed --model NAME */
int64_t size_of(const char *path);       /* -1: not there */
void remove_folder(const char *path);

#endif
