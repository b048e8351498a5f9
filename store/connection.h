/*
 * Connections to one store: SQLite handles with our tokenizer and ranking function registered, leased one call at a
 * time from a small pool. sqlite3.h is seen in this folder only.
 */
#ifndef RRK_STORE_CONNECTION_H
#define RRK_STORE_CONNECTION_H

#include "base/error.h"
#include "base/owner.h"
#include "store/analyse.h"
#include <rrk/store.h>

#include <pthread.h>
#include <sqlite3.h>

#define STORE_APPLICATION_ID 0x72726B31 /* "rrk1" */
#define STORE_SCHEMA_VERSION 2
#define STORE_MAX_IDLE_CONNECTIONS 8
/* How often one who waits for another process's lock looks, and how long and how often an import leaves it free. */
#define STORE_BUSY_POLL_MS 1
#define STORE_IMPORT_GAP_MS 4
#define STORE_IMPORT_GAP_EVERY_MS 250
#define STORE_MAX_PASSAGE_BYTES (512u << 20) /* SQLite keeps values below 1 GB */

/* What the ranking function needs of the query at hand; see bm25.c. */
typedef struct store_scoring {
    const float *weights; /* [n_terms], in the order of the FTS5 phrases */
    int n_terms;
    float norms[256]; /* by length code */
} store_scoring;

/* The statements that run once a passage, prepared at first use and kept. */
typedef enum store_statement_id {
    STORE_SQL_FIND,
    STORE_SQL_READ,
    STORE_SQL_NEXT_ROW,
    STORE_SQL_ADD_PASSAGE,
    STORE_SQL_ADD_CONTENT,
    STORE_SQL_SET_TERMS,
    STORE_SQL_SET_CONTENT,
    STORE_SQL_INDEX,
    STORE_SQL_UNINDEX,
    STORE_SQL_COUNT,
    STORE_SQL_DROP_VECTOR,
    STORE_SQL_VECTOR_DROPPED,
    STORE_SQL_EMPTY_CONTENT,
    STORE_SQL_DROP_PASSAGE,
    STORE_SQL_NEXT_OF_DOCUMENT,
    STORE_SQL_GET_REPLY,
    STORE_SQL_PUT_REPLY,
    STORE_N_SQL
} store_statement_id;

typedef struct store_connection {
    sqlite3 *db;
    const char *path; /* the store's, for messages */
    int busy_timeout_ms;
    int64_t busy_since_ns; /* when the wait at hand began */
    sqlite3_stmt *statements[STORE_N_SQL];
    store_analyser analyser;
    uint64_t n_terms_indexed; /* counted by the tokenizer as FTS5 indexes a document */
    store_scoring scoring;
    struct store_connection *next; /* in the pool */
} store_connection;

struct rrk_store {
    char *path; /* owned */
    rrk_store_options options;
    base_owner owner;
    pthread_mutex_t pool_mutex;
    store_connection *idle; /* by pool_mutex */
    size_t n_idle;          /* by pool_mutex */
    pthread_mutex_t turn;   /* held while waiting for writer, so that who has just written waits behind the waiting */
    pthread_mutex_t writer; /* one writing transaction a process; other processes wait in SQLite */
};

/* A leased connection, with or without a transaction that is rolled back unless committed. */
typedef struct store_lease {
    rrk_store *store; /* NULL: nothing leased */
    store_connection *connection;
    bool in_transaction;
    bool is_writer;
} store_lease;

rrk_status store_connect(store_connection **out, rrk_store *store, rrk_error *err);
void store_disconnect(store_connection *connection);

/* Checks the handle (NULL, fork), then leases a connection inside a read or a write transaction. */
rrk_status store_begin_read(store_lease *lease, rrk_store *store, rrk_error *err);
rrk_status store_begin_write(store_lease *lease, rrk_store *store, rrk_error *err);
rrk_status store_commit(store_lease *lease, rrk_error *err);
void store_end(store_lease *lease); /* rolls back what was not committed; also for RRK_AUTO */

/* The error of the connection's last call, worded with the path. */
rrk_status store_fail(const store_connection *connection, int rc, rrk_error *err);

rrk_status store_exec(store_connection *connection, const char *sql, rrk_error *err);
rrk_status store_prepare(store_connection *connection, sqlite3_stmt **out, const char *sql, rrk_error *err);
rrk_status store_statement(store_connection *connection, store_statement_id id, sqlite3_stmt **out, rrk_error *err);
/* *has_row says whether there is a row to read; the statement is reset when there is none. */
rrk_status store_step(store_connection *connection, sqlite3_stmt *statement, bool *has_row, rrk_error *err);
/* Runs a statement that gives no rows, and resets it. */
rrk_status store_run(store_connection *connection, sqlite3_stmt *statement, rrk_error *err);
rrk_status store_read_int(store_connection *connection, const char *sql, int64_t *value, rrk_error *err);

void store_bind_text(sqlite3_stmt *statement, int at, rrk_text text);
rrk_text store_column_text(sqlite3_stmt *statement, int at);

static inline void store_finalize_ptr(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static inline void store_reset_ptr(sqlite3_stmt **statement)
{
    if (*statement)
        sqlite3_reset(*statement);
}

/* schema.c: checks that the file is ours, and brings it to this version's schema unless it is opened to read only. */
rrk_status store_check_schema(store_connection *connection, rrk_store_mode mode, rrk_error *err);

/* fts.c: registers tokenizer "rrk" and ranking function "rrk_bm25" with FTS5. */
rrk_status store_register_fts(store_connection *connection, rrk_error *err);

#endif
