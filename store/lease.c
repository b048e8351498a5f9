/* Leases: who may use a connection, and the transaction that a call runs in. */
#include "store/connection.h"

static rrk_status lease(store_lease *lease, rrk_store *store, rrk_error *err)
{
    pthread_mutex_lock(&store->pool_mutex);
    store_connection *connection = store->idle;
    if (connection) {
        store->idle = connection->next;
        store->n_idle--;
    }
    pthread_mutex_unlock(&store->pool_mutex);
    if (!connection)
        RRK_TRY(store_connect(&connection, store, err));
    lease->connection = connection;
    lease->store = store;
    return RRK_OK;
}

static rrk_status check_handle(const rrk_store *store, rrk_error *err)
{
    if (!store)
        return base_fail(err, RRK_E_INVALID, 0, "store is NULL");
    return base_owner_check(&store->owner, "store", err);
}

rrk_status store_begin_read(store_lease *out, rrk_store *store, rrk_error *err)
{
    *out = (store_lease){0};
    RRK_TRY(check_handle(store, err));
    RRK_TRY(lease(out, store, err));
    RRK_TRY(store_exec(out->connection, "BEGIN", err));
    out->in_transaction = true;
    return RRK_OK;
}

static rrk_status lock_writer(rrk_store *store, rrk_error *err)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += store->options.busy_timeout_ms / 1000;
    until.tv_nsec += store->options.busy_timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    bool has_turn = pthread_mutex_timedlock(&store->turn, &until) == 0;
    bool is_writer = has_turn && pthread_mutex_timedlock(&store->writer, &until) == 0;
    if (has_turn)
        pthread_mutex_unlock(&store->turn);
    if (!is_writer)
        return base_fail(err, RRK_E_BUSY, SQLITE_BUSY, "%s is locked by another writer", store->path);
    return RRK_OK;
}

rrk_status store_begin_write(store_lease *out, rrk_store *store, rrk_error *err)
{
    *out = (store_lease){0};
    RRK_TRY(check_handle(store, err));
    if (store->options.mode == RRK_STORE_READONLY)
        return base_fail(err, RRK_E_INVALID, 0, "%s was opened to read only", store->path);
    RRK_TRY(lock_writer(store, err));
    out->store = store;
    out->is_writer = true;
    RRK_TRY(lease(out, store, err));
    RRK_TRY(store_exec(out->connection, "BEGIN IMMEDIATE", err));
    out->in_transaction = true;
    return RRK_OK;
}

rrk_status store_commit(store_lease *lease, rrk_error *err)
{
    RRK_TRY(store_exec(lease->connection, "COMMIT", err));
    lease->in_transaction = false;
    return RRK_OK;
}

static void give_back(rrk_store *store, store_connection *connection)
{
    pthread_mutex_lock(&store->pool_mutex);
    bool keep = store->n_idle < STORE_MAX_IDLE_CONNECTIONS;
    if (keep) {
        connection->next = store->idle;
        store->idle = connection;
        store->n_idle++;
    }
    pthread_mutex_unlock(&store->pool_mutex);
    if (!keep)
        store_disconnect(connection);
}

void store_end(store_lease *lease)
{
    if (!lease->store)
        return;
    store_connection *connection = lease->connection;
    if (connection) {
        for (size_t i = 0; i < STORE_N_SQL; i++)
            if (connection->statements[i])
                sqlite3_reset(connection->statements[i]);
        if (lease->in_transaction)
            sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
        give_back(lease->store, connection);
    }
    if (lease->is_writer)
        pthread_mutex_unlock(&lease->store->writer);
    *lease = (store_lease){0};
}
