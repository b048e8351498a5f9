/* See client.h. */
#include "client.h"
#include "base/clock.h"

#include <sched.h>
#include <stdio.h>

net_loop *open_loop(const net_options *options)
{
    net_loop *loop;
    rrk_error err;
    cr_assert_eq(net_loop_open(&loop, options, &err), RRK_OK, "%s", err.message);
    return loop;
}

net_request get_from(const server *s, const char *path)
{
    static char url[512];
    snprintf(url, sizeof url, "%s%s", server_url(s), path);
    return (net_request){.method = "GET", .url = url};
}

net_request post_to(const server *s, const char *path, const char *body)
{
    net_request request = get_from(s, path);
    request.method = "POST";
    request.body = rrk_text_of(body);
    return request;
}

net_transfer *start(net_loop *loop, net_request request)
{
    net_transfer *transfer;
    rrk_error err;
    cr_assert_eq(net_start(loop, &request, &transfer, &err), RRK_OK, "%s", err.message);
    return transfer;
}

net_transfer *await(net_loop *loop)
{
    net_transfer *transfer;
    rrk_error err;
    cr_assert_eq(net_wait(loop, PATIENCE_MS, &transfer, &err), RRK_OK, "%s", err.message);
    cr_assert_not_null(transfer, "nothing ended");
    return transfer;
}

net_transfer *fetch(net_loop *loop, net_request request)
{
    net_transfer *started = start(loop, request);
    net_transfer *ended = await(loop);
    cr_assert_eq(started, ended);
    return ended;
}

void run_until_asked(net_loop *loop, server *s, size_t n_requests)
{
    while (server_n_requests(s) < n_requests) {
        net_transfer *ended;
        cr_assert_eq(net_wait(loop, 0, &ended, NULL), RRK_OK);
        cr_assert_null(ended);
        sched_yield();
    }
}

static int64_t stopped_ns;

static int64_t stopped_now(void)
{
    return stopped_ns;
}

void stop_clock(void)
{
    stopped_ns = base_now_ns();
    base_clock_replace(stopped_now);
}

void advance_clock_ms(int64_t ms)
{
    stopped_ns += ms * 1000000;
}

void echo(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 200, "", request->body);
}

void send_ctx(server_conn *conn, const server_request *request, void *ctx)
{
    server_send_text(conn, ctx);
    server_close(conn);
}

void never_answer(server_conn *conn, const server_request *request, void *ctx)
{
    server_await_close(conn);
}
