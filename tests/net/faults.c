/* Servers that refuse, stall, break off or talk nonsense: every one ends in a status and a line that names it. */
#include "base/clock.h"
#include "client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET "s3cr3t"

typedef enum then { CLOSE, RESET } then;

static const struct {
    const char *sent;
    const char *says;
    then then;
    bool may_retry;
} FAULTS[] = {
    {"", "without an answer", CLOSE, true},
    {"", "broke the connection off", RESET, true},
    {"HTTP/1.1 2", "closed the connection", CLOSE, true},
    {"HTTP/1.1 200 OK\r\n", "in the middle of its reply", CLOSE, true},
    {"HTTP/1.1 200 OK\r\nContent-Le", "in the middle of its reply", CLOSE, true},
    {"HTTP/1.1 100 Continue\r\n\r\n", "closed the connection", CLOSE, true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", "in the middle of its reply", CLOSE, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "in the middle of its reply", CLOSE, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "broke the connection off", RESET, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhal", "in the middle of its reply", CLOSE, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "in the middle", CLOSE, true},
    {"garbage instead of a reply\r\n\r\n", "does not answer in HTTP", CLOSE, false},
    {"<html>an old server</html>", "does not answer in HTTP", CLOSE, false},
    {"SSH-2.0-OpenSSH_9.2\r\n", "does not answer in HTTP", CLOSE, false},
    {"HTTP/7.3 200 OK\r\n\r\n", "does not answer in HTTP", CLOSE, false},
    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip", "decompress", CLOSE, false},
};

static void misbehave(server_conn *conn, const server_request *request, void *ctx)
{
    const size_t *row = ctx;
    server_send_text(conn, FAULTS[*row].sent);
    FAULTS[*row].then == RESET ? server_reset(conn) : server_close(conn);
}

static net_request with_secrets(const server *s)
{
    static const char *const HEADERS[] = {"Authorization: Bearer " SECRET};
    net_request request = post_to(s, "/" SECRET "?key=" SECRET, SECRET);
    request.headers = HEADERS;
    request.n_headers = 1;
    return request;
}

static void check_failure(const server *s, const net_reply *reply, const char *says, size_t row)
{
    const char *message = reply->error.message;
    cr_assert_eq((int)reply->status, reply->error.status, "row %zu", row);
    cr_assert(strstr(message, says), "row %zu: %s", row, message);
    cr_assert(strstr(message, server_peer(s)), "row %zu: %s", row, message);
    cr_assert_null(strstr(message, SECRET), "row %zu: %s", row, message);
    cr_assert_null(strchr(message, '\n'), "row %zu: %s", row, message);
}

Test(faults, of_every_kind_are_named_and_only_the_connections_may_be_tried_again)
{
    for (size_t row = 0; row < RRK_COUNT(FAULTS); row++) {
        server *s = server_start(misbehave, &row);
        net_loop *loop = open_loop(NULL);
        net_transfer *t = fetch(loop, with_secrets(s));
        const net_reply *reply = net_transfer_reply(t);
        cr_assert_eq(reply->status, RRK_E_UPSTREAM, "row %zu: %d", row, reply->status);
        cr_assert_gt(reply->error.detail, 0);
        check_failure(s, reply, FAULTS[row].says, row);
        cr_assert_eq(reply->may_retry, FAULTS[row].may_retry, "row %zu: %s", row, reply->error.message);
        net_transfer_free(t);
        net_loop_close(loop);
        server_stop(s);
    }
}

/* A port that was free a moment ago. */
static void unused_url(char *url, size_t size)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    snprintf(url, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
}

Test(faults, a_refused_connection_may_be_tried_again)
{
    char url[64];
    unused_url(url, sizeof url);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, (net_request){.method = "GET", .url = url});
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, RRK_E_UPSTREAM);
    cr_assert(reply->may_retry);
    cr_assert(strstr(reply->error.message, "127.0.0.1:"), "%s", reply->error.message);
    cr_assert(strstr(reply->error.message, "Connection refused"), "%s", reply->error.message);
    cr_assert_eq(reply->first_byte_ms, -1);
    cr_assert_eq(reply->http_status, 0);
    net_transfer_free(t);
    net_loop_close(loop);
}

/* Its queue is full, so the kernel drops what asks to connect, as a host behind a silent firewall does. */
static int black_hole(char *url, size_t size, int fillers[4])
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(fd, 0), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, len);
    }
    snprintf(url, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    return fd;
}

/* However slow the machine is, nobody ever accepts. */
Test(faults, a_host_that_does_not_even_refuse_is_given_up)
{
    char url[64];
    int fillers[4], fd = black_hole(url, sizeof url, fillers);
    net_loop *loop = open_loop(&(net_options){.connect_timeout_ms = 50});
    net_transfer *t = fetch(loop, (net_request){.method = "GET", .url = url});
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, RRK_E_UPSTREAM);
    cr_assert(reply->may_retry);
    cr_assert(strstr(reply->error.message, "no connection within 50 ms"), "%s", reply->error.message);
    net_transfer_free(t);
    net_loop_close(loop);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(fd);
}

/* The deadline is on the clock that stands still for as long as the test wants. */
Test(faults, a_host_that_does_not_even_refuse_is_given_up_at_the_deadline)
{
    char url[64];
    int fillers[4], fd = black_hole(url, sizeof url, fillers);
    stop_clock();
    net_loop *loop = open_loop(NULL);
    net_request request = {.method = "GET", .url = url, .deadline_ns = base_now_ns() + 50000000};
    net_transfer *t = start(loop, request), *ended;
    cr_assert_eq(net_wait(loop, 0, &ended, NULL), RRK_OK);
    cr_assert_null(ended);
    advance_clock_ms(50);
    cr_assert_eq(await(loop), t);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_TIMEOUT);
    cr_assert(strstr(net_transfer_reply(t)->error.message, "had not been reached"));
    net_transfer_free(t);
    net_loop_close(loop);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(fd);
}

