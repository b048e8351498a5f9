/* Following redirects, judging replies and waiting between tries: see follow.h and download.h. */
#include "net/follow.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/internal.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_HEADERS = 8, POLL_MS = 100, MAX_AUTHORIZATION_BYTES = 8192 };

/* One request on the way, as its callbacks see it. */
typedef struct hop {
    const net_visit *visit;
    char *url;      /* owned */
    char *location; /* where it leads to; owned */
    bool has_failed;
} hop;

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool take_head(void *ctx, const net_head *head)
{
    hop *h = ctx;
    if (is_redirect(head->http_status) && head->location) {
        h->location = base_strdup(head->location);
        h->has_failed = !h->location;
        return true; /* its body is read, so that the connection can be kept */
    }
    return !h->visit->head || h->visit->head(h->visit->ctx, head);
}

static bool take_piece(void *ctx, const char *data, size_t len)
{
    hop *h = ctx;
    return h->visit->piece(h->visit->ctx, data, len);
}

/* Wiped: memory that held a token must not turn up in another allocation. */
static void free_secret(base_buf *text)
{
    if (text->data)
        explicit_bzero(text->data, text->len);
    base_buf_free(text);
}

/* Ends by itself, by the deadline or by the caller; what runs is stopped in the latter cases. */
static rrk_status wait_for(net_loop *loop, net_transfer *started, const base_deadline *deadline, rrk_error *err)
{
    for (net_transfer *ended = NULL; !ended;) {
        rrk_status status = base_deadline_check(deadline, err);
        if (status == RRK_OK)
            status = net_wait(loop, POLL_MS, &ended, err);
        if (status != RRK_OK) {
            net_transfer_free(started);
            return status;
        }
    }
    return RRK_OK;
}

static rrk_status ask(net_loop *loop, hop *h, net_transfer **out, rrk_error *err)
{
    const net_source *source = h->visit->source;
    const char *headers[MAX_HEADERS];
    size_t n_headers = 0;
    base_buf authorization RRK_AUTO(free_secret) = {.max = MAX_AUTHORIZATION_BYTES};
    for (size_t i = 0; i < h->visit->n_headers && i + 1 < MAX_HEADERS; i++)
        headers[n_headers++] = h->visit->headers[i];
    if (source->authorization && net_same_origin(source->url, h->url)) {
        RRK_TRY(base_buf_printf(&authorization, err, "Authorization: %s", source->authorization));
        headers[n_headers++] = authorization.data;
    }
    net_request request = {
        .method = "GET",
        .url = h->url,
        .headers = headers,
        .n_headers = n_headers,
        .idle_timeout_ms = source->silence_ms ? source->silence_ms : NET_DEFAULT_SILENCE_MS,
        .head = take_head,
        .piece = h->visit->piece ? take_piece : NULL,
        .streamed = true,
        .ctx = h,
    };
    net_transfer *transfer;
    RRK_TRY(net_start(loop, &request, &transfer, err));
    RRK_TRY(wait_for(loop, transfer, source->deadline, err));
    *out = transfer;
    return RRK_OK;
}

static void free_hop(hop *h)
{
    base_free(h->url);
    base_free(h->location);
}

static rrk_status go_on(hop *h, const net_transfer *transfer, rrk_error *err)
{
    char *next;
    if (h->has_failed)
        return base_fail_nomem(err, sizeof(void *));
    rrk_status status = net_redirect(h->url, h->location, &next, err);
    if (status != RRK_OK) {
        base_error_prefix(err, "%s", transfer->peer);
        return status;
    }
    base_free(h->url);
    h->url = next;
    base_free(RRK_STEAL(h->location));
    return RRK_OK;
}

