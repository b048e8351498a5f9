/*
 * How a transfer ended, in our words: libcurl's codes become a status, one line that names host and port, and whether
 * another attempt makes sense. libcurl's own messages are used where they say more than the code.
 */
#include "base/clock.h"
#include "net/internal.h"

#include <string.h>
#include <time.h>

typedef enum blame {
    PEER,       /* another attempt ends the same way */
    CONNECTION, /* another attempt can succeed */
} blame;

static const struct {
    CURLcode code;
    blame blame;
    const char *what; /* after host:port */
} ENDS[] = {
    {CURLE_COULDNT_RESOLVE_PROXY, CONNECTION, "cannot be reached: the proxy's name does not resolve"},
    {CURLE_COULDNT_RESOLVE_HOST, CONNECTION, "cannot be reached: the name does not resolve"},
    {CURLE_COULDNT_CONNECT, CONNECTION, "cannot be reached"},
    {CURLE_SSL_CONNECT_ERROR, CONNECTION, "did not agree on TLS"},
    {CURLE_SEND_ERROR, CONNECTION, "broke the connection off while the request was sent"},
    {CURLE_RECV_ERROR, CONNECTION, "broke the connection off"},
    {CURLE_GOT_NOTHING, CONNECTION, "closed the connection without an answer"},
    {CURLE_PARTIAL_FILE, CONNECTION, "closed the connection in the middle of its reply"},
    {CURLE_HTTP2, CONNECTION, "broke HTTP/2"},
    {CURLE_HTTP2_STREAM, CONNECTION, "broke the HTTP/2 stream off"},
    {CURLE_PEER_FAILED_VERIFICATION, PEER, "has a certificate that is not trusted"},
    {CURLE_SSL_CACERT_BADFILE, PEER, "cannot be checked: the file of CA certificates is not usable"},
    {CURLE_UNSUPPORTED_PROTOCOL, PEER, "does not answer in HTTP/1 or HTTP/2"},
    {CURLE_WEIRD_SERVER_REPLY, PEER, "sent a reply that is not HTTP"},
    {CURLE_BAD_CONTENT_ENCODING, PEER, "sent a reply that does not decompress"},
};

/* What the system or libcurl adds to it. */
static const char *reason(const net_transfer *transfer, CURLcode code, char *room, size_t size)
{
    long error_number = 0;
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error_number);
    if (error_number)
        return strerror_r((int)error_number, room, size);
    return transfer->curl_message[0] ? transfer->curl_message : curl_easy_strerror(code);
}

static bool was_connected(const net_transfer *transfer)
{
    curl_off_t us = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &us);
    return us > 0;
}

/* The two ends whose code says something else than what happened. */
static bool explain_special(net_transfer *transfer, CURLcode code)
{
    net_reply *reply = &transfer->reply;
    if (code == CURLE_OPERATION_TIMEDOUT) { /* connecting is all that libcurl times here */
        base_fail(&reply->error, RRK_E_UPSTREAM, (int)code, "%s cannot be reached: no connection within %lld ms",
                  transfer->peer, (long long)transfer->loop->connect_timeout_ms);
        reply->may_retry = true;
        return true;
    }
    /* How libcurl 7.88 refuses a header line that does not end. */
    if (code == CURLE_OUT_OF_MEMORY && was_connected(transfer) && !reply->body.len) {
        base_fail(&reply->error, RRK_E_UPSTREAM, (int)code,
                  "the header of the reply from %s has a line that is too long", transfer->peer);
        return true;
    }
    return false;
}

static void explain(net_transfer *transfer, CURLcode code)
{
    net_reply *reply = &transfer->reply;
    if (explain_special(transfer, code))
        return;
    if (code == CURLE_OUT_OF_MEMORY) {
        base_fail_nomem(&reply->error, sizeof(void *));
        return;
    }
    size_t row = 0;
    while (row < RRK_COUNT(ENDS) && ENDS[row].code != code)
        row++;
    bool known = row < RRK_COUNT(ENDS);
    reply->may_retry = known && ENDS[row].blame == CONNECTION;
    char room[96];
    base_fail(&reply->error, RRK_E_UPSTREAM, (int)code, "%s%s %s (%s)", transfer->peer,
              transfer->loop->has_proxy ? ", through the proxy," : "", known ? ENDS[row].what : "cannot be spoken to",
              reason(transfer, code, room, sizeof room));
}

static void take_figures(net_transfer *transfer)
{
    net_reply *reply = &transfer->reply;
    curl_off_t sent = 0;
    curl_off_t received = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &reply->http_status);
    curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    reply->bytes_sent = (uint64_t)sent;
    /* The piece in which it was stopped is not in libcurl's count. */
    uint64_t body = reply->stopped ? RRK_MAX((uint64_t)received, (uint64_t)reply->body.len) : (uint64_t)received;
    reply->bytes_received = transfer->header_bytes + body;
    reply->total_ms = base_ms_since(transfer->start_ns);
}

static const char *header_of(const net_transfer *transfer, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

static void take_retry_after(net_transfer *transfer)
{
    net_reply *reply = &transfer->reply;
    const char *value = header_of(transfer, "Retry-After");
    const char *limit = reply->http_status == 429 ? header_of(transfer, "RateLimit") : NULL;
    if (value)
        reply->retry_after_ms = net_retry_after_ms(value, header_of(transfer, "Date"), (int64_t)time(NULL));
    else if (limit)
        reply->retry_after_ms = net_rate_limit_ms(limit);
}

void net_outcome(net_transfer *transfer, CURLcode code)
{
    net_reply *reply = &transfer->reply;
    take_figures(transfer);
    take_retry_after(transfer);
    /* libcurl 7.88 is content with a connection that closes inside the header, or after "100 Continue". */
    if (code == CURLE_OK && (!transfer->header_ended || reply->http_status < 200))
        code = CURLE_PARTIAL_FILE;
    if (code == CURLE_OK)
        net_tell_head(transfer);
    if (code != CURLE_OK && !reply->stopped)
        explain(transfer, code);
    reply->status = (rrk_status)reply->error.status;
}

/* How far it had come, for the message. */
static const char *stage(const net_transfer *transfer)
{
    if (transfer->reply.first_byte_ms >= 0)
        return "was in the middle of its reply";
    return was_connected(transfer) ? "had not answered" : "had not been reached";
}

void net_outcome_overdue(net_transfer *transfer, int64_t now_ns)
{
    net_reply *reply = &transfer->reply;
    take_figures(transfer);
    if (transfer->deadline_ns <= now_ns) {
        base_fail(&reply->error, RRK_E_TIMEOUT, 0, "%s %s when the deadline passed", transfer->peer, stage(transfer));
    } else {
        base_fail(&reply->error, RRK_E_UPSTREAM, CURLE_OPERATION_TIMEDOUT, "%s %s when it had been silent for %lld ms",
                  transfer->peer, stage(transfer), (long long)(transfer->idle_ns / 1000000));
        reply->may_retry = true;
    }
    reply->status = (rrk_status)reply->error.status;
}
