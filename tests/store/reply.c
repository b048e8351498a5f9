/* The reply cache: values as they were put, its limits, and writers beside each other and beside an import. */
#include "store/reply.h"
#include "scratch.h"
#include "store/connection.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { N_WRITERS = 4, N_EACH = 25 };

static rrk_status put(scratch *s, const char *key, const char *value)
{
    return store_reply_put(s->store, key, rrk_text_of(value), &s->err);
}

static void expect_reply(scratch *s, const char *key, rrk_text want)
{
    RRK_AUTO(base_buf_free) base_buf value = {.max = STORE_MAX_REPLY_BYTES};
    bool found = false;
    cr_assert_eq(store_reply_get(s->store, key, &value, &found, &s->err), RRK_OK, "%s", s->err.message);
    cr_assert(found, "%s", key);
    cr_assert_eq(value.len, want.len);
    cr_assert(want.len == 0 || memcmp(value.data, want.data, want.len) == 0, "%s", key);
}

static uint64_t count(scratch *s)
{
    uint64_t n = 0;
    cr_assert_eq(store_reply_count(s->store, &n, &s->err), RRK_OK, "%s", s->err.message);
    return n;
}

Test(reply, comes_back_as_it_was_put)
{
    scratch s = scratch_open();
    static const char odd[] = "{\"a\":\"\0\xff\xc3\xa4\"}";
    rrk_text value = {odd, sizeof odd - 1};
    cr_assert_eq(store_reply_put(s.store, "odd", value, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(put(&s, "empty", ""), RRK_OK, "%s", s.err.message);
    expect_reply(&s, "odd", value);
    expect_reply(&s, "empty", rrk_text_of(""));
    cr_assert_eq(count(&s), 2);
    scratch_close(&s);
}

Test(reply, one_that_nobody_put_is_not_found_and_leaves_the_buffer_alone)
{
    scratch s = scratch_open();
    RRK_AUTO(base_buf_free) base_buf value = {.max = 100};
    cr_assert_eq(base_buf_append_string(&value, "before", NULL), RRK_OK);
    bool found = true;
    cr_assert_eq(store_reply_get(s.store, "k", &value, &found, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_not(found);
    cr_assert_eq(put(&s, "k", " and after"), RRK_OK);
    cr_assert_eq(store_reply_get(s.store, "k", &value, &found, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert(found);
    cr_assert_str_eq(value.data, "before and after");
    scratch_close(&s);
}

Test(reply, a_later_one_replaces_an_earlier)
{
    scratch s = scratch_open();
    cr_assert_eq(put(&s, "k", "first"), RRK_OK);
    cr_assert_eq(put(&s, "k", "second"), RRK_OK);
    cr_assert_eq(put(&s, "K", "keys are bytes"), RRK_OK);
    expect_reply(&s, "k", rrk_text_of("second"));
    cr_assert_eq(count(&s), 2);
    scratch_close(&s);
}

Test(reply, outlives_its_handle_and_is_read_from_a_read_only_one)
{
    scratch s = scratch_open();
    cr_assert_eq(put(&s, "k", "v"), RRK_OK);
    rrk_store_close(s.store);
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_READONLY), RRK_OK, "%s", s.err.message);
    expect_reply(&s, "k", rrk_text_of("v"));
    cr_assert_eq(count(&s), 1);
    cr_assert_eq(put(&s, "k", "w"), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "read only"), "%s", s.err.message);
    scratch_close(&s);
}

Test(reply, has_at_most_16_mebibytes)
{
    scratch s = scratch_open();
    char *data = malloc(STORE_MAX_REPLY_BYTES + 1);
    memset(data, 'x', STORE_MAX_REPLY_BYTES + 1);
    rrk_text value = {data, STORE_MAX_REPLY_BYTES + 1};
    cr_assert_eq(store_reply_put(s.store, "k", value, &s.err), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "16777217"), "%s", s.err.message);
    cr_assert_eq(count(&s), 0);
    value.len--;
    cr_assert_eq(store_reply_put(s.store, "k", value, &s.err), RRK_OK, "%s", s.err.message);
    expect_reply(&s, "k", value);
    base_buf small = {.max = 1};
    bool found = true;
    cr_assert_eq(store_reply_get(s.store, "k", &small, &found, &s.err), RRK_E_INVALID, "the buffer's own limit holds");
    cr_assert_not(found);
    base_buf_free(&small);
    free(data);
    scratch_close(&s);
}

Test(reply, has_a_key_of_1_to_255_bytes)
{
    scratch s = scratch_open();
    char key[STORE_MAX_REPLY_KEY_BYTES + 2];
    memset(key, 'k', sizeof key);
    key[STORE_MAX_REPLY_KEY_BYTES + 1] = '\0';
    cr_assert_eq(put(&s, key, "v"), RRK_E_INVALID);
    key[STORE_MAX_REPLY_KEY_BYTES] = '\0';
    cr_assert_eq(put(&s, key, "v"), RRK_OK, "%s", s.err.message);
    expect_reply(&s, key, rrk_text_of("v"));
    cr_assert_eq(put(&s, "", "v"), RRK_E_INVALID);
    scratch_close(&s);
}

Test(reply, names_null_arguments)
{
    scratch s = scratch_open();
    RRK_AUTO(base_buf_free) base_buf value = {.max = 100};
    bool found;
    uint64_t n;
    rrk_text no_data = {NULL, 1};
    cr_assert_eq(store_reply_get(NULL, "k", &value, &found, &s.err), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "store"));
    cr_assert_eq(store_reply_get(s.store, NULL, &value, &found, &s.err), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "key"));
    cr_assert_eq(store_reply_get(s.store, "k", NULL, &found, &s.err), RRK_E_INVALID);
    cr_assert_eq(store_reply_get(s.store, "k", &value, NULL, &s.err), RRK_E_INVALID);
    cr_assert_eq(store_reply_put(NULL, "k", rrk_text_of("v"), &s.err), RRK_E_INVALID);
    cr_assert_eq(store_reply_put(s.store, NULL, rrk_text_of("v"), &s.err), RRK_E_INVALID);
    cr_assert_eq(store_reply_put(s.store, "k", no_data, &s.err), RRK_E_INVALID);
    cr_assert_eq(store_reply_count(NULL, &n, &s.err), RRK_E_INVALID);
    cr_assert_eq(store_reply_count(s.store, NULL, &s.err), RRK_E_INVALID);
    scratch_close(&s);
}

