/*
 * Files: read whole with a limit, mapped, or written so that nobody ever sees half of one.
 */
#ifndef RRK_BASE_FILE_H
#define RRK_BASE_FILE_H

#include "base/error.h"

#include <stdio.h>

/* Reads a whole file; *data is NUL-terminated and the caller's (base_free). Larger than max_bytes is RRK_E_INVALID. */
rrk_status base_file_read(const char *path, size_t max_bytes, char **data, size_t *len, rrk_error *err);

typedef struct base_mapping {
    const void *data;
    size_t len;
} base_mapping;

/* Maps a file read-only. */
rrk_status base_file_map(const char *path, base_mapping *out, rrk_error *err);
void base_file_unmap(base_mapping *mapping); /* a zeroed mapping is fine */

/*
 * A file that appears under its name only when it is complete: written beside it, flushed, then renamed. "-" is standard
 * output; that, a device and a pipe are written to as they are. A folder is refused at once. Usage: open, write to
 * ->stream, commit; abort on failure (harmless after commit).
 */
typedef struct base_output {
    FILE *stream;
    char *path;      /* owned */
    char *temporary; /* owned; NULL for what is written to as it is */
} base_output;

rrk_status base_output_open(base_output *out, const char *path, rrk_error *err);
rrk_status base_output_commit(base_output *out, rrk_error *err); /* checks every write */
void base_output_abort(base_output *out);                        /* removes the temporary; also for RRK_AUTO */

#endif
