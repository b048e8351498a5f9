/*
 * The schema and its history. Version v of a store is reached from v - 1 by one migration in one transaction, so a
 * process that is killed leaves the older version whole. A file is ours by its application id.
 */
#include "store/internal.h"

#include <stdio.h>

#define APPLICATION_ID 0x72726b31 /* "rrk1" */

/*
 * terms is FTS5 without a copy of the text: what passages holds is enough to take a passage out again. A passage without
 * any term is not in it, so its row count and total size are the N and the sum that BM25 asks for.
 */
static const char *const MIGRATIONS[] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE passages (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL,"
    " text TEXT NOT NULL, metadata TEXT NOT NULL, n_terms INTEGER NOT NULL);"
    "CREATE VIRTUAL TABLE terms USING fts5 (body, content='', tokenize='rrk');"
    "CREATE TABLE vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);",
};

enum { SCHEMA_VERSION = RRK_COUNT(MIGRATIONS) };

static rrk_status pragma_number(store_connection *c, const char *sql, int64_t *out, rrk_error *err)
{
    sqlite3_stmt *statement = NULL;
    RRK_TRY(store_check(c, sqlite3_prepare_v2(c->db, sql, -1, &statement, NULL), "read its header", err));
    int rc = sqlite3_step(statement);
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    rrk_status status = store_check(c, rc, "read its header", err);
    sqlite3_finalize(statement);
    return status;
}

static rrk_status apply(store_connection *c, int64_t version, rrk_error *err)
{
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %lld;", APPLICATION_ID,
             (long long)version + 1);
    RRK_TRY(store_exec(c, MIGRATIONS[version], err));
    return store_exec(c, sql, err);
}

/* Another process may have migrated while this one waited for the lock, so the version is read again under it. */
static rrk_status migrate_one(store_connection *c, rrk_error *err)
{
    RRK_TRY(store_run(c, STORE_SQL_BEGIN_WRITE, err));
    int64_t version = 0;
    rrk_status status = pragma_number(c, "PRAGMA user_version", &version, err);
    if (status == RRK_OK && version < SCHEMA_VERSION)
        status = apply(c, version, err);
    return store_end(c, status, err);
}

rrk_status store_migrate(store_connection *c, rrk_store_mode mode, rrk_error *err)
{
    int64_t application, version, n_tables;
    RRK_TRY(pragma_number(c, "PRAGMA application_id", &application, err));
    RRK_TRY(pragma_number(c, "PRAGMA user_version", &version, err));
    RRK_TRY(pragma_number(c, "SELECT count(*) FROM sqlite_master", &n_tables, err));
    bool is_new = mode == RRK_STORE_CREATE && application == 0 && version == 0 && n_tables == 0;
    if (!is_new && application != APPLICATION_ID)
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' is a database, but not a store of rrk", c->path);
    if (version > SCHEMA_VERSION)
        return base_fail(err, RRK_E_UNSUPPORTED, 0,
                         "store '%s' has schema %lld, this rrk knows up to %d: use a newer rrk", c->path,
                         (long long)version, SCHEMA_VERSION);
    if (mode == RRK_STORE_READONLY)
        return version == SCHEMA_VERSION
                   ? RRK_OK
                   : base_fail(err, RRK_E_UNSUPPORTED, 0, "store '%s' has schema %lld of %d: open it for writing once",
                               c->path, (long long)version, SCHEMA_VERSION);
    for (; version < SCHEMA_VERSION; version++)
        RRK_TRY(migrate_one(c, err));
    return RRK_OK;
}
