/* Sessions against a server that does what it should: what is sent, many in flight, streams, early stop, reuse. */
#include "talk.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void say_fine(server_conn *conn, const server_request *request, void *ctx)
{
    talk_say(conn, "[2] > [1]");
}

Test(session, a_call_is_sent_and_answered)
{
    server *s = server_start(say_fine, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.key = "sk-secret";
    options.seed = 5;
    options.extra_body = "{\"top_p\":1}";
    llm_prompt prompt = talk_prompt("which \"passage\"?\n");
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[2] > [1]");
    cr_assert_eq(reply->prompt_tokens, 11);
    cr_assert_eq(reply->completion_tokens, 7);
    cr_assert(!reply->tokens_estimated && !reply->was_cut && !reply->was_stopped && !reply->from_cache);
    cr_assert_eq(reply->n_attempts, 1);
    cr_assert_gt(reply->bytes_received, 100);
    llm_reply_free(reply);
    const server_request *request = server_request_at(s, 0);
    cr_assert_eq(strncmp(request->head, "POST /chat/completions HTTP/1.1\r\n", 33), 0, "%s", request->head);
    cr_assert(server_request_has(request, "Authorization: Bearer sk-secret"));
    cr_assert(server_request_has(request, "Content-Type: application/json"));
    cr_assert_str_eq(request->body,
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"which \\\"passage\\\"?\\n\"}],"
                     "\"model\":\"test-model\",\"temperature\":0,\"max_tokens\":64,\"seed\":5,\"top_p\":1}");
    server_stop(s);
}

Test(session, urls_are_completed)
{
    static const struct {
        const char *base, *path;
    } URLS[] = {
        {"/v1", "POST /v1/chat/completions "},
        {"/v1/", "POST /v1/chat/completions "},
        {"", "POST /chat/completions "},
        {"/v1/chat/completions", "POST /v1/chat/completions "},
        {"/d?api-version=1", "POST /d/chat/completions?api-version=1 "},
    };
    server *s = server_start(say_fine, NULL);
    for (size_t i = 0; i < RRK_COUNT(URLS); i++) {
        char url[128];
        snprintf(url, sizeof url, "%s%s", server_url(s), URLS[i].base);
        rrk_llm_options options = talk_options(url);
        llm_prompt prompt = talk_prompt("q");
        llm_reply_free(talk_once(&options, &prompt));
        cr_assert_eq(strncmp(server_request_at(s, i)->head, URLS[i].path, strlen(URLS[i].path)), 0, "%s",
                     server_request_at(s, i)->head);
    }
    server_stop(s);
}

/* --- many --- */

enum { N_AT_ONCE = 256, N_CALLS = 300 };

static void say_when_all_are_here(server_conn *conn, const server_request *request, void *ctx)
{
    server_await_requests(conn, N_AT_ONCE);
    char number[16] = "";
    sscanf(strstr(request->body, "call ") + 5, "%15[0-9]", number);
    talk_say(conn, number);
}

Test(session, two_hundred_and_fifty_six_are_in_flight_and_no_more)
{
    server *s = server_start(say_when_all_are_here, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.max_in_flight = N_AT_ONCE;
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    static char texts[N_CALLS][16];
    for (int i = 0; i < N_CALLS; i++) {
        snprintf(texts[i], sizeof texts[i], "call %d", i);
        llm_prompt prompt = talk_prompt(texts[i]);
        talk_submit(session, &prompt, 0, texts[i]);
    }
    cr_assert_eq(llm_session_pending(session), N_CALLS);
    bool seen[N_CALLS] = {false};
    for (int i = 0; i < N_CALLS; i++) {
        void *tag;
        llm_reply *reply = talk_next(session, &tag);
        int number = (int)((char *)tag - texts[0]) / 16;
        talk_assert_answer(reply, texts[number] + 5);
        cr_assert(!seen[number]);
        seen[number] = true;
        llm_reply_free(reply);
    }
    cr_assert_eq(llm_session_pending(session), 0);
    cr_assert_leq(server_n_connections(s), N_AT_ONCE);
    llm_session_close(session);
    rrk_llm_close(llm);
    server_stop(s);
}

Test(session, connections_outlive_sessions)
{
    server *s = server_start(say_fine, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    rrk_llm *llm = talk_open(&options);
    for (int i = 0; i < 5; i++) {
        llm_session *session = talk_session(llm, NULL);
        llm_prompt prompt = talk_prompt("q");
        talk_submit(session, &prompt, 0, NULL);
        llm_reply_free(talk_next(session, NULL));
        llm_session_close(session);
    }
    rrk_llm_close(llm);
    cr_assert_eq(server_n_requests(s), 5);
    cr_assert_eq(server_n_connections(s), 1);
    server_stop(s);
}

/* --- streams --- */

static void stream_characters(server_conn *conn, const server_request *request, void *ctx)
{
    static const char TEXT[] = "[12] > [3] > [4]";
    talk_begin_stream(conn);
    for (size_t i = 0; i < sizeof TEXT - 1; i++) {
        char piece[2] = {TEXT[i], '\0'};
        talk_piece(conn, piece);
    }
    talk_end_stream(conn, "length");
}

typedef struct watch {
    const char *until; /* NULL: never enough */
    char last[256];
    int n_asked;
    int n_restarts;
} watch;

static bool is_there(void *ctx, rrk_text answer)
{
    watch *w = ctx;
    w->n_asked += answer.len > 0;
    w->n_restarts += answer.len == 0;
    snprintf(w->last, sizeof w->last, "%.*s", (int)answer.len, answer.data);
    return w->until && strstr(w->last, w->until);
}

Test(session, a_stream_of_characters_is_put_together)
{
    server *s = server_start(stream_characters, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    watch w = {0};
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = is_there;
    prompt.enough_ctx = &w;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[12] > [3] > [4]");
    cr_assert(reply->was_cut && !reply->was_stopped && !reply->tokens_estimated);
    cr_assert_eq(reply->completion_tokens, 7);
    cr_assert_eq(w.n_asked, 16);
    cr_assert(talk_is_stream(server_request_at(s, 0)));
    cr_assert_not_null(strstr(server_request_at(s, 0)->body, "\"stream_options\":{\"include_usage\":true}"));
    llm_reply_free(reply);
    server_stop(s);
}

static void stream_on_and_on(server_conn *conn, const server_request *request, void *ctx)
{
    talk_begin_stream(conn);
    talk_piece(conn, "[2] > ");
    talk_piece(conn, "[1] ");
    while (talk_piece(conn, "> [3] "))
        ;
}

Test(session, a_stream_is_stopped_at_the_piece_that_is_enough)
{
    server *s = server_start(stream_on_and_on, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    watch w = {.until = "[1]"};
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = is_there;
    prompt.enough_ctx = &w;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[2] > [1] ");
    cr_assert(reply->was_stopped && reply->tokens_estimated && !reply->was_cut);
    cr_assert(reply->completion_tokens >= 7 && reply->completion_tokens <= 12, "%d", (int)reply->completion_tokens);
    cr_assert_leq(reply->bytes_received, 4096 + 512, "read past the piece that was enough");
    llm_reply_free(reply);
    server_stop(s);
}

Test(session, a_handle_that_may_not_stream_does_not)
{
    server *s = server_start(say_fine, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    options.no_stream = 1;
    watch w = {.until = "[2]"};
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = is_there;
    prompt.enough_ctx = &w;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[2] > [1]");
    cr_assert(!talk_is_stream(server_request_at(s, 0)));
    llm_reply_free(reply);
    server_stop(s);
}

Test(session, an_endpoint_that_cannot_stream_is_understood)
{
    server *s = server_start(say_fine, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    watch w = {.until = "[2]"};
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = is_there;
    prompt.enough_ctx = &w;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "[2] > [1]");
    cr_assert_eq(reply->completion_tokens, 7);
    llm_reply_free(reply);
    server_stop(s);
}

/* Thinks in the open, as models do whose template opens the tag. */
static void stream_thoughts(server_conn *conn, const server_request *request, void *ctx)
{
    talk_begin_stream(conn);
    talk_piece(conn, "maybe [1] or [2]");
    talk_piece(conn, " no</think>");
    talk_piece(conn, "[2]");
    talk_piece(conn, " > [1]");
    talk_end_stream(conn, "stop");
}

Test(session, thoughts_are_taken_back_and_with_thinks_never_shown)
{
    server *s = server_start(stream_thoughts, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    for (int thinks = 0; thinks < 2; thinks++) {
        watch w = {.until = thinks ? "[2]" : " > "};
        llm_prompt prompt = talk_prompt("q");
        prompt.enough = is_there;
        prompt.enough_ctx = &w;
        prompt.thinks = thinks;
        llm_reply *reply = talk_once(&options, &prompt);
        talk_assert_answer(reply, thinks ? "[2]" : "[2] > [1]");
        cr_assert(reply->had_thinking && reply->was_stopped);
        cr_assert_eq(w.n_restarts, 1, "%d", w.n_restarts);
        llm_reply_free(reply);
    }
    server_stop(s);
}

static void stream_only_thoughts(server_conn *conn, const server_request *request, void *ctx)
{
    talk_begin_stream(conn);
    server_send_text(conn, "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"[1] > [2]\"}}]}\n\n");
    talk_end_stream(conn, "length");
}

Test(session, thoughts_alone_are_an_empty_answer)
{
    server *s = server_start(stream_only_thoughts, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    watch w = {.until = "["};
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = is_there;
    prompt.enough_ctx = &w;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "");
    cr_assert(reply->had_thinking && reply->was_cut);
    cr_assert_eq(w.n_asked, 0);
    llm_reply_free(reply);
    server_stop(s);
}

/* --- what is refused at once --- */

Test(session, prompts_are_checked)
{
    rrk_llm_options options = talk_options("http://127.0.0.1:1");
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    rrk_error err;
    llm_reply *reply;
    llm_prompt prompt = talk_prompt("q"), bad = prompt;
    bad.n_messages = 0;
    cr_assert_eq(llm_submit(session, &bad, 0, NULL, &err), RRK_E_INVALID);
    bad = prompt;
    bad.max_tokens = 0;
    cr_assert_eq(llm_submit(session, &bad, 0, NULL, &err), RRK_E_INVALID);
    bad.max_tokens = (size_t)INT32_MAX + 1;
    cr_assert_eq(llm_submit(session, &bad, 0, NULL, &err), RRK_E_INVALID);
    bad.max_tokens = INT32_MAX;
    cr_assert_eq(llm_submit(session, &bad, 0, NULL, &err), RRK_OK, "%s", err.message);
    bad = talk_prompt("a\xff");
    cr_assert_eq(llm_submit(session, &bad, 0, NULL, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "message 0 is not UTF-8 at byte 1");
    rrk_llm_message odd = {"tool", rrk_text_of("q")};
    bad.messages = &odd;
    cr_assert_eq(llm_submit(session, &bad, 0, NULL, &err), RRK_E_INVALID);
    odd.role = NULL;
    cr_assert_eq(llm_submit(session, &bad, 0, NULL, &err), RRK_E_INVALID);
    llm_forget(session, NULL);
    cr_assert_eq(llm_session_pending(session), 0);
    cr_assert_eq(llm_next_reply(session, NULL, &reply, NULL, &err), RRK_E_INVALID, "nothing is pending");
    llm_session_close(session);
    llm_session_close(NULL);
    llm_reply_free(NULL);
    rrk_llm_close(llm);
}

Test(session, a_handle_from_before_a_fork_says_so)
{
    server *s = server_start(say_fine, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    rrk_llm *llm = talk_open(&options);
    llm_session_close(talk_session(llm, NULL));
    pid_t child = fork();
    if (child == 0) {
        llm_session *session;
        rrk_error err;
        bool told = llm_session_open(&session, llm, NULL, &err) == RRK_E_INVALID && strstr(err.message, "fork");
        rrk_llm_close(llm);
        _exit(told ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rrk_llm_close(llm);
    server_stop(s);
}
