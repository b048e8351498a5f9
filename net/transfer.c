/*
 * One transfer: made from a request, fed by libcurl's callbacks, taken off the loop when it ends. Every option that
 * depends on the request is set here each time, so that a handle used before carries nothing over.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "net/internal.h"

#include <string.h>

static void note_arrival(net_transfer *transfer)
{
    transfer->active_ns = base_now_ns();
    if (transfer->reply.first_byte_ms < 0)
        transfer->reply.first_byte_ms = (double)(transfer->active_ns - transfer->start_ns) / 1e6;
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
    net_transfer *transfer = ctx;
    size_t len = size * n;
    note_arrival(transfer);
    transfer->header_bytes += len;
    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
        transfer->header_ended = false;
    else if (data[0] == '\r' || data[0] == '\n')
        transfer->header_ended = true;
    if (transfer->header_bytes <= NET_MAX_HEADER_BYTES)
        return len;
    base_fail(&transfer->reply.error, RRK_E_UPSTREAM, CURLE_WRITE_ERROR,
              "the header of the reply from %s is larger than %zu bytes", transfer->peer, NET_MAX_HEADER_BYTES);
    return CURL_WRITEFUNC_ERROR;
}

static bool is_success(CURL *easy)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static bool keep_body(net_transfer *transfer, const char *data, size_t len)
{
    net_reply *reply = &transfer->reply;
    if (len > reply->body.max - reply->body.len) {
        base_fail(&reply->error, RRK_E_UPSTREAM, CURLE_FILESIZE_EXCEEDED, "the reply from %s is larger than %zu bytes",
                  transfer->peer, reply->body.max);
        return false;
    }
    return base_buf_append(&reply->body, data, len, &reply->error) == RRK_OK;
}

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
    net_transfer *transfer = ctx;
    net_reply *reply = &transfer->reply;
    size_t len = size * n;
    note_arrival(transfer);
    if (!net_tell_head(transfer))
        return CURL_WRITEFUNC_ERROR;
    bool has_success = transfer->piece && is_success(transfer->easy);
    if (!(has_success && transfer->streamed) && !keep_body(transfer, data, len))
        return CURL_WRITEFUNC_ERROR;
    if (len && has_success && !transfer->piece(reply->ctx, data, len)) {
        reply->stopped = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

CURLcode net_set_callbacks(CURL *easy)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) : code;
}

static rrk_status check_headers(const net_request *request, rrk_error *err)
{
    if (request->n_headers && !request->headers)
        return base_fail(err, RRK_E_INVALID, 0, "headers is NULL");
    for (size_t i = 0; i < request->n_headers; i++) {
        const char *header = request->headers[i];
        if (!header)
            return base_fail(err, RRK_E_INVALID, 0, "headers[%zu] is NULL", i);
        /* The text stays out of the messages: it may be a key. */
        if (header[0] == ':' || !strchr(header, ':'))
            return base_fail(err, RRK_E_INVALID, 0, "headers[%zu] is not \"Name: value\"", i);
        if (strpbrk(header, "\r\n"))
            return base_fail(err, RRK_E_INVALID, 0, "headers[%zu] holds a line break", i);
    }
    return RRK_OK;
}

static rrk_status check_request(const net_request *request, rrk_error *err)
{
    if (!request->method || !request->url)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", request->method ? "url" : "method");
    bool is_post = strcmp(request->method, "POST") == 0;
    if (!is_post && strcmp(request->method, "GET") != 0)
        return base_fail(err, RRK_E_INVALID, 0, "method '%s' is neither GET nor POST", request->method);
    if (request->body.len && !is_post)
        return base_fail(err, RRK_E_INVALID, 0, "a GET has no body");
    if (request->body.len && !request->body.data)
        return base_fail(err, RRK_E_INVALID, 0, "body is NULL");
    if (request->deadline_ns < 0 || request->idle_timeout_ms < 0)
        return base_fail(err, RRK_E_INVALID, 0, "%s is negative",
                         request->deadline_ns < 0 ? "deadline_ns" : "idle_timeout_ms");
    return check_headers(request, err);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_curl_string(char **string)
{
    curl_free(*string);
}

/* The URL stays out of the messages as well: people put keys into queries and passwords before hosts. */
static rrk_status read_url(const char *text, char **peer, bool *is_tls, rrk_error *err)
{
    CURLU *url RRK_AUTO(free_url) = curl_url();
    if (!url)
        return base_fail_nomem(err, sizeof(void *));
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, 0);
    char *scheme RRK_AUTO(free_curl_string) = NULL;
    char *host RRK_AUTO(free_curl_string) = NULL;
    char *port RRK_AUTO(free_curl_string) = NULL;
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return base_fail(err, RRK_E_INVALID, 0, "the URL begins with '%s:', expected http: or https:", scheme);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (code != CURLUE_OK)
        return base_fail(err, RRK_E_INVALID, (int)code, "the URL cannot be used: %s", curl_url_strerror(code));
    base_buf name = {.max = SIZE_MAX - 1};
    RRK_TRY(base_buf_printf(&name, err, "%s:%s", host, port));
    *peer = name.data;
    *is_tls = strcmp(scheme, "https") == 0;
    return RRK_OK;
}

