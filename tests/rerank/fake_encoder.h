/*
 * An encoder without a model, for tests of what stands above it. Words are split at blanks; the word "w7" has id 107,
 * any other word an id by its hash. As a cross-encoder it scores a pair by how many tokens of the second segment occur
 * in the first; as an embedder it counts ids into buckets, and with two views into two kinds of buckets. A view's
 * anchor is the sum of its vectors. As a T5 with a decoder it counts words "w<i>" into the three answers by i + 1
 * modulo 3.
 */
#ifndef RRK_TESTS_RERANK_FAKE_ENCODER_H
#define RRK_TESTS_RERANK_FAKE_ENCODER_H

#include "encoder/encoder.h"
#include <rrk/rerank.h>

enum { FAKE_CLS = 1, FAKE_SEP = 2, FAKE_DIM = 32, FAKE_VIEWS = 2, FAKE_FIRST_VIEW = 50, FAKE_LAST = 64 };

struct rrk_encoder {
    rrk_encoder_head head;
    size_t max_tokens;
    const char *query_prompt;
    const char *passage_prompt;
    const char *name;
    const char *fingerprint; /* NULL: the name */
    /* What it saw. */
    size_t n_calls;
    size_t n_rows;
    size_t n_tokens;
    size_t longest_row;
    size_t n_anchor_calls;
    int32_t last[FAKE_LAST]; /* the row run last */
    size_t n_last;
    uint32_t last_type1_from;
    /* What it is told to do: fail the n-th call (from 1), or give NaN for rows that hold the id. */
    size_t fail_call;
    int32_t nan_id;
    /* What it is. */
    bool is_t5;   /* no token begins a row */
    bool is_xlmr; /* pairs have two separators and one token type */
    bool lacks_answers;
    bool is_block;               /* reads queries apart, as embeddings; its passages' rows add the dot product */
    enc_calibration calibration; /* unknown */
    size_t n_queries;            /* that are read and not freed */
    size_t n_queries_read;
    size_t longest_query; /* row */
    size_t most_queries;  /* at a time */
};

rrk_encoder fake_encoder(rrk_encoder_head head, size_t max_tokens);

/* A reranker over it; a test fails that gets none. */
rrk_reranker *fake_reranker(const char *strategy, rrk_encoder *encoder);

/* "w<first> w<first+1> ... " of n words; the caller frees it (free). */
char *fake_words(size_t first, size_t n);

#endif
