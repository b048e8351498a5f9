/*
 * What the files of store/ share: a store, its connections, and SQLite calls whose failures become rrk errors. sqlite3.h
 * goes no further than this folder.
 */
#ifndef RRK_STORE_INTERNAL_H
#define RRK_STORE_INTERNAL_H

#include "base/owner.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

/* Statements that a connection keeps prepared. */
typedef enum store_sql {
    STORE_SQL_BEGIN_READ,
    STORE_SQL_BEGIN_WRITE,
    STORE_SQL_COMMIT,
    STORE_SQL_ROLLBACK,
    STORE_SQL_FIND,
    STORE_SQL_READ,
    STORE_SQL_INSERT,
    STORE_SQL_UPDATE,
    STORE_SQL_INDEX,
    STORE_SQL_UNINDEX,
    STORE_SQL_ID,
    STORE_SQL_BM25,
    STORE_SQL_META_GET,
    STORE_SQL_META_PUT,
    STORE_SQL_COUNT_PASSAGES,
    STORE_SQL_COUNT_TERMS,
    STORE_SQL_COUNT_VECTORS,
    STORE_SQL_COUNT_MISSING,
    STORE_SQL_MISSING,
    STORE_SQL_VECTOR_PUT,
    STORE_SQL_VECTOR_DROP,
    STORE_SQL_VECTORS_DROP_ALL,
    STORE_SQL_VECTORS,
    STORE_N_SQL
} store_sql;

typedef struct store_connection {
    sqlite3 *db;
    const char *path; /* the store's */
    sqlite3_stmt *statements[STORE_N_SQL];
    struct store_connection *next; /* in the pool */
} store_connection;

struct rrk_store {
    base_owner owner;
    char *path; /* owned */
    rrk_store_options options;
    pthread_mutex_t lock;   /* guards idle */
    pthread_mutex_t writer; /* held by the one thread that writes */
    store_connection *idle;
};

/* --- connection.c --- */

/* A connection of one's own until it is given back. Checks that the store is this process's. */
rrk_status store_lease(rrk_store *store, store_connection **out, rrk_error *err);
void store_give_back(rrk_store *store, store_connection *connection);

rrk_status store_connect(const rrk_store *store, store_connection **out, rrk_error *err);
void store_disconnect(store_connection *connection);

/* --- sqlite.c --- */

/* RRK_OK for SQLITE_OK, SQLITE_ROW and SQLITE_DONE; otherwise an error that names the store and what was tried. */
rrk_status store_check(store_connection *c, int rc, const char *what, rrk_error *err);

/* A prepared statement, reset and without bindings. */
rrk_status store_statement(store_connection *c, store_sql which, sqlite3_stmt **out, rrk_error *err);

/* Steps once: *row tells whether there is one. Resets the statement when there is none. */
rrk_status store_step(store_connection *c, sqlite3_stmt *statement, bool *row, rrk_error *err);

/* Runs a statement that gives no rows. */
rrk_status store_run(store_connection *c, store_sql which, rrk_error *err);

/* Runs SQL text, several statements at once. */
rrk_status store_exec(store_connection *c, const char *sql, rrk_error *err);

/* The first column of a statement's first row, 0 without one. */
rrk_status store_count(store_connection *c, store_sql which, uint64_t *out, rrk_error *err);

int store_bind_text(sqlite3_stmt *statement, int index, rrk_text text);
rrk_text store_column_text(sqlite3_stmt *statement, int column); /* valid until the next step */

/* Ends a transaction: commits on RRK_OK, rolls back otherwise; gives status, or the commit's failure. */
rrk_status store_end(store_connection *c, rrk_status status, rrk_error *err);

rrk_status store_meta_get(store_connection *c, const char *key, char *out, size_t room, rrk_error *err);
rrk_status store_meta_get_number(store_connection *c, const char *key, uint64_t *out, rrk_error *err);
rrk_status store_meta_put(store_connection *c, const char *key, const char *value, rrk_error *err);
rrk_status store_meta_put_number(store_connection *c, const char *key, uint64_t value, rrk_error *err);

/* --- schema.c --- */

/* Makes the schema in an empty file, or brings an older one up to date; refuses what is not a store of ours. */
rrk_status store_migrate(store_connection *c, rrk_store_mode mode, rrk_error *err);

#define STORE_META_VECTOR_MODEL "vector_model"
#define STORE_META_VECTOR_DIM "vector_dim"
#define STORE_META_VECTOR_GENERATION "vector_generation"

/* --- fts.c, bm25.c: what FTS5 is taught --- */

rrk_status store_register_tokenizer(store_connection *c, rrk_error *err);
rrk_status store_register_bm25(store_connection *c, rrk_error *err);

/* --- passages.c --- */

/* How a put went. */
typedef enum store_change { STORE_ADDED, STORE_UPDATED, STORE_UNCHANGED } store_change;

/* Inside a write transaction; the passage is checked. */
rrk_status store_put_one(store_connection *c, const rrk_passage *passage, store_change *change, rrk_error *err);

/* RRK_E_INVALID naming the passage. */
rrk_status store_check_passage(const rrk_store *store, const rrk_passage *passage, rrk_error *err);

/* Opens and ends a write transaction on a leased connection; between them this thread is the process's one writer. */
rrk_status store_write_begin(rrk_store *store, store_connection **out, rrk_error *err);
rrk_status store_write_end(rrk_store *store, store_connection *c, rrk_status status, rrk_error *err);

#endif
