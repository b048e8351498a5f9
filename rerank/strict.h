/*
 * One window ranked one identifier at a time, each out of those still unused: a permutation whatever the model is like.
 *
 * The prompt of the window stays as it is and what was answered so far follows it as an assistant's turn, then a user's
 * turn asks for the next. That keeps user and assistant alternating, which every chat template accepts (continuing an
 * unfinished assistant's turn is a matter of server and version), and each call shares all but its last tokens with the
 * one before, so a server that caches prompts (llama.cpp does by default) reads the passages once a window.
 */
#ifndef RRK_RERANK_STRICT_H
#define RRK_RERANK_STRICT_H

#include "rerank/permutation.h"
#include "rerank/prompt.h"

typedef struct rank_strict {
    size_t n;
    size_t n_given;
    uint32_t *given;  /* [n]: passages (from 0) in the order given; owned */
    uint32_t *unused; /* [n - n_given] identifiers (from 1), ascending; owned */
    uint32_t *read;   /* [n]: a reply as it was read; owned */
    base_buf so_far;
    rrk_llm_message *messages; /* [n_window_messages + 2]; owned */
} rank_strict;

/* Starts over with a window of n. */
rrk_status rank_strict_begin(rank_strict *strict, size_t n, rrk_error *err);
void rank_strict_free(rank_strict *strict);

/* The next call: fills in messages, shape and what is admitted. */
rrk_status rank_strict_ask(rank_strict *strict, const rank_prompt *window, llm_prompt *call, rrk_error *err);

/* Takes the answer. One that names no unused identifier (an endpoint may ignore the constraint) means the first. */
rrk_status rank_strict_take(rank_strict *strict, rrk_text answer, rank_reply_counts *counts, rrk_error *err);

/* The passages given, then the others in their input order. */
void rank_strict_order(const rank_strict *strict, uint32_t *order);

#endif
