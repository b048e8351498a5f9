/*
 * Endpoints that misbehave: what is repeated and when, what is final, and that a failure is never an answer. Pauses pass
 * on a clock of the test's own.
 */
#include "base/clock.h"
#include "talk.h"

#include <stdio.h>
#include <string.h>

/* --- one fault, then fine --- */

#define ERROR_BODY "{\"error\":{\"message\":\"injected\",\"type\":\"test\"}}"

typedef enum fault {
    DROP,
    RESET,
    HALF_HEAD,
    HALF_BODY,
    HALF_STREAM,
    STREAM_WITHOUT_END,
    NOT_JSON,
    PAGE_WITH_200,
    NO_CHOICES,
    ERROR_IN_200,
    ERROR_IN_STREAM,
    S408,
    S429,
    S500,
    S503_PAGE,
    N_FAULTS
} fault;

static void reply_whole(server_conn *conn, const char *body)
{
    server_reply(conn, 200, "Content-Type: application/json\r\n", body);
}

static void misbehave(server_conn *conn, fault what)
{
    switch (what) {
    case DROP:
        server_close(conn);
        break;
    case RESET:
        server_reset(conn);
        break;
    case HALF_HEAD:
        server_send_text(conn, "HTTP/1.1 200 OK\r\nContent-Le");
        server_close(conn);
        break;
    case HALF_BODY:
        server_send_text(
            conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"[9]");
        server_close(conn);
        break;
    case HALF_STREAM:
        talk_begin_stream(conn);
        talk_piece(conn, "[9] > [8]");
        server_send_text(conn, "data: {\"choices\":[{\"delta\":{\"cont");
        server_close(conn);
        break;
    case STREAM_WITHOUT_END:
        talk_begin_stream(conn);
        talk_piece(conn, "[9] > [8]");
        server_close(conn);
        break;
    case NOT_JSON:
        reply_whole(conn, "[9] > [8] > [7]");
        break;
    case PAGE_WITH_200:
        reply_whole(conn, "<!DOCTYPE html>\n<html><title>Sign in</title><p>[9] > [8]</p></html>");
        break;
    case NO_CHOICES:
        reply_whole(conn, "{\"choices\":[],\"note\":\"[9] > [8]\"}");
        break;
    case ERROR_IN_200:
        reply_whole(conn, "{\"error\":{\"message\":\"[9] > [8]\",\"code\":502}}");
        break;
    case ERROR_IN_STREAM:
        talk_begin_stream(conn);
        talk_piece(conn, "[9] > [8]");
        server_send_text(conn, "data: {\"error\":{\"message\":\"[9]\"}}\n\n");
        server_close(conn);
        break;
    case S408:
        server_reply(conn, 408, "", ERROR_BODY);
        break;
    case S429:
        server_reply(conn, 429, "Retry-After: 2\r\n", ERROR_BODY);
        break;
    case S500:
        server_reply(conn, 500, "", "");
        break;
    case S503_PAGE:
        server_reply(conn, 503, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
                     "<html><title>503</title><p>[9] > [8]</p></html>");
        break;
    case N_FAULTS:
        break;
    }
}

static void fault_then_fine(server_conn *conn, const server_request *request, void *ctx)
{
    if (request->number == 0) {
        misbehave(conn, *(fault *)ctx);
    } else if (talk_is_stream(request)) {
        talk_begin_stream(conn);
        talk_piece(conn, "[2] > [1]");
        talk_end_stream(conn, "stop");
    } else {
        talk_say(conn, "[2] > [1]");
    }
}

static bool never_enough(void *ctx, rrk_text answer)
{
    cr_assert(!ctx || answer.len == 0 || answer.data[1] != '9' || *(fault *)ctx < S408);
    return false;
}

static void assert_survives(fault what, bool streamed)
{
    server *s = server_start(fault_then_fine, &what);
    rrk_llm_options options = talk_options(server_url(s));
    options.max_retries = 1;
    options.first_pause_ms = 1000;
    options.attempt_timeout_ms = 0;
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = streamed ? never_enough : NULL;
    prompt.enough_ctx = &what;
    int64_t before_ns = talk_now_ns;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[2] > [1]");
    cr_assert_eq(reply->n_attempts, 2, "fault %d", (int)what);
    cr_assert_eq(reply->completion_tokens, 7);
    cr_assert_geq(talk_now_ns - before_ns, (what == S429 ? 2000 : 500) * (int64_t)1000000, "fault %d: no pause",
                  (int)what);
    cr_assert_geq(reply->total_ms, what == S429 ? 2000 : 500);
    llm_reply_free(reply);
    cr_assert_eq(server_n_requests(s), 2);
    server_stop(s);
}

