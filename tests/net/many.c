/* Many transfers at once, those that are given up, waits that are ended from outside, and memory that runs out. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"
#include "client.h"
#include "net/internal.h"
#include <rrk/runtime.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { N = 256 };

static void answer_when_all_are_there(server_conn *conn, const server_request *request, void *ctx)
{
    if (server_await_requests(conn, N))
        server_reply(conn, 200, "", request->body);
}

Test(many, transfers_are_in_flight_from_one_thread)
{
    static int marks[N];
    static char bodies[N][16];
    server *s = server_start(answer_when_all_are_there, NULL);
    net_loop *loop = open_loop(NULL);
    for (int i = 0; i < N; i++) {
        snprintf(bodies[i], sizeof bodies[i], "%d", i);
        net_request request = post_to(s, "/", bodies[i]);
        request.ctx = &marks[i];
        request.deadline_ns = base_now_ns() + PATIENCE_MS * (int64_t)1000000;
        request.idle_timeout_ms = PATIENCE_MS;
        start(loop, request);
    }
    for (int i = 0; i < N; i++) {
        net_transfer *t = await(loop);
        const net_reply *reply = net_transfer_reply(t);
        cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
        ptrdiff_t mark = (int *)reply->ctx - marks;
        cr_assert_str_eq(reply->body.data, bodies[mark]);
        cr_assert_eq(marks[mark]++, 0, "transfer %td ended twice", mark);
        net_transfer_free(t);
    }
    cr_assert_eq(server_n_connections(s), N);
    /* And their connections are kept. */
    for (int i = 0; i < N; i++)
        start(loop, post_to(s, "/", "again"));
    for (int i = 0; i < N; i++)
        net_transfer_free(await(loop));
    cr_assert_eq(server_n_requests(s), 2 * N);
    cr_assert_eq(server_n_connections(s), N);
    net_loop_close(loop);
    server_stop(s);
}

static size_t n_bytes_after_request;

static void stall_until_left(server_conn *conn, const server_request *request, void *ctx)
{
    n_bytes_after_request = server_await_close(conn);
    server_release(ctx, 1);
}

static void hold(server_conn *conn, const server_request *request, void *ctx)
{
    if (server_hold(conn))
        server_reply(conn, 200, "", "late");
}

Test(many, a_transfer_that_is_freed_closes_its_connection_and_leaves_the_others)
{
    server *done = server_start(hold, NULL);
    server *stalled = server_start(stall_until_left, done);
    net_loop *loop = open_loop(NULL);
    net_transfer *waits = start(loop, get_from(done, "/"));
    net_transfer *hangs = start(loop, get_from(stalled, "/"));
    run_until_asked(loop, done, 1);
    run_until_asked(loop, stalled, 1);
    net_transfer_free(hangs);
    /* Only the closed connection releases the other one. */
    cr_assert_eq(await(loop), waits);
    cr_assert_str_eq(net_transfer_reply(waits)->body.data, "late");
    net_loop_close(loop);
    server_stop(stalled);
    server_stop(done);
}

Test(many, transfers_in_any_state_end_with_their_loop)
{
    server *s = server_start(echo, NULL);
    server *stalled = server_start(never_answer, NULL);
    net_loop *loop = open_loop(NULL);
    fetch(loop, post_to(s, "/", "reported"));
    start(loop, get_from(stalled, "/running"));
    run_until_asked(loop, stalled, 1);
    net_request overdue = get_from(s, "/ended");
    overdue.deadline_ns = 1;
    start(loop, overdue);
    start(loop, overdue);
    await(loop);
    start(loop, get_from(s, "/never-begun"));
    net_loop_close(loop);
    server_stop(stalled);
    server_stop(s);
}

Test(many, a_transfer_that_ended_may_be_freed_before_it_is_reported)
{
    net_loop *loop = open_loop(NULL);
    net_request overdue = {.method = "GET", .url = "http://127.0.0.1:1/", .deadline_ns = 1};
    net_transfer *t[3];
    for (size_t i = 0; i < RRK_COUNT(t); i++)
        t[i] = start(loop, overdue);
    net_transfer *first = await(loop);
    net_transfer *second = t[first == t[0] ? 1 : 0];
    net_transfer *third = t[first == t[2] ? 1 : 2];
    net_transfer_free(second);
    cr_assert_eq(await(loop), third);
    net_transfer *none;
    cr_assert_eq(net_wait(loop, 0, &none, NULL), RRK_OK);
    cr_assert_null(none);
    net_loop_close(loop);
}

