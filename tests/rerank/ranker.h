/*
 * An LLM for tests: it reads the passages out of a prompt and puts them in an order that is known. Passage number 17
 * begins with "zq17z"; its goodness is GOODNESS(17, n), a permutation of the numbers 0..n-1, 0 being the best.
 */
#ifndef RRK_TESTS_RERANK_RANKER_H
#define RRK_TESTS_RERANK_RANKER_H

#include <rrk/llm.h>
#include <rrk/rerank.h>

enum { RANKER_MAX = 1200 };

typedef struct ranker ranker;

/* What one prompt shows, and the answer to be written. */
struct ranker {
    size_t n_passages; /* of the whole list */
    size_t noise;      /* 0: the ideal order; otherwise goodness is blurred by less than this, differently each call */
    uint64_t seed;
    size_t n_calls;
    size_t shown[RANKER_MAX]; /* of the last prompt: passages in the order shown */
    size_t n_shown;
    char answer[16 * RANKER_MAX];
};

/* Two different permutations of 0..n-1 unless n is a multiple of 7919 or 7907. */
size_t ranker_goodness(size_t passage, size_t n);
/* The passage whose goodness is place. */
size_t ranker_best(size_t place, size_t n);

/* Reads the chat and writes r->answer. */
void ranker_answer(ranker *r, const rrk_llm_message *messages, size_t n_messages);

/* n passages with the texts that ranker_answer() looks for; the caller frees them (free), texts and all in one. */
rrk_passage *ranker_passages(size_t n);

#endif