Test(faults, that_pass_are_survived, .fini = talk_real_time)
{
    base_clock_replace(talk_jumping_now);
    for (int what = 0; what < N_FAULTS; what++) {
        bool only_streamed = what == HALF_STREAM || what == STREAM_WITHOUT_END || what == ERROR_IN_STREAM;
        assert_survives((fault)what, true);
        if (!only_streamed)
            assert_survives((fault)what, false);
    }
}

static void always_fault(server_conn *conn, const server_request *request, void *ctx)
{
    misbehave(conn, *(fault *)ctx);
}

Test(faults, that_stay_are_failures_and_never_answers, .fini = talk_real_time)
{
    base_clock_replace(talk_jumping_now);
    for (int i = 0; i < N_FAULTS; i++) {
        fault what = (fault)i;
        server *s = server_start(always_fault, &what);
        rrk_llm_options options = talk_options(server_url(s));
        options.max_retries = 2;
        options.attempt_timeout_ms = 0;
        llm_prompt prompt = talk_prompt("q");
        prompt.enough = never_enough;
        llm_reply *reply = talk_once(&options, &prompt);
        cr_assert_eq(reply->status, RRK_E_UPSTREAM, "fault %d", i);
        cr_assert_eq(reply->answer_len, 0, "fault %d", i);
        cr_assert_eq(reply->n_attempts, 3);
        cr_assert_eq(strncmp(reply->error.message, "attempt 3: ", 11), 0, "fault %d: %s", i, reply->error.message);
        llm_reply_free(reply);
        cr_assert_eq(server_n_requests(s), 3);
        server_stop(s);
    }
}

/* --- final at once --- */

typedef struct refusal {
    int status;
    const char *headers, *body, *message;
} refusal;

static const refusal FINAL[] = {
    {400, "", "{\"error\":{\"message\":\"prompt is too long\"}}", "HTTP 400: prompt is too long"},
    {401, "", "{\"error\":{\"message\":\"Incorrect API key provided: sk-secret.\"}}",
     "HTTP 401: Incorrect API key provided: ***."},
    {404, "", "{\"error\":\"model 'x' not found\"}", "HTTP 404: model 'x' not found"},
    {422, "", "{\"detail\":[{\"loc\":[\"body\",\"n\"],\"msg\":\"no\"}]}", "HTTP 422: body.n: no"},
    {302, "Location: http://127.0.0.1:1/\r\n", "", "HTTP 302"},
    {204, "", "", "not a JSON object"},
    {429, "Retry-After: 31\r\n", ERROR_BODY, "left alone for 31 s: the endpoint answered HTTP 429: injected"},
};

static void refuse(server_conn *conn, const server_request *request, void *ctx)
{
    const refusal *r = ctx;
    server_reply(conn, r->status, r->headers, r->body);
}

Test(faults, that_do_not_pass_are_final)
{
    for (size_t i = 0; i < RRK_COUNT(FINAL); i++) {
        refusal r = FINAL[i];
        server *s = server_start(refuse, &r);
        rrk_llm_options options = talk_options(server_url(s));
        options.key = "sk-secret";
        options.max_retries = r.status == 204 ? 0 : 5;
        llm_prompt prompt = talk_prompt("q");
        llm_reply *reply = talk_once(&options, &prompt);
        talk_assert_failed(reply, RRK_E_UPSTREAM, r.status == 204 ? 0 : r.status, r.message);
        cr_assert_eq(reply->n_attempts, 1);
        cr_assert_null(strstr(reply->error.message, "sk-secret"));
        llm_reply_free(reply);
        cr_assert_eq(server_n_requests(s), 1);
        server_stop(s);
    }
}

