/*
 * What retrieve and rerank read and write, as the verbs want it: queries, the ids of judged queries, and one query's
 * candidates at a time, wherever they come from.
 */
#ifndef RRK_CLI_INPUTS_H
#define RRK_CLI_INPUTS_H

#include "base/buf.h"
#include "base/map.h"
#include <rrk/store.h>

#include <stdio.h>

#define CLI_MAX_LINE_BYTES (64u << 20)
#define CLI_MAX_LIST_BYTES (1u << 30)

/* Queries in the file's order: "qid TAB text" lines or BEIR's JSON lines, told apart by the first character. */
typedef struct cli_queries {
    base_map *by_id; /* id -> index; its entries are the ids in order */
    base_buf texts;  /* NUL-terminated one after the other */
    base_buf starts; /* size_t each: where a text begins */
} cli_queries;

rrk_status cli_queries_read(cli_queries *out, const char *path, rrk_error *err);
void cli_queries_free(cli_queries *queries); /* also for RRK_AUTO */
size_t cli_queries_len(const cli_queries *queries);
rrk_text cli_queries_id(const cli_queries *queries, size_t index);
rrk_text cli_queries_text(const cli_queries *queries, size_t index);

/* The ids in the first column of a qrels file (TREC, or BEIR's tsv with its header line). */
rrk_status cli_judged_read(base_map **out, const char *path, rrk_error *err);

/* One query and its passages. A source fills it anew for each query; its texts live until then. */
typedef struct cli_list {
    rrk_text qid;
    rrk_text query;
    rrk_passage *passages; /* [n_passages] */
    size_t n_passages;
    size_t cap;
    rrk_passage_list *fetched; /* owns the texts when they come from a store */
    void *json;                /* owns them when they come from a candidates file */
} cli_list;

void cli_list_free(cli_list *list); /* also for RRK_AUTO */
rrk_status cli_list_add(cli_list *list, const rrk_passage *passage, rrk_error *err);
void cli_list_clear(cli_list *list);

typedef struct cli_source cli_source;

/* A candidates file: a JSON object a line in one of three shapes, see lists.c; "-" is standard input. */
rrk_status cli_source_of_file(cli_source **out, const char *path, rrk_error *err);
/* A TREC run over a store's passages. store and queries are borrowed. */
rrk_status cli_source_of_run(cli_source **out, const char *run_path, rrk_store *store, const cli_queries *queries,
                             rrk_error *err);
void cli_source_free(cli_source *source);
static inline void cli_source_free_ptr(cli_source **source)
{
    cli_source_free(*source);
}
rrk_status cli_source_next(cli_source *source, cli_list *list, bool *more, rrk_error *err);
/* How far it is, for progress: done of total, 0 when unknown. */
void cli_source_position(const cli_source *source, uint64_t *done, uint64_t *total);

/*
 * Lines of a TREC run for one query. Evaluation orders by score alone and may keep it in 32 bits, so the scores are
 * written strictly decreasing as floats: the order in the file is the order that was meant. previous is kept by the
 * caller between the lines of a query and starts as CLI_NO_SCORE.
 */
#define CLI_NO_SCORE __builtin_inff()
typedef struct cli_run_line {
    rrk_text qid;
    rrk_text docid;
    size_t rank; /* from 1 */
    double score;
    const char *tag;
} cli_run_line;
void cli_run_put(FILE *out, const cli_run_line *line, float *previous);

#endif
