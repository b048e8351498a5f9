/*
 * The batcher over a model that only counts: its workers stand still before every layer until the test lets them go on,
 * so who shares a batch with whom and who gives up when is decided here and not by time.
 */
#include "encoder/batcher.h"
#include "base/clock.h"
#include "base/pool.h"
#include "encoder/model.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MAX_CALLS = 12, MAX_BATCHES = 256, MAX_THREADS = 4, N_LAYERS = 2, BUDGET = 100, ROW_TOKENS = 10, BAD = 999 };

/* A row's ids: which call it is of, which row it is, and padding; its result is 1000 * call + row. */
typedef struct model {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t permits;  /* layers that may run before the next stop */
    size_t n_held;   /* workers that stand before a layer */
    size_t n_layers; /* that ran */
    size_t n_stopped;
    size_t n_batches;
    size_t rows_of[MAX_BATCHES][MAX_CALLS]; /* rows of each call in each batch */
    size_t n_rows[MAX_BATCHES];
    size_t batch_of[MAX_THREADS];
    float out[MAX_THREADS][ENC_BATCH_MAX_ROWS];
    bool bad[MAX_THREADS];
} model;

typedef struct test_call {
    pthread_t thread;
    int32_t (*ids)[ROW_TOKENS];
    enc_row *rows;
    float *out;
    size_t n_rows;
    base_deadline deadline;
    atomic_bool cancelled;
    bool elsewhere;
    rrk_status status;
    rrk_error error;
} test_call;

static model m;
static enc_batcher *batcher;
static test_call calls[MAX_CALLS];

static rrk_status pack(void *ctx, int worker, const enc_pick *picks, size_t n_picks, rrk_error *err)
{
    pthread_mutex_lock(&m.lock);
    size_t batch = m.batch_of[worker] = m.n_batches++;
    m.bad[worker] = false;
    m.n_rows[batch] = n_picks;
    for (size_t i = 0; i < n_picks; i++) {
        const enc_row *row = &picks[i].line->rows[picks[i].row];
        m.rows_of[batch][row->ids[0]]++;
        m.out[worker][i] = 1000 * (float)row->ids[0] + (float)row->ids[1];
        m.bad[worker] |= row->n_ids > 2 && row->ids[2] == BAD;
    }
    pthread_mutex_unlock(&m.lock);
    return RRK_OK;
}

static void one_layer(void)
{
    pthread_mutex_lock(&m.lock);
    m.n_held++;
    pthread_cond_broadcast(&m.changed);
    while (m.permits == 0)
        pthread_cond_wait(&m.changed, &m.lock);
    m.permits--;
    m.n_held--;
    m.n_layers++;
    pthread_cond_broadcast(&m.changed);
    pthread_mutex_unlock(&m.lock);
}

static rrk_status run(void *ctx, int worker, const enc_stop *stop, const float **out, rrk_error *err)
{
    for (int layer = 0; layer < N_LAYERS; layer++) {
        if (stop->asked(stop->ctx)) {
            pthread_mutex_lock(&m.lock);
            m.n_stopped++;
            pthread_cond_broadcast(&m.changed);
            pthread_mutex_unlock(&m.lock);
            return RRK_E_CANCELLED;
        }
        one_layer();
        if (m.bad[worker])
            return base_fail(err, RRK_E_DEVICE, 7, "the device broke");
    }
    *out = m.out[worker];
    return RRK_OK;
}

static void permit(size_t n_layers)
{
    pthread_mutex_lock(&m.lock);
    m.permits += n_layers;
    pthread_cond_broadcast(&m.changed);
    pthread_mutex_unlock(&m.lock);
}

static void until_held(size_t n_batches)
{
    pthread_mutex_lock(&m.lock);
    while (m.n_held == 0 || m.n_batches < n_batches || m.permits > 0)
        pthread_cond_wait(&m.changed, &m.lock);
    pthread_mutex_unlock(&m.lock);
}

static void until_waiting(size_t n_rows)
{
    while (enc_batcher_n_waiting(batcher) != n_rows)
        sched_yield();
}

