/*
 * The loop: libcurl's multi handle, the options that all requests share, and net_wait(). Nothing in here looks at every
 * transfer: libcurl reports those that ended, the heap those that are due.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "net/internal.h"
#include <rrk/version.h>

#include <limits.h>
#include <pthread.h>

/* Open connections that are kept for later requests; libcurl's own default shrinks with the transfers in flight. */
enum { KEPT_CONNECTIONS = 256 };

static CURLcode global_code;

static void global_init(void)
{
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static rrk_status check_global(rrk_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    if (global_code != CURLE_OK)
        return base_fail(err, RRK_E_UNSUPPORTED, (int)global_code, "libcurl does not start: %s",
                         curl_easy_strerror(global_code));
    return RRK_OK;
}

static CURLcode set_trust(CURL *easy, const char *ca_file)
{
    CURLcode code = CURLE_OK;
    if (!ca_file)
        return code;
    NET_SET(CURLOPT_CAINFO, ca_file);
    NET_SET(CURLOPT_CAPATH, NULL);
    return code;
}

static CURLcode set_shared_options(CURL *easy, const net_options *options, int64_t connect_timeout_ms)
{
    CURLcode code = CURLE_OK;
    NET_SET(CURLOPT_NOSIGNAL, 1L);
    NET_SET(CURLOPT_PROTOCOLS_STR, "http,https");
    NET_SET(CURLOPT_FOLLOWLOCATION, 0L);
    /* Empty rather than unset: unset means http_proxy and no_proxy. */
    NET_SET(CURLOPT_PROXY, options->proxy ? options->proxy : "");
    NET_SET(CURLOPT_NOPROXY, "");
    NET_SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    NET_SET(CURLOPT_CONNECTTIMEOUT_MS, (long)RRK_MIN(connect_timeout_ms, (int64_t)INT_MAX));
    NET_SET(CURLOPT_TCP_NODELAY, 1L);
    NET_SET(CURLOPT_TCP_KEEPALIVE, 1L);
    NET_SET(CURLOPT_USERAGENT, "rrk/" RRK_VERSION_STRING);
    /* Or giving up a transfer would wait for its name server. */
    NET_SET(CURLOPT_QUICK_EXIT, 1L);
    if (code == CURLE_OK)
        code = set_trust(easy, options->ca_file);
    return code == CURLE_OK ? net_set_callbacks(easy) : code;
}

static rrk_status make_model(net_loop *loop, const net_options *options, rrk_error *err)
{
    loop->model = curl_easy_init();
    if (!loop->model)
        return base_fail_nomem(err, sizeof(void *));
    CURLcode code = set_shared_options(loop->model, options, loop->connect_timeout_ms);
    if (code == CURLE_OUT_OF_MEMORY)
        return base_fail_nomem(err, sizeof(void *));
    if (code != CURLE_OK)
        return base_fail(err, RRK_E_UNSUPPORTED, (int)code, "libcurl %s lacks an option: %s",
                         curl_version_info(CURLVERSION_NOW)->version, curl_easy_strerror(code));
    return RRK_OK;
}

static void close_half_built(net_loop **loop)
{
    net_loop_close(*loop);
}

rrk_status net_loop_open(net_loop **out, const net_options *options, rrk_error *err)
{
    static const net_options DEFAULTS = {0};
    base_error_clear(err);
    if (!out)
        return base_fail(err, RRK_E_INVALID, 0, "out is NULL");
    *out = NULL;
    options = options ? options : &DEFAULTS;
    if (options->connect_timeout_ms < 0)
        return base_fail(err, RRK_E_INVALID, 0, "connect_timeout_ms is %lld", (long long)options->connect_timeout_ms);
    RRK_TRY(check_global(err));
    net_loop *loop RRK_AUTO(close_half_built) = base_calloc(1, sizeof *loop);
    if (!loop)
        return base_fail_nomem(err, sizeof *loop);
    TAILQ_INIT(&loop->ended);
    TAILQ_INIT(&loop->reported);
    loop->connect_timeout_ms =
        options->connect_timeout_ms ? options->connect_timeout_ms : NET_DEFAULT_CONNECT_TIMEOUT_MS;
    loop->max_reply_bytes = options->max_reply_bytes ? options->max_reply_bytes : NET_DEFAULT_MAX_REPLY_BYTES;
    loop->has_proxy = options->proxy && options->proxy[0];
    RRK_TRY(make_model(loop, options, err));
    loop->multi = curl_multi_init();
    if (!loop->multi)
        return base_fail_nomem(err, sizeof(void *));
    curl_multi_setopt(loop->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    *out = RRK_STEAL(loop);
    return RRK_OK;
}

void net_loop_close(net_loop *loop)
{
    if (!loop)
        return;
    while (loop->running.len)
        net_transfer_free(loop->running.heap[loop->running.len - 1]);
    while (!TAILQ_EMPTY(&loop->ended))
        net_transfer_free(TAILQ_FIRST(&loop->ended));
    while (!TAILQ_EMPTY(&loop->reported))
        net_transfer_free(TAILQ_FIRST(&loop->reported));
    while (loop->n_spare)
        curl_easy_cleanup(loop->spare[--loop->n_spare]);
    curl_easy_cleanup(loop->model);
    curl_multi_cleanup(loop->multi);
    base_free(loop->spare);
    base_free(loop->running.heap);
    base_free(loop);
}

rrk_status net_spare_take(net_loop *loop, CURL **easy, rrk_error *err)
{
    *easy = loop->n_spare ? loop->spare[--loop->n_spare] : curl_easy_duphandle(loop->model);
    return *easy ? RRK_OK : base_fail_nomem(err, sizeof(void *));
}

void net_spare_give(net_loop *loop, CURL *easy)
{
    if (loop->n_spare == loop->spare_cap) {
        size_t cap = loop->spare_cap ? loop->spare_cap * 2 : 16;
        CURL **spare = base_realloc(loop->spare, cap, sizeof *spare);
        if (!spare) {
            curl_easy_cleanup(easy);
            return;
        }
        loop->spare = spare;
        loop->spare_cap = cap;
    }
    loop->spare[loop->n_spare++] = easy;
}

static rrk_status check_multi(CURLMcode code, rrk_error *err)
{
    if (code == CURLM_OK)
        return RRK_OK;
    if (code == CURLM_OUT_OF_MEMORY)
        return base_fail_nomem(err, sizeof(void *));
    return base_fail(err, RRK_E_UPSTREAM, (int)code, "libcurl: %s", curl_multi_strerror(code));
}

/* Ends what is due. Whoever received something meanwhile is only moved back in the heap. */
static void end_overdue(net_loop *loop, int64_t now_ns)
{
    while (loop->running.len && loop->running.heap[0]->due_ns <= now_ns) {
        net_transfer *transfer = loop->running.heap[0];
        int64_t due_ns = net_transfer_due(transfer, now_ns);
        if (due_ns > now_ns) {
            net_timers_postpone(&loop->running, transfer, due_ns);
            continue;
        }
        net_outcome_overdue(transfer, now_ns);
        net_transfer_end(transfer);
    }
}

static rrk_status make_progress(net_loop *loop, rrk_error *err)
{
    end_overdue(loop, base_now_ns());
    int n_running;
    RRK_TRY(check_multi(curl_multi_perform(loop->multi, &n_running), err));
    int n_left;
    for (CURLMsg *message; (message = curl_multi_info_read(loop->multi, &n_left));) {
        if (message->msg != CURLMSG_DONE)
            continue;
        net_transfer *transfer;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        net_outcome(transfer, message->data.result);
        net_transfer_end(transfer);
    }
    return RRK_OK;
}

static net_transfer *take_ended(net_loop *loop)
{
    net_transfer *transfer = TAILQ_FIRST(&loop->ended);
    if (!transfer)
        return NULL;
    TAILQ_REMOVE(&loop->ended, transfer, link);
    TAILQ_INSERT_TAIL(&loop->reported, transfer, link);
    transfer->state = NET_REPORTED;
    return transfer;
}

/* Until until_ns or the first transfer is due, rounded up: a wait that ends too early would only go round again. */
static int wait_ms(const net_loop *loop, int64_t now_ns, int64_t until_ns)
{
    if (loop->running.len)
        until_ns = RRK_MIN(until_ns, loop->running.heap[0]->due_ns);
    if (until_ns <= now_ns)
        return 0;
    int64_t ms = (until_ns - now_ns - 1) / 1000000 + 1;
    return (int)RRK_MIN(ms, (int64_t)INT_MAX);
}

static int64_t after_ms(int64_t now_ns, int64_t timeout_ms)
{
    int64_t end_ns;
    if (timeout_ms < 0 || __builtin_mul_overflow(timeout_ms, (int64_t)1000000, &end_ns) ||
        __builtin_add_overflow(now_ns, end_ns, &end_ns))
        return INT64_MAX;
    return end_ns;
}

rrk_status net_wait(net_loop *loop, int64_t timeout_ms, net_transfer **out, rrk_error *err)
{
    base_error_clear(err);
    if (!loop)
        return base_fail(err, RRK_E_INVALID, 0, "loop is NULL");
    if (!out)
        return base_fail(err, RRK_E_INVALID, 0, "out is NULL");
    int64_t end_ns = after_ms(base_now_ns(), timeout_ms);
    while (!(*out = take_ended(loop))) {
        RRK_TRY(make_progress(loop, err));
        if ((*out = take_ended(loop)))
            return RRK_OK;
        int64_t now_ns = base_now_ns();
        if (now_ns >= end_ns || atomic_exchange(&loop->woken, false))
            return RRK_OK;
        RRK_TRY(check_multi(curl_multi_poll(loop->multi, NULL, 0, wait_ms(loop, now_ns, end_ns), NULL), err));
    }
    return RRK_OK;
}

void net_wake(net_loop *loop)
{
    if (!loop)
        return;
    atomic_store(&loop->woken, true);
    curl_multi_wakeup(loop->multi);
}
