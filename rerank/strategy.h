/*
 * A strategy as a pure machine. start() is given a query and its passages, next() hands out work, accept() takes the
 * work's result, and when next() has nothing more, finish() gives every passage its score. A machine does no I/O, reads
 * no clock and owns no thread: the driver (driver.h) does the waiting, for one query or for many at once.
 *
 * To add a strategy: a file with a rank_strategy, a line in reranker.c's table, a line in <rrk/rerank.h>'s.
 */
#ifndef RRK_RERANK_STRATEGY_H
#define RRK_RERANK_STRATEGY_H

#include "encoder/encoder.h"
#include "llm/llm.h"
#include "rerank/listwise.h"
#include <rrk/rerank.h>

/* What a machine works on. Borrowed: it stays as it is until stop(). */
typedef struct rank_task {
    const rrk_encoder *encoder;    /* for its tokenizer and its limits; machines never run it. NULL: not needed */
    const rank_listwise *listwise; /* what listwise strategies were opened with; NULL: not needed */
    rrk_text query;                /* checked: UTF-8, not blank */
    const rrk_passage *passages;   /* [n_passages], checked: UTF-8, not empty */
    size_t n_passages;
    const rrk_rank_options *options; /* checked, all fields in range */
    size_t number;                   /* the caller's request, for its hits and for messages */
    const struct rrk_views *views;   /* "mvp": checked, for accept() to fill; NULL: nobody asks */
} rank_task;

/* What next() hands out, valid until accept(): one of the four kinds. None: nothing more to do. */
typedef struct rank_work {
    /* A query for enc_query_read(). */
    const enc_row *query;
    /* Rows to encode. */
    const enc_row *rows;
    size_t n_rows;
    float *row_results; /* [n_rows, enc_output_dim()] where the machine wants the results; NULL: anywhere */
    /* One list's vectors, of which enc_anchors() makes scores. */
    const float *vectors; /* [n_vectors, enc_output_dim()] */
    size_t n_vectors;
    float *anchors; /* [enc_output_dim()] where the machine wants the views' anchors; NULL: nowhere */
    /* Prompts to answer. */
    const llm_prompt *prompts;
    size_t n_prompts;
} rank_work;

/* What became of the work, as it was handed out last. */
typedef struct rank_results {
    enc_query *query;                /* the machine's from here on */
    const float *rows;               /* [n_rows, enc_output_dim()] */
    const float *views;              /* [n_vectors, enc_n_views()] */
    const llm_reply *const *replies; /* [n_prompts], none of them failed */
} rank_results;

/* What a machine has to tell about its passages, for rrk_rank_stats. */
typedef struct rank_counts {
    uint64_t n_rows;
    uint64_t n_tokens;
    uint64_t n_truncated;
    uint64_t n_chunked;
    rank_reply_counts replies;
    uint64_t tokens_saved;
} rank_counts;

typedef struct rank_strategy rank_strategy;

/* Every machine starts with this. */
typedef struct rank_machine {
    const rank_strategy *strategy;
    rank_counts counts;
} rank_machine;

struct rank_strategy {
    const char *name;
    bool needs_llm;        /* otherwise it needs an encoder */
    rrk_encoder_head head; /* the encoder's head that it needs */
    rrk_status (*start)(rank_machine **out, const rank_task *task, rrk_error *err);
    rrk_status (*next)(rank_machine *machine, rank_work *work, rrk_error *err);
    rrk_status (*accept)(rank_machine *machine, const rank_results *results, rrk_error *err);
    /* scores is [n_passages]. */
    rrk_status (*finish)(rank_machine *machine, double *scores, rrk_error *err);
    void (*stop)(rank_machine *machine); /* frees; NULL is fine */
};

extern const rank_strategy rank_embedding, rank_cross, rank_mvp, rank_monot5, rank_rankt5, rank_full, rank_sliding;

#endif
