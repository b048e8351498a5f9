/* Opening: what is refused and how, read-only media, locks, forks. */
#include "scratch.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void sql(scratch *s, const char *statements)
{
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(s->path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, statements, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void refuses(scratch *s, rrk_store_mode mode, rrk_status want)
{
    rrk_store *store = NULL;
    cr_assert_eq(scratch_open_mode(s, &store, mode), want, "%s", s->err.message);
    cr_assert_null(store);
    cr_assert_not_null(strstr(s->err.message, s->path), "%s", s->err.message);
}

Test(open, refuses_what_is_no_database)
{
    scratch s = scratch_folder();
    static const char text[4096] = "just some text, long enough to be read as a header";
    scratch_file(&s, "store.db", text, sizeof text);
    for (int mode = RRK_STORE_CREATE; mode <= RRK_STORE_READONLY; mode++)
        refuses(&s, (rrk_store_mode)mode, RRK_E_FORMAT);
    scratch_close(&s);
}

Test(open, refuses_another_applications_database_and_leaves_it_alone)
{
    scratch s = scratch_folder();
    sql(&s, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    for (int mode = RRK_STORE_CREATE; mode <= RRK_STORE_READONLY; mode++)
        refuses(&s, (rrk_store_mode)mode, RRK_E_FORMAT);
    sql(&s, "INSERT INTO t VALUES (2)");
    scratch_close(&s);
}

Test(open, refuses_a_newer_schema)
{
    scratch s = scratch_open();
    rrk_store_close(s.store);
    s.store = NULL;
    sql(&s, "PRAGMA user_version = 3");
    refuses(&s, RRK_STORE_CREATE, RRK_E_UNSUPPORTED);
    refuses(&s, RRK_STORE_READONLY, RRK_E_UNSUPPORTED);
    scratch_close(&s);
}

Test(open, an_empty_file_becomes_a_store_only_when_one_is_to_be_made)
{
    scratch s = scratch_folder();
    scratch_file(&s, "store.db", "", 0);
    refuses(&s, RRK_STORE_READWRITE, RRK_E_FORMAT);
    refuses(&s, RRK_STORE_READONLY, RRK_E_FORMAT);
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_CREATE), RRK_OK);
    cr_assert_eq(scratch_info(&s).schema_version, 2);
    scratch_close(&s);
}

Test(open, a_missing_file_or_folder_is_not_found)
{
    scratch s = scratch_folder();
    refuses(&s, RRK_STORE_READWRITE, RRK_E_NOTFOUND);
    refuses(&s, RRK_STORE_READONLY, RRK_E_NOTFOUND);
    scratch_close(&s);
}

Test(open, a_locked_store_is_busy)
{
    scratch s = scratch_open();
    rrk_store_close(s.store);
    s.store = NULL;
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_CREATE), RRK_OK);
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(s.path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(scratch_put(&s, "a", "", "text"), RRK_E_BUSY);
    cr_assert_not_null(strstr(s.err.message, s.path));
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    cr_assert_eq(scratch_put(&s, "a", "", "text"), RRK_OK, "%s", s.err.message);
    scratch_close(&s);
}

Test(open, a_read_only_store_reads_and_says_why_it_does_not_write)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "a", "", "text"), RRK_OK);
    rrk_store_close(s.store);
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READONLY), RRK_OK, "%s", s.err.message);
    cr_assert_eq(scratch_row(&s, "a"), 1);
    cr_assert_eq(scratch_put(&s, "b", "", "text"), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "read only"));
    scratch_close(&s);
}

/* Root may write anywhere, so the child becomes nobody first. */
static int read_as_nobody(scratch *s)
{
    if (geteuid() == 0 && setuid(65534) != 0)
        return 2;
    rrk_store *store = NULL;
    if (access(s->dir, W_OK) == 0 || scratch_open_mode(s, &store, RRK_STORE_READONLY) != RRK_OK)
        return 3;
    int64_t row;
    int rc = rrk_store_find(store, rrk_text_of("a"), &row, NULL) == RRK_OK ? 0 : 4;
    rrk_store_close(store);
    return rc;
}

