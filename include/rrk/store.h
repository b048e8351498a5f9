/*
 * rrk/store.h: a file of passages with a full-text index and, when asked for, one vector a passage.
 *
 * A store is one SQLite database in WAL mode. Passages are known by an external id of the caller's choosing; putting one
 * whose id exists replaces it. Text is analysed as Lucene's English analyser does it, so that BM25 results follow what
 * Lucene and Anserini publish. Any number of processes may read while one writes.
 *
 *     rrk_store *store;
 *     rrk_store_open(&store, "passages.db", NULL, &err);
 *     rrk_store_import(store, "corpus.jsonl", NULL, NULL, &err);
 *     rrk_store_close(store);
 *
 * Thread safety: a store may be used from several threads at once; each call leases a connection of its own. A handle
 * that crossed a fork() answers RRK_E_INVALID in the child.
 */
#ifndef RRK_STORE_H
#define RRK_STORE_H

#include <rrk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_store rrk_store;

/* Limits. The passage limit is an option of the store as well; the id limit is fixed. */
#define RRK_STORE_MAX_ID_BYTES 512
#define RRK_STORE_DEFAULT_MAX_PASSAGE_BYTES (16u << 20)
#define RRK_STORE_DEFAULT_BUSY_TIMEOUT_MS 5000

typedef enum rrk_store_mode {
    RRK_STORE_CREATE = 0,    /* read and write; made when absent */
    RRK_STORE_READWRITE = 1, /* read and write; must exist */
    RRK_STORE_READONLY = 2   /* must exist; works on read-only media and never migrates */
} rrk_store_mode;

typedef struct rrk_store_options {
    size_t size;              /* sizeof(rrk_store_options) */
    rrk_store_mode mode;      /* default RRK_STORE_CREATE */
    int busy_timeout_ms;      /* how long to wait for another writer; default 5000 */
    size_t max_passage_bytes; /* title + text + metadata; larger passages are refused; default 16 MiB */
} rrk_store_options;

static inline void rrk_store_options_init(rrk_store_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->busy_timeout_ms = RRK_STORE_DEFAULT_BUSY_TIMEOUT_MS;
    options->max_passage_bytes = RRK_STORE_DEFAULT_MAX_PASSAGE_BYTES;
}

/*
 * Opens or makes a store. options may be NULL. RRK_E_FORMAT when the file is no rrk store, RRK_E_UNSUPPORTED when a
 * newer rrk wrote it, RRK_E_BUSY when it is locked, RRK_E_NOTFOUND, RRK_E_IO, RRK_E_STORE.
 */
RRK_API rrk_status rrk_store_open(rrk_store **out, const char *path, const rrk_store_options *options, rrk_error *err);
RRK_API void rrk_store_close(rrk_store *store); /* NULL is fine */

/*
 * Adds passages, or replaces those whose id exists, in one transaction: all of them or, on any failure, none. A passage
 * whose content is unchanged is left alone; one whose title or text changed loses its vector. A passage that cannot be
 * stored (no id, id too long, no text, not UTF-8, too large, metadata not a JSON object) is RRK_E_INVALID and
 * the message names its id.
 */
RRK_API rrk_status rrk_store_put(rrk_store *store, const rrk_passage *passages, size_t n_passages, rrk_error *err);

/* The row of an external id; RRK_E_NOTFOUND when there is none. */
RRK_API rrk_status rrk_store_find(rrk_store *store, rrk_text id, int64_t *row, rrk_error *err);

/* Passages read from a store. Owns every text it shows; immutable, so any thread may read it. */
typedef struct rrk_passage_list rrk_passage_list;
RRK_API const rrk_passage *rrk_passage_list_items(const rrk_passage_list *list, size_t *n_items);
RRK_API void rrk_passage_list_free(rrk_passage_list *list); /* NULL is fine */

/* Reads passages by row, in the order asked for; RRK_E_NOTFOUND names a row that is not there. */
RRK_API rrk_status rrk_store_fetch(rrk_store *store, const int64_t *rows, size_t n_rows, rrk_passage_list **out,
                                   rrk_error *err);

typedef struct rrk_store_info {
    size_t size; /* sizeof(rrk_store_info), set by the caller */
    uint64_t n_passages;
    uint64_t n_terms;    /* all index terms of all passages, after analysis */
    uint64_t n_vectors;  /* passages that have a vector */
    uint32_t vector_dim; /* 0 when there are none */
    uint32_t schema_version;
    uint64_t file_bytes;    /* the database without its WAL */
    char vector_model[256]; /* the model that made the vectors, "name fingerprint"; "" when there are none */
} rrk_store_info;

RRK_API rrk_status rrk_store_get_info(rrk_store *store, rrk_store_info *info, rrk_error *err);

/* How an import reads its input. */
typedef enum rrk_import_format {
    RRK_IMPORT_AUTO = 0,    /* by name and content: .jsonl/.json -> BEIR, .tsv -> MS MARCO, a folder -> its texts */
    RRK_IMPORT_BEIR = 1,    /* a JSON object a line: _id, title, text, metadata */
    RRK_IMPORT_MSMARCO = 2, /* pid TAB text */
    RRK_IMPORT_TEXT = 3     /* text or Markdown files (.txt .md .markdown .rst), split at headings into passages */
} rrk_import_format;

typedef struct rrk_import_stats {
    size_t size;     /* sizeof(rrk_import_stats) */
    uint64_t n_read; /* passages read from the input */
    uint64_t n_added;
    uint64_t n_updated;   /* id existed with other content */
    uint64_t n_unchanged; /* id existed with the same content */
    uint64_t n_skipped;   /* bad lines or files, only with skip_bad */
    uint64_t bytes_read;
    uint64_t bytes_total; /* 0 when unknown (standard input) */
    double elapsed_s;
    uint64_t n_removed; /* passages of a text that it no longer has */
} rrk_import_stats;

/* Called about five times a second and once at the end, on the importing thread. Returning non-zero cancels. */
typedef int (*rrk_import_progress_fn)(const rrk_import_stats *stats, void *ctx);

#define RRK_IMPORT_DEFAULT_BATCH_PASSAGES 2000

typedef struct rrk_import_options {
    size_t size; /* sizeof(rrk_import_options) */
    rrk_import_format format;
    int skip_bad;          /* count and pass over what cannot be stored; default 0: stop there */
    size_t batch_passages; /* passages a transaction; default 2000 */
    rrk_import_progress_fn progress;
    void *progress_ctx;
} rrk_import_options;

static inline void rrk_import_options_init(rrk_import_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->batch_passages = RRK_IMPORT_DEFAULT_BATCH_PASSAGES;
}

/*
 * Imports a file, a folder, or standard input ("-") in batches of one transaction each. Importing the same input again
 * changes nothing. A bad line stops the import with "file:line: what" (RRK_E_FORMAT or RRK_E_INVALID) and the batches
 * committed so far stay, as they do when the process is killed. stats may be NULL and is filled on failure too.
 *
 * The passages of a text are "path#1", "path#2" and so on: the path as given for a single file, the path below the
 * folder for a file of one, and "stdin" for standard input. A text that has become shorter loses the passages that it
 * no longer has; those of a file that is gone from its folder stay. A byte order mark at the start of a file is left out.
 */
RRK_API rrk_status rrk_store_import(rrk_store *store, const char *path, const rrk_import_options *options,
                                    rrk_import_stats *stats, rrk_error *err);

#ifdef __cplusplus
}
#endif
#endif