/* Each writer has keys of its own and one that all fight for. */
static bool write_many(rrk_store *store, int writer, int n_each)
{
    for (int i = 0; i < n_each; i++) {
        RRK_AUTO(base_buf_free) base_buf value = {.max = 100};
        char key[32];
        bool found = false;
        rrk_error err;
        snprintf(key, sizeof key, "%d-%d", writer, i);
        if (store_reply_put(store, key, rrk_text_of(key), &err) != RRK_OK ||
            store_reply_put(store, "shared", rrk_text_of(key), &err) != RRK_OK ||
            store_reply_get(store, key, &value, &found, &err) != RRK_OK || !found || strcmp(value.data, key) != 0) {
            fprintf(stderr, "%s: %s\n", key, err.message);
            return false;
        }
    }
    return true;
}

typedef struct writing {
    rrk_store *store;
    int writer;
} writing;

static void *write_in_thread(void *ctx)
{
    writing *w = ctx;
    return write_many(w->store, w->writer, N_EACH) ? NULL : w;
}

Test(reply, threads_write_beside_each_other)
{
    scratch s = scratch_open();
    pthread_t threads[N_WRITERS];
    writing w[N_WRITERS];
    for (int i = 0; i < N_WRITERS; i++) {
        w[i] = (writing){s.store, i};
        cr_assert_eq(pthread_create(&threads[i], NULL, write_in_thread, &w[i]), 0);
    }
    for (int i = 0; i < N_WRITERS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed, "writer %d", i);
    }
    cr_assert_eq(count(&s), N_WRITERS * N_EACH + 1);
    scratch_close(&s);
}

static void *put_one(void *ctx)
{
    scratch *s = ctx;
    return put(s, "k", "v") == RRK_OK ? NULL : ctx;
}

