/*
 * What a Hugging Face compatible endpoint says about a model, and which of its files rrk has use for. All of it comes
 * from strangers: names go through a list of what is known to be needed before they become paths, and nothing else of a
 * listing is believed. Pure, so that it can be tested and fuzzed without a network; cmd_pull.c does the fetching.
 */
#ifndef RRK_CLI_HUB_H
#define RRK_CLI_HUB_H

#include "base/buf.h"
#include "base/sha256.h"

#define CLI_HUB_MAX_LIST_BYTES ((size_t)16 << 20)
#define CLI_HUB_MAX_INDEX_BYTES ((size_t)64 << 20)
#define CLI_HUB_MAX_FILES 4096                        /* that are needed */
#define CLI_HUB_MAX_SMALL_BYTES ((uint64_t)256 << 20) /* of a file that is no weights */
#define CLI_HUB_MAX_FILE_BYTES ((uint64_t)1 << 40)
#define CLI_HUB_MAX_NAME 96 /* of each half of a model's name */
#define CLI_HUB_MAX_REVISION 128
#define CLI_HUB_MAX_PATH 128 /* of a file in a model */
#define CLI_HUB_MIN_COMMIT 7 /* hex digits */
#define CLI_HUB_COMMIT_SIZE 65

#define CLI_HUB_WEIGHTS "model.safetensors"
#define CLI_HUB_INDEX "model.safetensors.index.json"

typedef struct cli_hub_file {
    char path[CLI_HUB_MAX_PATH + 1];   /* plain, or in one subfolder: "1_Pooling/config.json" */
    int64_t n_bytes;                   /* -1: not told */
    char sha256[BASE_SHA256_HEX_SIZE]; /* "": not told, as for files that git keeps itself */
    bool has_sha256;                   /* it was told */
    bool is_weights;
} cli_hub_file;

typedef struct cli_hub_list {
    char commit[CLI_HUB_COMMIT_SIZE];
    base_buf files;   /* of cli_hub_file */
    bool has_pickles; /* weights as *.bin, which rrk does not read */
    bool is_gated;    /* its files are for those who have accepted its terms; the listing is not */
} cli_hub_list;

/* "name" or "owner/name" of letters, digits, '.', '_', '-'; no half begins with one of the last three or holds "..". */
bool cli_hub_is_name(const char *name);
/* A branch, tag or commit: letters, digits, '.', '_', '-' and, between them, '/'. */
bool cli_hub_is_revision(const char *revision);

/* Whether rrk reads a file of a model, or readers of the same folder do; path as in cli_hub_file. */
bool cli_hub_is_needed(const char *path);

/* json is the reply to /api/models/NAME/revision/REVISION?blobs=true. */
rrk_status cli_hub_read_list(cli_hub_list *out, rrk_text json, rrk_error *err);
void cli_hub_free_list(cli_hub_list *list); /* also for RRK_AUTO */

size_t cli_hub_n_files(const cli_hub_list *list);
cli_hub_file *cli_hub_file_at(const cli_hub_list *list, size_t i);
cli_hub_file *cli_hub_find(const cli_hub_list *list, const char *path); /* NULL: not there */

/*
 * Leaves out the weights that will not be read: shards beside a single file, and those that the index (a file's content;
 * empty when there is none) does not name. RRK_E_FORMAT when the index names what is not there, RRK_E_UNSUPPORTED when
 * there are no weights.
 */
rrk_status cli_hub_choose_weights(cli_hub_list *list, rrk_text index, rrk_error *err);

#endif
