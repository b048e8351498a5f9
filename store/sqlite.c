/* SQLite calls with rrk errors, and the text of every kept statement in one table. */
#include "store/internal.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const SQL[STORE_N_SQL] = {
    [STORE_SQL_BEGIN_READ] = "BEGIN",
    [STORE_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [STORE_SQL_COMMIT] = "COMMIT",
    [STORE_SQL_ROLLBACK] = "ROLLBACK",
    [STORE_SQL_FIND] = "SELECT row, title, text, metadata, n_terms FROM passages WHERE id = ?1",
    [STORE_SQL_READ] = "SELECT id, title, text, metadata FROM passages WHERE row = ?1",
    [STORE_SQL_INSERT] = "INSERT INTO passages (id, title, text, metadata, n_terms) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STORE_SQL_UPDATE] = "UPDATE passages SET title = ?2, text = ?3, metadata = ?4, n_terms = ?5 WHERE row = ?1",
    [STORE_SQL_INDEX] = "INSERT INTO terms (rowid, body) VALUES (?1, ?2)",
    [STORE_SQL_UNINDEX] = "INSERT INTO terms (terms, rowid, body) VALUES ('delete', ?1, ?2)",
    [STORE_SQL_ID] = "SELECT id FROM passages WHERE row = ?1",
    [STORE_SQL_BM25] = "SELECT rowid, rrk_bm25(terms, ?2, ?3) FROM terms WHERE terms MATCH ?1",
    [STORE_SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [STORE_SQL_META_PUT] = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
    [STORE_SQL_COUNT_PASSAGES] = "SELECT count(*) FROM passages",
    [STORE_SQL_COUNT_TERMS] = "SELECT coalesce(sum(n_terms), 0) FROM passages",
    [STORE_SQL_COUNT_VECTORS] = "SELECT count(*) FROM vectors",
    [STORE_SQL_COUNT_MISSING] =
        "SELECT count(*) FROM passages p WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.row = p.row)",
    [STORE_SQL_MISSING] = "SELECT p.row FROM passages p WHERE p.row > ?1 AND NOT EXISTS"
                          " (SELECT 1 FROM vectors v WHERE v.row = p.row) ORDER BY p.row LIMIT ?2",
    [STORE_SQL_VECTOR_PUT] = "INSERT OR REPLACE INTO vectors (row, vector) SELECT row, ?2 FROM passages WHERE row = ?1",
    [STORE_SQL_VECTOR_DROP] = "DELETE FROM vectors WHERE row = ?1",
    [STORE_SQL_VECTORS_DROP_ALL] = "DELETE FROM vectors",
    [STORE_SQL_VECTORS] = "SELECT row, vector FROM vectors ORDER BY row",
};

static rrk_status status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return RRK_E_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RRK_E_BUSY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return RRK_E_FORMAT;
    case SQLITE_READONLY:
        return RRK_E_INVALID;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_PERM:
        return RRK_E_IO;
    default:
        return RRK_E_STORE;
    }
}

rrk_status store_check(store_connection *c, int rc, const char *what, rrk_error *err)
{
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
        return RRK_OK;
    rrk_status status = status_of(rc);
    int detail = c->db ? sqlite3_extended_errcode(c->db) : rc;
    if (status == RRK_E_BUSY)
        return base_fail(err, status, detail, "store '%s' is locked by another writer: cannot %s", c->path, what);
    if ((rc & 0xff) == SQLITE_NOTADB)
        return base_fail(err, status, detail, "'%s' is not a database", c->path);
    return base_fail(err, status, detail, "store '%s': cannot %s: %s", c->path, what,
                     c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc));
}

rrk_status store_statement(store_connection *c, store_sql which, sqlite3_stmt **out, rrk_error *err)
{
    sqlite3_stmt **kept = &c->statements[which];
    if (!*kept)
        RRK_TRY(store_check(c, sqlite3_prepare_v3(c->db, SQL[which], -1, SQLITE_PREPARE_PERSISTENT, kept, NULL),
                            "prepare a statement", err));
    sqlite3_reset(*kept);
    sqlite3_clear_bindings(*kept);
    *out = *kept;
    return RRK_OK;
}

rrk_status store_step(store_connection *c, sqlite3_stmt *statement, bool *row, rrk_error *err)
{
    int rc = sqlite3_step(statement);
    *row = rc == SQLITE_ROW;
    if (*row)
        return RRK_OK;
    rrk_status status = store_check(c, rc, sqlite3_stmt_readonly(statement) ? "read" : "write", err);
    sqlite3_reset(statement);
    return status;
}

rrk_status store_run(store_connection *c, store_sql which, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, which, &statement, err));
    bool row;
    return store_step(c, statement, &row, err);
}

rrk_status store_exec(store_connection *c, const char *sql, rrk_error *err)
{
    return store_check(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL), "change its schema", err);
}

rrk_status store_count(store_connection *c, store_sql which, uint64_t *out, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, which, &statement, err));
    bool row;
    RRK_TRY(store_step(c, statement, &row, err));
    *out = row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return RRK_OK;
}

int store_bind_text(sqlite3_stmt *statement, int index, rrk_text text)
{
    return sqlite3_bind_text64(statement, index, text.data ? text.data : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

rrk_text store_column_text(sqlite3_stmt *statement, int column)
{
    const char *data = (const char *)sqlite3_column_text(statement, column);
    return (rrk_text){data, data ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}

rrk_status store_end(store_connection *c, rrk_status status, rrk_error *err)
{
    if (status == RRK_OK)
        status = store_run(c, STORE_SQL_COMMIT, err);
    if (status != RRK_OK && !sqlite3_get_autocommit(c->db))
        store_run(c, STORE_SQL_ROLLBACK, NULL);
    return status;
}

rrk_status store_meta_get(store_connection *c, const char *key, char *out, size_t room, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_META_GET, &statement, err));
    store_bind_text(statement, 1, rrk_text_of(key));
    bool row;
    RRK_TRY(store_step(c, statement, &row, err));
    rrk_text value = row ? store_column_text(statement, 0) : (rrk_text){0};
    snprintf(out, room, "%.*s", (int)value.len, value.data ? value.data : "");
    sqlite3_reset(statement);
    return RRK_OK;
}

rrk_status store_meta_get_number(store_connection *c, const char *key, uint64_t *out, rrk_error *err)
{
    char text[32];
    RRK_TRY(store_meta_get(c, key, text, sizeof text, err));
    *out = 0;
    if (*text && sscanf(text, "%" SCNu64, out) != 1)
        return base_fail(err, RRK_E_FORMAT, 0, "store '%s': '%s' is '%s', not a number", c->path, key, text);
    return RRK_OK;
}

rrk_status store_meta_put(store_connection *c, const char *key, const char *value, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_META_PUT, &statement, err));
    store_bind_text(statement, 1, rrk_text_of(key));
    store_bind_text(statement, 2, rrk_text_of(value));
    bool row;
    return store_step(c, statement, &row, err);
}

rrk_status store_meta_put_number(store_connection *c, const char *key, uint64_t value, rrk_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return store_meta_put(c, key, text, err);
}
