/* Replies looked at while they arrive: who sees what, and how a transfer ends early. */
#include "client.h"

#include <string.h>

typedef struct watch {
    char seen[65536];
    size_t len;
    size_t enough; /* bytes after which it has had enough; 0: never */
} watch;

static bool look(void *ctx, const char *data, size_t len)
{
    watch *w = ctx;
    memcpy(w->seen + w->len, data, len);
    w->len += len;
    return !w->enough || w->len < w->enough;
}

static net_request watched(const server *s, watch *w)
{
    net_request request = post_to(s, "/", "x");
    request.piece = look;
    request.ctx = w;
    return request;
}

static void send_chunks(server_conn *conn, const server_request *request, void *ctx)
{
    server_send_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3 && server_hold(conn); i++)
        server_send_text(conn, "5\r\n[1] >\r\n");
    server_send_text(conn, "0\r\n\r\n");
}

Test(pieces, are_seen_as_they_arrive_and_collected_too)
{
    server *s = server_start(send_chunks, NULL);
    net_loop *loop = open_loop(NULL);
    watch w = {.enough = 0};
    net_transfer *t = start(loop, watched(s, &w));
    net_transfer *ended = NULL;
    for (size_t i = 1; i <= 3; i++) {
        server_release(s, 1);
        while (w.len < 5 * i)
            cr_assert_eq(net_wait(loop, i < 3 ? 1 : 0, &ended, NULL), RRK_OK);
        cr_assert_eq(w.len, 5 * i, "the next piece waits for its release");
    }
    cr_assert_eq(ended ? ended : await(loop), t);
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
    cr_assert_eq(reply->ctx, &w);
    cr_assert_not(reply->stopped);
    cr_assert_str_eq(reply->body.data, "[1] >[1] >[1] >");
    cr_assert_null(strstr(server_request_at(s, 0)->head, "Accept-Encoding"));
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

static void send_without_end(server_conn *conn, const server_request *request, void *ctx)
{
    server_send_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (server_send_text(conn, "10\r\n0123456789abcdef\r\n"))
        continue;
    server_close(conn);
}

Test(pieces, that_are_enough_end_the_transfer_at_once)
{
    server *s = server_start(send_without_end, NULL);
    net_loop *loop = open_loop(NULL);
    static const size_t ENOUGH[] = {1, 16, 17, 4096, 20000};
    for (size_t i = 0; i < RRK_COUNT(ENOUGH); i++) {
        watch w = {.enough = ENOUGH[i]};
        net_transfer *t = fetch(loop, watched(s, &w));
        const net_reply *reply = net_transfer_reply(t);
        cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
        cr_assert(reply->stopped);
        cr_assert_not(reply->may_retry);
        cr_assert_eq(reply->http_status, 200);
        cr_assert_eq(reply->body.len, w.len);
        cr_assert_lt(w.len, ENOUGH[i] + 16);
        /* 16 bytes of content are 22 on the wire. */
        cr_assert_leq(reply->bytes_received, w.len * 22 / 16 + 100 + NET_PIECE_BYTES);
        cr_assert_eq(server_n_connections(s), i + 1, "a connection with unread bytes is not used again");
        net_transfer_free(t);
    }
    net_loop_close(loop);
    server_stop(s);
}

static void send_body_without_chunks(server_conn *conn, const server_request *request, void *ctx)
{
    static const char HEAD[] = "HTTP/1.1 200 OK\r\n\r\n";
    static char bytes[1 << 20];
    memset(bytes, 'x', sizeof bytes);
    server_send_text(conn, HEAD);
    server_send(conn, bytes, sizeof bytes);
    server_await_close(conn);
}

Test(pieces, are_at_most_four_kibibytes)
{
    server *s = server_start(send_body_without_chunks, NULL);
    net_loop *loop = open_loop(NULL);
    watch w = {.enough = 10000};
    net_transfer *t = fetch(loop, watched(s, &w));
    cr_assert(net_transfer_reply(t)->stopped);
    cr_assert_leq(w.len, 10000 - 1 + NET_PIECE_BYTES);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

static void refuse(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 400, "", "{\"error\":\"too long\"}");
}

Test(pieces, of_an_error_are_only_collected)
{
    server *s = server_start(refuse, NULL);
    net_loop *loop = open_loop(NULL);
    watch w = {.enough = 1};
    net_transfer *t = fetch(loop, watched(s, &w));
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK);
    cr_assert_eq(net_transfer_reply(t)->http_status, 400);
    cr_assert_str_eq(net_transfer_reply(t)->body.data, "{\"error\":\"too long\"}");
    cr_assert_eq(w.len, 0);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

static bool no_more(void *ctx, const char *data, size_t len)
{
    return true;
}

Test(pieces, beyond_the_largest_reply_end_the_transfer)
{
    server *s = server_start(send_without_end, NULL);
    net_loop *loop = open_loop(&(net_options){.max_reply_bytes = 50000});
    net_request request = post_to(s, "/", "x");
    request.piece = no_more;
    net_transfer *t = fetch(loop, request);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_UPSTREAM);
    cr_assert_leq(net_transfer_reply(t)->body.len, 50000);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}
