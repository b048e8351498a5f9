/*
 * A server for tests that misbehaves on command. It listens on a free port of the loopback, gives every connection a
 * thread, records each request and leaves the answer to a function of the test, which sends raw bytes, waits for the
 * test (never for a clock), closes or resets.
 *
 *     static void answer(server_conn *conn, const server_request *request, void *ctx)
 *     {
 *         server_send_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
 *         server_close(conn);
 *     }
 *     server *s = server_start(answer, NULL);
 *     ... requests to server_url(s) ...
 *     server_stop(s);
 *
 * Nothing in here asserts: answers run on the server's threads. A wait ends when the server is stopped, so a test that
 * fails does not hang.
 */
#ifndef RRK_TESTS_NET_SERVER_H
#define RRK_TESTS_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct server server;
typedef struct server_conn server_conn;

typedef struct server_request {
    size_t number;     /* over all connections, by arrival, from 0 */
    size_t connection; /* by arrival, from 0 */
    const char *head;  /* request line and header lines, up to the empty one; NUL-terminated */
    const char *body;  /* [body_len], NUL-terminated */
    size_t body_len;
} server_request;

/* Called once a request is complete; afterwards the connection waits for the next one, unless it was closed. */
typedef void (*server_answer_fn)(server_conn *conn, const server_request *request, void *ctx);

server *server_start(server_answer_fn answer, void *ctx); /* aborts when there is no port or thread */
void server_stop(server *s);                              /* ends waits, closes connections, joins; NULL is fine */

const char *server_url(const server *s);  /* "http://127.0.0.1:PORT" */
const char *server_peer(const server *s); /* "127.0.0.1:PORT" */

/* What has arrived so far. A request stays valid until server_stop(); NULL when there is none of that number. */
size_t server_n_connections(server *s);
size_t server_n_requests(server *s);
const server_request *server_request_at(server *s, size_t number);
/* Whether its head has that line, as in "Accept: text/plain"; upper and lower case are the same. */
bool server_request_has(const server_request *request, const char *line);

/* --- for the test's thread --- */
void server_release(server *s, size_t n); /* lets n server_hold()s go on, also future ones */

/* --- for answers; false: the client has gone or the server stops --- */
bool server_send(server_conn *conn, const void *data, size_t len);
bool server_send_text(server_conn *conn, const char *text);
/* A whole reply with its Content-Length. headers: further lines, each with "\r\n"; may be "". */
bool server_reply(server_conn *conn, int status, const char *headers, const char *body);
bool server_hold(server_conn *conn);                     /* until released, once for each */
bool server_await_requests(server_conn *conn, size_t n); /* until n have arrived, on all connections together */
size_t server_await_close(server_conn *conn);            /* until the client closes: a stall; bytes it sent meanwhile */
void server_close(server_conn *conn);
void server_reset(server_conn *conn); /* the client sees "connection reset" */

#endif
