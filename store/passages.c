/* Passages in and out: put, find, fetch, and the write transaction that import shares. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/utf8.h"
#include "store/analyse.h"
#include "store/internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAMED_ID = 80 };

struct rrk_passage_list {
    rrk_passage *items; /* [n] */
    size_t n;
    char **memory; /* [n] each item's texts in one block; owned */
};

/* --- writing --- */

rrk_status store_write_begin(rrk_store *store, store_connection **out, rrk_error *err)
{
    if (store->options.mode == RRK_STORE_READONLY)
        return base_fail(err, RRK_E_INVALID, 0, "store '%s' is open for reading only", store->path);
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    pthread_mutex_lock(&store->writer);
    rrk_status status = store_run(c, STORE_SQL_BEGIN_WRITE, err);
    if (status != RRK_OK) {
        pthread_mutex_unlock(&store->writer);
        store_give_back(store, c);
        return status;
    }
    *out = c;
    return RRK_OK;
}

rrk_status store_write_end(rrk_store *store, store_connection *c, rrk_status status, rrk_error *err)
{
    status = store_end(c, status, err);
    pthread_mutex_unlock(&store->writer);
    store_give_back(store, c);
    return status;
}

static rrk_status check_metadata(rrk_text metadata, const char *what, rrk_error *err)
{
    if (metadata.len == 0)
        return RRK_OK;
    json_error_t cause;
    json_t *json = json_loadb(metadata.data, metadata.len, 0, &cause);
    bool good = json_is_object(json);
    json_decref(json);
    if (!good)
        return base_fail(err, RRK_E_INVALID, 0, "%s: its metadata is not a JSON object", what);
    return RRK_OK;
}

rrk_status store_check_passage(const rrk_store *store, const rrk_passage *p, rrk_error *err)
{
    char what[MAX_NAMED_ID + 24];
    RRK_TRY(base_text_check(p->id, "a passage's id", err));
    if (p->id.len == 0)
        return base_fail(err, RRK_E_INVALID, 0, "a passage has no id");
    snprintf(what, sizeof what, "passage '%.*s'", (int)base_utf8_cut(p->id.data, p->id.len, MAX_NAMED_ID), p->id.data);
    if (p->id.len > RRK_STORE_MAX_ID_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "%s: its id has %zu bytes, at most %d are allowed", what, p->id.len,
                         RRK_STORE_MAX_ID_BYTES);
    if (memchr(p->id.data, '\0', p->id.len))
        return base_fail(err, RRK_E_INVALID, 0, "%s: its id holds a NUL", what);
    RRK_TRY(base_text_check(p->title, what, err));
    RRK_TRY(base_text_check(p->text, what, err));
    RRK_TRY(base_text_check(p->metadata, what, err));
    if (base_text_is_blank(p->text) && base_text_is_blank(p->title))
        return base_fail(err, RRK_E_INVALID, 0, "%s is empty", what);
    size_t bytes;
    if (base_add_overflows(p->title.len, p->text.len, &bytes) || base_add_overflows(bytes, p->metadata.len, &bytes) ||
        bytes > store->options.max_passage_bytes)
        return base_fail(err, RRK_E_INVALID, 0, "%s has more than %zu bytes", what, store->options.max_passage_bytes);
    return check_metadata(p->metadata, what, err);
}

/* What the index sees of a passage: title and text as one. */
static rrk_status join(rrk_text title, rrk_text text, base_buf *out, rrk_error *err)
{
    out->max = SIZE_MAX / 4;
    RRK_TRY(base_buf_append(out, title.data, title.len, err));
    if (title.len && text.len)
        RRK_TRY(base_buf_append_char(out, ' ', err));
    return base_buf_append(out, text.data, text.len, err);
}

/* Into or out of the index; a body without terms is not in it. */
static rrk_status index_body(store_connection *c, store_sql which, int64_t row, const base_buf *body, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, which, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    store_bind_text(statement, 2, (rrk_text){body->data, body->len});
    bool there;
    return store_step(c, statement, &there, err);
}

static int count_term(void *ctx, const char *term, size_t len, size_t start, size_t end)
{
    (void)term;
    (void)len;
    (void)start;
    (void)end;
    ++*(int64_t *)ctx;
    return 0;
}

