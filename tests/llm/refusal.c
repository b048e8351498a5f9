/* What endpoints say when they refuse, and which failures are repeated after how long. */
#include "llm/refusal.h"
#include "base/utf8.h"
#include "llm/retry.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *body, *want;
} FORMS[] = {
    {"{\"error\":{\"message\":\"too long\",\"type\":\"x\"}}", "too long"},
    {"{\"error\":\"not found\"}", "not found"},
    {"{\"error\":\"Bad Request\",\"message\":\"max_tokens\"}", "max_tokens"},
    {"{\"message\":\"no route\"}", "no route"},
    {"{\"object\":\"error\",\"message\":\"vLLM's old form\",\"code\":400}", "vLLM's old form"},
    {"{\"detail\":\"Not Found\"}", "Not Found"},
    {"{\"detail\":[{\"loc\":[\"body\",\"messages\",0,\"role\"],\"msg\":\"field required\",\"input\":\"secret prompt\"},"
     "{\"msg\":\"second\"}]}",
     "body.messages.0.role: field required; second"},
    {"{\"error\":{\"message\":[{\"msg\":\"in a list\"}]}}", "in a list"},
    {"[{\"error\":{\"code\":400,\"message\":\"in an array\"}}]", "in an array"},
    {"\"just a string\"", "just a string"},
    {"plain text\n", "plain text"},
    {"<html><head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>", "502 Bad Gateway nginx"},
    {"{\"error\":{}}", ""},
    {"{\"error\":null}", ""},
    {"{}", ""},
    {"", ""},
    {"{\"error\":{\"message\":\"key sk-secret, sk-secretsk-secret\"}}", "key ***, ******"},
    {"{\"message\":\"two\\nlines\\tand \\u001b[31mred\\u0007 \\u202eback\\u0000\"}", "two lines and [31mred back"},
    {"broken \xff bytes", "broken \xef\xbf\xbd bytes"},
    {"{\"message\":\"a\\u0001b\"}", "a b"},
};

Test(refusal, is_found_in_each_form)
{
    for (size_t i = 0; i < RRK_COUNT(FORMS); i++) {
        char message[LLM_REFUSAL_SIZE];
        llm_refusal_read(rrk_text_of(FORMS[i].body), "sk-secret", message);
        cr_assert_str_eq(message, FORMS[i].want, "row %zu: '%s'", i, message);
    }
}

Test(refusal, is_shortened_at_a_character)
{
    char body[4096] = "", message[LLM_REFUSAL_SIZE];
    for (int shift = 0; shift < 4; shift++) {
        memset(body, 'a', (size_t)shift);
        for (size_t at = (size_t)shift; at + 4 < sizeof body; at += 3)
            memcpy(body + at, "\xe2\x82\xac", 4);
        llm_refusal_read(rrk_text_of(body), NULL, message);
        cr_assert(base_utf8_valid(message, strlen(message), NULL));
        cr_assert(strlen(message) > LLM_REFUSAL_SIZE - 10 && strlen(message) < LLM_REFUSAL_SIZE);
    }
}

Test(refusal, hides_the_key_where_the_message_is_cut_too)
{
    char body[400], message[LLM_REFUSAL_SIZE];
    for (size_t before = 150; before < 200; before++) {
        memset(body, '.', sizeof body);
        memcpy(body + before, "sk-secret", 9);
        llm_refusal_read((rrk_text){body, sizeof body}, "sk-secret", message);
        cr_assert_null(strstr(message, "sk-"), "%s", message);
    }
    llm_refusal_read(rrk_text_of("***"), "*", message);
    cr_assert_str_eq(message, "***");
}

Test(retry, is_for_what_passes)
{
    static const struct {
        llm_failure failure;
        long http_status;
        bool passes;
    } ROWS[] = {
        {LLM_FAILURE_FINAL, 0, false},   {LLM_FAILURE_FINAL, 503, false}, {LLM_FAILURE_CONNECTION, 0, true},
        {LLM_FAILURE_HTTP, 400, false},  {LLM_FAILURE_HTTP, 401, false},  {LLM_FAILURE_HTTP, 404, false},
        {LLM_FAILURE_HTTP, 408, true},   {LLM_FAILURE_HTTP, 409, false},  {LLM_FAILURE_HTTP, 429, true},
        {LLM_FAILURE_HTTP, 499, false},  {LLM_FAILURE_HTTP, 500, true},   {LLM_FAILURE_HTTP, 503, true},
        {LLM_FAILURE_HTTP, 599, true},   {LLM_FAILURE_HTTP, 301, false},  {LLM_FAILURE_REPLY, 0, true},
        {LLM_FAILURE_REPLY, 400, false}, {LLM_FAILURE_REPLY, 429, true},  {LLM_FAILURE_REPLY, 500, true},
    };
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++)
        cr_assert_eq(llm_may_pass(ROWS[i].failure, ROWS[i].http_status), ROWS[i].passes, "row %zu", i);
}

Test(retry, pauses_double_with_half_of_them_jittered)
{
    llm_retry_policy policy = {.max_retries = 8, .first_pause_ms = 500, .max_pause_ms = 30000};
    static const int64_t FULL[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (size_t n = 1; n <= RRK_COUNT(FULL); n++) {
        int64_t low, high, middle;
        cr_assert(llm_retry_pause(&policy, n, -1, 0.0, &low));
        cr_assert(llm_retry_pause(&policy, n, -1, 0.5, &middle));
        cr_assert(llm_retry_pause(&policy, n, -1, 0.99999999, &high));
        cr_assert_eq(low, FULL[n - 1] / 2);
        cr_assert_eq(middle, FULL[n - 1] * 3 / 4);
        cr_assert_geq(high, FULL[n - 1] - 1);
        cr_assert_leq(high, FULL[n - 1]);
    }
    int64_t pause;
    cr_assert(!llm_retry_pause(&policy, 9, -1, 0, &pause), "the ninth attempt was the last");
}

Test(retry, what_the_endpoint_asks_for_is_waited_for)
{
    llm_retry_policy policy = {.max_retries = 5, .first_pause_ms = 500, .max_pause_ms = 30000};
    int64_t pause;
    cr_assert(llm_retry_pause(&policy, 1, 7000, 0.3, &pause));
    cr_assert_eq(pause, 7000);
    cr_assert(llm_retry_pause(&policy, 1, 0, 0.0, &pause));
    cr_assert_eq(pause, 250, "at once is too soon for many at once");
    cr_assert(llm_retry_pause(&policy, 1, 30000, 0.0, &pause));
    cr_assert_eq(pause, 30000);
    cr_assert(!llm_retry_pause(&policy, 1, 30001, 0.0, &pause));
    policy = (llm_retry_policy){.max_retries = 0, .first_pause_ms = 500, .max_pause_ms = 30000};
    cr_assert(!llm_retry_pause(&policy, 1, -1, 0.0, &pause));
    policy = (llm_retry_policy){.max_retries = 100, .first_pause_ms = 86400000, .max_pause_ms = 86400000};
    cr_assert(llm_retry_pause(&policy, 100, -1, 1.0, &pause));
    cr_assert_eq(pause, 86400000);
    policy = (llm_retry_policy){.max_retries = 100, .first_pause_ms = 0, .max_pause_ms = 0};
    cr_assert(llm_retry_pause(&policy, 100, -1, 0.5, &pause));
    cr_assert_eq(pause, 0);
}
