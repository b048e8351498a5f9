/*
 * A strategy as a pure machine. start() is given a query and its passages, next() hands out work, accept() takes the
 * work's result, and when next() has nothing more, finish() gives every passage its score. A machine does no I/O and
 * owns no thread: the driver (driver.h) does the waiting, for one query or for many at once. The only clock it knows is
 * the deadline, which start() looks at while it cuts passages.
 *
 * To add a strategy: a file with a rank_strategy, an entry in RANK_STRATEGIES, a line in <rrk/rerank.h>'s table.
 */
#ifndef RRK_RERANK_STRATEGY_H
#define RRK_RERANK_STRATEGY_H

#include "base/deadline.h"
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
    const base_deadline *deadline;   /* for start(); NULL: none */
} rank_task;

/* Passages are looked at in such portions between two looks at the deadline: a few milliseconds to tokenise. */
enum { RANK_PACE_BYTES = 64 * 1024, RANK_PACE_BYTES_A_PASSAGE = 64 };

static inline base_pace rank_pace(const base_deadline *deadline)
{
    return (base_pace){.deadline = deadline, .every = RANK_PACE_BYTES};
}

static inline rrk_status rank_pace_check(base_pace *pace, const rrk_passage *passage, rrk_error *err)
{
    return base_pace_check(pace, passage->title.len + passage->text.len + RANK_PACE_BYTES_A_PASSAGE, err);
}

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

/* All of them: those with a model of their own first, then those that ask an LLM, of which FULL is the first. */
#define RANK_STRATEGIES(X)                                                                                             \
    X(EMBEDDING, embedding)                                                                                            \
    X(CROSS, cross) X(MVP, mvp) X(MONOT5, monot5) X(RANKT5, rankt5) X(FULL, full) X(SLIDING, sliding)

#define RANK_STRATEGY_EXTERN(ID, name) extern const rank_strategy rank_##name;
RANK_STRATEGIES(RANK_STRATEGY_EXTERN)

#endif
