/*
 * Writing passages. The index, the lengths and the totals change with the passage, always inside the caller's
 * transaction, so that BM25 never sees one without the others.
 */
#include "store/passages.h"
#include "base/text.h"

#include <jansson.h>

#include <string.h>

static rrk_status check_id(rrk_text id, rrk_error *err)
{
    if (id.len == 0)
        return base_fail(err, RRK_E_INVALID, 0, "a passage has no id");
    if (id.len > RRK_STORE_MAX_ID_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "the id %.*s... has %zu bytes; at most %d can be stored", 40, id.data,
                         id.len, RRK_STORE_MAX_ID_BYTES);
    RRK_TRY(base_text_check(id, "a passage's id", err));
    if (memchr(id.data, '\0', id.len))
        return base_fail(err, RRK_E_INVALID, 0, "the id %s... has a NUL byte", id.data);
    return RRK_OK;
}

static rrk_status check_metadata(const rrk_passage *passage, rrk_error *err)
{
    rrk_text metadata = passage->metadata;
    if (metadata.len == 0)
        return RRK_OK;
    json_error_t json_error;
    json_t *json = json_loadb(metadata.data, metadata.len, 0, &json_error);
    bool is_object = json_is_object(json);
    json_decref(json);
    if (!is_object)
        return base_fail(err, RRK_E_INVALID, 0, "passage %.*s: the metadata is not a JSON object", (int)passage->id.len,
                         passage->id.data);
    return RRK_OK;
}

static rrk_status check_texts(const rrk_store *store, const rrk_passage *passage, rrk_error *err)
{
    RRK_TRY(base_text_check(passage->title, "the title", err));
    RRK_TRY(base_text_check(passage->text, "the text", err));
    RRK_TRY(base_text_check(passage->metadata, "the metadata", err));
    if (base_text_is_blank(passage->title) && base_text_is_blank(passage->text))
        return base_fail(err, RRK_E_INVALID, 0, "it has no text");
    size_t max = store->options.max_passage_bytes;
    size_t n_bytes;
    if (base_add_overflows(passage->title.len, passage->text.len, &n_bytes) ||
        base_add_overflows(n_bytes, passage->metadata.len, &n_bytes) || n_bytes > max)
        return base_fail(err, RRK_E_INVALID, 0, "more than the %zu bytes that this store takes", max);
    return RRK_OK;
}

rrk_status store_check_passage(const rrk_store *store, const rrk_passage *passage, rrk_error *err)
{
    RRK_TRY(check_id(passage->id, err));
    rrk_status status = check_texts(store, passage, err);
    if (status != RRK_OK) {
        base_error_prefix(err, "passage %.*s", (int)RRK_MIN(passage->id.len, (size_t)100), passage->id.data);
        return status;
    }
    return check_metadata(passage, err);
}

/* Title and text are one field to the index. */
static rrk_status body_of(rrk_text title, rrk_text text, base_buf *body, rrk_error *err)
{
    RRK_TRY(base_buf_reserve(body, title.len + text.len + 1, err));
    RRK_TRY(base_buf_append(body, title.data, title.len, err));
    if (title.len > 0)
        RRK_TRY(base_buf_append_char(body, ' ', err));
    return base_buf_append(body, text.data, text.len, err);
}

/* Adds a body to the index, or takes it out; *n_terms is its length in terms. */
static rrk_status change_index(store_connection *connection, store_statement_id how, int64_t row, rrk_text title,
                               rrk_text text, int64_t *n_terms, rrk_error *err)
{
    RRK_AUTO(base_buf_free) base_buf body = {.max = SIZE_MAX / 4};
    RRK_TRY(body_of(title, text, &body, err));
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, how, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    store_bind_text(statement, 2, (rrk_text){body.data, body.len});
    connection->n_terms_indexed = 0;
    RRK_TRY(store_run(connection, statement, err));
    *n_terms = (int64_t)connection->n_terms_indexed;
    return RRK_OK;
}

