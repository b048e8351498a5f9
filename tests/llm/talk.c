/* See talk.h. */
#include "talk.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

rrk_llm_options talk_options(const char *url)
{
    rrk_llm_options options;
    rrk_llm_options_init(&options);
    options.url = url;
    options.model = "test-model";
    options.max_retries = 0;
    options.first_pause_ms = 0;
    return options;
}

rrk_llm *talk_open(const rrk_llm_options *options)
{
    rrk_llm *llm;
    rrk_error err;
    cr_assert_eq(rrk_llm_open(&llm, options, &err), RRK_OK, "%s", err.message);
    return llm;
}

llm_session *talk_session(rrk_llm *llm, const llm_cache *cache)
{
    llm_session *session;
    rrk_error err;
    cr_assert_eq(llm_session_open(&session, llm, cache, &err), RRK_OK, "%s", err.message);
    return session;
}

llm_prompt talk_prompt(const char *content)
{
    static rrk_llm_message messages[1024];
    static size_t n;
    rrk_llm_message *message = &messages[n++ % RRK_COUNT(messages)];
    *message = (rrk_llm_message){"user", rrk_text_of(content)};
    return (llm_prompt){.messages = message, .n_messages = 1, .max_tokens = 64};
}

void talk_submit(llm_session *session, const llm_prompt *prompt, int64_t deadline_ns, void *tag)
{
    rrk_error err;
    cr_assert_eq(llm_submit(session, prompt, deadline_ns, tag, &err), RRK_OK, "%s", err.message);
}

llm_reply *talk_next(llm_session *session, void **tag)
{
    llm_reply *reply;
    rrk_error err;
    cr_assert_eq(llm_next_reply(session, NULL, &reply, tag, &err), RRK_OK, "%s", err.message);
    cr_assert_not_null(reply);
    return reply;
}

llm_reply *talk_once(const rrk_llm_options *options, const llm_prompt *prompt)
{
    rrk_llm *llm = talk_open(options);
    llm_session *session = talk_session(llm, NULL);
    talk_submit(session, prompt, 0, NULL);
    llm_reply *reply = talk_next(session, NULL);
    cr_assert_eq(llm_session_pending(session), 0);
    llm_session_close(session);
    rrk_llm_close(llm);
    return reply;
}

void talk_assert_answer(const llm_reply *reply, const char *want)
{
    cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
    cr_assert(reply->answer_len == strlen(want) && memcmp(reply->answer, want, reply->answer_len) == 0,
              "'%.*s', expected '%s'", (int)reply->answer_len, reply->answer, want);
}

void talk_assert_failed(const llm_reply *reply, rrk_status status, int detail, const char *message)
{
    cr_assert_eq(reply->status, status, "%s: %s", rrk_status_name(reply->status), reply->error.message);
    cr_assert_eq(reply->error.status, (int32_t)status);
    cr_assert_eq(reply->error.detail, detail, "%d: %s", reply->error.detail, reply->error.message);
    cr_assert_not_null(strstr(reply->error.message, message), "%s", reply->error.message);
    cr_assert_eq(reply->answer_len, 0, "a failed call has no answer");
}

int64_t talk_now_ns = 1, talk_jump_ns = 100000000;

int64_t talk_jumping_now(void)
{
    return talk_now_ns += talk_jump_ns;
}

void talk_real_time(void)
{
    base_clock_replace(NULL);
}

void talk_say(server_conn *conn, const char *content)
{
    char body[4096];
    snprintf(body, sizeof body,
             "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":"
             "\"%s\"}}],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7}}",
             content);
    server_reply(conn, 200, "Content-Type: application/json\r\n", body);
}

void talk_begin_stream(server_conn *conn)
{
    server_send_text(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
}

bool talk_piece(server_conn *conn, const char *content)
{
    char event[4096];
    snprintf(event, sizeof event, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}\n\n", content);
    return server_send_text(conn, event);
}

void talk_end_stream(server_conn *conn, const char *finish)
{
    char event[512];
    snprintf(event, sizeof event,
             "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}],\"usage\":null}\n\n"
             "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n",
             finish);
    server_send_text(conn, event);
    server_close(conn);
}

bool talk_is_stream(const server_request *request)
{
    return strstr(request->body, "\"stream\":true") != NULL;
}
