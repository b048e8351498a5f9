/* What a request hears of a reply's header before the body, and bodies that are handed on without being kept. */
#include "client.h"

#include <stdio.h>
#include <string.h>

typedef struct heard {
    long status;
    char etag[64];
    char location[64];
    char range[64];
    int64_t length;
    size_t n_heads;
    size_t n_bytes;
    bool had_head_first;
    bool is_enough;
} heard;

static bool hear_head(void *ctx, const net_head *head)
{
    heard *x = ctx;
    x->n_heads++;
    x->status = head->http_status;
    x->length = head->content_length;
    snprintf(x->etag, sizeof x->etag, "%s", head->etag ? head->etag : "none");
    snprintf(x->location, sizeof x->location, "%s", head->location ? head->location : "none");
    snprintf(x->range, sizeof x->range, "%s", head->content_range ? head->content_range : "none");
    x->had_head_first = x->n_bytes == 0;
    return !x->is_enough;
}

static bool hear_piece(void *ctx, const char *data, size_t len)
{
    heard *x = ctx;
    x->n_bytes += len;
    return true;
}

static net_transfer *listen_to(net_loop *loop, server *s, heard *x, bool streamed)
{
    net_request request = get_from(s, "/");
    request.head = hear_head;
    request.piece = hear_piece;
    request.streamed = streamed;
    request.ctx = x;
    return fetch(loop, request);
}

Test(heads, come_once_and_before_the_body)
{
    static char reply[] =
        "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\n\r\n"
        "HTTP/1.1 206 Partial\r\nContent-Length: 5\r\nETag: \"a\"\r\ncontent-range: bytes 3-7/8\r\n\r\nhello";
    heard x = {0};
    server *s = server_start(send_ctx, reply);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = listen_to(loop, s, &x, true);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK, "%s", net_transfer_reply(t)->error.message);
    cr_assert(x.n_heads == 1 && x.had_head_first);
    cr_assert_eq(x.status, 206);
    cr_assert_eq(x.length, 5);
    cr_assert_str_eq(x.etag, "\"a\"");
    cr_assert_str_eq(x.range, "bytes 3-7/8");
    cr_assert_str_eq(x.location, "none");
    cr_assert_eq(x.n_bytes, 5);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(heads, come_without_a_body_too)
{
    heard x = {0};
    server *s = server_start(send_ctx, (char[]){"HTTP/1.1 204 None\r\nLocation: /x\r\n\r\n"});
    net_loop *loop = open_loop(NULL);
    net_transfer *t = listen_to(loop, s, &x, true);
    cr_assert_eq(x.n_heads, 1);
    cr_assert_eq(x.status, 204);
    cr_assert_str_eq(x.location, "/x");
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(heads, that_are_enough_end_the_transfer)
{
    heard x = {.is_enough = true};
    server *s = server_start(send_ctx, (char[]){"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello"});
    net_loop *loop = open_loop(NULL);
    net_transfer *t = listen_to(loop, s, &x, true);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK);
    cr_assert(net_transfer_reply(t)->stopped);
    cr_assert_eq(x.n_bytes, 0);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

static void send_much(server_conn *conn, const server_request *request, void *ctx)
{
    char block[1000] = {0};
    server_send_text(conn, ctx);
    for (int i = 0; i < 100; i++)
        server_send(conn, block, sizeof block);
    server_close(conn);
}

Test(heads, a_streamed_body_is_not_kept_and_has_no_limit)
{
    heard x = {0};
    server *s = server_start(send_much, (char[]){"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"});
    net_loop *loop = open_loop(&(net_options){.max_reply_bytes = 10});
    net_transfer *t = listen_to(loop, s, &x, true);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK, "%s", net_transfer_reply(t)->error.message);
    cr_assert_eq(x.n_bytes, 100000);
    cr_assert_eq(net_transfer_reply(t)->body.len, 0);
    net_transfer_free(t);
    t = listen_to(loop, s, &x, false);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_UPSTREAM, "kept, it has one");
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(heads, the_body_of_a_failure_is_kept_and_limited_though_it_is_streamed)
{
    heard x = {0};
    server *s = server_start(send_much, (char[]){"HTTP/1.1 404 No\r\nContent-Length: 100000\r\n\r\n"});
    net_loop *loop = open_loop(&(net_options){.max_reply_bytes = 99999});
    net_transfer *t = listen_to(loop, s, &x, true);
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_UPSTREAM);
    cr_assert_eq(x.n_bytes, 0);
    cr_assert_eq(x.status, 404);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}
