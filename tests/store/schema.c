/*
 * Stores that an older rrk made. Version 1 is made here by its own SQL, which is what lies in people's files: it is
 * frozen, whatever store/schema.c becomes.
 */
#include "scratch.h"
#include "store/connection.h"
#include "store/reply.h"

#include <string.h>
#include <sys/wait.h>

static const char *const VERSION_1 =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE migration (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT;"
    "CREATE TABLE passage (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, n_terms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE content (row INTEGER PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL, metadata TEXT NOT NULL)"
    " STRICT;"
    "CREATE VIRTUAL TABLE passage_index USING fts5(body, content='', columnsize=0, tokenize='rrk');"
    "CREATE VIRTUAL TABLE passage_terms USING fts5vocab(passage_index, row);"
    "CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), n_passages INTEGER NOT NULL,"
    " n_with_terms INTEGER NOT NULL, n_terms INTEGER NOT NULL) STRICT;"
    "INSERT INTO totals VALUES (1, 0, 0, 0);"
    "CREATE TABLE vector (row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
    "CREATE TABLE vector_state (one INTEGER PRIMARY KEY CHECK (one = 1), model TEXT NOT NULL, dim INTEGER NOT NULL,"
    " generation INTEGER NOT NULL, n_vectors INTEGER NOT NULL) STRICT;"
    "INSERT INTO vector_state VALUES (1, '', 0, 0, 0);"
    "INSERT INTO migration VALUES (1, datetime('now'));"
    "PRAGMA application_id = 1920101169; PRAGMA user_version = 1;"
    "INSERT INTO content VALUES (1, '', 'kettles boil water', '');"
    "INSERT INTO passage VALUES (1, 'kettle', 3);"
    "INSERT INTO passage_index (rowid, body) VALUES (1, 'kettles boil water');"
    "UPDATE totals SET n_passages = 1, n_with_terms = 1, n_terms = 3;"
    "INSERT INTO vector VALUES (1, x'0000803f00000040');"
    "UPDATE vector_state SET model = 'm', dim = 2, generation = 1, n_vectors = 1;";

/* A plain handle would not know the tokenizer. */
static void run_sql(scratch *s, const char *sql)
{
    store_connection *connection = calloc(1, sizeof *connection);
    connection->path = s->path;
    cr_assert_eq(store_analyser_init(&connection->analyser, &s->err), RRK_OK);
    cr_assert_eq(sqlite3_open(s->path, &connection->db), SQLITE_OK);
    cr_assert_eq(store_register_fts(connection, &s->err), RRK_OK);
    cr_assert_eq(store_exec(connection, sql, &s->err), RRK_OK, "%s", s->err.message);
    sqlite3_close(connection->db);
    store_analyser_free(&connection->analyser);
    free(connection);
}

static int64_t ask_sql(scratch *s, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    cr_assert_eq(sqlite3_open_v2(s->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static scratch version_1_store(void)
{
    scratch s = scratch_folder();
    run_sql(&s, VERSION_1);
    return s;
}

static void expect_the_kettle(scratch *s)
{
    rrk_candidate found[2];
    size_t n = RRK_COUNT(found);
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    rrk_status status = store_bm25(s->store, rrk_text_of("boiling kettle"), &options, found, &n, &s->err);
    cr_assert_eq(status, RRK_OK, "%s", s->err.message);
    cr_assert_eq(n, 1);
    cr_assert_eq(found[0].row, 1);
    rrk_store_info info = scratch_info(s);
    cr_assert(info.n_passages == 1 && info.n_terms == 3 && info.n_vectors == 1 && info.vector_dim == 2);
    cr_assert_str_eq(info.vector_model, "m");
}

static bool has_reply(scratch *s, const char *key)
{
    RRK_AUTO(base_buf_free) base_buf value = {.max = 100};
    bool found = true;
    cr_assert_eq(store_reply_get(s->store, key, &value, &found, &s->err), RRK_OK, "%s", s->err.message);
    return found;
}

Test(schema, a_version_1_store_is_brought_up_and_keeps_its_passages)
{
    scratch s = version_1_store();
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READWRITE), RRK_OK, "%s", s.err.message);
    cr_assert_eq(scratch_info(&s).schema_version, STORE_SCHEMA_VERSION);
    expect_the_kettle(&s);
    cr_assert_not(has_reply(&s, "k"));
    cr_assert_eq(store_reply_put(s.store, "k", rrk_text_of("v"), &s.err), RRK_OK, "%s", s.err.message);
    cr_assert(has_reply(&s, "k"));
    cr_assert_eq(scratch_put(&s, "kettle", "", "kettles whistle"), RRK_OK, "%s", s.err.message);
    rrk_store_close(s.store);
    s.store = NULL;
    cr_assert_eq(ask_sql(&s, "SELECT count(*) FROM migration"), STORE_SCHEMA_VERSION);
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_CREATE), RRK_OK, "%s", s.err.message);
    cr_assert(has_reply(&s, "k"));
    scratch_close(&s);
}