static void *wake(void *loop)
{
    net_wake(loop);
    return NULL;
}

Test(many, waits_are_ended_by_another_thread)
{
    net_loop *loop = open_loop(NULL);
    net_transfer *none;
    for (int i = 0; i < 50; i++) {
        pthread_t waker;
        cr_assert_eq(pthread_create(&waker, NULL, wake, loop), 0);
        cr_assert_eq(net_wait(loop, -1, &none, NULL), RRK_OK);
        cr_assert_null(none);
        pthread_join(waker, NULL);
    }
    net_wake(loop);
    cr_assert_eq(net_wait(loop, -1, &none, NULL), RRK_OK, "a wake before the wait counts");
    net_loop_close(loop);
}

Test(many, deadlines_pass_in_their_order_whatever_is_taken_out)
{
    uint64_t seed = (uint64_t)base_now_ns();
    cr_log_info("seed %llu", (unsigned long long)seed);
    uint64_t n = 0;
    net_timers timers = {0};
    static net_transfer transfers[500];
    for (size_t i = 0; i < RRK_COUNT(transfers); i++) {
        transfers[i].due_ns = (int64_t)(base_rng_at(seed, n++) % 100);
        cr_assert_eq(net_timers_add(&timers, &transfers[i], NULL), RRK_OK);
    }
    for (size_t i = 0; i < RRK_COUNT(transfers); i += 3)
        net_timers_remove(&timers, &transfers[i]);
    for (size_t i = 1; i < RRK_COUNT(transfers); i += 3)
        net_timers_postpone(&timers, &transfers[i], transfers[i].due_ns + (int64_t)(base_rng_at(seed, n++) % 100));
    cr_assert_eq(timers.len, RRK_COUNT(transfers) - (RRK_COUNT(transfers) + 2) / 3);
    for (int64_t last = 0; timers.len; net_timers_remove(&timers, timers.heap[0])) {
        cr_assert_geq(timers.heap[0]->due_ns, last, "seed %llu", (unsigned long long)seed);
        last = timers.heap[0]->due_ns;
    }
    base_free(timers.heap);
}

static long allocations_left;
static long n_alive;

static void *failing_malloc(size_t size, void *ctx)
{
    if (allocations_left-- <= 0)
        return NULL;
    n_alive++;
    return malloc(size);
}

static void *failing_realloc(void *ptr, size_t size, void *ctx)
{
    if (allocations_left-- <= 0)
        return NULL;
    n_alive += !ptr;
    return realloc(ptr, size);
}

static void counting_free(void *ptr, void *ctx)
{
    n_alive -= ptr != NULL;
    free(ptr);
}

/* True when nothing ran out. */
static bool try_with(server *s, long n_allocations)
{
    allocations_left = n_allocations;
    net_loop *loop;
    rrk_error err;
    rrk_status status = net_loop_open(&loop, NULL, &err);
    net_request request = post_to(s, "/", "hello");
    net_transfer *t = NULL;
    if (status == RRK_OK)
        status = net_start(loop, &request, &t, &err);
    if (status == RRK_OK)
        status = net_wait(loop, PATIENCE_MS, &t, &err);
    if (status == RRK_OK)
        status = net_transfer_reply(t)->status;
    cr_assert(status == RRK_OK || status == RRK_E_NOMEM, "%ld: %d", n_allocations, status);
    net_loop_close(loop);
    cr_assert_eq(n_alive, 0, "%ld: %ld blocks are left", n_allocations, n_alive);
    return status == RRK_OK && allocations_left > 0;
}

Test(many, allocations_may_fail_anywhere)
{
    server *s = server_start(echo, NULL);
    rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, counting_free, NULL});
    long n = 0;
    while (!try_with(s, n))
        n++;
    cr_assert_geq(n, 4);
    rrk_set_allocator(NULL);
    server_stop(s);
}
