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
#include <rrk/rerank.h>

/* What a machine works on. Borrowed: it stays as it is until stop(). */
typedef struct rank_task {
    const rrk_encoder *encoder;  /* for its tokenizer and its limits; machines never run it */
    rrk_text query;              /* checked: UTF-8, not blank */
    const rrk_passage *passages; /* [n_passages], checked: UTF-8, not empty */
    size_t n_passages;
    const rrk_rank_options *options; /* checked, all fields in range */
    size_t number;                   /* the caller's request, for its hits and for messages */
} rank_task;

/* What next() hands out. n_rows 0: nothing more to do. */
typedef struct rank_work {
    const enc_row *rows; /* valid until accept() */
    size_t n_rows;
} rank_work;

/* What a machine has to tell about its passages, for rrk_rank_stats. */
typedef struct rank_counts {
    uint64_t n_rows;
    uint64_t n_tokens;
    uint64_t n_truncated;
    uint64_t n_chunked;
} rank_counts;

typedef struct rank_strategy rank_strategy;

/* Every machine starts with this. */
typedef struct rank_machine {
    const rank_strategy *strategy;
    rank_counts counts;
} rank_machine;

struct rank_strategy {
    const char *name;
    rrk_encoder_head head; /* the encoder's head that it needs */
    rrk_status (*start)(rank_machine **out, const rank_task *task, rrk_error *err);
    rrk_status (*next)(rank_machine *machine, rank_work *work, rrk_error *err);
    /* results is [n_rows, enc_output_dim()] of the work handed out last. */
    rrk_status (*accept)(rank_machine *machine, const float *results, rrk_error *err);
    /* scores is [n_passages]. */
    rrk_status (*finish)(rank_machine *machine, double *scores, rrk_error *err);
    void (*stop)(rank_machine *machine); /* frees; NULL is fine */
};

extern const rank_strategy rank_embedding, rank_cross;

#endif
