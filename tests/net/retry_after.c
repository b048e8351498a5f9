/* Retry-After, as servers write it and as nobody should. */
#include "base/clock.h"
#include "client.h"
#include "net/follow.h"
#include "net/internal.h"

#include <rrk/runtime.h>
#include <time.h>

#define NOON "Sun, 06 Nov 1994 12:00:00 GMT"
enum { NOON_S = 784123200 };

static const struct {
    const char *value;
    const char *date;
    int64_t ms;
} ROWS[] = {
    {"0", NULL, 0},
    {"1", NULL, 1000},
    {"120", NULL, 120000},
    {"120 ", NULL, 120000},
    {"007", NULL, 7000},
    {"9223372036854775", NULL, 9223372036854775000},
    {"9223372036854776", NULL, INT64_MAX},
    {"99999999999999999999999999", NULL, INT64_MAX},
    {"", NULL, -1},
    {" ", NULL, -1},
    {"-5", NULL, -1},
    {"1.5", NULL, -1},
    {"soon", NULL, -1},
    {"5 seconds", NULL, -1},
    {"Sun, 06 Nov 1994 12:00:30 GMT", NULL, 30000},
    {"Sunday, 06-Nov-94 12:00:30 GMT", NULL, 30000},
    {"Sun Nov  6 12:00:30 1994", NULL, 30000},
    {"Sun, 06 Nov 1994 11:59:30 GMT", NULL, 0},
    {"Sun, 06 Nov 1994 12:00:00 GMT", NULL, 0},
    {"Sun, 06 Nov 1994 13:00:30 GMT", "Sun, 06 Nov 1994 13:00:00 GMT", 30000}, /* a server whose clock is ahead */
    {"Sun, 06 Nov 1994 12:00:30 GMT", "yesterday", 30000},
    {"Sun, 99 Nov 1994 12:00:30 GMT", NULL, -1},
};

Test(retry_after, is_read_in_seconds_and_as_a_date)
{
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++) {
        int64_t ms = net_retry_after_ms(ROWS[i].value, ROWS[i].date, NOON_S);
        cr_assert_eq(ms, ROWS[i].ms, "row %zu, '%s': %lld", i, ROWS[i].value, (long long)ms);
    }
}

Test(retry_after, is_read_from_a_rate_limit_that_is_used_up)
{
    static const struct {
        const char *value;
        int64_t ms;
    } LIMITS[] = {
        {"\"resolvers\";r=0;t=55", 55000},
        {"\"api\"; r=0; t=300", 300000},
        {"\"api\";t=7;r=0", 7000},
        {"\"api\";r=12;t=55", -1},
        {"\"a\";r=0;t=5, \"b\";r=0;t=50,\"c\";r=1;t=500", 50000},
        {"\"a\";r=0", -1},
        {"\"a\";r=00;t=x", -1},
        {"r=0;t=5", -1},
        {"\"a\";r=0;t=99999999999999999999", INT64_MAX},
        {"", -1},
        {";", -1},
        {";,;r=", -1},
        {"limit=100, remaining=0, reset=50", -1},
    };
    for (size_t i = 0; i < RRK_COUNT(LIMITS); i++) {
        int64_t ms = net_rate_limit_ms(LIMITS[i].value);
        cr_assert_eq(ms, LIMITS[i].ms, "row %zu, '%s': %lld", i, LIMITS[i].value, (long long)ms);
    }
}

Test(retry_after, is_waited_for_when_it_is_longer_than_our_own_pause)
{
    cr_assert_eq(net_wait_ms(1000, 1, -1), 1000);
    cr_assert_eq(net_wait_ms(1000, 4, -1), 8000);
    cr_assert_eq(net_wait_ms(1000, 40, -1), NET_MAX_WAIT_MS);
    cr_assert_eq(net_wait_ms(1000, 4, 5000), 8000);
    cr_assert_eq(net_wait_ms(1000, 1, 55000), 55000);
    cr_assert_eq(net_wait_ms(1000, 40, NET_MAX_ASKED_WAIT_MS), NET_MAX_ASKED_WAIT_MS);
}

