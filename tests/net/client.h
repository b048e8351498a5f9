/* What the tests of net/ share: a loop, requests to a test server, and waiting for one reply. */
#ifndef RRK_TESTS_NET_CLIENT_H
#define RRK_TESTS_NET_CLIENT_H

#include "base/clock.h"
#include "net/http.h"
#include "server.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Long enough for any machine: a test that gets here has failed. */
#define PATIENCE_MS 60000

static inline net_loop *open_loop(const net_options *options)
{
    net_loop *loop;
    rrk_error err;
    cr_assert_eq(net_loop_open(&loop, options, &err), RRK_OK, "%s", err.message);
    return loop;
}

/* The URL lives until the next call. */
static inline net_request get_from(const server *s, const char *path)
{
    static char url[512];
    snprintf(url, sizeof url, "%s%s", server_url(s), path);
    return (net_request){.method = "GET", .url = url};
}

static inline net_request post_to(const server *s, const char *path, const char *body)
{
    net_request request = get_from(s, path);
    request.method = "POST";
    request.body = rrk_text_of(body);
    return request;
}

static inline net_transfer *start(net_loop *loop, net_request request)
{
    net_transfer *transfer;
    rrk_error err;
    cr_assert_eq(net_start(loop, &request, &transfer, &err), RRK_OK, "%s", err.message);
    return transfer;
}

static inline net_transfer *await(net_loop *loop)
{
    net_transfer *transfer;
    rrk_error err;
    cr_assert_eq(net_wait(loop, PATIENCE_MS, &transfer, &err), RRK_OK, "%s", err.message);
    cr_assert_not_null(transfer, "nothing ended");
    return transfer;
}

static inline net_transfer *fetch(net_loop *loop, net_request request)
{
    net_transfer *started = start(loop, request);
    net_transfer *ended = await(loop);
    cr_assert_eq(started, ended);
    return ended;
}

/* An answer with the request's own body. */
static inline void echo(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 200, "", request->body);
}

#endif
