/* A GET that goes where redirects lead, waited for: what net_fetch() and net_download_file() are made of. */
#ifndef RRK_NET_FOLLOW_H
#define RRK_NET_FOLLOW_H

#include "net/download.h"

/* --- redirect.c --- */
/* Where location leads from the URL that answered with it; *to is the caller's. RRK_E_UPSTREAM: not to be followed. */
rrk_status net_redirect(const char *from, const char *location, char **to, rrk_error *err);
/* Scheme, host and port are the same. */
bool net_same_origin(const char *a, const char *b);

/* --- follow.c --- */
typedef struct net_visit {
    const net_source *source;
    const char *const *headers; /* beside Authorization, for every host on the way; [n_headers] */
    size_t n_headers;
    net_head_fn head;   /* of the reply that is no redirect; NULL: none */
    net_piece_fn piece; /* NULL: the body is in the reply */
    void *ctx;
} net_visit;

/*
 * *out is the last reply's transfer, whatever became of it, to be freed. Fails, with *out NULL, for what is no reply:
 * bad arguments, the deadline, a redirect that is not followed.
 */
rrk_status net_follow(net_loop *loop, const net_visit *visit, net_transfer **out, rrk_error *err);

/* How a try ended: RRK_OK for 2xx, and otherwise the failure and whether another try makes sense. */
rrk_status net_verdict(const net_transfer *transfer, bool *may_retry, rrk_error *err);

/* Tries in a row that failed, and the pause that comes before the next one. */
typedef struct net_patience {
    int n_failed;
} net_patience;

/* How long to wait after n_failed of them when the server asks for retry_after_ms (-1: for nothing). */
int64_t net_wait_ms(int64_t first_wait_ms, int n_failed, int64_t retry_after_ms);

/* RRK_OK: try again now. Otherwise failure, which is the last try's, in err, or the deadline's. */
rrk_status net_pause(net_loop *loop, const net_source *source, net_patience *patience, int64_t retry_after_ms,
                     const rrk_error *failure, rrk_error *err);

#endif