static void setup_threads(int n_threads, size_t budget)
{
    m = (model){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    enc_batch_work work = {pack, run, NULL, 1, 0};
    cr_assert_eq(enc_batcher_new(&batcher, &work, n_threads, budget, NULL), RRK_OK);
}

static void setup(void)
{
    setup_threads(1, BUDGET);
}

static void teardown(void)
{
    enc_batcher_free(batcher);
}

static int cancel(void *ctx)
{
    test_call *c = ctx;
    c->elsewhere |= !pthread_equal(c->thread, pthread_self());
    return atomic_load(&c->cancelled);
}

static void *make_call(void *arg)
{
    test_call *c = arg;
    c->thread = pthread_self();
    c->status = enc_batcher_run(batcher, c->rows, c->n_rows, c->out, &c->deadline, &c->error);
    /* At once: whoever still reads or writes a call that has returned is seen by the address sanitizer. */
    free(c->ids);
    free(c->rows);
    return NULL;
}

static test_call *prepare(int32_t number, size_t n_rows, uint32_t n_tokens)
{
    test_call *c = &calls[number];
    *c = (test_call){.n_rows = n_rows,
                     .ids = calloc(n_rows, sizeof *c->ids),
                     .rows = calloc(n_rows, sizeof *c->rows),
                     .out = calloc(n_rows, sizeof *c->out)};
    c->deadline = base_deadline_in(0, cancel, c);
    for (size_t i = 0; i < n_rows; i++) {
        c->ids[i][0] = number;
        c->ids[i][1] = (int32_t)i;
        c->rows[i] = (enc_row){c->ids[i], n_tokens, n_tokens, NULL};
    }
    return c;
}

static void go(test_call *c)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, make_call, c), 0);
    c->thread = thread;
}

static test_call *start(int32_t number, size_t n_rows)
{
    test_call *c = prepare(number, n_rows, ROW_TOKENS);
    go(c);
    return c;
}

/* Takes the call's thread back and looks at what it got. */
static void ends(test_call *c, rrk_status status)
{
    pthread_t thread = c->thread;
    pthread_join(thread, NULL);
    cr_assert_eq(c->status, status, "call %td: %d, %s", c - calls, (int)c->status, c->error.message);
    cr_assert(!c->elsewhere);
    for (size_t i = 0; status == RRK_OK && i < c->n_rows; i++)
        cr_assert_eq(c->out[i], 1000 * (float)(c - calls) + (float)i);
    free(c->out);
}

/* A call of one row that keeps the only worker busy, so that what comes next has to wait. */
static test_call *occupy(void)
{
    test_call *c = start(0, 1);
    until_held(1);
    return c;
}

TestSuite(batcher, .init = setup, .fini = teardown);

Test(batcher, rows_of_many_callers_share_a_batch)
{
    test_call *first = occupy();
    for (int32_t i = 1; i <= 5; i++) {
        start(i, 2);
        until_waiting(2 * (size_t)i);
    }
    permit(SIZE_MAX / 2);
    ends(first, RRK_OK);
    for (int32_t i = 1; i <= 5; i++)
        ends(&calls[i], RRK_OK);
    cr_assert_eq(m.n_batches, 2);
    cr_assert_eq(m.n_rows[1], 10);
    for (int32_t i = 1; i <= 5; i++)
        cr_assert_eq(m.rows_of[1][i], 2);
}

Test(batcher, a_short_call_is_through_in_a_batch_or_two_under_a_flood)
{
    test_call *first = occupy();
    for (int32_t i = 1; i <= 8; i++) {
        start(i, 50);
        until_waiting(50 * (size_t)i);
    }
    permit(N_LAYERS);
    until_held(2);
    test_call *small = start(9, 5);
    until_waiting(405 - m.n_rows[1]);
    /* The running batch, and one more. */
    permit(2 * N_LAYERS);
    ends(small, RRK_OK);
    cr_assert_eq(m.rows_of[2][9], 5);
    cr_assert_eq(m.n_rows[2], 10);
    permit(SIZE_MAX / 2);
    ends(first, RRK_OK);
    for (int32_t i = 1; i <= 8; i++)
        ends(&calls[i], RRK_OK);
}

Test(batcher, a_cancelled_call_returns_at_once_and_its_batch_goes_on_for_others)
{
    test_call *first = occupy();
    test_call *a = start(1, 3), *b = (until_waiting(3), start(2, 4));
    until_waiting(7);
    permit(N_LAYERS);
    until_held(2);
    cr_assert_eq(m.rows_of[1][1], 3);
    cr_assert_eq(m.rows_of[1][2], 4);
    atomic_store(&a->cancelled, true);
    ends(a, RRK_E_CANCELLED); /* while the batch stands still */
    permit(SIZE_MAX / 2);
    ends(b, RRK_OK);
    ends(first, RRK_OK);
    cr_assert_eq(m.n_stopped, 0);
    cr_assert_eq(m.n_layers, 2 * N_LAYERS);
}

Test(batcher, a_batch_that_nobody_waits_for_stops_at_the_next_layer)
{
    test_call *a = occupy();
    atomic_store(&a->cancelled, true);
    ends(a, RRK_E_CANCELLED);
    permit(1);
    test_call *b = start(1, 1);
    until_held(2);
    cr_assert_eq(m.n_stopped, 1);
    cr_assert_eq(m.n_layers, 1);
    permit(N_LAYERS);
    ends(b, RRK_OK);
}

