/*
 * Ranking over HTTP against an endpoint that misbehaves for one query: for good, which must cost that query alone, and
 * once, which must cost nothing but a repetition. The clock is the test's, so that a stall takes no time.
 */
#include "../net/server.h"
#include "base/clock.h"
#include "base/macros.h"
#include "llm_lists.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define BAD_QUERY "number 13."

typedef enum deed { STALL, CLOSE, RESET, HALF, GARBAGE, ERROR_WITH_200, NO_CHOICES, TOO_LARGE, REFUSAL, N_DEEDS } deed;

typedef struct deed_row {
    const char *name;
    rrk_status status;
    const char *message;
    bool is_final; /* not repeated */
} deed_row;

static const deed_row DEEDS[N_DEEDS] = {
    [STALL] = {"stall", RRK_E_TIMEOUT, "", true},
    [CLOSE] = {"close", RRK_E_UPSTREAM, "", false},
    [RESET] = {"reset", RRK_E_UPSTREAM, "", false},
    [HALF] = {"half a reply", RRK_E_UPSTREAM, "", false},
    [GARBAGE] = {"garbage", RRK_E_UPSTREAM, "", false},
    [ERROR_WITH_200] = {"200 with an error", RRK_E_UPSTREAM, "the card is full", false},
    [NO_CHOICES] = {"no choices", RRK_E_UPSTREAM, "", false},
    [TOO_LARGE] = {"10 MB", RRK_E_UPSTREAM, "", true},
    [REFUSAL] = {"400", RRK_E_UPSTREAM, "the prompt is too long", true},
};

typedef struct endpoint {
    deed deed;
    bool is_once;
    atomic_int n_bad; /* prompts of the bad query so far */
} endpoint;

static _Atomic int64_t fake_ns;

static int64_t fake_now(void)
{
    return atomic_fetch_add(&fake_ns, 1000000);
}

static void send_large(server_conn *conn)
{
    enum { BYTES = 10 << 20 };
    char *body = malloc(BYTES + 1);
    memset(body, 'a', BYTES);
    body[BYTES] = '\0';
    server_reply(conn, 200, "", body);
    free(body);
}

static void misbehave(server_conn *conn, deed what)
{
    switch (what) {
    case STALL:
        atomic_fetch_add(&fake_ns, (int64_t)7200 * 1000000000);
        server_await_close(conn);
        return;
    case RESET:
        server_reset(conn);
        return;
    case HALF:
        server_send_text(
            conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"[2]");
        server_close(conn);
        return;
    case GARBAGE:
        server_reply(conn, 200, "", "<html>[2] > [1]</html>");
        return;
    case ERROR_WITH_200:
        server_reply(conn, 200, "", "{\"error\":{\"message\":\"the card is full, see [2]\"}}");
        return;
    case NO_CHOICES:
        server_reply(conn, 200, "", "{\"choices\":[]}");
        return;
    case TOO_LARGE:
        send_large(conn);
        return;
    case REFUSAL:
        server_reply(conn, 400, "", "{\"error\":{\"message\":\"the prompt is too long\"}}");
        return;
    default:
        server_close(conn);
    }
}

static void serve(server_conn *conn, const server_request *request, void *ctx)
{
    endpoint *e = ctx;
    bool is_bad = strstr(request->body, BAD_QUERY) != NULL;
    int n_before = is_bad ? atomic_fetch_add(&e->n_bad, 1) : 0;
    if (is_bad && (!e->is_once || n_before == 0)) {
        misbehave(conn, e->deed);
        return;
    }
    ranker r = {.n_passages = LIST_LEN};
    ranker_answer(&r, &(rrk_llm_message){"user", {request->body, request->body_len}}, 1);
    char reply[sizeof r.answer + 128];
    snprintf(
        reply, sizeof reply,
        "{\"choices\":[{\"message\":{\"content\":\"%s\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}",
        r.answer);
    server_reply(conn, 200, "", reply);
}

