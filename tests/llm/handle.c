/* Opening a handle: every option that is checked, copies, and memory that runs out. */
#include "talk.h"

#include <criterion/criterion.h>
#include <rrk/runtime.h>
#include <stdlib.h>
#include <string.h>

static rrk_llm_options valid(void)
{
    rrk_llm_options options;
    rrk_llm_options_init(&options);
    options.url = "http://127.0.0.1:1/v1";
    options.model = "m";
    return options;
}

static void assert_opens(const rrk_llm_options *options)
{
    rrk_llm *llm;
    rrk_error err;
    cr_assert_eq(rrk_llm_open(&llm, options, &err), RRK_OK, "%s", err.message);
    rrk_llm_close(llm);
}

static void assert_refused(const rrk_llm_options *options, const char *message)
{
    rrk_llm *llm = (rrk_llm *)1;
    rrk_error err;
    cr_assert_eq(rrk_llm_open(&llm, options, &err), RRK_E_INVALID, "%s", message);
    cr_assert_not_null(strstr(err.message, message), "'%s' without '%s'", err.message, message);
    cr_assert_null(llm);
}

static const char *const BAD_URLS[][2] = {
    {NULL, "'url' is missing"},
    {"", "'url' is missing"},
    {"ftp://host/", "must begin with"},
    {"host:8000/v1", "must begin with"},
    {"http://", "must begin with"},
    {"https:///v1", "must begin with"},
    {"http://me:pw@host/", "user name"},
    {"http://ho st/", "a blank"},
    {"http://host/#a", "'#'"},
    {"http://host/\r\nX: y", "control character"},
    {"file:///etc/passwd", "must begin with"},
};

Test(handle, urls_are_checked)
{
    for (size_t i = 0; i < RRK_COUNT(BAD_URLS); i++) {
        rrk_llm_options options = valid();
        options.url = BAD_URLS[i][0];
        assert_refused(&options, BAD_URLS[i][1]);
    }
    static char url[RRK_LLM_MAX_URL_BYTES + 2] = "http://host/";
    memset(url + 12, 'a', sizeof url - 13);
    rrk_llm_options options = valid();
    options.url = url;
    assert_refused(&options, "is above");
    url[RRK_LLM_MAX_URL_BYTES] = '\0';
    assert_opens(&options);
    options.url = "HTTPS://Host/path@1?q=a@b";
    assert_opens(&options);
}

Test(handle, models_keys_and_extras_are_checked)
{
    static char model[RRK_LLM_MAX_MODEL_BYTES + 2];
    memset(model, 'm', sizeof model - 1);
    rrk_llm_options options = valid();
    options.model = NULL;
    assert_refused(&options, "'model' is missing");
    options.model = "";
    assert_refused(&options, "'model' is missing");
    options.model = "\xff";
    assert_refused(&options, "'model'");
    options.model = model;
    assert_refused(&options, "model");
    model[RRK_LLM_MAX_MODEL_BYTES] = '\0';
    assert_opens(&options);
    options = valid();
    options.key = "sk-secret\r\nX-Evil: 1";
    rrk_llm *llm;
    rrk_error err;
    cr_assert_eq(rrk_llm_open(&llm, &options, &err), RRK_E_INVALID);
    cr_assert_null(strstr(err.message, "sk-"), "%s", err.message);
    options.key = "";
    assert_opens(&options);
    options = valid();
    options.extra_body = "[]";
    assert_refused(&options, "extra_body");
}

/* A number's lowest and highest value, and one beyond each. */
#define LIMITS(member, lowest, highest, name)                                                                          \
    do {                                                                                                               \
        rrk_llm_options options = valid();                                                                             \
        options.member = (__typeof__(options.member))(lowest);                                                         \
        assert_opens(&options);                                                                                        \
        options.member = (__typeof__(options.member))(highest);                                                        \
        assert_opens(&options);                                                                                        \
        options.member = (__typeof__(options.member))((lowest)-1);                                                     \
        assert_refused(&options, name);                                                                                \
        if ((int64_t)(highest) != INT64_MAX) {                                                                         \
            options.member = (__typeof__(options.member))((uint64_t)(highest) + 1);                                    \
            assert_refused(&options, name);                                                                            \
        }                                                                                                              \
    } while (0)