Test(faults, a_name_that_does_not_resolve_is_named)
{
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, (net_request){.method = "GET", .url = "http://no-such-host.invalid/"});
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, RRK_E_UPSTREAM);
    cr_assert(strstr(reply->error.message, "no-such-host.invalid:80"), "%s", reply->error.message);
    net_transfer_free(t);
    net_loop_close(loop);
}

Test(faults, a_ca_file_that_is_not_there_is_told)
{
    server *s = server_start(echo, NULL);
    net_loop *loop = open_loop(&(net_options){.ca_file = "/nowhere/ca.pem"});
    char url[96];
    snprintf(url, sizeof url, "https://%s/", server_peer(s));
    net_transfer *t = fetch(loop, (net_request){.method = "GET", .url = url});
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_UPSTREAM);
    cr_assert_not(net_transfer_reply(t)->may_retry);
    check_failure(s, net_transfer_reply(t), "CA certificates", 0);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

/* Where a server stops talking. */
static const char *const STALLS[] = {
    "",
    "HTTP/1.1 2",
    "HTTP/1.1 200 OK\r\nContent-Le",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhal",
};

static void stall(server_conn *conn, const server_request *request, void *ctx)
{
    const size_t *row = ctx;
    server_send_text(conn, STALLS[*row]);
    server_await_close(conn);
}

/* A stall, and what becomes of it once the clock has moved; nothing happens a millisecond before. */
static void check_stall(size_t row, net_request *limits, rrk_status status, bool may_retry, const char *says)
{
    server *s = server_start(stall, &row);
    net_loop *loop = open_loop(NULL);
    net_request request = with_secrets(s);
    request.deadline_ns = limits->deadline_ns ? base_now_ns() + limits->deadline_ns : 0;
    request.idle_timeout_ms = limits->idle_timeout_ms;
    net_transfer *t = start(loop, request);
    run_until_asked(loop, s, 1);
    net_transfer *ended;
    advance_clock_ms(49);
    cr_assert_eq(net_wait(loop, 0, &ended, NULL), RRK_OK);
    cr_assert_null(ended, "row %zu: %s", row, net_transfer_reply(ended)->error.message);
    /* What the server sent may arrive only now, and counts as life. */
    for (int i = 0; i < 3 && !ended; i++) {
        advance_clock_ms(51);
        cr_assert_eq(net_wait(loop, 0, &ended, NULL), RRK_OK);
    }
    cr_assert_eq(ended, t, "row %zu", row);
    cr_assert_eq(net_transfer_reply(t)->status, status, "row %zu", row);
    cr_assert_eq(net_transfer_reply(t)->may_retry, may_retry, "row %zu", row);
    check_failure(s, net_transfer_reply(t), says, row);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(faults, a_stall_ends_at_the_deadline)
{
    stop_clock();
    for (size_t row = 0; row < RRK_COUNT(STALLS); row++)
        check_stall(row, &(net_request){.deadline_ns = 50000000}, RRK_E_TIMEOUT, false, "when the deadline passed");
}

Test(faults, a_stall_ends_when_it_was_silent_for_long)
{
    stop_clock();
    for (size_t row = 0; row < RRK_COUNT(STALLS); row++)
        check_stall(row, &(net_request){.idle_timeout_ms = 50}, RRK_E_UPSTREAM, true, "silent for 50 ms");
}

Test(faults, a_deadline_ends_a_wait_without_an_end_by_the_machines_clock_too)
{
    size_t row = 0;
    server *s = server_start(stall, &row);
    net_loop *loop = open_loop(NULL);
    net_request request = get_from(s, "/");
    request.deadline_ns = base_now_ns() + 20000000;
    net_transfer *t = start(loop, request);
    net_transfer *ended;
    cr_assert_eq(net_wait(loop, -1, &ended, NULL), RRK_OK);
    cr_assert_eq(ended, t);
    cr_assert_geq(base_now_ns(), request.deadline_ns);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_TIMEOUT);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(faults, a_deadline_in_the_past_sends_nothing)
{
    server *s = server_start(echo, NULL);
    net_loop *loop = open_loop(NULL);
    net_request request = get_from(s, "/");
    request.deadline_ns = 1;
    net_transfer *t = fetch(loop, request);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_TIMEOUT);
    cr_assert_eq(server_n_connections(s), 0);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

static void trickle(server_conn *conn, const server_request *request, void *ctx)
{
    server_send_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    for (int i = 0; i < 4 && server_hold(conn); i++)
        server_send_text(conn, "x");
}

static bool count_piece(void *ctx, const char *data, size_t len)
{
    *(size_t *)ctx += len;
    return true;
}

Test(faults, a_slow_reply_that_goes_on_is_not_silent)
{
    stop_clock();
    server *s = server_start(trickle, NULL);
    net_loop *loop = open_loop(NULL);
    net_request request = get_from(s, "/");
    size_t n_bytes = 0;
    request.idle_timeout_ms = 50;
    request.piece = count_piece;
    request.ctx = &n_bytes;
    net_transfer *t = start(loop, request);
    net_transfer *ended = NULL;
    for (size_t i = 1; i <= 4; i++) {
        server_release(s, 1);
        while (n_bytes < i)
            cr_assert_eq(net_wait(loop, 0, &ended, NULL), RRK_OK);
        advance_clock_ms(40);
    }
    cr_assert_eq(ended ? ended : await(loop), t);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK, "%s", net_transfer_reply(t)->error.message);
    cr_assert_str_eq(net_transfer_reply(t)->body.data, "xxxx");
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}