static rrk_status change_totals(store_connection *connection, int n_passages, int n_with_terms, int64_t n_terms,
                                rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, STORE_SQL_COUNT, &statement, err));
    sqlite3_bind_int(statement, 1, n_passages);
    sqlite3_bind_int(statement, 2, n_with_terms);
    sqlite3_bind_int64(statement, 3, n_terms);
    return store_run(connection, statement, err);
}

static rrk_status write_content(store_connection *connection, store_statement_id how, int64_t row,
                                const rrk_passage *passage, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, how, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    store_bind_text(statement, 2, passage->title);
    store_bind_text(statement, 3, passage->text);
    store_bind_text(statement, 4, passage->metadata);
    return store_run(connection, statement, err);
}

static rrk_status next_row(store_connection *connection, int64_t *row, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, STORE_SQL_NEXT_ROW, &statement, err));
    bool has_row;
    RRK_TRY(store_step(connection, statement, &has_row, err));
    *row = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return RRK_OK;
}

static rrk_status add(store_connection *connection, const rrk_passage *passage, rrk_error *err)
{
    int64_t row, n_terms;
    RRK_TRY(next_row(connection, &row, err));
    RRK_TRY(change_index(connection, STORE_SQL_INDEX, row, passage->title, passage->text, &n_terms, err));
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, STORE_SQL_ADD_PASSAGE, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    store_bind_text(statement, 2, passage->id);
    sqlite3_bind_int64(statement, 3, n_terms);
    RRK_TRY(store_run(connection, statement, err));
    RRK_TRY(write_content(connection, STORE_SQL_ADD_CONTENT, row, passage, err));
    return change_totals(connection, 1, n_terms > 0, n_terms, err);
}

static rrk_status change_row(store_connection *connection, store_statement_id how, int64_t row, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, how, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    return store_run(connection, statement, err);
}

static rrk_status drop_vector(store_connection *connection, int64_t row, rrk_error *err)
{
    RRK_TRY(change_row(connection, STORE_SQL_DROP_VECTOR, row, err));
    if (sqlite3_changes(connection->db) == 0)
        return RRK_OK;
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, STORE_SQL_VECTOR_DROPPED, &statement, err));
    return store_run(connection, statement, err);
}

