/* What a request says, what its reply holds, and which requests are refused. */
#include "client.h"
#include <rrk/version.h>

#include <stdlib.h>
#include <string.h>

Test(requests, get_an_answer)
{
    server *s = server_start(echo, NULL);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, post_to(s, "/v1?a=b", "hello"));
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
    cr_assert_eq(reply->http_status, 200);
    cr_assert_str_eq(reply->body.data, "hello");
    cr_assert_eq(reply->bytes_sent, 5);
    cr_assert_eq(reply->bytes_received, strlen("HTTP/1.1 200 Status\r\nContent-Length: 5\r\n\r\nhello"));
    cr_assert_eq(reply->retry_after_ms, -1);
    cr_assert_not(reply->stopped);
    cr_assert_not(reply->may_retry);
    cr_assert_geq(reply->first_byte_ms, 0);
    cr_assert_geq(reply->total_ms, reply->first_byte_ms);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(requests, carry_what_they_were_given_and_nothing_from_the_one_before)
{
    server *s = server_start(echo, NULL);
    net_loop *loop = open_loop(NULL);
    const char *headers[] = {"Content-Type: application/json", "Authorization: Bearer k"};
    net_request request = post_to(s, "/v1?a=b", "{}");
    request.headers = headers;
    request.n_headers = 2;
    net_transfer_free(fetch(loop, request));
    net_transfer_free(fetch(loop, get_from(s, "/second")));
    const server_request *first = server_request_at(s, 0);
    cr_assert(strncmp(first->head, "POST /v1?a=b HTTP/1.1\r\n", 23) == 0, "%s", first->head);
    cr_assert(server_request_has(first, headers[0]));
    cr_assert(server_request_has(first, headers[1]));
    cr_assert(server_request_has(first, "User-Agent: rrk/" RRK_VERSION_STRING), "%s", first->head);
    cr_assert(strstr(first->head, "Accept-Encoding: "));
    cr_assert_str_eq(first->body, "{}");
    const server_request *second = server_request_at(s, 1);
    cr_assert(strncmp(second->head, "GET /second HTTP/1.1\r\n", 22) == 0, "%s", second->head);
    cr_assert_null(strstr(second->head, "Authorization"));
    cr_assert_null(strstr(second->head, "Content-Type"));
    cr_assert_eq(second->body_len, 0);
    net_loop_close(loop);
    server_stop(s);
}

Test(requests, of_megabytes_do_not_wait_for_leave_to_send)
{
    server *s = server_start(echo, NULL);
    net_loop *loop = open_loop(NULL);
    size_t len = 3 << 20;
    char *body = malloc(len + 1);
    memset(body, 'x', len);
    body[len] = '\0';
    net_transfer *t = fetch(loop, post_to(s, "/", body));
    cr_assert_eq(net_transfer_reply(t)->body.len, len);
    cr_assert_eq(net_transfer_reply(t)->bytes_sent, len);
    cr_assert_eq(memcmp(net_transfer_reply(t)->body.data, body, len), 0);
    cr_assert_null(strstr(server_request_at(s, 0)->head, "Expect"));
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
    free(body);
}

static void answer_any(server_conn *conn, const server_request *request, void *ctx)
{
    static const int STATUSES[] = {200, 429, 500, 404};
    server_reply(conn, STATUSES[request->number % 4], "", "text");
}

Test(requests, one_after_the_other_share_a_connection_whatever_the_answer)
{
    server *s = server_start(answer_any, NULL);
    net_loop *loop = open_loop(NULL);
    for (int i = 0; i < 20; i++) {
        net_transfer *t = fetch(loop, post_to(s, "/", "x"));
        cr_assert_eq(net_transfer_reply(t)->status, RRK_OK);
        cr_assert_str_eq(net_transfer_reply(t)->body.data, "text");
        net_transfer_free(t);
    }
    cr_assert_eq(server_n_requests(s), 20);
    cr_assert_eq(server_n_connections(s), 1);
    net_loop_close(loop);
    server_stop(s);
}

static void close_after(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 200, "", "text");
    server_close(conn);
}

/* libcurl notices most such connections; one that closes while the request is on its way is a matter of trying again. */
Test(requests, on_a_kept_connection_that_the_server_closes_succeed_or_may_be_tried_again)
{
    server *s = server_start(close_after, NULL);
    net_loop *loop = open_loop(NULL);
    for (int i = 0; i < 20; i++) {
        net_transfer *t = fetch(loop, post_to(s, "/", "x"));
        const net_reply *reply = net_transfer_reply(t);
        cr_assert(reply->status == RRK_OK || reply->may_retry, "%s", reply->error.message);
        net_transfer_free(t);
    }
    net_loop_close(loop);
    server_stop(s);
}

static void redirect(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 302, "Location: /elsewhere\r\nRetry-After: 7\r\n", "");
}

