/* Redirects: where they may lead, who is told the token on the way, and documents at their end. */
#include "base/alloc.h"
#include "client.h"
#include "net/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "Bearer s3cr3t"

/* NULL: must not be followed. */
static const struct {
    const char *from, *location, *to;
} STEPS[] = {
    {"http://a.org/x/y", "http://b.org/z", "http://b.org/z"},
    {"http://a.org/x/y", "https://b.org/z?sig=1", "https://b.org/z?sig=1"},
    {"https://a.org/x/y", "https://b.org:8443/z", "https://b.org:8443/z"},
    {"https://a.org/x/y", "/z", "https://a.org/z"},
    {"https://a.org/x/y", "z?q=1", "https://a.org/x/z?q=1"},
    {"https://a.org/x/y", "../../../z", "https://a.org/z"},
    {"https://a.org/x/y", "//b.org/z", "https://b.org/z"},
    {"https://a.org/x/y", "http://a.org/x/y", NULL},
    {"https://a.org/x/y", "http://b.org/z", NULL},
    {"http://a.org/x/y", "ftp://b.org/z", NULL},
    {"http://a.org/x/y", "file:///etc/passwd", NULL},
    {"http://a.org/x/y", "gopher://b.org/z", NULL},
    {"http://a.org/x/y", "javascript:alert(1)", NULL},
    {"http://a.org/x/y", "http://user:password@b.org/z", NULL},
    {"http://a.org/x/y", "http://", NULL},
    {"http://a.org/x/y", "http://b.org:99999/", NULL},
};

Test(redirect, leads_where_it_may)
{
    for (size_t row = 0; row < RRK_COUNT(STEPS); row++) {
        char *to = NULL;
        rrk_error err = {0};
        rrk_status status = net_redirect(STEPS[row].from, STEPS[row].location, &to, &err);
        if (STEPS[row].to) {
            cr_assert_eq(status, RRK_OK, "row %zu: %s", row, err.message);
            cr_assert_str_eq(to, STEPS[row].to, "row %zu", row);
        } else if (status == RRK_OK) {
            cr_assert(strncmp(to, "http://a.org/", 13) == 0, "row %zu leads to %s", row, to);
        } else {
            cr_assert_eq(status, RRK_E_UPSTREAM, "row %zu", row);
            cr_assert_null(strstr(err.message, "password"), "%s", err.message);
        }
        base_free(to);
    }
}

static const struct {
    const char *a, *b;
    bool same;
} ORIGINS[] = {
    {"https://a.org/x", "https://a.org/y?z", true},   {"https://a.org/", "https://A.ORG:443/", true},
    {"http://a.org:80/", "http://a.org/", true},      {"http://a.org/", "https://a.org/", false},
    {"https://a.org/", "https://a.org:8443/", false}, {"https://a.org/", "https://b.a.org/", false},
    {"https://a.org/", "https://a.org.evil/", false}, {"nonsense://", "nonsense://", false},
};

Test(redirect, knows_when_it_stays_at_home)
{
    for (size_t row = 0; row < RRK_COUNT(ORIGINS); row++)
        cr_assert_eq(net_same_origin(ORIGINS[row].a, ORIGINS[row].b), ORIGINS[row].same, "row %zu", row);
}

/* Two hosts: the second is another port, which is another origin. */
static server *home, *away;

static long number_behind(const char *head, const char *word)
{
    const char *at = strstr(head, word);
    return at ? strtol(at + strlen(word), NULL, 10) : -1;
}

/* /hops/N leads to /hops/N-1 by the status that the path names, and /hops/0 is the document; /away leads abroad. */
static void lead(server_conn *conn, const server_request *request, void *ctx)
{
    char header[256];
    long left = number_behind(request->head, "/hops/");
    if (strstr(request->head, "GET /away")) {
        snprintf(header, sizeof header, "Location: %s/there\r\n", server_url(away));
        server_reply(conn, 302, header, "");
    } else if (strstr(request->head, "GET /back")) {
        snprintf(header, sizeof header, "Location: %s/home\r\n", server_url(home));
        server_reply(conn, 307, header, "moved");
    } else if (strstr(request->head, "GET /round-trip")) {
        snprintf(header, sizeof header, "Location: %s/back\r\n", server_url(away));
        server_reply(conn, 307, header, "");
    } else if (left > 0) {
        static const int STATUSES[] = {301, 302, 303, 307, 308};
        snprintf(header, sizeof header, "Location: /hops/%ld\r\n", left - 1);
        server_reply(conn, STATUSES[left % 5], header, "elsewhere");
    } else if (strstr(request->head, "GET /nowhere")) {
        server_reply(conn, 302, "", "no location");
    } else if (strstr(request->head, "GET /file")) {
        server_reply(conn, 302, "Location: file:///etc/passwd\r\n", "");
    } else {
        server_reply(conn, 200, "", "the document");
    }
}

