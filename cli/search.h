/* What rrk search found, between the file that searches and the file that prints. */
#ifndef RRK_CLI_SEARCH_H
#define RRK_CLI_SEARCH_H

#include "cli/cli.h"

typedef struct cli_answer {
    rrk_text query;
    const char *strategy;
    const char *retriever;
    const rrk_search_result *items; /* [n_items], best first */
    size_t n_items;
    const size_t *bm25_ranks;  /* [n_items] the passage's place in BM25's order, from 1; 0: not in it */
    const rrk_passage *before; /* [n_before] the head of BM25's order */
    size_t n_before;
    double bm25_ms; /* of BM25 alone */
    double retrieve_ms;
    double rerank_ms;
} cli_answer;

rrk_status cli_answer_table(const cli_answer *answer, FILE *out, rrk_error *err);
void cli_answer_compare(const cli_answer *answer, FILE *out);
rrk_status cli_answer_json(const cli_answer *answer, FILE *out, rrk_error *err);

#endif
