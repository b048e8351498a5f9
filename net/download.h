/*
 * Documents and files from servers that answer by redirects: a document comes into memory, a file goes to disk as it
 * arrives and goes on where it stopped, in the same call or in a later one. Above http.h, and apart from it because
 * here somebody waits: both calls return when all is there or when it cannot be had. The loop has no other transfer.
 */
#ifndef RRK_NET_DOWNLOAD_H
#define RRK_NET_DOWNLOAD_H

#include "base/sha256.h"
#include "net/http.h"

#define NET_MAX_REDIRECTS 5
#define NET_DEFAULT_TRIES 5            /* in a row that bring nothing new */
#define NET_DEFAULT_FIRST_WAIT_MS 1000 /* before the second of them; doubled for each further one */
#define NET_MAX_WAIT_MS 60000          /* that is of our own choice */
#define NET_MAX_ASKED_WAIT_MS 330000   /* a server that asks for more is not waited for; windows have five minutes */
#define NET_TOLD_WAIT_MS 10000         /* from here on a wait is a line in the log */
#define NET_DEFAULT_SILENCE_MS 60000
#define NET_ETAG_SUFFIX ".etag"

/*
 * Redirects are followed from http to http or https, and from https to https only. Connections that fail, and replies
 * 408, 429 and 5xx, are tried again, not before the server wants it.
 */
typedef struct net_source {
    const char *url;
    const char
        *authorization; /* the header's value, "Bearer ..."; sent to url's scheme, host and port alone; or NULL */
    const base_deadline *deadline; /* also looked at while waiting; NULL: none */
    int64_t silence_ms;            /* a connection that brings nothing for so long has failed; 0: the default */
    int64_t first_wait_ms;         /* 0: the default */
    int n_tries;                   /* 0: the default */
} net_source;

/*
 * RRK_E_NOTFOUND for 404 and 410, RRK_E_UPSTREAM for all else that the other side does, RRK_E_TIMEOUT, RRK_E_CANCELLED.
 * detail is the HTTP status when there is one. The loop's max_reply_bytes holds. out is appended to.
 */
rrk_status net_fetch(net_loop *loop, const net_source *source, base_buf *out, rrk_error *err);

typedef void (*net_progress_fn)(void *ctx, uint64_t n_bytes); /* of the file so far */

typedef struct net_download {
    net_source source;
    const char *path;   /* regular, not a link; made when absent. What is in it is the beginning if "<path>.etag", which
                           is written there too, holds the server's strong ETag; otherwise it starts over. */
    int64_t n_bytes;    /* what it has to have; -1: not known */
    uint64_t max_bytes; /* when it is not known */
    const char *sha256; /* in lower-case hex; NULL: not known */
    net_progress_fn progress; /* NULL: none */
    void *ctx;
} net_download;

typedef struct net_downloaded {
    uint64_t n_bytes;
    uint64_t n_fetched;  /* of them and of what was thrown away, over the network */
    uint32_t n_requests; /* without redirects */
    char sha256[BASE_SHA256_HEX_SIZE];
} net_downloaded;

/*
 * As net_fetch(), and RRK_E_FORMAT when size or hash are not as they have to be, RRK_E_IO when the file cannot be
 * written. After a failure the file keeps what is of use for the next call; after RRK_OK it is complete and flushed,
 * and the ETag is gone.
 */
rrk_status net_download_file(net_loop *loop, const net_download *download, net_downloaded *out, rrk_error *err);

#endif
