/*
 * OUTPUT.partial: what --resume keeps of a run that was not finished, so that finished queries are not asked again. Its
 * first line holds the options that the answers depend on; a query's lines follow as it ends, with a line that closes
 * them. Apart from the verb because its format is this file's alone. A torn end is cut off; one process at a time.
 */
#ifndef RRK_CLI_PARTIAL_H
#define RRK_CLI_PARTIAL_H

#include "base/buf.h"
#include "base/map.h"
#include "base/sha256.h"
#include "cli/source.h"

#include <stdio.h>

#define CLI_PARTIAL_MAX_BYTES ((size_t)4 << 30)

typedef struct cli_finished {
    rrk_text lines; /* of the run */
    rrk_rank_stats stats;
    char digest[BASE_SHA256_HEX_SIZE]; /* of the query and its candidates */
} cli_finished;

typedef struct cli_partial {
    FILE *stream; /* NULL: nothing is kept */
    char *path;
    char *content;   /* as it was found */
    base_map *by_id; /* qid to index in finished */
    base_buf finished;
} cli_partial;

/*
 * options is a JSON object; a file that was begun with others is RRK_E_INVALID naming the first that differs.
 * RRK_E_BUSY when another process writes to it.
 */
rrk_status cli_partial_open(cli_partial *out, const char *output, const char *options, rrk_error *err);
void cli_partial_close(cli_partial *partial); /* the file stays; also for RRK_AUTO, a zeroed one is fine */
/* Closes, and the file goes. */
rrk_status cli_partial_remove(cli_partial *partial, rrk_error *err);

/* What an earlier run finished; NULL: not that one. */
const cli_finished *cli_partial_find(const cli_partial *partial, rrk_text qid);
/* RRK_E_INVALID when it was finished for another text or other candidates than these. */
rrk_status cli_partial_check(const cli_partial *partial, const cli_finished *finished, const cli_list *list,
                             rrk_error *err);
/* Written and flushed when this returns. */
rrk_status cli_partial_add(cli_partial *partial, const cli_list *list, rrk_text lines, const rrk_rank_stats *stats,
                           rrk_error *err);

#endif
