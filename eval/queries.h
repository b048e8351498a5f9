/*
 * Query files: BEIR's JSON lines {"_id","text"} and MS MARCO's "qid TAB text", told apart by a line's first byte. Apart
 * from candidates because a query here has no passages, and because runs look queries up by id, so all are in memory.
 */
#ifndef RRK_EVAL_QUERIES_H
#define RRK_EVAL_QUERIES_H

#include "base/buf.h"
#include "base/map.h"

#define EVAL_QUERIES_MAX_LINE_BYTES (64u << 20)
#define EVAL_QUERIES_MAX_BYTES (1u << 30)

/* In the file's order. */
typedef struct eval_queries {
    base_map *by_id; /* id -> index; its entries are the ids in order */
    base_buf texts;  /* NUL-terminated one after the other */
    base_buf starts; /* size_t each: where a text begins */
} eval_queries;

/* *out is zeroed before. "-" is standard input. RRK_E_FORMAT "file:line: ...", also for an id that comes twice. */
rrk_status eval_queries_read(eval_queries *out, const char *path, rrk_error *err);
void eval_queries_free(eval_queries *queries); /* also for RRK_AUTO */
size_t eval_queries_len(const eval_queries *queries);
rrk_text eval_queries_id(const eval_queries *queries, size_t index);
rrk_text eval_queries_text(const eval_queries *queries, size_t index);
/* false when there is none of that id. */
bool eval_queries_find(const eval_queries *queries, rrk_text id, rrk_text *text);

#endif
