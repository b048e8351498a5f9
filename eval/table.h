/*
 * What a run and qrels have in common: queries, each with docids that occur once and carry one number. Apart from both,
 * so that reading, the duplicate rule and the limits exist once.
 */
#ifndef RRK_EVAL_TABLE_H
#define RRK_EVAL_TABLE_H

#include "base/lines.h"
#include "base/map.h"
#include "base/owner.h"
#include <rrk/eval.h>

typedef struct eval_table {
    base_map *qids;  /* qid to index into docs */
    base_map **docs; /* [cap], docid to grade or to the bits of the score */
    size_t cap;
} eval_table;

struct rrk_run {
    base_owner owner;
    eval_table table;
};

struct rrk_qrels {
    base_owner owner;
    eval_table table;
};

rrk_status eval_table_init(eval_table *table, rrk_error *err);
void eval_table_free(eval_table *table); /* a zeroed table is fine */
rrk_status eval_table_add(eval_table *table, rrk_text qid, rrk_text docid, int64_t value, rrk_error *err);
const base_map *eval_table_docs(const eval_table *table, rrk_text qid); /* NULL when the query is not there */

/* The next word of *rest between white space; its len is 0 at the end. */
rrk_text eval_next_word(rrk_text *rest);

/* Puts the place before the message of an error. */
rrk_status eval_at_line(const base_lines *lines, rrk_status status, rrk_error *err);

typedef struct eval_hit {
    rrk_text docid;
    float score;
} eval_hit;

/* The hits of one query in trec_eval's order; the caller frees them with base_free(). */
rrk_status eval_run_order(const base_map *docs, eval_hit **out, size_t *n, rrk_error *err);

#endif
