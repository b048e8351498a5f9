/*
 * Where rerank's passages come from, one query at a time: a candidates file, or a TREC run over a store's passages. The
 * verb reads both through the same three calls.
 */
#ifndef RRK_CLI_SOURCE_H
#define RRK_CLI_SOURCE_H

#include "cli/cli.h"
#include "eval/queries.h"

/* Where a verb's options say that candidates are. */
typedef struct cli_source_values {
    const char *candidates;
    const char *store;
    const char *run;
    const char *queries;
} cli_source_values;

extern const cli_table cli_source_table; /* for a cli_source_values */
int cli_source_check(const cli_verb *verb, const cli_source_values *values);

/* One query and its passages; owned by the source, which fills them anew for each query. */
typedef struct cli_list {
    rrk_text qid;
    rrk_text query;
    const rrk_passage *passages; /* [n_passages] */
    size_t n_passages;
} cli_list;

typedef struct cli_source cli_source;

rrk_status cli_source_open(cli_source **out, const cli_source_values *values, rrk_error *err);
void cli_source_free(cli_source *source); /* NULL is fine */
rrk_status cli_source_next(cli_source *source, cli_list *list, bool *more, rrk_error *err);
/* From here on each query's passages come last first. */
void cli_source_reverse(cli_source *source);
/* How far it is, for progress: done of total, 0 when unknown. */
void cli_source_position(const cli_source *source, uint64_t *done, uint64_t *total);

#endif