static void rank(lists *l, endpoint *e, rrk_rank_stats *stats)
{
    server *s = server_start(serve, e);
    l->llm_options.transport = NULL;
    l->llm_options.url = server_url(s);
    l->llm_options.max_retries = 1;
    l->llm_options.first_pause_ms = 1;
    l->llm_options.attempt_timeout_ms = 0;
    l->llm_options.max_in_flight = e->deed == STALL ? 1 : 4;
    lists_open(l, "sliding");
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.on_error = RRK_ON_ERROR_KEEP;
    options.request_timeout_ms = 3600 * 1000;
    options.stats = stats;
    rrk_error err;
    base_clock_replace(fake_now);
    rrk_status status = rrk_reranker_rank_many(l->reranker, l->requests, LISTS_MAX, &options, &err);
    base_clock_replace(NULL);
    server_stop(s);
    cr_assert_eq(status, RRK_OK, "%s: %s", DEEDS[e->deed].name, err.message);
}

/* A kept connection that ends before its first byte is opened again by libcurl itself. */
static bool is_repeated_below(deed d)
{
    return d == CLOSE || d == RESET;
}

static void check_ranked(const rrk_rank_request *r, size_t number)
{
    cr_assert_eq(r->status, RRK_OK, "request %zu", number);
    cr_assert_eq(r->n_hits, r->n_passages);
    for (size_t i = 1; i < RRK_MIN(r->n_hits, (size_t)10); i++)
        cr_assert_lt(ranker_goodness(r->hits[i - 1].index, LIST_LEN), ranker_goodness(r->hits[i].index, LIST_LEN));
}

Test(faults, for_good_cost_their_query_alone, .timeout = 120)
{
    for (deed d = 0; d < N_DEEDS; d++) {
        endpoint e = {.deed = d};
        lists *l = lists_new();
        rrk_rank_stats stats;
        rrk_rank_stats_init(&stats);
        rank(l, &e, &stats);
        for (size_t i = 0; i < LISTS_MAX; i++) {
            const rrk_rank_request *r = &l->requests[i];
            if (i != 13) {
                check_ranked(r, i);
                continue;
            }
            cr_assert_eq(r->status, (int32_t)DEEDS[d].status, "%s: %d", DEEDS[d].name, r->status);
            for (size_t k = 0; k < r->n_hits; k++)
                cr_assert_eq(r->hits[k].index, k, "an error was read as a ranking: %s", DEEDS[d].name);
        }
        cr_assert_eq(stats.n_failed_calls, 1);
        cr_assert_eq(stats.n_malformed, 0);
        if (!is_repeated_below(d))
            cr_assert_eq(e.n_bad, DEEDS[d].is_final ? 1 : 2, "%s: %d attempts", DEEDS[d].name, e.n_bad);
        lists_free(l);
    }
}

Test(faults, once_cost_a_repetition, .timeout = 120)
{
    for (deed d = 0; d < N_DEEDS; d++) {
        if (DEEDS[d].is_final)
            continue;
        endpoint e = {.deed = d, .is_once = true};
        lists *l = lists_new();
        rrk_rank_stats stats;
        rrk_rank_stats_init(&stats);
        rank(l, &e, &stats);
        for (size_t i = 0; i < LISTS_MAX; i++)
            check_ranked(&l->requests[i], i);
        cr_assert_eq(stats.n_failed_calls, 0, "%s", DEEDS[d].name);
        if (!is_repeated_below(d))
            cr_assert_eq(stats.n_retries, 1, "%s: %zu retries", DEEDS[d].name, (size_t)stats.n_retries);
        lists_free(l);
    }
}

Test(faults, the_endpoints_own_words_reach_the_caller)
{
    static const deed SPEAKING[] = {ERROR_WITH_200, REFUSAL};
    for (size_t i = 0; i < RRK_COUNT(SPEAKING); i++) {
        endpoint e = {.deed = SPEAKING[i]};
        lists *l = lists_new();
        server *s = server_start(serve, &e);
        l->llm_options.transport = NULL;
        l->llm_options.url = server_url(s);
        l->llm_options.max_retries = 0;
        lists_open(l, "full");
        rrk_error err;
        cr_assert_eq(rrk_reranker_rank_many(l->reranker, l->requests, LISTS_MAX, NULL, &err), RRK_E_UPSTREAM);
        server_stop(s);
        cr_assert(strstr(err.message, "request 13: ") == err.message, "%s", err.message);
        cr_assert(strstr(err.message, DEEDS[SPEAKING[i]].message), "%s", err.message);
        lists_free(l);
    }
}
