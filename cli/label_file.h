/*
 * The file that rrk label writes: complete listwise labels in the published format, a JSON object a line, appended as
 * each query ends. The file is its own memory: queries that it has are not asked again. Apart from the verb because the
 * format and what becomes of a damaged file are this file's alone.
 */
#ifndef RRK_CLI_LABEL_FILE_H
#define RRK_CLI_LABEL_FILE_H

#include "base/map.h"
#include <rrk/text.h>

#include <stdio.h>

#define CLI_LABEL_MAX_LINE_BYTES ((size_t)64 << 20)

typedef struct cli_label_file {
    FILE *stream;
    char *path;
    base_map *labelled; /* qids */
} cli_label_file;

/*
 * "-" is standard output, which remembers nothing. A last line without an end is what an interruption left: it is cut
 * off, unless the file is only looked at. RRK_E_FORMAT "file:line: ..." for any other line that is no label, RRK_E_BUSY
 * when another process writes to it.
 */
rrk_status cli_label_open(cli_label_file *out, const char *path, bool only_look, rrk_error *err);
/* Tells of writes that failed; a closed one is fine. */
rrk_status cli_label_close(cli_label_file *file, rrk_error *err);
bool cli_label_has(const cli_label_file *file, rrk_text qid);

/* Two orders of the same passages, by id. Written and flushed when this returns. */
typedef struct cli_label_record {
    rrk_text qid;
    const rrk_passage *passages; /* [n] in their first order */
    const rrk_hit *hits;         /* [n] best first */
    size_t n;
} cli_label_record;
rrk_status cli_label_add(cli_label_file *file, const cli_label_record *record, rrk_error *err);

#endif
