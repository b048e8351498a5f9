/* One vector a passage, f32, all of one model. A generation counts every change, so that readers know when to reload. */
#include "base/alloc.h"
#include "store/internal.h"

#include <string.h>

static rrk_status bump(store_connection *c, rrk_error *err)
{
    uint64_t generation;
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_GENERATION, &generation, err));
    return store_meta_put_number(c, STORE_META_VECTOR_GENERATION, generation + 1, err);
}

static rrk_status begin(store_connection *c, const char *model, uint32_t dim, bool replace, rrk_error *err)
{
    char present[256];
    uint64_t present_dim, n_vectors;
    RRK_TRY(store_meta_get(c, STORE_META_VECTOR_MODEL, present, sizeof present, err));
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_DIM, &present_dim, err));
    RRK_TRY(store_count(c, STORE_SQL_COUNT_VECTORS, &n_vectors, err));
    bool same = strcmp(present, model) == 0 && present_dim == dim;
    if (!same && n_vectors && !replace)
        return base_fail(err, RRK_E_INVALID, 0, "store '%s' has the vectors of '%s'; replace them to embed with '%s'",
                         c->path, present, model);
    if (replace) {
        RRK_TRY(store_run(c, STORE_SQL_VECTORS_DROP_ALL, err));
        RRK_TRY(bump(c, err));
    }
    RRK_TRY(store_meta_put(c, STORE_META_VECTOR_MODEL, model, err));
    return store_meta_put_number(c, STORE_META_VECTOR_DIM, dim, err);
}

rrk_status store_vectors_begin(rrk_store *store, const char *model, uint32_t dim, bool replace, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_write_begin(store, &c, err));
    return store_write_end(store, c, begin(c, model, dim, replace, err), err);
}

static rrk_status missing(store_connection *c, int64_t after_row, int64_t *rows, size_t *n, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_MISSING, &statement, err));
    sqlite3_bind_int64(statement, 1, after_row);
    sqlite3_bind_int64(statement, 2, (int64_t)*n);
    for (*n = 0;; ++*n) {
        bool row;
        RRK_TRY(store_step(c, statement, &row, err));
        if (!row)
            return RRK_OK;
        rows[*n] = sqlite3_column_int64(statement, 0);
    }
}

rrk_status store_vectors_missing(rrk_store *store, int64_t after_row, int64_t *rows, size_t *n, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_status status = missing(c, after_row, rows, n, err);
    store_give_back(store, c);
    return status;
}

rrk_status store_vectors_count_missing(rrk_store *store, uint64_t *n, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_status status = store_count(c, STORE_SQL_COUNT_MISSING, n, err);
    store_give_back(store, c);
    return status;
}

static rrk_status put_all(store_connection *c, const int64_t *rows, const float *vectors, size_t n, rrk_error *err)
{
    uint64_t dim;
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_DIM, &dim, err));
    for (size_t i = 0; i < n; i++) {
        sqlite3_stmt *statement;
        RRK_TRY(store_statement(c, STORE_SQL_VECTOR_PUT, &statement, err));
        sqlite3_bind_int64(statement, 1, rows[i]);
        sqlite3_bind_blob64(statement, 2, vectors + i * dim, dim * sizeof *vectors, SQLITE_STATIC);
        bool row;
        RRK_TRY(store_step(c, statement, &row, err));
    }
    return bump(c, err);
}

rrk_status store_vectors_put(rrk_store *store, const int64_t *rows, const float *vectors, size_t n, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_write_begin(store, &c, err));
    return store_write_end(store, c, put_all(c, rows, vectors, n, err), err);
}

static rrk_status read_model(store_connection *c, char model[256], uint32_t *dim, rrk_error *err)
{
    uint64_t n_vectors, present_dim;
    RRK_TRY(store_count(c, STORE_SQL_COUNT_VECTORS, &n_vectors, err));
    RRK_TRY(store_meta_get(c, STORE_META_VECTOR_MODEL, model, 256, err));
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_DIM, &present_dim, err));
    *dim = n_vectors ? (uint32_t)present_dim : 0;
    return RRK_OK;
}

rrk_status store_vectors_model(rrk_store *store, char model[256], uint32_t *dim, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_status status = read_model(c, model, dim, err);
    store_give_back(store, c);
    return status;
}

rrk_status store_vectors_generation(rrk_store *store, uint64_t *generation, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_status status = store_meta_get_number(c, STORE_META_VECTOR_GENERATION, generation, err);
    store_give_back(store, c);
    return status;
}

typedef struct loaded {
    int64_t *rows;
    float *vectors;
    size_t n;
    uint64_t dim;
    uint64_t generation;
} loaded;

static rrk_status read_vectors(store_connection *c, loaded *out, size_t n_vectors, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_VECTORS, &statement, err));
    size_t bytes = out->dim * sizeof *out->vectors;
    for (; out->n < n_vectors; out->n++) {
        bool row;
        RRK_TRY(store_step(c, statement, &row, err));
        if (!row)
            return RRK_OK;
        out->rows[out->n] = sqlite3_column_int64(statement, 0);
        const void *blob = sqlite3_column_blob(statement, 1);
        if (!blob || (size_t)sqlite3_column_bytes(statement, 1) != bytes)
            return base_fail(err, RRK_E_FORMAT, 0, "store '%s': the vector of row %lld has %d bytes, expected %zu",
                             c->path, (long long)out->rows[out->n], sqlite3_column_bytes(statement, 1), bytes);
        memcpy(out->vectors + out->n * out->dim, blob, bytes);
    }
    sqlite3_reset(statement);
    return RRK_OK;
}

static rrk_status load(store_connection *c, loaded *out, rrk_error *err)
{
    uint64_t n_vectors;
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_GENERATION, &out->generation, err));
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_DIM, &out->dim, err));
    RRK_TRY(store_count(c, STORE_SQL_COUNT_VECTORS, &n_vectors, err));
    out->rows = base_alloc(n_vectors, sizeof *out->rows);
    out->vectors = base_alloc_aligned(n_vectors, out->dim * sizeof *out->vectors);
    if (!out->rows || !out->vectors)
        return base_fail_nomem(err, n_vectors * out->dim * sizeof *out->vectors);
    return read_vectors(c, out, n_vectors, err);
}

rrk_status store_vectors_load(rrk_store *store, int64_t **rows, float **vectors, size_t *n, uint32_t *dim,
                              uint64_t *generation, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    loaded l = {0};
    rrk_status status = store_run(c, STORE_SQL_BEGIN_READ, err);
    if (status == RRK_OK)
        status = store_end(c, load(c, &l, err), err);
    store_give_back(store, c);
    if (status != RRK_OK) {
        base_free(l.rows);
        base_free_aligned(l.vectors);
        return status;
    }
    *rows = l.rows;
    *vectors = l.vectors;
    *n = l.n;
    *dim = (uint32_t)l.dim;
    *generation = l.generation;
    return RRK_OK;
}
