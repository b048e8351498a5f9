/* Deadlines, cancellation and forgetting: how a call ends that an endpoint would keep waiting. */
#include "base/clock.h"
#include "base/deadline.h"
#include "talk.h"

#include <string.h>

static bool never_enough(void *ctx, rrk_text answer)
{
    return false;
}

static void stall(server_conn *conn, const server_request *request, void *ctx)
{
    if (talk_is_stream(request)) {
        talk_begin_stream(conn);
        talk_piece(conn, "[2] > ");
    }
    server_await_close(conn);
}

Test(waiting, a_calls_deadline_ends_it_wherever_it_is, .fini = talk_real_time)
{
    base_clock_replace(talk_jumping_now);
    server *s = server_start(stall, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.max_in_flight = 1;
    options.attempt_timeout_ms = 0;
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    llm_prompt streamed = talk_prompt("a"), queued = talk_prompt("b");
    streamed.enough = never_enough;
    int64_t deadline_ns = base_now_ns() + (int64_t)5e9;
    talk_submit(session, &streamed, deadline_ns, &streamed);
    talk_submit(session, &queued, deadline_ns, &queued);
    for (int i = 0; i < 2; i++) {
        llm_reply *reply = talk_next(session, NULL);
        talk_assert_failed(reply, RRK_E_TIMEOUT, 0, "deadline passed");
        llm_reply_free(reply);
    }
    cr_assert_geq(talk_now_ns, deadline_ns);
    cr_assert_leq(server_n_requests(s), 1, "the second one's turn never came");
    llm_session_close(session);
    rrk_llm_close(llm);
    server_stop(s);
}

Test(waiting, an_attempt_that_takes_too_long_is_repeated, .fini = talk_real_time)
{
    base_clock_replace(talk_jumping_now);
    server *s = server_start(stall, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.attempt_timeout_ms = 2000;
    options.max_retries = 1;
    llm_prompt prompt = talk_prompt("q");
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_failed(reply, RRK_E_UPSTREAM, 0, "attempt 2: no answer within 2000 ms");
    llm_reply_free(reply);
    server_stop(s);
}

static void ask_for_patience(server_conn *conn, const server_request *request, void *ctx)
{
    server_reply(conn, 429, "Retry-After: 2\r\n", "{\"error\":\"slow down\"}");
}

Test(waiting, no_attempt_is_waited_for_that_would_come_too_late, .fini = talk_real_time)
{
    base_clock_replace(talk_jumping_now);
    server *s = server_start(ask_for_patience, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.attempt_timeout_ms = 0;
    options.max_retries = 5;
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    llm_prompt prompt = talk_prompt("q");
    int64_t deadline_ns = base_now_ns() + (int64_t)1000e9;
    talk_jump_ns = 1;
    talk_submit(session, &prompt, talk_now_ns + (int64_t)1900e6, NULL);
    llm_reply *reply = talk_next(session, NULL);
    talk_assert_failed(reply, RRK_E_TIMEOUT, 429,
                       "no time is left for another attempt: the endpoint answered HTTP 429");
    cr_assert_lt(talk_now_ns, deadline_ns);
    llm_reply_free(reply);
    llm_session_close(session);
    rrk_llm_close(llm);
    cr_assert_eq(server_n_requests(s), 1);
    server_stop(s);
}

static int when_asked_often(void *ctx)
{
    return ++*(int *)ctx > 3;
}

Test(waiting, a_cancellation_is_noticed_and_closes_the_connection)
{
    server *s = server_start(stall, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    llm_prompt prompt = talk_prompt("q");
    int n_asked = 0;
    base_deadline deadline = {.cancel = when_asked_often, .cancel_ctx = &n_asked};
    llm_reply *reply;
    rrk_error err;
    talk_submit(session, &prompt, 0, NULL);
    cr_assert_eq(llm_next_reply(session, &deadline, &reply, NULL, &err), RRK_E_CANCELLED);
    cr_assert_null(reply);
    cr_assert_eq(llm_session_pending(session), 1, "it stays in flight");
    llm_session_close(session);
    rrk_llm_close(llm);
    server_stop(s); /* returns, as the stalled answer saw its connection closed or is told to stop */
}

Test(waiting, the_callers_deadline_ends_the_wait, .fini = talk_real_time)
{
    base_clock_replace(talk_jumping_now);
    server *s = server_start(stall, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.attempt_timeout_ms = 0;
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    llm_prompt prompt = talk_prompt("q");
    base_deadline deadline = base_deadline_in(3000, NULL, NULL);
    llm_reply *reply;
    rrk_error err;
    talk_submit(session, &prompt, 0, NULL);
    cr_assert_eq(llm_next_reply(session, &deadline, &reply, NULL, &err), RRK_E_TIMEOUT);
    llm_session_close(session);
    rrk_llm_close(llm);
    server_stop(s);
}

static void stall_one(server_conn *conn, const server_request *request, void *ctx)
{
    if (strstr(request->body, "stall"))
        server_await_close(conn);
    else
        talk_say(conn, "[1]");
}

Test(waiting, what_is_forgotten_is_not_reported)
{
    server *s = server_start(stall_one, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.max_in_flight = 2;
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    int a, b;
    llm_prompt stalled = talk_prompt("stall"), fine = talk_prompt("fine");
    talk_submit(session, &stalled, 0, &a);
    talk_submit(session, &fine, 0, &b);
    talk_submit(session, &fine, 0, &a);
    talk_submit(session, &fine, 0, &b);
    void *tag;
    llm_reply *reply = talk_next(session, &tag);
    cr_assert_eq(tag, &b);
    llm_reply_free(reply);
    llm_forget(session, &a);
    cr_assert_eq(llm_session_pending(session), 1);
    reply = talk_next(session, &tag);
    cr_assert_eq(tag, &b);
    talk_assert_answer(reply, "[1]");
    llm_reply_free(reply);
    cr_assert_eq(llm_session_pending(session), 0);
    llm_session_close(session);
    rrk_llm_close(llm);
    server_stop(s);
}
