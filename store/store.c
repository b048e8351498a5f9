/* Stores as handles: opening, closing and what rrk_store_get_info() tells. */
#include "store/store.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "store/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static rrk_status check_path(const char *path, rrk_store_mode mode, rrk_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT && mode == RRK_STORE_CREATE ? RRK_OK : base_fail_errno(err, errno, "open", path);
    if (!S_ISREG(st.st_mode))
        return base_fail(err, RRK_E_FORMAT, 0, "%s is not a file", path);
    /* SQLite would open it to read only and fail at the first change. */
    if (mode != RRK_STORE_READONLY && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
        return base_fail_errno(err, errno, "write", path);
    return RRK_OK;
}

static rrk_status check_options(const rrk_store_options *options, rrk_error *err)
{
    if (options->mode < RRK_STORE_CREATE || options->mode > RRK_STORE_READONLY)
        return base_fail(err, RRK_E_INVALID, 0, "mode %d is no rrk_store_mode", (int)options->mode);
    if (options->busy_timeout_ms < 0)
        return base_fail(err, RRK_E_INVALID, 0, "busy_timeout_ms is %d", options->busy_timeout_ms);
    if (options->max_passage_bytes == 0 || options->max_passage_bytes > STORE_MAX_PASSAGE_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "max_passage_bytes is %zu; it must be 1 to %zu",
                         options->max_passage_bytes, (size_t)STORE_MAX_PASSAGE_BYTES);
    return RRK_OK;
}

static void destroy(rrk_store *store)
{
    while (store->idle) {
        store_connection *connection = store->idle;
        store->idle = connection->next;
        store_disconnect(connection);
    }
    pthread_mutex_destroy(&store->pool_mutex);
    pthread_mutex_destroy(&store->turn);
    pthread_mutex_destroy(&store->writer);
    base_free(store->path);
    base_free(store);
}

/* To SQLite some names are no files, ":memory:" for one; behind "./" they are. */
static char *file_name_of(const char *path)
{
    bool is_special = path[0] == ':' || strncasecmp(path, "file:", 5) == 0;
    base_buf name = {.max = SIZE_MAX / 4};
    rrk_status status = base_buf_printf(&name, NULL, "%s%s", is_special ? "./" : "", path);
    return status == RRK_OK ? name.data : NULL;
}

static rrk_status open_first(rrk_store *store, const char *path, rrk_error *err)
{
    store->path = file_name_of(path);
    if (!store->path)
        return base_fail_nomem(err, 1);
    RRK_TRY(store_connect(&store->idle, store, err));
    store->n_idle = 1;
    /* Later connections find the file made. */
    if (store->options.mode == RRK_STORE_CREATE)
        store->options.mode = RRK_STORE_READWRITE;
    return RRK_OK;
}

rrk_status rrk_store_open(rrk_store **out, const char *path, const rrk_store_options *options, rrk_error *err)
{
    base_error_clear(err);
    if (!out)
        return base_fail(err, RRK_E_INVALID, 0, "out is NULL");
    *out = NULL;
    if (!path || !*path)
        return base_fail(err, RRK_E_INVALID, 0, "path is %s", path ? "empty" : "NULL");
    rrk_store_options taken;
    rrk_store_options_init(&taken);
    BASE_TAKE_OPTIONS(&taken, options);
    RRK_TRY(check_options(&taken, err));
    RRK_TRY(check_path(path, taken.mode, err));
    rrk_store *store = base_calloc(1, sizeof *store);
    if (!store)
        return base_fail_nomem(err, sizeof *store);
    store->options = taken;
    store->owner = base_owner_here();
    pthread_mutex_init(&store->pool_mutex, NULL);
    pthread_mutex_init(&store->turn, NULL);
    pthread_mutex_init(&store->writer, NULL);
    rrk_status status = open_first(store, path, err);
    if (status != RRK_OK) {
        destroy(store);
        return status;
    }
    *out = store;
    return RRK_OK;
}

void rrk_store_close(rrk_store *store)
{
    /* In a forked child the connections are the parent's: SQLite would drop the parent's locks if they were closed. */
    if (store && base_owner_is_here(&store->owner))
        destroy(store);
}

static rrk_status read_info(store_connection *connection, rrk_store_info *info, rrk_error *err)
{
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(connection, &statement,
                          "SELECT t.n_passages, t.n_terms, v.n_vectors, v.dim, v.model,"
                          " (SELECT user_version FROM pragma_user_version),"
                          " (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)"
                          " FROM totals t, vector_state v",
                          err));
    bool has_row;
    RRK_TRY(store_step(connection, statement, &has_row, err));
    if (!has_row)
        return base_fail(err, RRK_E_FORMAT, 0, "%s has lost its totals", connection->path);
    info->n_passages = (uint64_t)sqlite3_column_int64(statement, 0);
    info->n_terms = (uint64_t)sqlite3_column_int64(statement, 1);
    info->n_vectors = (uint64_t)sqlite3_column_int64(statement, 2);
    info->vector_dim = info->n_vectors ? (uint32_t)sqlite3_column_int64(statement, 3) : 0;
    if (info->n_vectors)
        snprintf(info->vector_model, sizeof info->vector_model, "%s", (const char *)sqlite3_column_text(statement, 4));
    info->schema_version = (uint32_t)sqlite3_column_int64(statement, 5);
    info->file_bytes = (uint64_t)sqlite3_column_int64(statement, 6);
    return RRK_OK;
}

rrk_status rrk_store_get_info(rrk_store *store, rrk_store_info *info, rrk_error *err)
{
    base_error_clear(err);
    if (!info)
        return base_fail(err, RRK_E_INVALID, 0, "info is NULL");
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    rrk_store_info ours = {.size = sizeof ours};
    RRK_TRY(read_info(lease.connection, &ours, err));
    BASE_GIVE_STATS(info, &ours);
    return RRK_OK;
}