Test(faults, no_server_is_a_failure_that_is_repeated)
{
    server *s = server_start(refuse, NULL);
    char url[64];
    snprintf(url, sizeof url, "%s", server_url(s));
    server_stop(s);
    rrk_llm_options options = talk_options(url);
    options.max_retries = 2;
    llm_prompt prompt = talk_prompt("q");
    llm_reply *reply = talk_once(&options, &prompt);
    cr_assert_eq(reply->status, RRK_E_UPSTREAM);
    cr_assert_eq(reply->n_attempts, 3);
    llm_reply_free(reply);
}

static void send_much(server_conn *conn, const server_request *request, void *ctx)
{
    if (talk_is_stream(request)) {
        talk_begin_stream(conn);
        while (talk_piece(conn, "[2] > [1] > [3] > [4] > [5] > [6] > [7]"))
            ;
    } else {
        char *body = calloc(1, 8192);
        memset(body, ' ', 8191);
        reply_whole(conn, body);
        free(body);
    }
}

Test(faults, a_reply_above_the_limit_is_final)
{
    server *s = server_start(send_much, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.max_retries = 5;
    options.max_reply_bytes = 4096;
    for (int streamed = 0; streamed < 2; streamed++) {
        llm_prompt prompt = talk_prompt("q");
        prompt.enough = streamed ? never_enough : NULL;
        llm_reply *reply = talk_once(&options, &prompt);
        cr_assert_eq(reply->status, RRK_E_UPSTREAM);
        cr_assert_not_null(strstr(reply->error.message, "4096 bytes"), "%s", reply->error.message);
        cr_assert_eq(reply->n_attempts, 1);
        llm_reply_free(reply);
    }
    server_stop(s);
}

/* --- the cap's name --- */

static void wants_other_cap(server_conn *conn, const server_request *request, void *ctx)
{
    if (strstr(request->body, "\"max_tokens\""))
        server_reply(conn, 400, "",
                     "{\"error\":{\"message\":\"Unsupported parameter: 'max_tokens'. Use "
                     "'max_completion_tokens' instead.\"}}");
    else
        talk_say(conn, "[1]");
}

Test(faults, the_caps_other_name_is_learnt_once)
{
    server *s = server_start(wants_other_cap, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    rrk_llm *llm = talk_open(&options);
    for (int i = 0; i < 3; i++) {
        llm_session *session = talk_session(llm, NULL);
        llm_prompt prompt = talk_prompt("q");
        talk_submit(session, &prompt, 0, NULL);
        llm_reply *reply = talk_next(session, NULL);
        talk_assert_answer(reply, "[1]");
        cr_assert_eq(reply->n_attempts, i == 0 ? 2 : 1);
        llm_reply_free(reply);
        llm_session_close(session);
    }
    rrk_llm_close(llm);
    cr_assert_eq(server_n_requests(s), 4);
    cr_assert_not_null(strstr(server_request_at(s, 1)->body, "\"max_completion_tokens\":64"));
    options.cap_name = RRK_LLM_CAP_MAX_TOKENS;
    llm_prompt prompt = talk_prompt("q");
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_failed(reply, RRK_E_UPSTREAM, 400, "Unsupported parameter");
    llm_reply_free(reply);
    options.cap_name = RRK_LLM_CAP_MAX_COMPLETION_TOKENS;
    reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[1]");
    cr_assert_eq(reply->n_attempts, 1);
    llm_reply_free(reply);
    server_stop(s);
}

static void asks_forever(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 400, "", "{\"error\":{\"message\":\"max_completion_tokens is too large\"}}");
}

Test(faults, an_endpoint_that_keeps_naming_the_cap_is_asked_twice_at_most)
{
    server *s = server_start(asks_forever, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    llm_prompt prompt = talk_prompt("q");
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_failed(reply, RRK_E_UPSTREAM, 400, "too large");
    llm_reply_free(reply);
    cr_assert_eq(server_n_requests(s), 2);
    server_stop(s);
}

/* A stream that says it is complete, whose connection then ends badly. */
static void end_badly(server_conn *conn, const server_request *request, void *ctx)
{
    server_send_text(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 5000\r\n\r\n");
    talk_piece(conn, "[2] > [1]");
    talk_end_stream(conn, "stop");
}

Test(faults, an_answer_that_came_to_its_end_counts_though_the_connection_broke)
{
    server *s = server_start(end_badly, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = never_enough;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[2] > [1]");
    llm_reply_free(reply);
    server_stop(s);
}