Test(reply, gets_its_turn_before_a_writer_that_has_just_written)
{
    scratch s = scratch_open();
    store_lease lease;
    pthread_t thread;
    int64_t n = 0;
    void *failed = NULL;
    cr_assert_eq(store_begin_write(&lease, s.store, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(pthread_create(&thread, NULL, put_one, &s), 0);
    /* It waits for the writer once it has the turn. */
    while (pthread_mutex_trylock(&s.store->turn) == 0) {
        pthread_mutex_unlock(&s.store->turn);
        usleep(1000);
    }
    store_end(&lease);
    cr_assert_eq(store_begin_write(&lease, s.store, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(store_read_int(lease.connection, "SELECT count(*) FROM reply", &n, &s.err), RRK_OK);
    store_end(&lease);
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    cr_assert_eq(n, 1);
    scratch_close(&s);
}

static int write_in_process(const scratch *s, int writer)
{
    rrk_store *store = NULL;
    if (rrk_store_open(&store, s->path, NULL, NULL) != RRK_OK)
        return 2;
    bool done = write_many(store, writer, N_EACH);
    rrk_store_close(store);
    return done ? 0 : 3;
}

Test(reply, processes_write_beside_each_other)
{
    scratch s = scratch_folder();
    cr_assert_eq(scratch_open_mode(&s, &s.store, RRK_STORE_CREATE), RRK_OK, "%s", s.err.message);
    rrk_store_close(s.store);
    pid_t children[N_WRITERS];
    for (int i = 0; i < N_WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(write_in_process(&s, i));
    }
    for (int i = 0; i < N_WRITERS; i++) {
        int status = 0;
        waitpid(children[i], &status, 0);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "writer %d: status %x", i, status);
    }
    cr_assert_eq(rrk_store_open(&s.store, s.path, NULL, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(count(&s), N_WRITERS * N_EACH + 1);
    scratch_close(&s);
}

static atomic_bool import_must_end;

static int until_told(const rrk_import_stats *stats, void *ctx)
{
    return atomic_load(&import_must_end);
}

/* An import that goes on until it is told or killed, for its input never ends. */
static void import_until_told(rrk_store *store, const char *fifo)
{
    rrk_import_options options;
    rrk_import_options_init(&options);
    options.format = RRK_IMPORT_MSMARCO;
    options.progress = until_told;
    rrk_store_import(store, fifo, &options, NULL, NULL);
}

static void *feed(void *fifo)
{
    FILE *f = fopen(fifo, "w");
    for (int i = 0; f && fprintf(f, "p%d\tpassage number %d is about kettles and water\n", i % 4000, i) > 0;)
        i++;
    if (f)
        fclose(f);
    return NULL;
}

typedef struct importing {
    rrk_store *store;
    char fifo[128];
    pthread_t feeder;
} importing;

static void *import_in_thread(void *ctx)
{
    importing *i = ctx;
    import_until_told(i->store, i->fifo);
    return NULL;
}

static void import_in_process(const scratch *s, const char *fifo)
{
    rrk_store *store = NULL;
    if (rrk_store_open(&store, s->path, NULL, NULL) == RRK_OK)
        import_until_told(store, fifo);
    _exit(0);
}

static void make_endless_corpus(scratch *s, importing *i)
{
    signal(SIGPIPE, SIG_IGN);
    snprintf(i->fifo, sizeof i->fifo, "%s/corpus", s->dir);
    cr_assert_eq(mkfifo(i->fifo, 0600), 0);
}

static void wait_for_first_batch(scratch *s)
{
    while (scratch_info(s).n_passages == 0)
        usleep(1000);
}

Test(reply, is_put_beside_an_import_of_the_same_handle)
{
    scratch s = scratch_open();
    pthread_t thread;
    importing i = {.store = s.store};
    make_endless_corpus(&s, &i);
    cr_assert_eq(pthread_create(&i.feeder, NULL, feed, i.fifo), 0);
    cr_assert_eq(pthread_create(&thread, NULL, import_in_thread, &i), 0);
    wait_for_first_batch(&s);
    bool done = write_many(s.store, 0, 5);
    atomic_store(&import_must_end, true);
    pthread_join(thread, NULL);
    pthread_join(i.feeder, NULL);
    cr_assert(done);
    cr_assert_eq(count(&s), 5 + 1);
    scratch_close(&s);
}

Test(reply, is_put_beside_an_import_of_another_process)
{
    scratch s = scratch_folder();
    importing i = {0};
    make_endless_corpus(&s, &i);
    pid_t child = fork();
    if (child == 0)
        import_in_process(&s, i.fifo);
    cr_assert_eq(rrk_store_open(&s.store, s.path, NULL, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(pthread_create(&i.feeder, NULL, feed, i.fifo), 0);
    wait_for_first_batch(&s);
    bool done = write_many(s.store, 0, 5);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    pthread_join(i.feeder, NULL);
    cr_assert(done);
    cr_assert_eq(count(&s), 5 + 1);
    scratch_close(&s);
}