static void refuse(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 429, *(const char **)ctx, "not now");
}

Test(retry_after, comes_with_a_reply_that_has_a_date_as_well)
{
    static const struct {
        const char *headers;
        int64_t ms;
    } REPLIES[] = {
        {"Retry-After: 7\r\nDate: " NOON "\r\n", 7000},
        {"Date: " NOON "\r\nRetry-After: 7\r\n", 7000},
        {"Date: " NOON "\r\nRetry-After: Sun, 06 Nov 1994 12:00:30 GMT\r\n", 30000},
        {"RateLimit: \"api\";r=0;t=55\r\nDate: " NOON "\r\n", 55000},
        {"RateLimit: \"api\";r=0;t=55\r\nRetry-After: 7\r\n", 7000},
        {"Date: " NOON "\r\n", -1},
    };
    const char *headers = NULL;
    server *s = server_start(refuse, &headers);
    net_loop *loop = open_loop(NULL);
    for (size_t i = 0; i < RRK_COUNT(REPLIES); i++) {
        headers = REPLIES[i].headers;
        net_transfer *transfer = fetch(loop, get_from(s, "/"));
        int64_t ms = net_transfer_reply(transfer)->retry_after_ms;
        cr_assert_eq(ms, REPLIES[i].ms, "row %zu: %lld", i, (long long)ms);
        net_transfer_free(transfer);
    }
    net_loop_close(loop);
    server_stop(s);
}

Test(retry_after, that_is_too_long_is_told_and_not_waited_for)
{
    const char *headers = "Retry-After: 331\r\n";
    server *s = server_start(refuse, &headers);
    net_loop *loop = open_loop(NULL);
    base_buf reply RRK_AUTO(base_buf_free) = {.max = 100};
    net_source source = {.url = server_url(s)};
    rrk_error err = {0};
    cr_assert_eq(net_fetch(loop, &source, &reply, &err), RRK_E_UPSTREAM);
    cr_assert_not_null(strstr(err.message, "429 Too Many Requests, and wants to be left alone for 331 s"), "%s",
                       err.message);
    cr_assert(err.detail == 429 && server_n_requests(s) == 1);
    net_loop_close(loop);
    server_stop(s);
}

static void refuse_once(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, request->number ? 200 : 429, request->number ? "" : "Retry-After: 300\r\n", "done");
}

static char told[256];

static void keep_line(rrk_log_level level, const char *line, void *ctx)
{
    snprintf(told, sizeof told, "%s", line);
}

static int64_t skipped_ns;

static int64_t clock_that_skips(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec + skipped_ns;
}

/* Once the wait has been told it is over. */
static int pass_the_wait(void *ctx)
{
    bool *is_over = ctx;
    if (told[0] && !*is_over) {
        *is_over = true;
        skipped_ns = 300 * 1000000000LL;
    }
    return 0;
}

Test(retry_after, that_is_long_is_told_and_waited_for)
{
    bool is_over = false;
    server *s = server_start(refuse_once, NULL);
    net_loop *loop = open_loop(NULL);
    base_buf reply RRK_AUTO(base_buf_free) = {.max = 100};
    base_deadline deadline = {.cancel = pass_the_wait, .cancel_ctx = &is_over};
    net_source source = {.url = server_url(s), .deadline = &deadline};
    rrk_set_log(keep_line, RRK_LOG_WARNING, NULL);
    base_clock_replace(clock_that_skips);
    cr_assert_eq(net_fetch(loop, &source, &reply, NULL), RRK_OK);
    cr_assert_eq(server_n_requests(s), 2);
    cr_assert_not_null(strstr(told, " answered 429 Too Many Requests, trying again in 300 s"), "%s", told);
    base_clock_replace(NULL);
    net_loop_close(loop);
    server_stop(s);
}