Test(open, read_only_works_in_a_folder_that_cannot_be_written)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "a", "", "text"), RRK_OK);
    rrk_store_close(s.store);
    s.store = NULL;
    chmod(s.path, 0444);
    chmod(s.dir, 0555);
    pid_t child = fork();
    if (child == 0)
        _exit(read_as_nobody(&s));
    int status = 0;
    waitpid(child, &status, 0);
    chmod(s.dir, 0755);
    scratch_close(&s);
    cr_assert_eq(WEXITSTATUS(status), 0, "exit status %d", WEXITSTATUS(status));
}

/* Root may write anywhere, so the child becomes nobody first. */
static int write_as_nobody(scratch *s)
{
    if (geteuid() == 0 && setuid(65534) != 0)
        return 2;
    for (int mode = RRK_STORE_CREATE; mode <= RRK_STORE_READWRITE; mode++) {
        rrk_store *store = NULL;
        if (scratch_open_mode(s, &store, (rrk_store_mode)mode) != RRK_E_IO || store)
            return 3;
        if (!strstr(s->err.message, "cannot write") || !strstr(s->err.message, s->path))
            return 4;
    }
    return 0;
}

Test(open, a_write_protected_file_is_refused_when_it_is_to_be_written)
{
    scratch s = scratch_open();
    rrk_store_close(s.store);
    s.store = NULL;
    chmod(s.path, 0444);
    chmod(s.dir, 0777);
    pid_t child = fork();
    if (child == 0)
        _exit(write_as_nobody(&s));
    int status = 0;
    waitpid(child, &status, 0);
    scratch_close(&s);
    cr_assert_eq(WEXITSTATUS(status), 0, "exit status %d", WEXITSTATUS(status));
}

Test(open, every_name_is_a_file)
{
    static const char *const NAMES[] = {":memory:", "file:a.db", "file::memory:?cache=shared"};
    scratch s = scratch_folder();
    cr_assert_eq(chdir(s.dir), 0);
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++) {
        rrk_store *store = NULL;
        cr_assert_eq(rrk_store_open(&store, NAMES[i], NULL, &s.err), RRK_OK, "%s", s.err.message);
        rrk_store_close(store);
        cr_expect_eq(access(NAMES[i], F_OK), 0, "%s", NAMES[i]);
    }
    rrk_store *store = NULL;
    cr_assert_eq(rrk_store_open(&store, "", NULL, &s.err), RRK_E_INVALID);
    cr_assert_eq(chdir("/"), 0);
    scratch_close(&s);
}

Test(open, a_handle_does_not_cross_a_fork)
{
    scratch s = scratch_open();
    pid_t child = fork();
    if (child == 0) {
        int64_t row;
        bool refused = rrk_store_find(s.store, rrk_text_of("a"), &row, &s.err) == RRK_E_INVALID;
        rrk_store_close(s.store);
        _exit(refused ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    cr_assert_eq(WEXITSTATUS(status), 0);
    cr_assert_eq(scratch_put(&s, "a", "", "text"), RRK_OK, "%s", s.err.message);
    scratch_close(&s);
}

Test(open, names_null_arguments)
{
    rrk_error err;
    rrk_store *store = NULL;
    int64_t row;
    cr_assert_eq(rrk_store_open(NULL, "x", NULL, &err), RRK_E_INVALID);
    cr_assert_eq(rrk_store_open(&store, NULL, NULL, &err), RRK_E_INVALID);
    cr_assert_eq(rrk_store_find(NULL, rrk_text_of("a"), &row, &err), RRK_E_INVALID);
    cr_assert_not_null(strstr(err.message, "store"));
    rrk_store_close(NULL);
}

Test(open, the_largest_passage_limit_is_half_a_gibibyte)
{
    scratch s = scratch_folder();
    rrk_store_options options;
    rrk_store_options_init(&options);
    options.max_passage_bytes = ((size_t)512 << 20) + 1;
    cr_assert_eq(rrk_store_open(&s.store, s.path, &options, &s.err), RRK_E_INVALID);
    options.max_passage_bytes = (size_t)512 << 20;
    cr_assert_eq(rrk_store_open(&s.store, s.path, &options, &s.err), RRK_OK);
    scratch_close(&s);
}
