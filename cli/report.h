/*
 * What a verb that ranks many queries tells about it afterwards: counts, tokens, money and time, for people, as JSON
 * and as a provenance file beside its output. Apart from the verbs because it knows nothing of how the counts came
 * about.
 */
#ifndef RRK_CLI_REPORT_H
#define RRK_CLI_REPORT_H

#include "base/buf.h"
#include "cli/price.h"
#include <rrk/rerank.h>

#include <stdio.h>

typedef struct cli_totals {
    uint64_t n_queries;  /* seen */
    uint64_t n_passages; /* theirs */
    uint64_t n_failed;   /* queries that the LLM did not rank */
    uint64_t n_resumed;  /* queries that were finished before */
    rrk_rank_stats rank;
} cli_totals;

void cli_totals_init(cli_totals *totals);
void cli_stats_add(rrk_rank_stats *sum, const rrk_rank_stats *part);

/* Texts are borrowed; NULL: there is none. */
typedef struct cli_report {
    const char *verb;
    const char *strategy;
    const char *model;
    const char *compute;     /* of an encoder */
    const char *endpoint;    /* of an LLM */
    const char *prompt_hash; /* of an LLM's prompt */
    const char *options;     /* a JSON object */
    const cli_price *price;
    const cli_totals *totals;
    double elapsed_s;
} cli_report;

/* A line or two, or a line of JSON. */
void cli_report_print(const cli_report *report, bool json, FILE *out);
/* The same for a prediction. */
void cli_report_predict(const cli_report *report, bool json, FILE *out);
/* Writes "<output>.json". */
rrk_status cli_report_write(const cli_report *report, const char *output, rrk_error *err);

/* Counts that are not 0 as a JSON object, for files that carry them along; and back, from its member "counts". */
rrk_status cli_stats_to_json(const rrk_rank_stats *stats, base_buf *out, rrk_error *err);
rrk_status cli_stats_from_json(rrk_rank_stats *stats, rrk_text json, rrk_error *err);

#endif
