/* Opening, closing and describing a store. */
#include "base/alloc.h"
#include "store/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void close_ptr(rrk_store **store)
{
    rrk_store_close(*store);
}

static rrk_status check_options(const rrk_store_options *o, rrk_error *err)
{
    if (o->mode != RRK_STORE_CREATE && o->mode != RRK_STORE_READWRITE && o->mode != RRK_STORE_READONLY)
        return base_fail(err, RRK_E_INVALID, 0, "mode is %d, expected an rrk_store_mode", (int)o->mode);
    if (o->busy_timeout_ms < 0)
        return base_fail(err, RRK_E_INVALID, 0, "busy_timeout_ms is %d, expected 0 or more", o->busy_timeout_ms);
    if (o->max_passage_bytes == 0)
        return base_fail(err, RRK_E_INVALID, 0, "max_passage_bytes is 0, expected 1 or more");
    return RRK_OK;
}

static rrk_status check_path(const char *path, rrk_store_mode mode, rrk_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return mode == RRK_STORE_CREATE && errno == ENOENT ? RRK_OK : base_fail_errno(err, errno, "open store", path);
    if (!S_ISREG(st.st_mode))
        return base_fail(err, RRK_E_INVALID, 0, "'%s' is not a regular file", path);
    return RRK_OK;
}

/* The journal mode is the file's own and is set once; the schema is checked once an open. */
static rrk_status prepare(rrk_store *store, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_status status = RRK_OK;
    status = store_migrate(c, store->options.mode, err);
    if (status == RRK_OK && store->options.mode != RRK_STORE_READONLY)
        status = store_exec(c, "PRAGMA journal_mode = WAL;", err);
    store_give_back(store, c);
    return status;
}

rrk_status rrk_store_open(rrk_store **out, const char *path, const rrk_store_options *options, rrk_error *err)
{
    base_error_clear(err);
    if (!out || !path)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !out ? "out" : "path");
    *out = NULL;
    rrk_store *store RRK_AUTO(close_ptr) = base_calloc(1, sizeof *store);
    if (!store)
        return base_fail_nomem(err, sizeof *store);
    store->owner = base_owner_here();
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->writer, NULL);
    rrk_store_options_init(&store->options);
    BASE_TAKE_OPTIONS(&store->options, options);
    RRK_TRY(check_options(&store->options, err));
    store->path = base_strdup(path);
    if (!store->path)
        return base_fail_nomem(err, strlen(path));
    RRK_TRY(check_path(path, store->options.mode, err));
    RRK_TRY(prepare(store, err));
    *out = RRK_STEAL(store);
    return RRK_OK;
}

void rrk_store_close(rrk_store *store)
{
    /* SQLite forbids a child to close what its parent opened. */
    if (!store || !base_owner_is_here(&store->owner))
        return;
    while (store->idle) {
        store_connection *next = store->idle->next;
        store_disconnect(store->idle);
        store->idle = next;
    }
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->writer);
    base_free(store->path);
    base_free(store);
}

static rrk_status fill_info(store_connection *c, rrk_store_info *info, rrk_error *err)
{
    uint64_t number;
    RRK_TRY(store_count(c, STORE_SQL_COUNT_PASSAGES, &info->n_passages, err));
    RRK_TRY(store_count(c, STORE_SQL_COUNT_TERMS, &info->n_terms, err));
    RRK_TRY(store_count(c, STORE_SQL_COUNT_VECTORS, &info->n_vectors, err));
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_DIM, &number, err));
    info->vector_dim = (uint32_t)number;
    RRK_TRY(store_meta_get(c, STORE_META_VECTOR_MODEL, info->vector_model, sizeof info->vector_model, err));
    info->schema_version = 1;
    struct stat st;
    if (stat(c->path, &st) == 0)
        info->file_bytes = (uint64_t)st.st_size;
    return RRK_OK;
}

rrk_status rrk_store_get_info(rrk_store *store, rrk_store_info *info, rrk_error *err)
{
    base_error_clear(err);
    if (!store || !info)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !store ? "store" : "info");
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_store_info ours = {0};
    rrk_status status = fill_info(c, &ours, err);
    store_give_back(store, c);
    if (status == RRK_OK)
        BASE_GIVE_STATS(info, &ours);
    return status;
}
