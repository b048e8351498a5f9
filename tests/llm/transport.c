/* Models in the process: a callback answers, in pieces or at once, or fails; and what is logged about calls. */
#include "base/clock.h"
#include "base/deadline.h"
#include "llm/log.h"
#include "talk.h"

#include <jansson.h>
#include <string.h>

typedef struct model {
    const char *pieces[8];
    rrk_status status;
    const char *message; /* of a failure */
    uint64_t prompt_tokens, completion_tokens;
    int n_calls;
    int n_given; /* pieces taken before it was told to stop */
    size_t n_wanted, n_admitted;
    uint32_t last_admitted;
    char log[4096];
} model;

static rrk_status answer(void *ctx, rrk_llm_call *call, rrk_error *error)
{
    model *m = ctx;
    m->n_calls++;
    m->n_given = 0;
    cr_assert_eq(call->size, sizeof *call);
    cr_assert_eq(call->n_messages, 1);
    cr_assert_str_eq(call->messages[0].role, "user");
    cr_assert_eq(call->max_tokens, 64);
    cr_assert_eq(call->seed, 3);
    m->n_wanted = call->n_wanted;
    m->n_admitted = call->n_admitted;
    m->last_admitted = call->admitted ? call->admitted[call->n_admitted - 1] : 0;
    call->prompt_tokens = m->prompt_tokens;
    call->completion_tokens = m->completion_tokens;
    for (size_t i = 0; i < RRK_COUNT(m->pieces) && m->pieces[i]; i++) {
        m->n_given++;
        if (call->piece(call->sink, m->pieces[i], strlen(m->pieces[i])))
            return RRK_OK;
    }
    if (m->message) {
        error->status = RRK_E_DEVICE;
        error->detail = 9;
        memcpy(error->message, m->message, strlen(m->message) + 1);
    }
    return m->status;
}

static void take_log(void *ctx, const char *json)
{
    model *m = ctx;
    cr_assert_null(strchr(json, '\n'));
    strncat(m->log, json, sizeof m->log - strlen(m->log) - 2);
    strcat(m->log, "\n");
}

static rrk_llm_options options_of(model *m)
{
    rrk_llm_options options = talk_options(NULL);
    options.transport = answer;
    options.transport_ctx = m;
    options.seed = 3;
    options.log = take_log;
    options.log_ctx = m;
    options.max_retries = 5;
    return options;
}

static bool has_one(void *ctx, rrk_text text)
{
    return text.len && memmem(text.data, text.len, "[1]", 3);
}

static llm_reply *ask(model *m, bool stops)
{
    rrk_llm_options options = options_of(m);
    llm_prompt prompt = talk_prompt("which?");
    prompt.enough = stops ? has_one : NULL;
    return talk_once(&options, &prompt);
}

Test(transport, answers_in_pieces)
{
    model m = {.pieces = {"<think>[9]</th", "ink>[2] ", "> [1]", " > [3]"}, .prompt_tokens = 5, .completion_tokens = 6};
    llm_reply *reply = ask(&m, false);
    talk_assert_answer(reply, "[2] > [1] > [3]");
    cr_assert(reply->had_thinking && !reply->tokens_estimated);
    cr_assert_eq(reply->completion_tokens, 6);
    cr_assert_eq(m.n_given, 4);
    llm_reply_free(reply);
}

Test(transport, is_told_which_identifiers_are_admitted)
{
    static const uint32_t ADMITTED[] = {2, 5};
    static const struct {
        llm_shape shape;
        size_t n_wanted; /* as the callback sees it */
        uint32_t last;
    } SHAPES[] = {{LLM_SHAPE_FREE, 0, 0}, {LLM_SHAPE_LIST, 2, 0}, {LLM_SHAPE_ONE, 1, 5}};
    for (size_t i = 0; i < RRK_COUNT(SHAPES); i++) {
        model m = {.pieces = {"[2]"}};
        rrk_llm_options options = options_of(&m);
        llm_prompt prompt = talk_prompt("which?");
        prompt.shape = SHAPES[i].shape;
        prompt.admitted = ADMITTED;
        prompt.n_admitted = prompt.n_wanted = 2;
        llm_reply_free(talk_once(&options, &prompt));
        cr_assert_eq(m.n_wanted, SHAPES[i].n_wanted, "row %zu", i);
        cr_assert_eq(m.n_admitted, SHAPES[i].n_wanted ? 2 : 0, "row %zu", i);
        cr_assert_eq(m.last_admitted, SHAPES[i].last, "row %zu", i);
    }
}

Test(transport, is_stopped_when_enough_came)
{
    model m = {.pieces = {"[2] ", "> [1]", " > [3]"}};
    llm_reply *reply = ask(&m, true);
    talk_assert_answer(reply, "[2] > [1]");
    cr_assert(reply->was_stopped && reply->tokens_estimated);
    cr_assert_eq(m.n_given, 2);
    llm_reply_free(reply);
}

Test(transport, failures_are_its_own_and_final)
{
    model m = {.pieces = {"[2] > [1]"}, .status = RRK_E_DEVICE, .message = "the GPU is on fire"};
    llm_reply *reply = ask(&m, false);
    talk_assert_failed(reply, RRK_E_DEVICE, 9, "the GPU is on fire");
    cr_assert_eq(m.n_calls, 1);
    llm_reply_free(reply);
    m = (model){.status = RRK_E_BUSY};
    reply = ask(&m, false);
    talk_assert_failed(reply, RRK_E_BUSY, 0, "does not say why");
    llm_reply_free(reply);
}

