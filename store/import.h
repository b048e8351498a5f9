/*
 * What the import formats share: batches of one transaction each, counting, progress, and the choice between stopping at
 * what is bad and passing over it. A format turns its input into passages and hands them over one by one.
 */
#ifndef RRK_STORE_IMPORT_H
#define RRK_STORE_IMPORT_H

#include "store/internal.h"

/* A text file is read whole; this is its limit. */
#define STORE_IMPORT_MAX_FILE_BYTES ((size_t)256 << 20)

typedef struct store_import {
    rrk_store *store;
    rrk_import_options options;
    rrk_import_stats stats;
    int64_t start_ns;
    int64_t shown_ns;             /* when progress was last told */
    store_connection *connection; /* of the open batch; NULL between batches */
    size_t n_batch;
} store_import;

/* Stores a passage. place ("file:line") goes before the message of a bad one. */
rrk_status store_import_add(store_import *import, const rrk_passage *passage, const char *place, rrk_error *err);

/* For what is bad before it is a passage: RRK_OK when it may be skipped, status otherwise; err is as the caller filled it. */
rrk_status store_import_bad(store_import *import, rrk_status status, rrk_error *err);

/* Tells progress if it is time; RRK_E_CANCELLED when the callback says so. */
rrk_status store_import_progress(store_import *import, bool now, rrk_error *err);

/* The formats. A line is without its end, and place says where it is from. */
rrk_status store_import_beir_line(store_import *import, rrk_text line, const char *place, rrk_error *err);
rrk_status store_import_msmarco_line(store_import *import, rrk_text line, const char *place, rrk_error *err);
rrk_status store_import_files(store_import *import, const char *path, rrk_error *err);

/* True for the names of text and Markdown files. */
bool store_import_is_text(const char *path);

#endif
