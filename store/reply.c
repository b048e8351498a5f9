/*
 * The table of cached replies. Apart from passages because it is another kind of data with another life: it grows as a
 * side effect of ranking, may be thrown away at any time, and is absent from a store that an older rrk made.
 */
#include "store/reply.h"
#include "store/connection.h"

#include <string.h>

#define FIRST_VERSION_WITH_REPLIES 2

static rrk_status check_key(const char *key, rrk_error *err)
{
    if (!key)
        return base_fail(err, RRK_E_INVALID, 0, "key is NULL");
    if (!*key || strlen(key) > STORE_MAX_REPLY_KEY_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "a reply's key must have 1 to %d bytes", STORE_MAX_REPLY_KEY_BYTES);
    return RRK_OK;
}

/* Asked in every call's transaction, for another process may bring a store up while this one reads it. */
static rrk_status has_replies(store_connection *connection, bool *has, rrk_error *err)
{
    int64_t version = 0;
    RRK_TRY(store_read_int(connection, "PRAGMA user_version", &version, err));
    *has = version >= FIRST_VERSION_WITH_REPLIES;
    return RRK_OK;
}

static rrk_status read_reply(store_connection *connection, const char *key, base_buf *value, bool *found,
                             rrk_error *err)
{
    RRK_AUTO(store_reset_ptr) sqlite3_stmt *get = NULL;
    RRK_TRY(store_statement(connection, STORE_SQL_GET_REPLY, &get, err));
    store_bind_text(get, 1, rrk_text_of(key));
    bool has_row;
    RRK_TRY(store_step(connection, get, &has_row, err));
    if (!has_row)
        return RRK_OK;
    const void *blob = sqlite3_column_blob(get, 0); /* NULL when it is empty */
    RRK_TRY(base_buf_append(value, blob ? blob : "", (size_t)sqlite3_column_bytes(get, 0), err));
    *found = true;
    return RRK_OK;
}

rrk_status store_reply_get(rrk_store *store, const char *key, base_buf *value, bool *found, rrk_error *err)
{
    base_error_clear(err);
    if (!value || !found)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", value ? "found" : "value");
    *found = false;
    RRK_TRY(check_key(key, err));
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    bool has;
    RRK_TRY(has_replies(lease.connection, &has, err));
    return has ? read_reply(lease.connection, key, value, found, err) : RRK_OK;
}

rrk_status store_reply_put(rrk_store *store, const char *key, rrk_text value, rrk_error *err)
{
    base_error_clear(err);
    RRK_TRY(check_key(key, err));
    if (!value.data && value.len)
        return base_fail(err, RRK_E_INVALID, 0, "the reply has no data but a length");
    if (value.len > STORE_MAX_REPLY_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "a reply of %zu bytes; at most %zu are kept", value.len,
                         STORE_MAX_REPLY_BYTES);
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_write(&lease, store, err));
    sqlite3_stmt *put;
    RRK_TRY(store_statement(lease.connection, STORE_SQL_PUT_REPLY, &put, err));
    store_bind_text(put, 1, rrk_text_of(key));
    /* A NULL pointer would bind SQL's NULL. */
    sqlite3_bind_blob64(put, 2, value.len ? value.data : "", value.len, SQLITE_STATIC);
    RRK_TRY(store_run(lease.connection, put, err));
    return store_commit(&lease, err);
}

rrk_status store_reply_count(rrk_store *store, uint64_t *n, rrk_error *err)
{
    base_error_clear(err);
    if (!n)
        return base_fail(err, RRK_E_INVALID, 0, "n is NULL");
    *n = 0;
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    bool has;
    int64_t count = 0;
    RRK_TRY(has_replies(lease.connection, &has, err));
    if (has)
        RRK_TRY(store_read_int(lease.connection, "SELECT count(*) FROM reply", &count, err));
    *n = (uint64_t)count;
    return RRK_OK;
}