Test(transport, pieces_may_split_characters_but_the_answer_is_utf8)
{
    model m = {.pieces = {"\xe2\x82", "\xac [1]"}};
    llm_reply *reply = ask(&m, false);
    talk_assert_answer(reply, "\xe2\x82\xac [1]");
    llm_reply_free(reply);
    m = (model){.pieces = {"[1] \xe2\x82"}};
    reply = ask(&m, false);
    talk_assert_answer(reply, "[1] ");
    llm_reply_free(reply);
    m = (model){.pieces = {"[1] \xff and more"}};
    reply = ask(&m, false);
    talk_assert_failed(reply, RRK_E_UPSTREAM, 0, "not UTF-8 at byte 4");
    llm_reply_free(reply);
}

Test(transport, an_answer_above_the_limit_is_a_failure)
{
    model m = {.pieces = {"12345678", "9"}};
    rrk_llm_options options = options_of(&m);
    llm_prompt prompt = talk_prompt("q");
    options.max_reply_bytes = 9;
    llm_reply *reply = talk_once(&options, &prompt);
    talk_assert_answer(reply, "123456789");
    llm_reply_free(reply);
    options.max_reply_bytes = 8;
    reply = talk_once(&options, &prompt);
    talk_assert_failed(reply, RRK_E_UPSTREAM, 0, "above 8 bytes");
    llm_reply_free(reply);
}

static int once(void *ctx)
{
    return ++*(int *)ctx == 2;
}

Test(transport, a_cancellation_between_pieces_ends_the_wait)
{
    model m = {.pieces = {"[2] ", "> [1]", " > [3]"}};
    rrk_llm_options options = options_of(&m);
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    llm_prompt prompt = talk_prompt("q");
    int n_asked = 0;
    base_deadline deadline = {.cancel = once, .cancel_ctx = &n_asked};
    llm_reply *reply;
    talk_submit(session, &prompt, 0, NULL);
    cr_assert_eq(llm_next_reply(session, &deadline, &reply, NULL, NULL), RRK_E_CANCELLED);
    cr_assert_eq(m.n_given, 1);
    llm_session_close(session);
    rrk_llm_close(llm);
}

static int64_t frozen_ns = 1;

static int64_t frozen(void)
{
    return frozen_ns;
}

static void thaw(void)
{
    base_clock_replace(NULL);
}

Test(transport, a_call_whose_deadline_has_passed_is_not_made, .fini = thaw)
{
    base_clock_replace(frozen);
    model m = {.pieces = {"[1]"}};
    rrk_llm_options options = options_of(&m);
    rrk_llm *llm = talk_open(&options);
    llm_session *session = talk_session(llm, NULL);
    llm_prompt prompt = talk_prompt("q");
    int a, b;
    talk_submit(session, &prompt, 100, &a);
    talk_submit(session, &prompt, 200, &b);
    frozen_ns = 150;
    void *tag;
    llm_reply *reply = talk_next(session, &tag);
    cr_assert_eq(tag, &a);
    talk_assert_failed(reply, RRK_E_TIMEOUT, 0, "before the call's turn came");
    llm_reply_free(reply);
    reply = talk_next(session, &tag);
    cr_assert_eq(tag, &b);
    talk_assert_answer(reply, "[1]");
    llm_reply_free(reply);
    cr_assert_eq(m.n_calls, 1);
    llm_session_close(session);
    rrk_llm_close(llm);
}

/* --- the log --- */

Test(log, a_line_is_one_json_object_without_texts)
{
    model m = {.pieces = {"[2] > [1]"}, .prompt_tokens = 5, .completion_tokens = 6};
    llm_reply_free(ask(&m, false));
    json_t *line = json_loads(m.log, 0, NULL);
    cr_assert_not_null(line, "%s", m.log);
    cr_assert_str_eq(json_string_value(json_object_get(line, "model")), "test-model");
    cr_assert_str_eq(json_string_value(json_object_get(line, "status")), "RRK_OK");
    cr_assert_eq(json_integer_value(json_object_get(line, "attempts")), 1);
    cr_assert_eq(json_integer_value(json_object_get(line, "completion_tokens")), 6);
    cr_assert_eq(json_integer_value(json_object_get(line, "http")), 0);
    cr_assert(json_is_false(json_object_get(line, "cached")) && json_is_false(json_object_get(line, "stopped")));
    json_decref(line);
    cr_assert_null(strstr(m.log, "which"));
    cr_assert_null(strstr(m.log, "[2]"));
}

Test(log, of_a_failure_does_not_repeat_what_was_said)
{
    model m = {.status = RRK_E_DEVICE, .message = "the prompt 'which?' is odd"};
    llm_reply_free(ask(&m, false));
    cr_assert_not_null(strstr(m.log, "\"status\":\"RRK_E_DEVICE\""));
    cr_assert_null(strstr(m.log, "which"));
}

Test(log, times_are_written_alike_everywhere)
{
    llm_reply reply = {
        .status = RRK_OK, .n_attempts = 2, .first_piece_ms = 1.5, .total_ms = 1234.0625, .bytes_received = 9};
    base_buf buf = {.max = 4096};
    cr_assert_eq(llm_log_line(&reply, "a\"b", 200, 1767225599007, &buf, NULL), RRK_OK);
    cr_assert_str_eq(buf.data,
                     "{\"time\":\"2025-12-31T23:59:59.007Z\",\"model\":\"a\\\"b\",\"status\":\"RRK_OK\",\"http\":200,"
                     "\"attempts\":2,\"prompt_tokens\":0,\"completion_tokens\":0,\"thinking_tokens\":0,"
                     "\"estimated\":false,\"first_piece_ms\":1.500,\"ms\":1234.062,\"bytes\":9,"
                     "\"stopped\":false,\"cut\":false,\"cached\":false}");
    base_buf_free(&buf);
}
