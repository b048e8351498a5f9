/* How large a reply and its header may be, and how many transfers may run: each at its limit and one above. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 100000 };

typedef struct payload {
    const char *head;
    char *data;
    size_t len;
} payload;

static void send_payload(server_conn *conn, const server_request *request, void *ctx)
{
    const payload *p = ctx;
    server_send_text(conn, p->head);
    server_send(conn, p->data, p->len);
    server_close(conn);
}

static void check_reply(const payload *p, bool fits, size_t decoded_len)
{
    server *s = server_start(send_payload, (void *)(uintptr_t)p);
    net_loop *loop = open_loop(&(net_options){.max_reply_bytes = LIMIT});
    net_transfer *t = fetch(loop, get_from(s, "/"));
    const net_reply *reply = net_transfer_reply(t);
    if (fits) {
        cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
        cr_assert_eq(reply->body.len, decoded_len);
    } else {
        cr_assert_eq(reply->status, RRK_E_UPSTREAM);
        cr_assert(strstr(reply->error.message, "is larger than 100000 bytes"), "%s", reply->error.message);
        cr_assert(strstr(reply->error.message, server_peer(s)), "%s", reply->error.message);
        cr_assert_leq(reply->body.len, (size_t)LIMIT);
    }
    cr_assert_not(reply->may_retry);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(limits, of_a_body)
{
    payload p = {.head = "HTTP/1.1 200 OK\r\n\r\n", .data = calloc(10 << 20, 1)};
    p.len = LIMIT;
    check_reply(&p, true, LIMIT);
    p.len = LIMIT + 1;
    check_reply(&p, false, 0);
    p.len = 10 << 20;
    check_reply(&p, false, 0);
    free(p.data);
}

/* Appends bits, lowest first, as deflate wants them. */
static void put_bits(payload *p, size_t *n_bits, unsigned bits, int count)
{
    for (int i = 0; i < count; i++, ++*n_bits) {
        p->data[*n_bits / 8] = (char)((unsigned char)p->data[*n_bits / 8] | (bits >> i & 1) << (*n_bits % 8));
        p->len = *n_bits / 8 + 1;
    }
}

/* One deflate block with fixed codes: 'A', then repeats of it, 258 at a time and singly. */
static payload deflated(size_t decoded_len)
{
    payload p = {.head = "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n", .data = calloc(decoded_len + 64, 1)};
    size_t n_bits = 0;
    put_bits(&p, &n_bits, 1, 1); /* last block */
    put_bits(&p, &n_bits, 1, 2); /* fixed codes */
    for (size_t left = decoded_len; left;) {
        if (left == decoded_len || left < 258) {
            put_bits(&p, &n_bits, 0x8e, 8); /* literal 'A': 01110001, highest first */
            left--;
        } else {
            put_bits(&p, &n_bits, 0xa3, 8); /* length 258: 11000101, highest first */
            put_bits(&p, &n_bits, 0, 5);    /* distance 1 */
            left -= 258;
        }
    }
    put_bits(&p, &n_bits, 0, 7); /* end of block */
    return p;
}

Test(limits, of_a_body_count_what_comes_out_of_compression)
{
    payload p = deflated(LIMIT);
    cr_assert_lt(p.len, 1000);
    check_reply(&p, true, LIMIT);
    free(p.data);
    p = deflated(LIMIT + 1);
    check_reply(&p, false, 0);
    free(p.data);
    p = deflated((size_t)100 << 20);
    check_reply(&p, false, 0);
    free(p.data);
}

static char *header_of(size_t len)
{
    static const char START[] = "HTTP/1.1 200 OK\r\n";
    static const char END[] = "Content-Length: 0\r\n\r\n";
    enum { LINE = 1024 };
    char *header = calloc(len + 1, 1);
    size_t at = (size_t)snprintf(header, len + 1, "%s", START);
    for (size_t left; (left = len - at - strlen(END)) > 0;) {
        size_t line = left >= 2 * LINE ? LINE : left > LINE ? left / 2 : left;
        memset(header + at, 'x', line);
        memcpy(header + at, "X: ", 3);
        memcpy(header + at + line - 2, "\r\n", 2);
        at += line;
    }
    memcpy(header + at, END, strlen(END));
    return header;
}

static void check_header(char *header, rrk_status status, const char *says)
{
    server *s = server_start(send_ctx, header);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, get_from(s, "/"));
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, status, "%s", reply->error.message);
    cr_assert_not(reply->may_retry);
    if (status != RRK_OK) {
        cr_assert(strstr(reply->error.message, says), "%s", reply->error.message);
        cr_assert(strstr(reply->error.message, server_peer(s)), "%s", reply->error.message);
    }
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
    free(header);
}

Test(limits, of_a_header)
{
    check_header(header_of(NET_MAX_HEADER_BYTES), RRK_OK, "");
    check_header(header_of(NET_MAX_HEADER_BYTES + 1), RRK_E_UPSTREAM, "is larger than 262144 bytes");
    check_header(header_of(10 << 20), RRK_E_UPSTREAM, "is larger than 262144 bytes");
}

Test(limits, of_a_header_line)
{
    char *endless = calloc((2 << 20) + 1, 1);
    memset(endless, 'x', 2 << 20);
    memcpy(endless, "HTTP/1.1 200 OK\r\nX: ", 20);
    check_header(endless, RRK_E_UPSTREAM, "header");
}

static void interim_forever(server_conn *conn, const server_request *request, void *ctx)
{
    while (server_send_text(conn, "HTTP/1.1 100 Continue\r\n\r\n"))
        continue;
}

Test(limits, interim_replies_count_as_header)
{
    server *s = server_start(interim_forever, NULL);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, get_from(s, "/"));
    cr_assert_eq(net_transfer_reply(t)->status, RRK_E_UPSTREAM);
    cr_assert(strstr(net_transfer_reply(t)->error.message, "header"), "%s", net_transfer_reply(t)->error.message);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(limits, of_transfers_that_run)
{
    net_loop *loop = open_loop(NULL);
    net_request request = {.method = "GET", .url = "http://127.0.0.1:1/"};
    net_transfer *t = NULL;
    rrk_error err;
    for (int i = 0; i < NET_MAX_TRANSFERS; i++)
        cr_assert_eq(net_start(loop, &request, &t, &err), RRK_OK, "%d: %s", i, err.message);
    net_transfer *one_more;
    cr_assert_eq(net_start(loop, &request, &one_more, &err), RRK_E_BUSY);
    cr_assert(strstr(err.message, "4096"), "%s", err.message);
    net_transfer_free(t);
    cr_assert_eq(net_start(loop, &request, &one_more, &err), RRK_OK);
    net_loop_close(loop);
}
