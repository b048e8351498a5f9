/*
 * What the files of net/ share: the two structs and the steps of a transfer's life. loop.c waits, transfer.c makes
 * transfers and takes in what arrives, timers.c knows which is due next, outcome.c turns an end into a reply and
 * headers.c reads the headers that matter here. Above them, redirect.c says where a redirect may lead, follow.c goes
 * there and download.c brings home a document or a file.
 */
#ifndef RRK_NET_INTERNAL_H
#define RRK_NET_INTERNAL_H

#include "net/http.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* Sets an option of easy unless one before it failed; code keeps the first failure. */
#define NET_SET(option, value)                                                                                         \
    do {                                                                                                               \
        if (code == CURLE_OK)                                                                                          \
            code = curl_easy_setopt(easy, option, value);                                                              \
    } while (0)

/* A binary heap of the running transfers, the one that is due first on top. */
typedef struct net_timers {
    net_transfer **heap; /* [len] */
    size_t len;
    size_t cap;
} net_timers;

typedef TAILQ_HEAD(net_queue, net_transfer) net_queue;

struct net_loop {
    CURLM *multi;
    CURL *model;  /* has every option that all requests share; new handles are its copies */
    CURL **spare; /* handles for the next requests, [n_spare] */
    size_t n_spare;
    size_t spare_cap;
    net_timers running;
    net_queue ended;    /* not yet handed out by net_wait() */
    net_queue reported; /* handed out, not yet freed */
    int64_t connect_timeout_ms;
    size_t max_reply_bytes;
    bool has_proxy;
    atomic_bool woken;
};

typedef enum net_state { NET_RUNNING, NET_ENDED, NET_REPORTED } net_state;

struct net_transfer {
    net_loop *loop;
    CURL *easy; /* while it runs */
    struct curl_slist *headers;
    char *peer;       /* "host:port", for messages */
    net_head_fn head; /* NULL once it was told */
    net_piece_fn piece;
    bool streamed;
    net_reply reply;
    int64_t start_ns;
    int64_t deadline_ns; /* INT64_MAX: none */
    int64_t idle_ns;     /* INT64_MAX: no limit */
    int64_t active_ns;   /* when something last arrived */
    int64_t due_ns;      /* the heap's key; may lie before the true one, see net_transfer_due() */
    curl_off_t uploaded; /* of the body, when last looked at */
    uint64_t header_bytes;
    bool header_ended; /* the empty line of the latest header has come */
    size_t timer;      /* place in the heap */
    net_state state;
    TAILQ_ENTRY(net_transfer) link; /* in ended or reported */
    char curl_message[CURL_ERROR_SIZE];
};

/* --- loop.c --- */
rrk_status net_spare_take(net_loop *loop, CURL **easy, rrk_error *err);
void net_spare_give(net_loop *loop, CURL *easy);

/* --- transfer.c --- */
CURLcode net_set_callbacks(CURL *easy);
/* When it has to be given up as things stand now: the deadline, or the end of its silence; never earlier than due_ns. */
int64_t net_transfer_due(net_transfer *transfer, int64_t now_ns);
/* Takes it off libcurl and queues it as ended; its reply must be complete. */
void net_transfer_end(net_transfer *transfer);

/* --- outcome.c --- */
void net_outcome(net_transfer *transfer, CURLcode code);
void net_outcome_overdue(net_transfer *transfer, int64_t now_ns);

/* --- timers.c --- */
rrk_status net_timers_add(net_timers *timers, net_transfer *transfer, rrk_error *err);
void net_timers_remove(net_timers *timers, net_transfer *transfer);
void net_timers_postpone(net_timers *timers, net_transfer *transfer, int64_t due_ns);

/* --- headers.c --- */
/* Hands the header to whoever asked for it; false: it was enough. Only the first call does anything. */
bool net_tell_head(net_transfer *transfer);
/* Both as received; date (the reply's own clock) may be NULL: then now_s counts. -1 when value says nothing. */
int64_t net_retry_after_ms(const char *value, const char *date, int64_t now_s);
/* "name";r=0;t=55: nothing remains for 55 seconds, as Hugging Face's hub says it; of several the longest. */
int64_t net_rate_limit_ms(const char *value);

#endif
