/*
 * Connections. A call leases one, so several threads may read at once; given back, it waits for the next call with its
 * statements still prepared.
 */
#include "base/alloc.h"
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

void store_disconnect(store_connection *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < STORE_N_SQL; i++)
        sqlite3_finalize(c->statements[i]);
    sqlite3_close(c->db);
    base_free(c);
}

static void disconnect_ptr(store_connection **c)
{
    store_disconnect(*c);
}

static int flags_of(rrk_store_mode mode)
{
    int access = mode == RRK_STORE_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    return access | (mode == RRK_STORE_CREATE ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
}

/* The path as a URI that says nothing will change: how a WAL database is read where its side files cannot be made. */
static char *immutable_uri(const char *path)
{
    static const char HEX[] = "0123456789ABCDEF";
    char *uri = base_alloc(strlen(path) * 3 + sizeof "file:?immutable=1", 1);
    if (!uri)
        return NULL;
    memcpy(uri, "file:", sizeof "file:");
    size_t at = sizeof "file:" - 1;
    for (const char *p = path; *p; p++) {
        unsigned char b = (unsigned char)*p;
        if (b > 0x20 && b < 0x7f && !strchr("%?#", b)) {
            uri[at++] = *p;
        } else {
            uri[at++] = '%';
            uri[at++] = HEX[b >> 4];
            uri[at++] = HEX[b & 15];
        }
    }
    memcpy(uri + at, "?immutable=1", sizeof "?immutable=1");
    return uri;
}

static rrk_status open_immutable(const rrk_store *store, store_connection *c, rrk_error *err)
{
    sqlite3_close(RRK_STEAL(c->db));
    char *uri RRK_AUTO(base_free_ptr) = immutable_uri(store->path);
    if (!uri)
        return base_fail_nomem(err, strlen(store->path) * 3);
    int rc = sqlite3_open_v2(uri, &c->db, flags_of(RRK_STORE_READONLY) | SQLITE_OPEN_URI, NULL);
    return store_check(c, rc, "open it", err);
}

static rrk_status open_database(const rrk_store *store, store_connection *c, rrk_error *err)
{
    int rc = sqlite3_open_v2(store->path, &c->db, flags_of(store->options.mode), NULL);
    RRK_TRY(store_check(c, rc, "open it", err));
    sqlite3_busy_timeout(c->db, store->options.busy_timeout_ms);
    rc = sqlite3_exec(c->db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
    if ((rc & 0xff) == SQLITE_CANTOPEN && store->options.mode == RRK_STORE_READONLY)
        return open_immutable(store, c, err);
    return store_check(c, rc, "read it", err);
}

/* WAL: readers go on while one writes. NORMAL: a power cut may cost the last batches, never the file. */
static rrk_status set_up(const rrk_store *store, store_connection *c, rrk_error *err)
{
    RRK_TRY(store_register_tokenizer(c, err));
    RRK_TRY(store_register_bm25(c, err));
    RRK_TRY(store_exec(c, "PRAGMA foreign_keys = OFF; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;", err));
    if (store->options.mode != RRK_STORE_READONLY)
        return store_exec(c, "PRAGMA cache_size = -65536;", err);
    return RRK_OK;
}

rrk_status store_connect(const rrk_store *store, store_connection **out, rrk_error *err)
{
    store_connection *c RRK_AUTO(disconnect_ptr) = base_calloc(1, sizeof *c);
    if (!c)
        return base_fail_nomem(err, sizeof *c);
    c->path = store->path;
    RRK_TRY(open_database(store, c, err));
    RRK_TRY(set_up(store, c, err));
    *out = RRK_STEAL(c);
    return RRK_OK;
}

rrk_status store_lease(rrk_store *store, store_connection **out, rrk_error *err)
{
    RRK_TRY(base_owner_check(&store->owner, "store", err));
    pthread_mutex_lock(&store->lock);
    store_connection *c = store->idle;
    if (c)
        store->idle = c->next;
    pthread_mutex_unlock(&store->lock);
    if (!c)
        return store_connect(store, out, err);
    c->next = NULL;
    *out = c;
    return RRK_OK;
}

void store_give_back(rrk_store *store, store_connection *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < STORE_N_SQL; i++)
        sqlite3_reset(c->statements[i]);
    pthread_mutex_lock(&store->lock);
    c->next = store->idle;
    store->idle = c;
    pthread_mutex_unlock(&store->lock);
}