static rrk_status count_terms(const base_buf *body, int64_t *n_terms, rrk_error *err)
{
    store_analyser *analyser;
    RRK_TRY(store_analyser_new(&analyser, err));
    *n_terms = 0;
    rrk_status status = store_analyser_run(analyser, (rrk_text){body->data, body->len}, count_term, n_terms, NULL, err);
    store_analyser_free(analyser);
    return status;
}

static rrk_status write_row(store_connection *c, store_sql which, const rrk_passage *p, int64_t row, int64_t n_terms,
                            rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, which, &statement, err));
    if (which == STORE_SQL_UPDATE)
        sqlite3_bind_int64(statement, 1, row);
    else
        store_bind_text(statement, 1, p->id);
    store_bind_text(statement, 2, p->title);
    store_bind_text(statement, 3, p->text);
    store_bind_text(statement, 4, p->metadata);
    sqlite3_bind_int64(statement, 5, n_terms);
    bool there;
    return store_step(c, statement, &there, err);
}

/* Takes a passage's old content out of the index and its vector with it. */
static rrk_status forget(store_connection *c, int64_t row, const base_buf *old, int64_t n_terms, rrk_error *err)
{
    if (n_terms)
        RRK_TRY(index_body(c, STORE_SQL_UNINDEX, row, old, err));
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_VECTOR_DROP, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    bool there;
    RRK_TRY(store_step(c, statement, &there, err));
    if (sqlite3_changes(c->db) == 0)
        return RRK_OK;
    uint64_t generation;
    RRK_TRY(store_meta_get_number(c, STORE_META_VECTOR_GENERATION, &generation, err));
    return store_meta_put_number(c, STORE_META_VECTOR_GENERATION, generation + 1, err);
}

/* What is stored under the passage's id: its row and old body, and whether anything differs. */
static rrk_status look_up(store_connection *c, const rrk_passage *p, int64_t *row, int64_t *n_terms, base_buf *old,
                          store_change *change, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_FIND, &statement, err));
    store_bind_text(statement, 1, p->id);
    bool there;
    RRK_TRY(store_step(c, statement, &there, err));
    *change = STORE_ADDED;
    if (!there)
        return RRK_OK;
    *row = sqlite3_column_int64(statement, 0);
    rrk_text title = store_column_text(statement, 1), text = store_column_text(statement, 2);
    bool same = base_text_equals(title, p->title) && base_text_equals(text, p->text) &&
                base_text_equals(store_column_text(statement, 3), p->metadata);
    *n_terms = sqlite3_column_int64(statement, 4);
    *change = same ? STORE_UNCHANGED : STORE_UPDATED;
    rrk_status status = same ? RRK_OK : join(title, text, old, err);
    sqlite3_reset(statement);
    return status;
}

rrk_status store_put_one(store_connection *c, const rrk_passage *p, store_change *change, rrk_error *err)
{
    base_buf old RRK_AUTO(base_buf_free) = {0}, body RRK_AUTO(base_buf_free) = {0};
    int64_t row = 0, old_terms = 0, n_terms;
    RRK_TRY(look_up(c, p, &row, &old_terms, &old, change, err));
    if (*change == STORE_UNCHANGED)
        return RRK_OK;
    RRK_TRY(join(p->title, p->text, &body, err));
    RRK_TRY(count_terms(&body, &n_terms, err));
    if (*change == STORE_UPDATED) {
        RRK_TRY(forget(c, row, &old, old_terms, err));
        RRK_TRY(write_row(c, STORE_SQL_UPDATE, p, row, n_terms, err));
    } else {
        RRK_TRY(write_row(c, STORE_SQL_INSERT, p, 0, n_terms, err));
        row = sqlite3_last_insert_rowid(c->db);
    }
    return n_terms ? index_body(c, STORE_SQL_INDEX, row, &body, err) : RRK_OK;
}

rrk_status rrk_store_put(rrk_store *store, const rrk_passage *passages, size_t n_passages, rrk_error *err)
{
    base_error_clear(err);
    if (!store || (!passages && n_passages))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !store ? "store" : "passages");
    RRK_TRY(base_owner_check(&store->owner, "store", err));
    for (size_t i = 0; i < n_passages; i++)
        RRK_TRY(store_check_passage(store, &passages[i], err));
    store_connection *c;
    RRK_TRY(store_write_begin(store, &c, err));
    rrk_status status = RRK_OK;
    for (size_t i = 0; status == RRK_OK && i < n_passages; i++) {
        store_change change;
        status = store_put_one(c, &passages[i], &change, err);
    }
    return store_write_end(store, c, status, err);
}

