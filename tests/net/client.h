/* What the tests of net/ share: a loop, requests to a test server, waiting for one reply, and a clock that stands. */
#ifndef RRK_TESTS_NET_CLIENT_H
#define RRK_TESTS_NET_CLIENT_H

#include "net/http.h"
#include "server.h"

#include <criterion/criterion.h>

/* Long enough for any machine: a test that gets here has failed. */
#define PATIENCE_MS 60000

net_loop *open_loop(const net_options *options);
net_request get_from(const server *s, const char *path); /* the URL lives until the next call */
net_request post_to(const server *s, const char *path, const char *body);
net_transfer *start(net_loop *loop, net_request request);
net_transfer *await(net_loop *loop);                      /* the next one to end */
net_transfer *fetch(net_loop *loop, net_request request); /* start and await */
void run_until_asked(net_loop *loop, server *s, size_t n_requests);

/* base_now_ns() as the test wants it; each test is a process of its own, so nobody puts the machine's back. */
void stop_clock(void);
void advance_clock_ms(int64_t ms);

/* Answers. */
void echo(server_conn *conn, const server_request *request, void *ctx);     /* the request's own body */
void send_ctx(server_conn *conn, const server_request *request, void *ctx); /* ctx as it is, then closes */
void never_answer(server_conn *conn, const server_request *request, void *ctx);

#endif
