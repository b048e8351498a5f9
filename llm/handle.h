/*
 * What an rrk_llm consists of, for llm.c which makes it and the files that run its calls. All but the last three members
 * stay as they are once it is open.
 */
#ifndef RRK_LLM_HANDLE_H
#define RRK_LLM_HANDLE_H

#include "base/owner.h"
#include "llm/body.h"
#include "llm/retry.h"
#include "net/http.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LLM_MAX_IDLE_LOOPS = 16 };

struct rrk_llm {
    base_owner owner;
    rrk_llm_options options; /* its strings are the ones below, or NULL */
    char *url;               /* of the completions, in full */
    char *model;
    char *key;
    char *authorization; /* the header; NULL: none */
    char *proxy;
    char *ca_file;
    llm_extra extra;
    llm_retry_policy retry;
    uint64_t jitter_seed;

    atomic_uint_fast64_t jitter_counter;
    atomic_bool completion_cap;         /* the endpoint asked for max_completion_tokens */
    pthread_mutex_t lock;               /* guards what follows */
    net_loop *idle[LLM_MAX_IDLE_LOOPS]; /* [n_idle]: open connections nobody uses */
    size_t n_idle;
};

/* A loop for one session; connections that an earlier session left open are in it. */
rrk_status llm_lease_loop(rrk_llm *llm, net_loop **out, rrk_error *err);
void llm_return_loop(rrk_llm *llm, net_loop *loop);

#endif