Test(requests, are_not_redirected)
{
    server *s = server_start(redirect, NULL);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, get_from(s, "/"));
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK);
    cr_assert_eq(net_transfer_reply(t)->http_status, 302);
    cr_assert_eq(net_transfer_reply(t)->retry_after_ms, 7000);
    cr_assert_eq(server_n_requests(s), 1);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(requests, ignore_the_proxy_of_the_environment)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    server *s = server_start(echo, NULL);
    net_loop *loop = open_loop(NULL);
    net_transfer *t = fetch(loop, post_to(s, "/", "x"));
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK, "%s", net_transfer_reply(t)->error.message);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(s);
}

Test(requests, go_through_the_proxy_of_the_options_even_to_this_machine)
{
    setenv("no_proxy", "*", 1);
    server *proxy = server_start(echo, NULL);
    net_loop *loop = open_loop(&(net_options){.proxy = server_url(proxy)});
    net_transfer *t = fetch(loop, (net_request){.method = "GET", .url = "http://127.0.0.1:1/x"});
    cr_assert_eq(net_transfer_reply(t)->status, RRK_OK, "%s", net_transfer_reply(t)->error.message);
    cr_assert(strncmp(server_request_at(proxy, 0)->head, "GET http://127.0.0.1:1/x ", 25) == 0);
    net_transfer_free(t);
    net_loop_close(loop);
    server_stop(proxy);
}

static const struct {
    net_request request;
    const char *says;
} REFUSED[] = {
    {{.url = "http://h/"}, "method is NULL"},
    {{.method = "GET"}, "url is NULL"},
    {{.method = "PUT", .url = "http://h/"}, "method 'PUT'"},
    {{.method = "GET", .url = "ftp://h/secret"}, "'ftp:'"},
    {{.method = "GET", .url = "file:///secret"}, "'file:'"},
    {{.method = "GET", .url = "h/secret"}, "URL"},
    {{.method = "GET", .url = "http://h:99999/secret"}, "URL"},
    {{.method = "GET", .url = "http://h x/secret"}, "URL"},
    {{.method = "GET", .url = "http:///?secret"}, "URL"},
    {{.method = "GET", .url = ""}, "URL"},
    {{.method = "GET", .url = "http://h/", .body = {"x", 1}}, "a GET has no body"},
    {{.method = "POST", .url = "http://h/", .body = {NULL, 1}}, "body is NULL"},
    {{.method = "GET", .url = "http://h/", .deadline_ns = -1}, "deadline_ns"},
    {{.method = "GET", .url = "http://h/", .idle_timeout_ms = -1}, "idle_timeout_ms"},
    {{.method = "GET", .url = "http://h/", .n_headers = 1}, "headers is NULL"},
    {{.method = "GET", .url = "http://h/", .headers = (const char *[]){NULL}, .n_headers = 1}, "headers[0] is NULL"},
    {{.method = "GET", .url = "http://h/", .headers = (const char *[]){"A: b", "secret"}, .n_headers = 2},
     "headers[1] is not"},
    {{.method = "GET", .url = "http://h/", .headers = (const char *[]){": secret"}, .n_headers = 1},
     "headers[0] is not"},
    {{.method = "GET", .url = "http://h/", .headers = (const char *[]){"A: secret\r\nB: c"}, .n_headers = 1},
     "headers[0] holds a line break"},
    {{.method = "GET", .url = "http://h/", .headers = (const char *[]){"A: secret\n"}, .n_headers = 1},
     "headers[0] holds a line break"},
};

Test(requests, that_are_wrong_are_refused_without_a_word_of_their_secrets)
{
    net_loop *loop = open_loop(NULL);
    for (size_t i = 0; i < RRK_COUNT(REFUSED); i++) {
        rrk_error err;
        net_transfer *t = NULL;
        cr_assert_eq(net_start(loop, &REFUSED[i].request, &t, &err), RRK_E_INVALID, "row %zu", i);
        cr_assert_null(t);
        cr_assert(strstr(err.message, REFUSED[i].says), "row %zu: %s", i, err.message);
        cr_assert_null(strstr(err.message, "secret"), "row %zu: %s", i, err.message);
    }
    net_loop_close(loop);
}

Test(requests, null_is_refused)
{
    net_loop *loop = NULL;
    net_request request = {.method = "GET", .url = "http://127.0.0.1:1/"};
    net_transfer *t;
    rrk_error err;
    cr_assert_eq(net_loop_open(NULL, NULL, &err), RRK_E_INVALID);
    cr_assert_eq(net_loop_open(&loop, &(net_options){.connect_timeout_ms = -1}, &err), RRK_E_INVALID);
    cr_assert_null(loop);
    loop = open_loop(NULL);
    cr_assert_eq(net_start(NULL, &request, &t, &err), RRK_E_INVALID);
    cr_assert_eq(net_start(loop, NULL, &t, &err), RRK_E_INVALID);
    cr_assert_eq(net_start(loop, &request, NULL, &err), RRK_E_INVALID);
    cr_assert_eq(net_wait(NULL, 0, &t, &err), RRK_E_INVALID);
    cr_assert_eq(net_wait(loop, 0, NULL, &err), RRK_E_INVALID);
    net_loop_close(loop);
    net_loop_close(NULL);
    net_transfer_free(NULL);
    net_wake(NULL);
}