Test(schema, a_version_1_store_opened_to_read_only_stays_as_it_is_and_has_no_replies)
{
    scratch s = version_1_store();
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READONLY), RRK_OK, "%s", s.err.message);
    expect_the_kettle(&s);
    cr_assert_not(has_reply(&s, "k"));
    uint64_t n = 1;
    cr_assert_eq(store_reply_count(s.store, &n, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(n, 0);
    cr_assert_eq(scratch_info(&s).schema_version, 1);
    scratch_close(&s);
}

Test(schema, a_reader_sees_the_replies_once_another_handle_has_brought_the_store_up)
{
    scratch s = version_1_store();
    rrk_store *writer = NULL;
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READONLY), RRK_OK, "%s", s.err.message);
    cr_assert_not(has_reply(&s, "k"));
    cr_assert_eq(scratch_open_mode(&s, &writer, RRK_STORE_READWRITE), RRK_OK, "%s", s.err.message);
    cr_assert_eq(store_reply_put(writer, "k", rrk_text_of("v"), &s.err), RRK_OK, "%s", s.err.message);
    rrk_store_close(writer);
    cr_assert(has_reply(&s, "k"));
    scratch_close(&s);
}

Test(schema, a_migration_that_fails_leaves_the_store_as_it_was)
{
    scratch s = version_1_store();
    run_sql(&s, "INSERT INTO migration VALUES (2, 'in the way of the last statement')");
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READWRITE), RRK_E_STORE);
    cr_assert_null(s.store);
    cr_assert_eq(ask_sql(&s, "PRAGMA user_version"), 1);
    cr_assert_eq(ask_sql(&s, "SELECT count(*) FROM sqlite_schema WHERE name = 'reply'"), 0);
    run_sql(&s, "DELETE FROM migration WHERE version = 2");
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READWRITE), RRK_OK, "%s", s.err.message);
    expect_the_kettle(&s);
    scratch_close(&s);
}

static int open_in_process(const scratch *s)
{
    rrk_store *store = NULL;
    rrk_error err;
    rrk_status status = rrk_store_open(&store, s->path, NULL, &err);
    if (status != RRK_OK)
        fprintf(stderr, "%s\n", err.message);
    rrk_store_close(store);
    return status == RRK_OK ? 0 : 1;
}

Test(schema, processes_that_bring_a_store_up_at_once_do_it_once)
{
    enum { N_CHILDREN = 6 };
    scratch s = version_1_store();
    pid_t children[N_CHILDREN];
    for (int i = 0; i < N_CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(open_in_process(&s));
    }
    for (int i = 0; i < N_CHILDREN; i++) {
        int status = 0;
        waitpid(children[i], &status, 0);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: status %x", i, status);
    }
    cr_assert_eq(ask_sql(&s, "SELECT count(*) FROM migration"), STORE_SCHEMA_VERSION);
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READWRITE), RRK_OK, "%s", s.err.message);
    expect_the_kettle(&s);
    scratch_close(&s);
}