Test(batcher, rows_of_a_cancelled_call_come_into_no_later_batch)
{
    test_call *a = start(1, 60);
    until_held(1);
    cr_assert_eq(m.n_rows[0], 10);
    test_call *b = start(2, 3);
    until_waiting(53);
    atomic_store(&a->cancelled, true);
    ends(a, RRK_E_CANCELLED);
    cr_assert_eq(enc_batcher_n_waiting(batcher), 3);
    permit(SIZE_MAX / 2);
    ends(b, RRK_OK);
    cr_assert_eq(m.n_batches, 2);
    cr_assert_eq(m.rows_of[1][1], 0);
}

Test(batcher, a_callback_that_says_stop_counts_even_when_the_results_are_there)
{
    permit(SIZE_MAX / 2);
    for (int round = 0; round < 50; round++) {
        test_call *c = prepare(1, 4, ROW_TOKENS);
        atomic_store(&c->cancelled, true);
        go(c);
        ends(c, RRK_E_CANCELLED);
    }
    ends(start(2, 4), RRK_OK);
}

static atomic_int_least64_t now_ns;

static int64_t test_now(void)
{
    return atomic_load(&now_ns);
}

Test(batcher, a_deadline_ends_the_call_that_has_it_and_no_other)
{
    atomic_store(&now_ns, 1000);
    base_clock_replace(test_now);
    test_call *first = occupy();
    test_call *a = prepare(1, 3, ROW_TOKENS), *b = prepare(2, 3, ROW_TOKENS);
    a->deadline = base_deadline_in(5, NULL, NULL);
    b->deadline = base_deadline_in(5000, NULL, NULL);
    go(a);
    go(b);
    until_waiting(6);
    atomic_fetch_add(&now_ns, 5 * 1000000);
    ends(a, RRK_E_TIMEOUT);
    cr_assert_eq(enc_batcher_n_waiting(batcher), 3);
    permit(SIZE_MAX / 2);
    ends(b, RRK_OK);
    ends(first, RRK_OK);
    base_clock_replace(NULL);
}

/* The bad row shares its batch with call 3 only; what it has beyond that batch is not run any more. */
Test(batcher, an_error_reaches_the_callers_in_its_batch_and_no_others)
{
    test_call *first = occupy();
    test_call *before = start(1, 10);
    until_waiting(10);
    test_call *bad = prepare(2, 35, ROW_TOKENS);
    for (size_t i = 0; i < bad->n_rows; i++)
        bad->ids[i][2] = BAD;
    permit(N_LAYERS);
    until_held(2);
    go(bad);
    until_waiting(35);
    test_call *beside = start(3, 4);
    until_waiting(39);
    permit(N_LAYERS);
    until_held(3);
    ends(first, RRK_OK);
    ends(before, RRK_OK);
    cr_assert_eq(m.rows_of[2][2], 6);
    cr_assert_eq(m.rows_of[2][3], 4);
    test_call *after = start(4, 8);
    until_waiting(29 + 8);
    permit(1);
    ends(bad, RRK_E_DEVICE);
    cr_assert_str_eq(bad->error.message, "the device broke");
    cr_assert_eq(bad->error.detail, 7);
    ends(beside, RRK_E_DEVICE);
    permit(SIZE_MAX / 2);
    ends(after, RRK_OK);
    cr_assert_eq(m.n_batches, 4);
    cr_assert_eq(m.n_rows[3], 8);
}

static void *close_it(void *arg)
{
    enc_batcher_free(batcher);
    batcher = NULL;
    return NULL;
}

Test(batcher, closing_waits_for_the_calls_that_are_there)
{
    test_call *a = start(1, 25);
    until_held(1);
    pthread_t closer;
    cr_assert_eq(pthread_create(&closer, NULL, close_it, NULL), 0);
    permit(SIZE_MAX / 2);
    ends(a, RRK_OK);
    pthread_join(closer, NULL);
    cr_assert_null(batcher);
}

Test(batcher, a_batch_has_so_many_rows_and_not_one_more)
{
    enc_batcher_free(batcher);
    setup_threads(1, 10 * ENC_BATCH_MAX_ROWS);
    permit(SIZE_MAX / 2);
    for (size_t extra = 0; extra < 2; extra++) {
        size_t n_before = m.n_batches;
        test_call *c = prepare(1, ENC_BATCH_MAX_ROWS + extra, 2);
        go(c);
        ends(c, RRK_OK);
        cr_assert_eq(m.n_batches - n_before, 1 + extra);
        cr_assert_eq(m.n_rows[n_before], ENC_BATCH_MAX_ROWS);
    }
}

Test(batcher, several_workers_share_a_call)
{
    enc_batcher_free(batcher);
    setup_threads(MAX_THREADS, BUDGET);
    test_call *c = start(1, 80);
    pthread_mutex_lock(&m.lock);
    while (m.n_held < MAX_THREADS)
        pthread_cond_wait(&m.changed, &m.lock);
    pthread_mutex_unlock(&m.lock);
    cr_assert_eq(m.n_batches, MAX_THREADS);
    permit(SIZE_MAX / 2);
    ends(c, RRK_OK);
}