static rrk_status set_terms(store_connection *connection, int64_t row, int64_t n_terms, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(connection, STORE_SQL_SET_TERMS, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    sqlite3_bind_int64(statement, 2, n_terms);
    return store_run(connection, statement, err);
}

/* "old" is a row of STORE_SQL_READ: the index can only forget a text that it is shown again. */
static rrk_status replace(store_connection *connection, int64_t row, int64_t old_terms, sqlite3_stmt *old,
                          const rrk_passage *passage, rrk_error *err)
{
    int64_t n_terms, n_forgotten;
    RRK_TRY(change_index(connection, STORE_SQL_UNINDEX, row, store_column_text(old, 1), store_column_text(old, 2),
                         &n_forgotten, err));
    sqlite3_reset(old);
    RRK_TRY(change_index(connection, STORE_SQL_INDEX, row, passage->title, passage->text, &n_terms, err));
    RRK_TRY(set_terms(connection, row, n_terms, err));
    RRK_TRY(write_content(connection, STORE_SQL_SET_CONTENT, row, passage, err));
    RRK_TRY(drop_vector(connection, row, err));
    return change_totals(connection, 0, (n_terms > 0) - (old_terms > 0), n_terms - old_terms, err);
}

/*
 * The content's row stays, empty, and keeps its number from being given to another passage: someone may hold it, such
 * as an indexer that is about to put the row's vector.
 */
static rrk_status remove_row(store_connection *connection, int64_t row, int64_t n_terms, rrk_error *err)
{
    bool has_row;
    int64_t n_forgotten;
    RRK_AUTO(store_reset_ptr) sqlite3_stmt *old = NULL;
    RRK_TRY(store_statement(connection, STORE_SQL_READ, &old, err));
    sqlite3_bind_int64(old, 1, row);
    RRK_TRY(store_step(connection, old, &has_row, err));
    if (!has_row)
        return base_fail(err, RRK_E_FORMAT, 0, "%s has lost the text of row %lld", connection->path, (long long)row);
    RRK_TRY(change_index(connection, STORE_SQL_UNINDEX, row, store_column_text(old, 1), store_column_text(old, 2),
                         &n_forgotten, err));
    sqlite3_reset(old);
    RRK_TRY(drop_vector(connection, row, err));
    RRK_TRY(change_row(connection, STORE_SQL_EMPTY_CONTENT, row, err));
    RRK_TRY(change_row(connection, STORE_SQL_DROP_PASSAGE, row, err));
    return change_totals(connection, -1, -(n_terms > 0), -n_terms, err);
}

/* SQL's substr() counts characters. */
static size_t n_characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

rrk_status store_remove_beyond(store_connection *connection, const char *document, uint64_t n_kept, base_buf *last,
                               bool *removed, rrk_error *err)
{
    RRK_AUTO(base_buf_free) base_buf end = {.max = SIZE_MAX / 4};
    RRK_TRY(base_buf_printf(&end, err, "%s$", document)); /* '$' comes right behind '#' */
    if (last->len == 0)
        RRK_TRY(base_buf_printf(last, err, "%s#", document));
    RRK_AUTO(store_reset_ptr) sqlite3_stmt *next = NULL;
    RRK_TRY(store_statement(connection, STORE_SQL_NEXT_OF_DOCUMENT, &next, err));
    store_bind_text(next, 1, (rrk_text){last->data, last->len});
    store_bind_text(next, 2, (rrk_text){end.data, end.len});
    sqlite3_bind_int64(next, 3, (int64_t)n_characters(document) + 2);
    sqlite3_bind_int64(next, 4, (int64_t)n_kept);
    RRK_TRY(store_step(connection, next, removed, err));
    if (!*removed)
        return RRK_OK;
    int64_t row = sqlite3_column_int64(next, 0);
    int64_t n_terms = sqlite3_column_int64(next, 2);
    rrk_text id = store_column_text(next, 1);
    base_buf_clear(last);
    RRK_TRY(base_buf_append(last, id.data, id.len, err));
    sqlite3_reset(next);
    return remove_row(connection, row, n_terms, err);
}

rrk_status store_put_passage(store_connection *connection, const rrk_passage *passage, store_put_outcome *outcome,
                             rrk_error *err)
{
    bool has_row;
    RRK_AUTO(store_reset_ptr) sqlite3_stmt *find = NULL;
    RRK_TRY(store_statement(connection, STORE_SQL_FIND, &find, err));
    store_bind_text(find, 1, passage->id);
    RRK_TRY(store_step(connection, find, &has_row, err));
    *outcome = STORE_ADDED;
    if (!has_row)
        return add(connection, passage, err);
    int64_t row = sqlite3_column_int64(find, 0);
    int64_t n_terms = sqlite3_column_int64(find, 1);
    RRK_AUTO(store_reset_ptr) sqlite3_stmt *old = NULL;
    RRK_TRY(store_statement(connection, STORE_SQL_READ, &old, err));
    sqlite3_bind_int64(old, 1, row);
    RRK_TRY(store_step(connection, old, &has_row, err));
    bool same_text = has_row && base_text_equals(store_column_text(old, 1), passage->title) &&
                     base_text_equals(store_column_text(old, 2), passage->text);
    bool same = same_text && base_text_equals(store_column_text(old, 3), passage->metadata);
    *outcome = same ? STORE_UNCHANGED : STORE_UPDATED;
    if (same)
        return RRK_OK;
    if (!same_text)
        return replace(connection, row, n_terms, old, passage, err);
    sqlite3_reset(old);
    return write_content(connection, STORE_SQL_SET_CONTENT, row, passage, err);
}

rrk_status rrk_store_put(rrk_store *store, const rrk_passage *passages, size_t n_passages, rrk_error *err)
{
    base_error_clear(err);
    if (!passages && n_passages)
        return base_fail(err, RRK_E_INVALID, 0, "passages is NULL");
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_write(&lease, store, err));
    for (size_t i = 0; i < n_passages; i++) {
        store_put_outcome outcome;
        RRK_TRY(store_check_passage(store, &passages[i], err));
        RRK_TRY(store_put_passage(lease.connection, &passages[i], &outcome, err));
    }
    return store_commit(&lease, err);
}
