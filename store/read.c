/* Reading passages: by id, by row, and the lists that fetches give. */
#include "base/alloc.h"
#include "store/connection.h"
#include "store/store.h"

#include <string.h>

struct rrk_passage_list {
    rrk_passage *items; /* [n]; each one's texts are one block that starts at its id */
    size_t n;
};

const rrk_passage *rrk_passage_list_items(const rrk_passage_list *list, size_t *n_items)
{
    if (n_items)
        *n_items = list ? list->n : 0;
    return list ? list->items : NULL;
}

void rrk_passage_list_free(rrk_passage_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++) {
        char *block;
        memcpy(&block, &list->items[i].id.data, sizeof block);
        base_free(block);
    }
    base_free(list->items);
    base_free(list);
}

static void free_list_ptr(rrk_passage_list **list)
{
    rrk_passage_list_free(*list);
}

rrk_status rrk_store_find(rrk_store *store, rrk_text id, int64_t *row, rrk_error *err)
{
    base_error_clear(err);
    if (!row || (!id.data && id.len))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", row ? "id" : "row");
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    RRK_AUTO(store_reset_ptr) sqlite3_stmt *find = NULL;
    RRK_TRY(store_statement(lease.connection, STORE_SQL_FIND, &find, err));
    store_bind_text(find, 1, id);
    bool has_row;
    RRK_TRY(store_step(lease.connection, find, &has_row, err));
    if (!has_row)
        return base_fail(err, RRK_E_NOTFOUND, 0, "%s has no passage %.*s", store->path,
                         (int)RRK_MIN(id.len, (size_t)100), id.len ? id.data : "");
    *row = sqlite3_column_int64(find, 0);
    return RRK_OK;
}

static rrk_status read_row(store_connection *connection, int64_t row, sqlite3_stmt **out, rrk_error *err)
{
    RRK_TRY(store_statement(connection, STORE_SQL_READ, out, err));
    sqlite3_bind_int64(*out, 1, row);
    bool has_row;
    RRK_TRY(store_step(connection, *out, &has_row, err));
    if (!has_row)
        return base_fail(err, RRK_E_NOTFOUND, 0, "%s has no passage in row %lld", connection->path, (long long)row);
    return RRK_OK;
}

static rrk_text copy_into(char **at, rrk_text text)
{
    char *start = *at;
    memcpy(start, text.data, text.len);
    start[text.len] = '\0';
    *at += text.len + 1;
    return (rrk_text){start, text.len};
}

static rrk_status fetch_one(store_connection *connection, int64_t row, rrk_passage *out, rrk_error *err)
{
    RRK_AUTO(store_reset_ptr) sqlite3_stmt *read = NULL;
    RRK_TRY(read_row(connection, row, &read, err));
    rrk_text texts[4];
    size_t n_bytes = RRK_COUNT(texts);
    for (int i = 0; i < 4; i++) {
        texts[i] = store_column_text(read, i);
        n_bytes += texts[i].len;
    }
    char *at = base_alloc(n_bytes, 1);
    if (!at)
        return base_fail_nomem(err, n_bytes);
    out->id = copy_into(&at, texts[0]);
    out->title = copy_into(&at, texts[1]);
    out->text = copy_into(&at, texts[2]);
    out->metadata = copy_into(&at, texts[3]);
    return RRK_OK;
}

rrk_status rrk_store_fetch(rrk_store *store, const int64_t *rows, size_t n_rows, rrk_passage_list **out, rrk_error *err)
{
    base_error_clear(err);
    if (!out || (!rows && n_rows))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", out ? "rows" : "out");
    *out = NULL;
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    RRK_AUTO(free_list_ptr) rrk_passage_list *list = base_calloc(1, sizeof *list);
    if (!list)
        return base_fail_nomem(err, sizeof *list);
    list->items = base_calloc(RRK_MAX(n_rows, (size_t)1), sizeof *list->items);
    if (!list->items)
        return base_fail_nomem(err, n_rows);
    for (; list->n < n_rows; list->n++)
        RRK_TRY(fetch_one(lease.connection, rows[list->n], &list->items[list->n], err));
    *out = RRK_STEAL(list);
    return RRK_OK;
}
