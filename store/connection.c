/*
 * Opening SQLite, leasing connections, transactions, statements, and the translation of SQLite's errors. Everything that
 * knows how SQLite behaves under locks is here, so that the rest of the folder reads as SQL and plain C.
 */
#include "store/connection.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

static rrk_status status_of(int rc)
{
    switch (rc & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RRK_E_BUSY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return RRK_E_FORMAT;
    case SQLITE_NOMEM:
        return RRK_E_NOMEM;
    default:
        return RRK_E_STORE;
    }
}

rrk_status store_fail(const store_connection *connection, int rc, rrk_error *err)
{
    const char *path = connection->path;
    if ((rc & 0xFF) == SQLITE_NOTADB)
        return base_fail(err, RRK_E_FORMAT, rc, "%s is not an rrk store: it is no SQLite database", path);
    if ((rc & 0xFF) == SQLITE_BUSY)
        return base_fail(err, RRK_E_BUSY, rc, "%s is locked by another writer", path);
    int code = sqlite3_extended_errcode(connection->db);
    const char *what = (code & 0xFF) == (rc & 0xFF) ? sqlite3_errmsg(connection->db) : sqlite3_errstr(rc);
    return base_fail(err, status_of(rc), rc, "%s: %s", path, what);
}

rrk_status store_exec(store_connection *connection, const char *sql, rrk_error *err)
{
    int rc = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? RRK_OK : store_fail(connection, rc, err);
}

rrk_status store_prepare(store_connection *connection, sqlite3_stmt **out, const char *sql, rrk_error *err)
{
    int rc = sqlite3_prepare_v2(connection->db, sql, -1, out, NULL);
    return rc == SQLITE_OK ? RRK_OK : store_fail(connection, rc, err);
}

rrk_status store_statement(store_connection *connection, store_statement_id id, sqlite3_stmt **out, rrk_error *err)
{
    static const char *const sql[STORE_N_SQL] = {
        [STORE_SQL_FIND] = "SELECT row, n_terms FROM passage WHERE id = ?1",
        [STORE_SQL_READ] = "SELECT p.id, c.title, c.text, c.metadata FROM passage p JOIN content c USING (row) "
                           "WHERE p.row = ?1",
        [STORE_SQL_NEXT_ROW] = "SELECT coalesce(max(row), 0) + 1 FROM content",
        [STORE_SQL_ADD_PASSAGE] = "INSERT INTO passage (row, id, n_terms) VALUES (?1, ?2, ?3)",
        [STORE_SQL_ADD_CONTENT] = "INSERT INTO content (row, title, text, metadata) VALUES (?1, ?2, ?3, ?4)",
        [STORE_SQL_SET_TERMS] = "UPDATE passage SET n_terms = ?2 WHERE row = ?1",
        [STORE_SQL_SET_CONTENT] = "UPDATE content SET title = ?2, text = ?3, metadata = ?4 WHERE row = ?1",
        [STORE_SQL_INDEX] = "INSERT INTO passage_index (rowid, body) VALUES (?1, ?2)",
        [STORE_SQL_UNINDEX] = "INSERT INTO passage_index (passage_index, rowid, body) VALUES ('delete', ?1, ?2)",
        [STORE_SQL_COUNT] = "UPDATE totals SET n_passages = n_passages + ?1, n_with_terms = n_with_terms + ?2, "
                            "n_terms = n_terms + ?3",
        [STORE_SQL_DROP_VECTOR] = "DELETE FROM vector WHERE row = ?1",
        [STORE_SQL_VECTOR_DROPPED] = "UPDATE vector_state SET generation = generation + 1, n_vectors = n_vectors - 1",
        [STORE_SQL_EMPTY_CONTENT] = "UPDATE content SET title = '', text = '', metadata = '' WHERE row = ?1",
        [STORE_SQL_DROP_PASSAGE] = "DELETE FROM passage WHERE row = ?1",
        [STORE_SQL_NEXT_OF_DOCUMENT] = "SELECT row, id, n_terms FROM passage WHERE id > ?1 AND id < ?2 AND "
                                       "substr(id, ?3) NOT GLOB '*[^0-9]*' AND CAST(substr(id, ?3) AS INTEGER) > ?4 "
                                       "ORDER BY id LIMIT 1",
        [STORE_SQL_GET_REPLY] = "SELECT value FROM reply WHERE key = ?1",
        [STORE_SQL_PUT_REPLY] = "INSERT INTO reply (key, value, stored_at) VALUES (?1, ?2, unixepoch()) "
                                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
                                "stored_at = excluded.stored_at",
    };
    if (!connection->statements[id]) {
        unsigned flags = SQLITE_PREPARE_PERSISTENT;
        int rc = sqlite3_prepare_v3(connection->db, sql[id], -1, flags, &connection->statements[id], NULL);
        if (rc != SQLITE_OK)
            return store_fail(connection, rc, err);
    }
    *out = connection->statements[id];
    return RRK_OK;
}

rrk_status store_step(store_connection *connection, sqlite3_stmt *statement, bool *has_row, rrk_error *err)
{
    int rc = sqlite3_step(statement);
    *has_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return RRK_OK;
    rrk_status status = rc == SQLITE_DONE ? RRK_OK : store_fail(connection, rc, err);
    sqlite3_reset(statement);
    return status;
}