Test(handle, numbers_have_limits)
{
    LIMITS(max_in_flight, 1, RRK_LLM_MAX_IN_FLIGHT, "max_in_flight");
    LIMITS(max_retries, 0, RRK_LLM_MAX_RETRIES, "max_retries");
    LIMITS(first_pause_ms, 0, RRK_LLM_MAX_TIME_MS, "first_pause_ms");
    LIMITS(max_pause_ms, 0, RRK_LLM_MAX_TIME_MS, "max_pause_ms");
    LIMITS(connect_timeout_ms, 0, RRK_LLM_MAX_TIME_MS, "connect_timeout_ms");
    LIMITS(attempt_timeout_ms, 0, RRK_LLM_MAX_TIME_MS, "attempt_timeout_ms");
    LIMITS(max_reply_bytes, 1, RRK_LLM_MAX_REPLY_BYTES, "max_reply_bytes");
    LIMITS(seed, -1, INT64_MAX, "seed");
    LIMITS(cap_name, RRK_LLM_CAP_AUTO, RRK_LLM_CAP_MAX_COMPLETION_TOKENS, "cap_name");
    LIMITS(grammar, RRK_LLM_GRAMMAR_GBNF, RRK_LLM_GRAMMAR_JSON_SCHEMA, "grammar");
}

Test(handle, options_of_an_older_version_keep_the_defaults_of_the_rest)
{
    rrk_llm_options options = valid();
    options.size = offsetof(rrk_llm_options, max_in_flight);
    options.max_in_flight = 0;
    rrk_llm *llm;
    rrk_error err;
    cr_assert_eq(rrk_llm_open(&llm, &options, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(llm_max_in_flight(llm), RRK_LLM_DEFAULT_MAX_IN_FLIGHT);
    cr_assert_eq(llm_context_tokens(llm), 0);
    rrk_llm_close(llm);
}

static void *failing_malloc(size_t size, void *ctx)
{
    return --*(long *)ctx == 0 ? NULL : malloc(size);
}

static void *failing_realloc(void *ptr, size_t size, void *ctx)
{
    return --*(long *)ctx == 0 ? NULL : realloc(ptr, size);
}

static void plain_free(void *ptr, void *ctx)
{
    free(ptr);
}

Test(handle, opening_survives_each_allocation_that_fails)
{
    rrk_llm_options options = valid();
    options.key = "k";
    options.proxy = "http://proxy";
    options.ca_file = "/ca.pem";
    options.extra_body = "{\"a\":1,\"b\":2}";
    rrk_status status = RRK_E_NOMEM;
    for (long n = 1; status == RRK_E_NOMEM; n++) {
        long left = n;
        rrk_llm *llm;
        rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, plain_free, &left});
        status = rrk_llm_open(&llm, &options, NULL);
        rrk_llm_close(llm);
        rrk_set_allocator(NULL);
        cr_assert(status == RRK_OK || status == RRK_E_NOMEM, "allocation %ld: %s", n, rrk_status_name(status));
        cr_assert(status == RRK_E_NOMEM || n > 8, "allocations fail in this test");
    }
}

static void stream_answer(server_conn *conn, const server_request *request, void *ctx)
{
    talk_begin_stream(conn);
    talk_piece(conn, "<think>x</think>[2] > [1]");
    talk_end_stream(conn, "stop");
}

static bool never_enough(void *ctx, rrk_text answer)
{
    return false;
}

static rrk_status one_call(rrk_llm *llm, const llm_prompt *prompt)
{
    llm_session *session = NULL;
    llm_reply *reply = NULL;
    rrk_status status = llm_session_open(&session, llm, NULL, NULL);
    if (status == RRK_OK)
        status = llm_submit(session, prompt, 0, NULL, NULL);
    if (status == RRK_OK)
        status = llm_next_reply(session, NULL, &reply, NULL, NULL);
    if (status == RRK_OK)
        status = reply->status;
    cr_assert(status != RRK_OK || reply->answer_len == 9);
    llm_reply_free(reply);
    llm_session_close(session);
    return status;
}

Test(handle, a_call_survives_each_allocation_that_fails)
{
    server *s = server_start(stream_answer, NULL);
    rrk_llm_options options = talk_options(server_url(s));
    llm_prompt prompt = talk_prompt("q");
    prompt.enough = never_enough;
    rrk_status status = RRK_E_NOMEM;
    long n = 1;
    for (; status != RRK_OK; n++) {
        long left = n;
        rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, plain_free, &left});
        rrk_llm *llm = NULL;
        status = rrk_llm_open(&llm, &options, NULL);
        if (status == RRK_OK)
            status = one_call(llm, &prompt);
        rrk_llm_close(llm);
        rrk_set_allocator(NULL);
        cr_assert(status == RRK_OK || status == RRK_E_NOMEM, "allocation %ld: %s", n, rrk_status_name(status));
        cr_assert_lt(n, 1000);
    }
    cr_assert_gt(n, 12, "allocations fail in this test: %ld", n);
    server_stop(s);
}