static void set_up(void)
{
    home = server_start(lead, NULL);
    away = server_start(lead, NULL);
}

static void tear_down(void)
{
    server_stop(home);
    server_stop(away);
}

TestSuite(fetch, .init = set_up, .fini = tear_down);

static rrk_error err;
static base_buf document = {.max = 1000};

static rrk_status fetch_path(const char *path)
{
    char url[128];
    net_loop *loop = open_loop(NULL);
    snprintf(url, sizeof url, "%s%s", server_url(home), path);
    net_source source = {.url = url, .authorization = TOKEN, .first_wait_ms = 1};
    base_buf_clear(&document);
    rrk_status status = net_fetch(loop, &source, &document, &err);
    cr_assert_null(strstr(err.message, "s3cr3t"), "%s", err.message);
    net_loop_close(loop);
    return status;
}

static bool has_token(server *s, size_t number)
{
    return server_request_has(server_request_at(s, number), "Authorization: " TOKEN);
}

Test(fetch, goes_through_as_many_redirects_as_there_may_be)
{
    char path[32];
    snprintf(path, sizeof path, "/hops/%d", NET_MAX_REDIRECTS);
    cr_assert_eq(fetch_path(path), RRK_OK, "%s", err.message);
    cr_assert_str_eq(document.data, "the document");
    cr_assert_eq(server_n_connections(home), 1, "connections are kept");
    for (size_t i = 0; i <= NET_MAX_REDIRECTS; i++)
        cr_assert(has_token(home, i));
    snprintf(path, sizeof path, "/hops/%d", NET_MAX_REDIRECTS + 1);
    cr_assert_eq(fetch_path(path), RRK_E_UPSTREAM);
    cr_assert_not_null(strstr(err.message, "more than 5 redirects"), "%s", err.message);
    cr_assert_eq(document.len, 0);
    base_buf_free(&document);
}

Test(fetch, tells_the_token_to_nobody_else)
{
    cr_assert_eq(fetch_path("/away"), RRK_OK, "%s", err.message);
    cr_assert(has_token(home, 0));
    cr_assert_null(strstr(server_request_at(away, 0)->head, "s3cr3t"));
    cr_assert_null(strstr(server_request_at(away, 0)->head, "Authorization"));
    cr_assert_eq(fetch_path("/round-trip"), RRK_OK, "%s", err.message);
    cr_assert_not(has_token(away, 1));
    cr_assert(has_token(home, 2), "who asked for it first may hear it again");
    base_buf_free(&document);
}

Test(fetch, tells_what_leads_nowhere)
{
    cr_assert_eq(fetch_path("/nowhere"), RRK_E_UPSTREAM);
    cr_assert_not_null(strstr(err.message, "answered 302"), "%s", err.message);
    cr_assert_eq(fetch_path("/file"), RRK_E_UPSTREAM);
    cr_assert_not_null(strstr(err.message, "begins with 'file:'"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, server_peer(home)), "%s", err.message);
    base_buf_free(&document);
}

Test(fetch, of_a_larger_document_than_the_limit_fails)
{
    char url[128];
    net_loop *loop = open_loop(&(net_options){.max_reply_bytes = 11});
    snprintf(url, sizeof url, "%s/", server_url(home));
    net_source source = {.url = url};
    cr_assert_eq(net_fetch(loop, &source, &document, &err), RRK_E_UPSTREAM);
    cr_assert_not_null(strstr(err.message, "larger than 11 bytes"), "%s", err.message);
    net_loop_close(loop);
    loop = open_loop(&(net_options){.max_reply_bytes = 12});
    cr_assert_eq(net_fetch(loop, &source, &document, &err), RRK_OK, "%s", err.message);
    net_loop_close(loop);
    base_buf_free(&document);
}

Test(fetch, tries_a_refused_connection_as_often_as_it_is_told)
{
    char url[128];
    net_loop *loop = open_loop(NULL);
    snprintf(url, sizeof url, "%s/", server_url(away));
    server_stop(away);
    away = NULL;
    net_source source = {.url = url, .first_wait_ms = 1, .n_tries = 2};
    cr_assert_eq(net_fetch(loop, &source, &document, &err), RRK_E_UPSTREAM);
    cr_assert_not_null(strstr(err.message, "Connection refused"), "%s", err.message);
    net_loop_close(loop);
}
