/*
 * What is in the file. A migration takes the schema one version up in one transaction and is never edited once
 * released; what a version means is written here and nowhere else.
 */
#include "store/connection.h"

#include <stdio.h>

/*
 * Version 1. "passage" is narrow, for ranking joins it to every match; the texts live in "content", where a removed
 * passage leaves an empty row so that its number is not used again. The index keeps no texts or lengths of its own:
 * "n_terms" is the length, and "totals" are the collection's sums that BM25 needs.
 */
static const char *const version_1 =
    "CREATE TABLE migration (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT;"
    "CREATE TABLE passage (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, n_terms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE content (row INTEGER PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL, metadata TEXT NOT NULL)"
    " STRICT;"
    "CREATE VIRTUAL TABLE passage_index USING fts5(body, content='', columnsize=0, tokenize='rrk');"
    "CREATE VIRTUAL TABLE passage_terms USING fts5vocab(passage_index, row);"
    "CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), n_passages INTEGER NOT NULL,"
    " n_with_terms INTEGER NOT NULL, n_terms INTEGER NOT NULL) STRICT;"
    "INSERT INTO totals VALUES (1, 0, 0, 0);"
    "CREATE TABLE vector (row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
    "CREATE TABLE vector_state (one INTEGER PRIMARY KEY CHECK (one = 1), model TEXT NOT NULL, dim INTEGER NOT NULL,"
    " generation INTEGER NOT NULL, n_vectors INTEGER NOT NULL) STRICT;"
    "INSERT INTO vector_state VALUES (1, '', 0, 0, 0);"
    "INSERT INTO migration VALUES (1, datetime('now'));";

/* Version 2: what LLMs answered (reply.c). stored_at, in seconds of Unix time, is for whoever throws out old ones. */
static const char *const version_2 =
    "CREATE TABLE reply (row INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL,"
    " stored_at INTEGER NOT NULL) STRICT;"
    "INSERT INTO migration VALUES (2, datetime('now'));";

static const char *const migrations[] = {version_1, version_2};
_Static_assert(RRK_COUNT(migrations) == STORE_SCHEMA_VERSION, "one migration a version");

/* Run inside a transaction, for another process may have been faster. */
static rrk_status migrate_in_transaction(store_connection *connection, rrk_error *err)
{
    int64_t version = 0;
    RRK_TRY(store_read_int(connection, "PRAGMA user_version", &version, err));
    if (version >= STORE_SCHEMA_VERSION)
        return RRK_OK;
    RRK_TRY(store_exec(connection, migrations[version], err));
    char pragmas[96];
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION_ID,
             (int)version + 1);
    return store_exec(connection, pragmas, err);
}

static rrk_status migrate_once(store_connection *connection, rrk_error *err)
{
    RRK_TRY(store_exec(connection, "BEGIN IMMEDIATE", err));
    rrk_status status = migrate_in_transaction(connection, err);
    if (status == RRK_OK)
        status = store_exec(connection, "COMMIT", err);
    if (status != RRK_OK)
        sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static rrk_status migrate(store_connection *connection, int64_t version, rrk_error *err)
{
    if (version < STORE_SCHEMA_VERSION)
        RRK_TRY(store_exec(connection, "PRAGMA journal_mode = WAL", err));
    for (; version < STORE_SCHEMA_VERSION; version++)
        RRK_TRY(migrate_once(connection, err));
    return RRK_OK;
}

/*
 * Opened to read only, an older store stays as it is. So far every version only adds tables: whoever reads one of those
 * asks the version first. A version that changes a table has to refuse older stores that it cannot bring up.
 */
rrk_status store_check_schema(store_connection *connection, rrk_store_mode mode, rrk_error *err)
{
    int64_t application = 0, version = 0, n_objects = 0;
    RRK_TRY(store_read_int(connection, "PRAGMA application_id", &application, err));
    RRK_TRY(store_read_int(connection, "PRAGMA user_version", &version, err));
    RRK_TRY(store_read_int(connection, "SELECT count(*) FROM sqlite_schema", &n_objects, err));
    bool is_empty = application == 0 && version == 0 && n_objects == 0;
    if (is_empty && mode == RRK_STORE_CREATE)
        return migrate(connection, 0, err);
    if (application != STORE_APPLICATION_ID || version < 1)
        return base_fail(err, RRK_E_FORMAT, 0, "%s is not an rrk store: %s", connection->path,
                         is_empty ? "it is empty" : "it is another application's database");
    if (version > STORE_SCHEMA_VERSION)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s has schema %lld, made by a newer rrk; this one knows up to %d",
                         connection->path, (long long)version, STORE_SCHEMA_VERSION);
    return mode == RRK_STORE_READONLY ? RRK_OK : migrate(connection, version, err);
}
