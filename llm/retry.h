/*
 * Which failures are worth another attempt, and when. Pure: the clock and the waiting are session.c's.
 */
#ifndef RRK_LLM_RETRY_H
#define RRK_LLM_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How an attempt failed. */
typedef enum llm_failure {
    LLM_FAILURE_FINAL = 0,      /* nothing that passes by itself */
    LLM_FAILURE_CONNECTION = 1, /* no connection, cut off, too slow: nothing or too little was answered */
    LLM_FAILURE_HTTP = 2,       /* answered with a status that is no success */
    LLM_FAILURE_REPLY = 3       /* a success by its status, but its body is broken or an error */
} llm_failure;

typedef struct llm_retry_policy {
    size_t max_retries;
    int64_t first_pause_ms;
    int64_t max_pause_ms;
} llm_retry_policy;

/* http_status: for LLM_FAILURE_HTTP, and for LLM_FAILURE_REPLY what the error in it says (0: nothing). */
bool llm_may_pass(llm_failure failure, long http_status);

/*
 * Whether the attempt after number n_attempts (from 1) is made, and after how long: the pause doubles with each attempt
 * up to max_pause_ms, and half of it is drawn by uniform (0..1), so that calls that failed together do not come back
 * together. retry_after_ms (-1: none) is waited for if it is longer; if it is above max_pause_ms, there is no other
 * attempt.
 */
bool llm_retry_pause(const llm_retry_policy *policy, size_t n_attempts, int64_t retry_after_ms, double uniform,
                     int64_t *pause_ms);

#endif
