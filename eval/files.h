/* Judgments and runs in memory, as evaluate.c reads them: one array each, grouped by query. */
#ifndef RRK_EVAL_FILES_H
#define RRK_EVAL_FILES_H

#include "base/buf.h"
#include "base/map.h"
#include <rrk/eval.h>

/* One line of a qrels file or a run. */
typedef struct eval_entry {
    uint32_t query; /* into the queries' map */
    int32_t grade;  /* qrels only */
    float score;    /* run only */
    rrk_text docid; /* in the pairs' map */
} eval_entry;

typedef struct eval_table {
    base_map *queries;   /* qid -> number */
    base_map *pairs;     /* qid TAB docid -> grade, or 0 in a run */
    eval_entry *entries; /* [n], sorted by query, then best first; owned */
    size_t n, cap;
    size_t *first; /* [queries + 1] into entries; owned */
} eval_table;

struct rrk_qrels {
    eval_table table;
};

struct rrk_run {
    eval_table table;
};

/* The grade of a pair; false when it is not judged. key is "qid TAB docid". */
bool eval_grade(const rrk_qrels *qrels, rrk_text key, int32_t *grade);

/* "qid TAB docid" in a buffer of the caller's. */
rrk_status eval_pair_key(rrk_text qid, rrk_text docid, base_buf *key, rrk_error *err);

#endif