rrk_status store_run(store_connection *connection, sqlite3_stmt *statement, rrk_error *err)
{
    bool has_row;
    rrk_status status = store_step(connection, statement, &has_row, err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

rrk_status store_read_int(store_connection *connection, const char *sql, int64_t *value, rrk_error *err)
{
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(connection, &statement, sql, err));
    bool has_row;
    RRK_TRY(store_step(connection, statement, &has_row, err));
    *value = has_row ? sqlite3_column_int64(statement, 0) : 0;
    return RRK_OK;
}

/* Texts outlive the step they are bound for, so SQLite need not copy them. A NULL pointer would bind SQL's NULL. */
void store_bind_text(sqlite3_stmt *statement, int at, rrk_text text)
{
    sqlite3_bind_text64(statement, at, text.len ? text.data : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

rrk_text store_column_text(sqlite3_stmt *statement, int at)
{
    const char *data = (const char *)sqlite3_column_text(statement, at);
    return (rrk_text){data ? data : "", (size_t)sqlite3_column_bytes(statement, at)};
}

/* A file: URI, for only there can SQLite be told that nobody changes the file. */
static rrk_status immutable_uri(base_buf *uri, const char *path, rrk_error *err)
{
    RRK_TRY(base_buf_append_string(uri, "file:", err));
    for (const char *c = path; *c; c++) {
        if (strchr("%?#", *c))
            RRK_TRY(base_buf_printf(uri, err, "%%%02X", (unsigned char)*c));
        else
            RRK_TRY(base_buf_append_char(uri, *c, err));
    }
    return base_buf_append_string(uri, "?immutable=1", err);
}

/*
 * SQLite's own handler soon looks only every 100 ms. An import would never be found between two of its transactions; see
 * STORE_IMPORT_GAP_MS.
 */
static int wait_for_lock(void *ctx, int n_waits)
{
    store_connection *connection = ctx;
    if (n_waits == 0)
        connection->busy_since_ns = base_now_ns();
    if (base_ms_since(connection->busy_since_ns) >= connection->busy_timeout_ms)
        return 0;
    struct timespec pause = {.tv_nsec = STORE_BUSY_POLL_MS * 1000000L};
    nanosleep(&pause, NULL);
    return 1;
}

static rrk_status open_db(store_connection *connection, const char *name, int flags, rrk_error *err)
{
    int rc = sqlite3_open_v2(name, &connection->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK && !connection->db)
        return base_fail_nomem(err, sizeof *connection);
    if (rc != SQLITE_OK)
        return store_fail(connection, rc, err);
    sqlite3_busy_handler(connection->db, wait_for_lock, connection);
    return RRK_OK;
}

static bool has_wal(const char *path)
{
    base_buf name = {.max = SIZE_MAX / 4};
    struct stat st;
    bool found = base_buf_printf(&name, NULL, "%s-wal", path) == RRK_OK && stat(name.data, &st) == 0 && st.st_size > 0;
    base_buf_free(&name);
    return found;
}

/*
 * A WAL database wants a -shm file beside it even to read. Where that cannot be made and no WAL waits to be replayed,
 * the file cannot be changing either.
 */
static rrk_status open_readonly(store_connection *connection, const rrk_store *store, rrk_error *err)
{
    RRK_TRY(open_db(connection, store->path, SQLITE_OPEN_READONLY, err));
    int rc = sqlite3_exec(connection->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    bool needs_files = (rc & 0xFF) == SQLITE_CANTOPEN || (rc & 0xFF) == SQLITE_READONLY;
    if (!needs_files || has_wal(store->path))
        return rc == SQLITE_OK ? RRK_OK : store_fail(connection, rc, err);
    sqlite3_close(connection->db);
    connection->db = NULL;
    RRK_AUTO(base_buf_free) base_buf uri = {.max = SIZE_MAX / 4};
    RRK_TRY(immutable_uri(&uri, store->path, err));
    return open_db(connection, uri.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

static rrk_status set_up(store_connection *connection, rrk_store *store, rrk_error *err)
{
    RRK_TRY(store_analyser_init(&connection->analyser, err));
    if (store->options.mode == RRK_STORE_READONLY) {
        RRK_TRY(open_readonly(connection, store, err));
    } else {
        int flags = SQLITE_OPEN_READWRITE | (store->options.mode == RRK_STORE_CREATE ? SQLITE_OPEN_CREATE : 0);
        RRK_TRY(open_db(connection, store->path, flags, err));
    }
    RRK_TRY(store_register_fts(connection, err));
    RRK_TRY(store_check_schema(connection, store->options.mode, err));
    return store_exec(connection, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536", err);
}

rrk_status store_connect(store_connection **out, rrk_store *store, rrk_error *err)
{
    store_connection *connection = base_calloc(1, sizeof *connection);
    if (!connection)
        return base_fail_nomem(err, sizeof *connection);
    connection->path = store->path;
    connection->busy_timeout_ms = store->options.busy_timeout_ms;
    rrk_status status = set_up(connection, store, err);
    if (status != RRK_OK) {
        store_disconnect(connection);
        return status;
    }
    *out = connection;
    return RRK_OK;
}

void store_disconnect(store_connection *connection)
{
    if (!connection)
        return;
    for (size_t i = 0; i < STORE_N_SQL; i++)
        sqlite3_finalize(connection->statements[i]);
    sqlite3_close(connection->db);
    store_analyser_free(&connection->analyser);
    base_free(connection);
}
