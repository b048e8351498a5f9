/*
 * Fetching one model into the cache: list, choose, download, check, publish. Apart from the verb, which reads the
 * command line and reports.
 */
#ifndef RRK_CLI_PULL_H
#define RRK_CLI_PULL_H

#include "cli/model_cache.h"

typedef struct cli_pull_order {
    const char *endpoint; /* "https://huggingface.co" */
    const char *root;     /* of the cache */
    cli_model_name model;
    const char *token; /* NULL: none */
    const char *proxy;
    const char *ca_file;
} cli_pull_order;

typedef struct cli_pulled {
    char *folder; /* that of the commit; owned */
    char commit[CLI_HUB_COMMIT_SIZE];
    size_t n_files;
    size_t n_checked; /* whose SHA-256 the endpoint told; of the others it told the size at most */
    uint64_t n_bytes;
    uint64_t n_fetched; /* 0: all was there */
} cli_pulled;

/* The caller frees folder (base_free). RRK_E_CANCELLED when interrupted; what came so far is kept for the next time. */
rrk_status cli_pull_model(const cli_pull_order *order, cli_pulled *out, rrk_error *err);

#endif