static rrk_status add_header(struct curl_slist **list, const char *header, rrk_error *err)
{
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (!longer)
        return base_fail_nomem(err, strlen(header));
    *list = longer;
    return RRK_OK;
}

static rrk_status make_headers(struct curl_slist **list, const net_request *request, rrk_error *err)
{
    for (size_t i = 0; i < request->n_headers; i++)
        RRK_TRY(add_header(list, request->headers[i], err));
    /* Without this, a large body waits a second for a "100 Continue" that few servers send. */
    return add_header(list, "Expect:", err);
}

static CURLcode set_method(CURL *easy, const net_request *request)
{
    CURLcode code = CURLE_OK;
    bool is_post = strcmp(request->method, "POST") == 0;
    if (!is_post) {
        NET_SET(CURLOPT_HTTPGET, 1L);
        return code;
    }
    NET_SET(CURLOPT_POST, 1L);
    NET_SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    NET_SET(CURLOPT_POSTFIELDS, request->body.len ? request->body.data : "");
    return code;
}

static CURLcode set_request_options(net_transfer *transfer, const net_request *request, bool is_tls)
{
    CURL *easy = transfer->easy;
    CURLcode code = set_method(easy, request);
    NET_SET(CURLOPT_URL, request->url);
    NET_SET(CURLOPT_HTTPHEADER, transfer->headers);
    NET_SET(CURLOPT_PRIVATE, transfer);
    NET_SET(CURLOPT_HEADERDATA, transfer);
    NET_SET(CURLOPT_WRITEDATA, transfer);
    NET_SET(CURLOPT_ERRORBUFFER, transfer->curl_message);
    NET_SET(CURLOPT_ACCEPT_ENCODING, request->piece ? NULL : "");
    NET_SET(CURLOPT_BUFFERSIZE,
            request->piece && !request->streamed ? (long)NET_PIECE_BYTES : (long)CURL_MAX_WRITE_SIZE);
    /* Waiting for a first connection that may multiplex pays with HTTP/2 alone, which plain HTTP does not get. */
    NET_SET(CURLOPT_HTTP_VERSION, is_tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    NET_SET(CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
    return code;
}

static int64_t ms_or_never(int64_t ms)
{
    int64_t ns;
    return ms == 0 || __builtin_mul_overflow(ms, (int64_t)1000000, &ns) ? INT64_MAX : ns;
}

static void set_times(net_transfer *transfer, const net_request *request)
{
    transfer->start_ns = transfer->active_ns = base_now_ns();
    transfer->deadline_ns = request->deadline_ns ? request->deadline_ns : INT64_MAX;
    transfer->idle_ns = ms_or_never(request->idle_timeout_ms);
    transfer->due_ns = transfer->deadline_ns;
    int64_t silent_ns;
    if (!__builtin_add_overflow(transfer->start_ns, transfer->idle_ns, &silent_ns))
        transfer->due_ns = RRK_MIN(transfer->due_ns, silent_ns);
}

static rrk_status hand_to_curl(net_transfer *transfer, const net_request *request, bool is_tls, rrk_error *err)
{
    net_loop *loop = transfer->loop;
    RRK_TRY(net_spare_take(loop, &transfer->easy, err));
    CURLcode code = set_request_options(transfer, request, is_tls);
    if (code != CURLE_OK)
        return code == CURLE_OUT_OF_MEMORY ? base_fail_nomem(err, strlen(request->url))
                                           : base_fail(err, RRK_E_INVALID, (int)code, "the request to %s: %s",
                                                       transfer->peer, curl_easy_strerror(code));
    RRK_TRY(net_timers_add(&loop->running, transfer, err));
    CURLMcode added = curl_multi_add_handle(loop->multi, transfer->easy);
    if (added == CURLM_OK)
        return RRK_OK;
    net_timers_remove(&loop->running, transfer);
    return added == CURLM_OUT_OF_MEMORY ? base_fail_nomem(err, sizeof(void *))
                                        : base_fail(err, RRK_E_INVALID, (int)added, "the request to %s: %s",
                                                    transfer->peer, curl_multi_strerror(added));
}

/* Gives its handle back. The handle must not point to a transfer that may be gone before it is used again. */
static void let_go(net_transfer *transfer)
{
    CURL *easy = RRK_STEAL(transfer->easy);
    if (!easy)
        return;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    net_spare_give(transfer->loop, easy);
}

static void free_parts(net_transfer *transfer)
{
    let_go(transfer);
    curl_slist_free_all(transfer->headers);
    base_buf_free(&transfer->reply.body);
    base_free(transfer->peer);
    base_free(transfer);
}

static void free_unstarted(net_transfer **transfer)
{
    if (*transfer)
        free_parts(*transfer);
}

rrk_status net_start(net_loop *loop, const net_request *request, net_transfer **out, rrk_error *err)
{
    base_error_clear(err);
    if (!loop || !request || !out)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !loop ? "loop" : !request ? "request" : "out");
    *out = NULL;
    RRK_TRY(check_request(request, err));
    if (loop->running.len >= NET_MAX_TRANSFERS)
        return base_fail(err, RRK_E_BUSY, 0, "%d requests are running, which is the most", NET_MAX_TRANSFERS);
    net_transfer *transfer RRK_AUTO(free_unstarted) = base_calloc(1, sizeof *transfer);
    if (!transfer)
        return base_fail_nomem(err, sizeof *transfer);
    bool is_tls;
    transfer->loop = loop;
    transfer->head = request->head;
    transfer->piece = request->piece;
    transfer->streamed = request->streamed && request->piece;
    transfer->reply =
        (net_reply){.ctx = request->ctx, .body.max = loop->max_reply_bytes, .retry_after_ms = -1, .first_byte_ms = -1};
    set_times(transfer, request);
    RRK_TRY(read_url(request->url, &transfer->peer, &is_tls, err));
    RRK_TRY(make_headers(&transfer->headers, request, err));
    RRK_TRY(hand_to_curl(transfer, request, is_tls, err));
    *out = RRK_STEAL(transfer);
    return RRK_OK;
}

/* A body on its way counts as life too. Only looked at when the silence would end the transfer. */
static void note_upload(net_transfer *transfer, int64_t now_ns)
{
    curl_off_t uploaded = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    if (uploaded > transfer->uploaded)
        transfer->active_ns = now_ns;
    transfer->uploaded = uploaded;
}

int64_t net_transfer_due(net_transfer *transfer, int64_t now_ns)
{
    if (transfer->deadline_ns <= now_ns || transfer->idle_ns == INT64_MAX)
        return transfer->deadline_ns;
    if (now_ns - transfer->active_ns >= transfer->idle_ns)
        note_upload(transfer, now_ns);
    int64_t silent_ns;
    if (__builtin_add_overflow(transfer->active_ns, transfer->idle_ns, &silent_ns))
        return transfer->deadline_ns;
    return RRK_MIN(transfer->deadline_ns, silent_ns);
}

static void take_off(net_transfer *transfer)
{
    net_timers_remove(&transfer->loop->running, transfer);
    curl_multi_remove_handle(transfer->loop->multi, transfer->easy);
    let_go(transfer);
}

void net_transfer_end(net_transfer *transfer)
{
    take_off(transfer);
    transfer->state = NET_ENDED;
    TAILQ_INSERT_TAIL(&transfer->loop->ended, transfer, link);
}

const net_reply *net_transfer_reply(const net_transfer *transfer)
{
    return &transfer->reply;
}

void net_transfer_free(net_transfer *transfer)
{
    if (!transfer)
        return;
    if (transfer->state == NET_RUNNING)
        take_off(transfer);
    else if (transfer->state == NET_ENDED)
        TAILQ_REMOVE(&transfer->loop->ended, transfer, link);
    else
        TAILQ_REMOVE(&transfer->loop->reported, transfer, link);
    free_parts(transfer);
}
