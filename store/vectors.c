/*
 * The vectors' table: one f32 blob a row, all of one model. The generation in vector_state changes with every change
 * here, so that a reader knows whether what it holds in memory is still what is stored.
 */
#include "base/alloc.h"
#include "store/connection.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

#define MAX_MODEL_BYTES 255
#define MAX_DIM 65536

typedef struct state {
    char model[MAX_MODEL_BYTES + 1];
    uint32_t dim;
    uint64_t generation;
    uint64_t n_vectors;
} state;

static rrk_status read_state(store_connection *connection, state *s, rrk_error *err)
{
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(connection, &statement, "SELECT model, dim, generation, n_vectors FROM vector_state", err));
    bool has_row;
    RRK_TRY(store_step(connection, statement, &has_row, err));
    if (!has_row)
        return base_fail(err, RRK_E_FORMAT, 0, "%s has lost its vectors' state", connection->path);
    snprintf(s->model, sizeof s->model, "%s", store_column_text(statement, 0).data);
    s->dim = (uint32_t)sqlite3_column_int64(statement, 1);
    s->generation = (uint64_t)sqlite3_column_int64(statement, 2);
    s->n_vectors = (uint64_t)sqlite3_column_int64(statement, 3);
    return RRK_OK;
}

static rrk_status write_state(store_connection *connection, const state *s, rrk_error *err)
{
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(connection, &statement,
                          "UPDATE vector_state SET model = ?1, dim = ?2, generation = ?3, n_vectors = ?4", err));
    store_bind_text(statement, 1, rrk_text_of(s->model));
    sqlite3_bind_int64(statement, 2, s->dim);
    sqlite3_bind_int64(statement, 3, (int64_t)s->generation);
    sqlite3_bind_int64(statement, 4, (int64_t)s->n_vectors);
    return store_run(connection, statement, err);
}

static const char *fingerprint_of(const char *model)
{
    const char *blank = strrchr(model, ' ');
    return blank ? blank + 1 : model;
}

bool store_is_same_model(const char *a, const char *b)
{
    return strcmp(fingerprint_of(a), fingerprint_of(b)) == 0;
}

rrk_status store_fail_other_model(const char *what, const char *has, const char *wanted, rrk_error *err)
{
    size_t name_len = (size_t)(fingerprint_of(has) - has);
    const char *why = "";
    if (!strchr(has, ' '))
        why = ", which an rrk before fingerprints made";
    else if (strncmp(has, wanted, name_len) == 0)
        why = " (tokenizer, prompts, pooling, max_tokens or dtype differ)";
    return base_fail(err, RRK_E_INVALID, 0,
                     "%s has vectors of '%s', not of '%s'%s: 'rrk embed --replace' makes them anew", what, has, wanted,
                     why);
}

rrk_status store_vectors_begin(rrk_store *store, const char *model, uint32_t dim, bool replace, rrk_error *err)
{
    base_error_clear(err);
    if (!model || !*model || strlen(model) > MAX_MODEL_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "a model's name must have 1 to %d bytes", MAX_MODEL_BYTES);
    if (dim == 0 || dim > MAX_DIM)
        return base_fail(err, RRK_E_INVALID, 0, "vectors of dimension %u; it must be 1 to %d", dim, MAX_DIM);
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_write(&lease, store, err));
    state s;
    RRK_TRY(read_state(lease.connection, &s, err));
    if (store_is_same_model(s.model, model) && s.dim == dim)
        return RRK_OK;
    if (s.n_vectors > 0 && !replace)
        return store_fail_other_model(store->path, s.model, model, err);
    RRK_TRY(store_exec(lease.connection, "DELETE FROM vector", err));
    state fresh = {.dim = dim, .generation = s.generation + 1};
    snprintf(fresh.model, sizeof fresh.model, "%s", model);
    RRK_TRY(write_state(lease.connection, &fresh, err));
    return store_commit(&lease, err);
}

rrk_status store_vectors_missing(rrk_store *store, int64_t after_row, int64_t *rows, size_t *n, rrk_error *err)
{
    base_error_clear(err);
    if (!n || (!rows && *n))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", n ? "rows" : "n");
    size_t capacity = *n;
    *n = 0;
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(lease.connection, &statement,
                          "SELECT row FROM passage p WHERE row > ?1 AND NOT EXISTS"
                          " (SELECT 1 FROM vector v WHERE v.row = p.row) ORDER BY row",
                          err));
    sqlite3_bind_int64(statement, 1, after_row);
    for (bool has_row = true; *n < capacity;) {
        RRK_TRY(store_step(lease.connection, statement, &has_row, err));
        if (!has_row)
            break;
        rows[(*n)++] = sqlite3_column_int64(statement, 0);
    }
    return RRK_OK;
}

rrk_status store_vectors_count_missing(rrk_store *store, uint64_t *n, rrk_error *err)
{
    base_error_clear(err);
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    int64_t count = 0;
    RRK_TRY(store_read_int(lease.connection, "SELECT n_passages - n_vectors FROM totals, vector_state", &count, err));
    *n = (uint64_t)count;
    return RRK_OK;
}