rrk_status net_follow(net_loop *loop, const net_visit *visit, net_transfer **out, rrk_error *err)
{
    *out = NULL;
    if (!visit->source->url)
        return base_fail(err, RRK_E_INVALID, 0, "url is NULL");
    hop h RRK_AUTO(free_hop) = {.visit = visit, .url = base_strdup(visit->source->url)};
    if (!h.url)
        return base_fail_nomem(err, strlen(visit->source->url));
    for (int n_redirects = 0;; n_redirects++) {
        net_transfer *transfer;
        RRK_TRY(ask(loop, &h, &transfer, err));
        if (!h.location && !h.has_failed) {
            *out = transfer;
            return RRK_OK;
        }
        rrk_status status =
            n_redirects < NET_MAX_REDIRECTS
                ? go_on(&h, transfer, err)
                : base_fail(err, RRK_E_UPSTREAM, 0, "%s: more than %d redirects", transfer->peer, NET_MAX_REDIRECTS);
        net_transfer_free(transfer);
        RRK_TRY(status);
    }
}

/* What people know a status by. */
static const char *status_text(long status)
{
    static const struct {
        long status;
        const char *text;
    } KNOWN[] = {{401, " Unauthorized"},
                 {403, " Forbidden"},
                 {404, " Not Found"},
                 {410, " Gone"},
                 {416, " Range Not Satisfiable"},
                 {429, " Too Many Requests"},
                 {500, " Internal Server Error"},
                 {502, " Bad Gateway"},
                 {503, " Service Unavailable"}};
    for (size_t i = 0; i < RRK_COUNT(KNOWN); i++)
        if (KNOWN[i].status == status)
            return KNOWN[i].text;
    return "";
}

rrk_status net_verdict(const net_transfer *transfer, bool *may_retry, rrk_error *err)
{
    const net_reply *reply = &transfer->reply;
    long status = reply->http_status;
    *may_retry = false;
    if (reply->status != RRK_OK) {
        *may_retry = reply->may_retry;
        return base_fail(err, reply->status, reply->error.detail, "%s", reply->error.message);
    }
    if (status >= 200 && status < 300)
        return RRK_OK;
    *may_retry = net_status_may_pass(status);
    return base_fail(err, status == 404 || status == 410 ? RRK_E_NOTFOUND : RRK_E_UPSTREAM, (int)status,
                     "%s answered %ld%s", transfer->peer, status, status_text(status));
}

static rrk_status sleep_on(net_loop *loop, int64_t ms, const base_deadline *deadline, rrk_error *err)
{
    int64_t end_ns = base_now_ns() + ms * 1000000;
    for (int64_t now_ns; (now_ns = base_now_ns()) < end_ns;) {
        net_transfer *none;
        RRK_TRY(base_deadline_check(deadline, err));
        RRK_TRY(net_wait(loop, RRK_MIN((end_ns - now_ns) / 1000000 + 1, (int64_t)POLL_MS), &none, err));
    }
    return RRK_OK;
}

int64_t net_wait_ms(int64_t first_wait_ms, int n_failed, int64_t retry_after_ms)
{
    int64_t wait_ms = first_wait_ms;
    for (int i = 1; i < n_failed && wait_ms < NET_MAX_WAIT_MS; i++)
        wait_ms *= 2;
    return RRK_MAX(RRK_MIN(wait_ms, (int64_t)NET_MAX_WAIT_MS), retry_after_ms);
}

rrk_status net_pause(net_loop *loop, const net_source *source, net_patience *patience, int64_t retry_after_ms,
                     const rrk_error *failure, rrk_error *err)
{
    int64_t first_wait_ms = source->first_wait_ms ? source->first_wait_ms : NET_DEFAULT_FIRST_WAIT_MS;
    rrk_status status = (rrk_status)failure->status;
    if (++patience->n_failed >= (source->n_tries ? source->n_tries : NET_DEFAULT_TRIES))
        return base_fail(err, status, failure->detail, "%s", failure->message);
    if (retry_after_ms > NET_MAX_ASKED_WAIT_MS)
        return base_fail(err, status, failure->detail, "%s, and wants to be left alone for %" PRId64 " s",
                         failure->message, retry_after_ms / 1000);
    int64_t wait_ms = net_wait_ms(first_wait_ms, patience->n_failed, retry_after_ms);
    if (wait_ms >= NET_TOLD_WAIT_MS)
        base_log(RRK_LOG_WARNING, "%s, trying again in %" PRId64 " s", failure->message, wait_ms / 1000);
    return sleep_on(loop, wait_ms, source->deadline, err);
}
