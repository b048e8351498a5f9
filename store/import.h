/*
 * The machinery that import formats share: an importer takes passages one by one and commits them in batches. A format
 * is a function that reads its input and calls import_add() for a passage and import_bad() for what it cannot read.
 */
#ifndef RRK_STORE_IMPORT_H
#define RRK_STORE_IMPORT_H

#include "base/error.h"
#include "base/lines.h"
#include "store/passages.h"

typedef struct store_importer {
    rrk_store *store;
    rrk_import_options options;
    rrk_import_stats stats;
    rrk_import_stats batch; /* what the open transaction will add to the stats once it is committed */
    store_lease lease;
    size_t n_in_batch;
    uint64_t bytes_before; /* of the files that are done with, in a folder */
    int64_t started_ns;
    int64_t reported_ns;
    int64_t last_gap_ns;
} store_importer;

/* Where a passage comes from, for messages; line 0 means the file as a whole. */
typedef struct store_place {
    const char *file;
    uint64_t line;
} store_place;

rrk_status store_import_add(store_importer *importer, store_place place, const rrk_passage *passage, rrk_error *err);

/* Removes the passages "document#number" with a number above n_kept: what the document no longer has. */
rrk_status store_import_remove_beyond(store_importer *importer, const char *document, uint64_t n_kept, rrk_error *err);

/*
 * Something cannot be stored, and err says what without the place. With skip_bad it is counted and RRK_OK is given back;
 * otherwise the error is put behind its place. Only errors of the input are ever passed over.
 */
rrk_status store_import_bad(store_importer *importer, store_place place, rrk_status status, rrk_error *err);

/* Called once a line or file: progress, and RRK_E_CANCELLED when the caller wants no more. */
rrk_status store_import_tick(store_importer *importer, uint64_t bytes_read, rrk_error *err);

/* The longest line that can hold a storable passage, JSON's escapes and all. */
size_t store_import_max_line(const store_importer *importer);

typedef rrk_status (*store_line_fn)(store_importer *importer, store_place place, rrk_text line, rrk_error *err);

/* Reads lines and hands on those that are not blank; the first line may have been read already. */
rrk_status store_import_lines(store_importer *importer, base_lines *lines, const rrk_text *first, store_line_fn fn,
                              rrk_error *err);

rrk_status store_import_beir_line(store_importer *importer, store_place place, rrk_text line, rrk_error *err);
rrk_status store_import_msmarco_line(store_importer *importer, store_place place, rrk_text line, rrk_error *err);

/* import_text.c: one document that is in memory; name is its path in ids, metadata and titles. */
rrk_status store_import_document(store_importer *importer, const char *file, const char *name, rrk_text text,
                                 rrk_error *err);
/* import_folder.c */
rrk_status store_import_file(store_importer *importer, const char *path, const char *name, rrk_error *err);
rrk_status store_import_folder(store_importer *importer, const char *path, rrk_error *err);
/* A byte order mark is no text. */
rrk_text store_import_without_bom(rrk_text text);
bool store_import_is_text_name(const char *name);

#endif
