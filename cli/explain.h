/*
 * Why a model with views ordered a query's passages as it did, for rrk rerank --explain: what each view says of each
 * passage and the place it would give it, how much alike the views look (their anchors' cosines), and how much alike
 * they order (Kendall's tau). Apart from the verb because it only reads what was ranked.
 */
#ifndef RRK_CLI_EXPLAIN_H
#define RRK_CLI_EXPLAIN_H

#include "cli/batch.h"

/* One query, ranked with batch.n_views: tables for people, or a JSON object on a line. */
rrk_status cli_explain(const cli_ranked *ranked, bool json, FILE *out, rrk_error *err);

#endif