typedef struct putter {
    store_connection *connection;
    sqlite3_stmt *exists;
    sqlite3_stmt *insert;
    state state;
} putter;

static void free_putter(putter *p)
{
    sqlite3_finalize(p->exists);
    sqlite3_finalize(p->insert);
}

static rrk_status put_one(putter *p, int64_t row, const float *vector, rrk_error *err)
{
    bool has_row;
    sqlite3_bind_int64(p->exists, 1, row);
    RRK_TRY(store_step(p->connection, p->exists, &has_row, err));
    bool had_vector = has_row && sqlite3_column_int(p->exists, 0);
    sqlite3_reset(p->exists);
    if (!has_row)
        return RRK_OK;
    sqlite3_bind_int64(p->insert, 1, row);
    sqlite3_bind_blob64(p->insert, 2, vector, p->state.dim * sizeof *vector, SQLITE_STATIC);
    RRK_TRY(store_run(p->connection, p->insert, err));
    p->state.n_vectors += !had_vector;
    p->state.generation++;
    return RRK_OK;
}

rrk_status store_vectors_put(rrk_store *store, const int64_t *rows, const float *vectors, size_t n, rrk_error *err)
{
    base_error_clear(err);
    if (n && (!rows || !vectors))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", rows ? "vectors" : "rows");
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_write(&lease, store, err));
    RRK_AUTO(free_putter) putter p = {.connection = lease.connection};
    RRK_TRY(read_state(p.connection, &p.state, err));
    if (p.state.dim == 0)
        return base_fail(err, RRK_E_INVALID, 0, "%s was not told which model's vectors it gets", store->path);
    RRK_TRY(store_prepare(p.connection, &p.exists,
                          "SELECT EXISTS (SELECT 1 FROM vector v WHERE v.row = p.row) FROM passage p WHERE p.row = ?1",
                          err));
    RRK_TRY(store_prepare(p.connection, &p.insert, "INSERT OR REPLACE INTO vector (row, data) VALUES (?1, ?2)", err));
    for (size_t i = 0; i < n; i++)
        RRK_TRY(put_one(&p, rows[i], vectors + i * p.state.dim, err));
    RRK_TRY(write_state(p.connection, &p.state, err));
    return store_commit(&lease, err);
}

rrk_status store_vectors_model(rrk_store *store, char model[256], uint32_t *dim, rrk_error *err)
{
    base_error_clear(err);
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    state s;
    RRK_TRY(read_state(lease.connection, &s, err));
    snprintf(model, 256, "%s", s.n_vectors ? s.model : "");
    *dim = s.n_vectors ? s.dim : 0;
    return RRK_OK;
}

rrk_status store_vectors_generation(rrk_store *store, uint64_t *generation, rrk_error *err)
{
    base_error_clear(err);
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    state s;
    RRK_TRY(read_state(lease.connection, &s, err));
    *generation = s.generation;
    return RRK_OK;
}

static rrk_status load(store_connection *connection, const state *s, int64_t *rows, float *vectors, rrk_error *err)
{
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(connection, &statement, "SELECT row, data FROM vector ORDER BY row", err));
    for (size_t i = 0; i < s->n_vectors; i++) {
        bool has_row;
        RRK_TRY(store_step(connection, statement, &has_row, err));
        size_t n_bytes = s->dim * sizeof *vectors;
        if (!has_row || (size_t)sqlite3_column_bytes(statement, 1) != n_bytes)
            return base_fail(err, RRK_E_FORMAT, 0, "%s: vector %zu is not there or not of dimension %u",
                             connection->path, i, s->dim);
        rows[i] = sqlite3_column_int64(statement, 0);
        memcpy(vectors + i * s->dim, sqlite3_column_blob(statement, 1), n_bytes);
    }
    return RRK_OK;
}

rrk_status store_vectors_load(rrk_store *store, int64_t **rows, float **vectors, size_t *n, uint32_t *dim,
                              uint64_t *generation, rrk_error *err)
{
    base_error_clear(err);
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    state s;
    RRK_TRY(read_state(lease.connection, &s, err));
    size_t n_floats;
    if (base_mul_overflows(s.n_vectors, s.dim, &n_floats))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: impossible number of vectors", store->path);
    RRK_AUTO(base_free_ptr) int64_t *own_rows = base_alloc(RRK_MAX(s.n_vectors, 1u), sizeof *own_rows);
    RRK_AUTO(base_free_aligned_ptr) float *own_vectors = base_alloc_aligned(RRK_MAX(n_floats, 1u), sizeof *own_vectors);
    if (!own_rows || !own_vectors)
        return base_fail_nomem(err, n_floats * sizeof *own_vectors);
    RRK_TRY(load(lease.connection, &s, own_rows, own_vectors, err));
    *rows = RRK_STEAL(own_rows);
    *vectors = RRK_STEAL(own_vectors);
    *n = s.n_vectors;
    *dim = s.n_vectors ? s.dim : 0;
    *generation = s.generation;
    return RRK_OK;
}
