/*
 * HTTP requests on libcurl, many at a time from one thread. A loop owns its connections and keeps them open between
 * requests; what it does happens inside net_wait(), on the caller's thread. No retries and no JSON here: llm/ decides
 * what a reply means. curl.h is known to this folder alone.
 *
 * A loop belongs to one thread at a time. Transfers belong to their loop. Time is base_now_ns()'s throughout.
 */
#ifndef RRK_NET_HTTP_H
#define RRK_NET_HTTP_H

#include "base/buf.h"
#include "base/deadline.h"

typedef struct net_loop net_loop;
typedef struct net_transfer net_transfer;

#define NET_DEFAULT_CONNECT_TIMEOUT_MS 10000
#define NET_DEFAULT_MAX_REPLY_BYTES ((size_t)8 << 20)
#define NET_MAX_HEADER_BYTES ((size_t)256 << 10) /* of a reply; libcurl refuses a single line of 100 KiB */
#define NET_MAX_TRANSFERS 4096                   /* that run at once in a loop */
#define NET_PIECE_BYTES 4096                     /* the most that is read at once for piece(), before decryption */

typedef struct net_options {
    const char *proxy;          /* NULL: none, whatever the environment says; copied */
    const char *ca_file;        /* PEM, and the only one trusted; NULL: the system's; copied */
    int64_t connect_timeout_ms; /* 0: NET_DEFAULT_CONNECT_TIMEOUT_MS */
    size_t max_reply_bytes;     /* of a body, after decoding; 0: NET_DEFAULT_MAX_REPLY_BYTES */
} net_options;

/* options may be NULL. Loops may be opened from several threads at once: libcurl is set up once a process. */
rrk_status net_loop_open(net_loop **out, const net_options *options, rrk_error *err);
void net_loop_close(net_loop *loop); /* stops and frees its transfers; NULL is fine */

/*
 * Looks at each piece of a 2xx reply's body as it arrives (other replies are only collected). Returning false ends the
 * transfer at once, as a success with reply->stopped set: the rest is not read and the connection is closed (with
 * HTTP/2, the stream is). Runs inside net_wait() and must not call back into the loop. Such a reply is asked for without
 * compression: a proxy that compresses holds pieces back.
 */
typedef bool (*net_piece_fn)(void *ctx, const char *data, size_t len);

/* What a reply's header says that has to be known before its body. Strings are borrowed; NULL: not there. */
typedef struct net_head {
    long http_status;
    const char *location;
    const char *etag;
    const char *content_range;
    int64_t content_length; /* -1: not there */
} net_head;

/* Looks at the header of a reply of any status, once, before its body and before piece(). As net_piece_fn otherwise. */
typedef bool (*net_head_fn)(void *ctx, const net_head *head);

typedef struct net_request {
    const char *method;         /* "GET" or "POST" */
    const char *url;            /* http or https only; redirects are not followed (but see net/download.h) */
    const char *const *headers; /* "Name: value", without line breaks; [n_headers] */
    size_t n_headers;
    rrk_text body;           /* for POST; borrowed until the transfer has ended or was freed */
    int64_t deadline_ns;     /* on base_now_ns()'s scale; 0: none */
    int64_t idle_timeout_ms; /* give up when nothing arrives (and nothing can be sent) for so long; 0: never */
    net_head_fn head;        /* may be NULL */
    net_piece_fn piece;      /* may be NULL */
    bool streamed;           /* with piece: a 2xx body goes there alone, is not kept, and has no limit but piece's */
    void *ctx;               /* for head and piece, and given back in the reply */
} net_request;

typedef struct net_reply {
    void *ctx;         /* the request's */
    rrk_status status; /* RRK_OK: the endpoint answered, whatever it said. Otherwise error says why it did not:
                            RRK_E_TIMEOUT (deadline_ns has passed), RRK_E_UPSTREAM (refused, reset, cut off, silent for
                            too long, too large: detail is CURL's code), RRK_E_NOMEM. The message names host:port and
                            nothing else of the request. */
    rrk_error error;
    bool may_retry;          /* of a failure: the connection's fault, so another attempt can succeed */
    bool stopped;            /* piece() had enough */
    long http_status;        /* 0: there was none */
    base_buf body;           /* what was read of it, decoded, with or without piece(); owned by the transfer */
    int64_t retry_after_ms;  /* Retry-After in seconds or as a date, or a 429's RateLimit; -1: there was none */
    uint64_t bytes_sent;     /* of the request's body */
    uint64_t bytes_received; /* header and body, before decoding */
    double first_byte_ms;    /* since the start, to the first header line; -1: none came */
    double total_ms;
} net_reply;

/* Whether a status that is no success may be another one the next time: the server is busy, or in trouble. */
static inline bool net_status_may_pass(long http_status)
{
    return http_status == 408 || http_status == 429 || http_status >= 500;
}

/*
 * Starts a request; its end is reported by net_wait(). Strings are copied, the body is not. RRK_E_INVALID names what is
 * wrong with the request, RRK_E_BUSY says that NET_MAX_TRANSFERS are running.
 */
rrk_status net_start(net_loop *loop, const net_request *request, net_transfer **out, rrk_error *err);

/*
 * Runs transfers until one ends or timeout_ms passes (-1: no limit; 0: do what can be done without waiting).
 * *out is NULL when none ended. The transfer stays valid until net_transfer_free(). A loop without transfers waits as
 * well: for its timeout, or for net_wake().
 */
rrk_status net_wait(net_loop *loop, int64_t timeout_ms, net_transfer **out, rrk_error *err);

const net_reply *net_transfer_reply(const net_transfer *transfer);

/* Stops it if it still runs, which closes its connection; otherwise the connection is kept for the next request. */
void net_transfer_free(net_transfer *transfer); /* NULL is fine */

/* Another thread's way to end a net_wait() early: the one that runs, or else the next one that would have to wait. */
void net_wake(net_loop *loop);

#endif