/* --- reading --- */

rrk_status rrk_store_find(rrk_store *store, rrk_text id, int64_t *row, rrk_error *err)
{
    base_error_clear(err);
    if (!store || !row)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !store ? "store" : "row");
    RRK_TRY(base_text_check(id, "the id", err));
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    sqlite3_stmt *statement = NULL;
    bool there = false;
    rrk_status status = store_statement(c, STORE_SQL_FIND, &statement, err);
    if (status == RRK_OK) {
        store_bind_text(statement, 1, id);
        status = store_step(c, statement, &there, err);
    }
    if (there)
        *row = sqlite3_column_int64(statement, 0);
    else if (status == RRK_OK)
        status = base_fail(err, RRK_E_NOTFOUND, 0, "store '%s' has no passage '%.*s'", store->path,
                           (int)base_utf8_cut(id.data, id.len, MAX_NAMED_ID), id.data ? id.data : "");
    store_give_back(store, c);
    return status;
}

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
    for (size_t i = 0; list->memory && i < list->n; i++)
        base_free(list->memory[i]);
    base_free(list->memory);
    base_free(list->items);
    base_free(list);
}

static void free_list_ptr(rrk_passage_list **list)
{
    rrk_passage_list_free(*list);
}

/* Copies the four texts of a row into one block. */
static rrk_status copy_row(sqlite3_stmt *statement, rrk_passage *passage, char **memory, rrk_error *err)
{
    rrk_text *const texts[] = {&passage->id, &passage->title, &passage->text, &passage->metadata};
    size_t bytes = 0;
    for (int i = 0; i < 4; i++)
        bytes += (size_t)sqlite3_column_bytes(statement, i);
    char *at = *memory = base_alloc(bytes, 1);
    if (!at)
        return base_fail_nomem(err, bytes);
    for (int i = 0; i < 4; i++) {
        rrk_text from = store_column_text(statement, i);
        if (from.len)
            memcpy(at, from.data, from.len);
        *texts[i] = (rrk_text){at, from.len};
        at += from.len;
    }
    return RRK_OK;
}

static rrk_status read_row(store_connection *c, int64_t row, rrk_passage *passage, char **memory, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_READ, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    bool there;
    RRK_TRY(store_step(c, statement, &there, err));
    if (!there)
        return base_fail(err, RRK_E_NOTFOUND, 0, "store '%s' has no row %lld", c->path, (long long)row);
    rrk_status status = copy_row(statement, passage, memory, err);
    sqlite3_reset(statement);
    return status;
}

static rrk_status read_rows(store_connection *c, const int64_t *rows, rrk_passage_list *list, rrk_error *err)
{
    RRK_TRY(store_run(c, STORE_SQL_BEGIN_READ, err));
    rrk_status status = RRK_OK;
    for (size_t i = 0; status == RRK_OK && i < list->n; i++)
        status = read_row(c, rows[i], &list->items[i], &list->memory[i], err);
    return store_end(c, status, err);
}

rrk_status rrk_store_fetch(rrk_store *store, const int64_t *rows, size_t n_rows, rrk_passage_list **out, rrk_error *err)
{
    base_error_clear(err);
    if (!store || !out || (!rows && n_rows))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !store ? "store" : !out ? "out" : "rows");
    *out = NULL;
    rrk_passage_list *list RRK_AUTO(free_list_ptr) = base_calloc(1, sizeof *list);
    if (!list)
        return base_fail_nomem(err, sizeof *list);
    list->items = base_calloc(n_rows, sizeof *list->items);
    list->memory = base_calloc(n_rows, sizeof *list->memory);
    if (!list->items || !list->memory)
        return base_fail_nomem(err, n_rows * sizeof *list->items);
    list->n = n_rows;
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_status status = read_rows(c, rows, list, err);
    store_give_back(store, c);
    RRK_TRY(status);
    *out = RRK_STEAL(list);
    return RRK_OK;
}
