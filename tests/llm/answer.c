/* Whole replies and streams of many servers: what is answer, what is thinking, what is a failure. */
#include "llm/answer.h"
#include "base/rng.h"
#include "llm/sse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static llm_answer fresh(void)
{
    llm_answer answer;
    llm_answer_init(&answer, 1 << 20, "sk-secret");
    return answer;
}

static void assert_text(const llm_answer *answer, const char *want, const char *what)
{
    rrk_text text = llm_answer_text(answer);
    cr_assert(text.len == strlen(want) && memcmp(text.data, want, text.len) == 0, "%s: '%.*s', expected '%s'", what,
              (int)text.len, text.data, want);
}

#define MESSAGE(members) "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{" members "}}]}"

static const struct {
    const char *body, *text;
    bool thinking, cut;
} WHOLE[] = {
    {MESSAGE("\"content\":\"[2] > [1]\""), "[2] > [1]", false, false},
    {MESSAGE("\"content\":null"), "", false, false},
    {MESSAGE("\"role\":\"assistant\""), "", false, false},
    {MESSAGE("\"content\":\"\""), "", false, false},
    {MESSAGE("\"content\":[{\"type\":\"text\",\"text\":\"[2]\"},{\"type\":\"text\",\"text\":\" > [1]\"}]"), "[2] > [1]",
     false, false},
    {MESSAGE("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"[9]\"}]},{\"type\":"
             "\"text\",\"text\":\"[1]\"}]"),
     "[1]", true, false},
    {MESSAGE("\"content\":[\"[3]\",{\"text\":\"[4]\"},7,null]"), "[3][4]", false, false},
    {MESSAGE("\"content\":7"), "", false, false},
    {MESSAGE("\"reasoning\":\"[9] > [8]\",\"content\":\"[1]\""), "[1]", true, false},
    {MESSAGE("\"reasoning_content\":\"[9] > [8]\",\"content\":null"), "", true, false},
    {MESSAGE("\"reasoning_content\":null,\"content\":\"[1]\""), "[1]", false, false},
    {MESSAGE("\"content\":\"<think>[9]</think>[1]\""), "[1]", true, false},
    {MESSAGE("\"content\":\"[9] or so</think>\\n[1]\""), "\n[1]", true, false},
    {MESSAGE("\"content\":\"<think>[9]\""), "", true, false},
    {MESSAGE("\"content\":\"[1] <think>[9]\""), "", true, false},
    {MESSAGE("\"content\":\"<think>a</think>[1]<think>b</think>[2]\""), "[2]", true, false},
    {MESSAGE("\"content\":\"<think>a</think>[1]<think>b\""), "", true, false},
    {MESSAGE("\"content\":\"a < b <thin> [1] </ think>\""), "a < b <thin> [1] </ think>", false, false},
    {MESSAGE("\"content\":\"<think></think>\""), "", true, false},
    {MESSAGE("\"content\":\"\\u0000[1]\""), "", false, false}, /* compared below the NUL only */
    {"{\"choices\":[{\"finish_reason\":\"length\",\"message\":{\"content\":\"[1] > [\"}}]}", "[1] > [", false, true},
    {"{\"choices\":[{\"message\":{\"content\":\"[1]\"}},{\"message\":{\"content\":\"[2]\"}}]}", "[1]", false, false},
    {"{\"error\":null,\"choices\":[{\"message\":{\"content\":\"[1]\"}}]}", "[1]", false, false},
    {"{\"choices\":[{\"text\":\"[1]\"}]}", "[1]", false, false},
    {MESSAGE("\"content\":\"\\ud83d\\ude00 \\ud83d[1]\""), "\xf0\x9f\x98\x80 \xef\xbf\xbd[1]", false, false},
    {MESSAGE("\"content\":\"\xf0\x9f\x98[1]\""), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd[1]", false, false},
};

Test(answer, of_whole_replies)
{
    for (size_t i = 0; i < RRK_COUNT(WHOLE); i++) {
        llm_answer answer RRK_AUTO(llm_answer_free) = fresh();
        rrk_error err = {0};
        if (strstr(WHOLE[i].body, "u0000")) {
            cr_assert_eq(llm_answer_read(&answer, rrk_text_of(WHOLE[i].body), &err), RRK_OK);
            cr_assert_eq(llm_answer_text(&answer).len, 4, "a NUL is a character");
            continue;
        }
        cr_assert_eq(llm_answer_read(&answer, rrk_text_of(WHOLE[i].body), &err), RRK_OK, "row %zu: %s", i, err.message);
        assert_text(&answer, WHOLE[i].text, WHOLE[i].body);
        cr_assert_eq(answer.had_thinking, WHOLE[i].thinking, "row %zu", i);
        cr_assert_eq(answer.was_cut, WHOLE[i].cut, "row %zu", i);
    }
}

static const struct {
    const char *body, *message;
    long code;
} FAILED[] = {
    {"{\"error\":{\"message\":\"overloaded\",\"code\":503}}", "overloaded", 503},
    {"{\"error\":{\"message\":\"bad key "
     "sk-secret\",\"code\":\"401\"},\"choices\":[{\"message\":{\"content\":\"[1]\"}}]}",
     "bad key ***", 401},
    {"{\"error\":\"model 'x' not found\"}", "model 'x' not found", 0},
    {"{\"error\":{\"type\":\"server_error\"}}", "does not say", 0},
    {"{\"object\":\"error\",\"message\":\"no memory left\",\"code\":500}", "no memory left", 500},
    {"{\"choices\":[]}", "no answer", 0},
    {"{\"object\":\"list\",\"data\":[]}", "no answer", 0},
    {"{\"choices\":[{\"finish_reason\":\"stop\"}]}", "no answer", 0},
    {"{\"choices\":[{\"finish_reason\":\"error\",\"message\":{\"content\":\"[1] > \"}}]}", "gave up", 0},
    {"{\"choices\":[{\"message\":{\"content\":\"[1] >", "not a JSON object", 0},
    {"[1] > [2]", "not a JSON object", 0},
    {"\"[1] > [2]\"", "not a JSON object", 0},
    {"<html><p>Please log\nin</p> sk-secret</html>", "not a JSON object: Please log in ***", 0},
    {"", "not a JSON object", 0},
};

Test(answer, an_error_is_never_one)
{
    for (size_t i = 0; i < RRK_COUNT(FAILED); i++) {
        llm_answer answer RRK_AUTO(llm_answer_free) = fresh();
        rrk_error err = {0};
        cr_assert_eq(llm_answer_read(&answer, rrk_text_of(FAILED[i].body), &err), RRK_E_UPSTREAM, "row %zu", i);
        cr_assert(strstr(err.message, FAILED[i].message), "row %zu: %s", i, err.message);
        cr_assert_eq(answer.error_code, FAILED[i].code, "row %zu: %ld", i, answer.error_code);
    }
}

Test(answer, usage_is_the_endpoints_where_it_makes_sense)
{
    llm_answer answer RRK_AUTO(llm_answer_free) = fresh();
    const char *body = "{\"choices\":[{\"message\":{\"content\":\"[1]\"}}],\"usage\":{\"prompt_tokens\":100,"
                       "\"completion_tokens\":50,\"completion_tokens_details\":{\"reasoning_tokens\":40}}}";
    cr_assert_eq(llm_answer_read(&answer, rrk_text_of(body), NULL), RRK_OK);
    cr_assert(answer.has_prompt_tokens && answer.has_completion_tokens);
    cr_assert_eq(answer.prompt_tokens, 100);
    cr_assert_eq(answer.completion_tokens, 50);
    cr_assert_eq(answer.thinking_tokens, 40);
    llm_answer_clear(&answer);
    body = "{\"choices\":[{\"message\":{\"content\":\"[1]\"}}],\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":"
           "\"5\","
           "\"completion_tokens_details\":null}}";
    cr_assert_eq(llm_answer_read(&answer, rrk_text_of(body), NULL), RRK_OK);
    cr_assert(!answer.has_prompt_tokens && !answer.has_completion_tokens);
}

#define DELTA(members) "{\"choices\":[{\"index\":0,\"delta\":{" members "}}]}"
#define STOP "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"

static const struct {
    const char *events[8];
    const char *text;
    bool ended, thinking;
} STREAMS[] = {
    {{DELTA("\"role\":\"assistant\",\"content\":\"\""), DELTA("\"content\":\"[2]\""), DELTA("\"content\":\" > [1]\""),
      STOP, "[DONE]"},
     "[2] > [1]",
     true,
     false},
    {{DELTA("\"content\":\"[2]\""), "[DONE]"}, "[2]", true, false},
    {{DELTA("\"content\":\"[2]\""), STOP}, "[2]", true, false},
    {{DELTA("\"content\":\"[2]\"")}, "[2]", false, false},
    {{DELTA("\"content\":\"[2]\",\"role\":null"), "{\"choices\":[],\"usage\":{\"prompt_tokens\":3}}", STOP},
     "[2]",
     true,
     false},
    {{"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"[2]\"},\"finish_reason\":null}],\"usage\":null}", "[DONE] "},
     "[2]",
     true,
     false},
    {{DELTA("\"reasoning_content\":\"[9]\""), DELTA("\"content\":null"), DELTA("\"content\":\"[1]\""), STOP},
     "[1]",
     true,
     true},
    {{DELTA("\"content\":\"<thi\""), DELTA("\"content\":\"nk>[9]</thi\""), DELTA("\"content\":\"nk>[1]\""), STOP},
     "[1]",
     true,
     true},
    {{DELTA("\"content\":\"<\""), DELTA("\"content\":\"/think>[1]\""), STOP}, "[1]", true, true},
    {{"{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"[7]\"}},{\"index\":0,\"delta\":{\"content\":\"[1]\"}}]}",
      STOP},
     "[1]",
     true,
     false},
    {{"{\"choices\":[{\"delta\":{\"content\":\"[1]\"}}]}", "{\"object\":\"ping\"}", STOP}, "[1]", true, false},
    {{"{\"choices\":[{\"index\":0,\"text\":\"[1]\"}]}", STOP}, "[1]", true, false},
    {{"{\"choices\":null}", STOP}, "", true, false},
};

Test(answer, of_streams)
{
    for (size_t i = 0; i < RRK_COUNT(STREAMS); i++) {
        llm_answer answer RRK_AUTO(llm_answer_free) = fresh();
        for (size_t k = 0; k < RRK_COUNT(STREAMS[i].events) && STREAMS[i].events[k]; k++)
            cr_assert_eq(llm_answer_read_event(&answer, rrk_text_of(STREAMS[i].events[k]), NULL), RRK_OK, "row %zu", i);
        assert_text(&answer, STREAMS[i].text, "stream");
        cr_assert_eq(answer.had_thinking, STREAMS[i].thinking, "row %zu", i);
        cr_assert_eq(llm_answer_end(&answer, NULL), STREAMS[i].ended ? RRK_OK : RRK_E_UPSTREAM, "row %zu", i);
    }
}

Test(answer, an_error_within_a_stream_is_a_failure)
{
    static const char *const EVENTS[] = {"{\"error\":{\"message\":\"out of memory\",\"code\":500}}",
                                         "{\"error\":\"x\"}",
                                         "{\"choices\":[{\"delta\":",
                                         "oops",
                                         "[1]",
                                         "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"abort\"}]}"};
    for (size_t i = 0; i < RRK_COUNT(EVENTS); i++) {
        llm_answer answer RRK_AUTO(llm_answer_free) = fresh();
        cr_assert_eq(llm_answer_read_event(&answer, rrk_text_of(DELTA("\"content\":\"[1]\"")), NULL), RRK_OK);
        cr_assert_eq(llm_answer_read_event(&answer, rrk_text_of(EVENTS[i]), NULL), RRK_E_UPSTREAM, "row %zu", i);
    }
}

Test(answer, tags_are_found_however_they_are_cut)
{
    static const char TEXT[] = "<think>[1] < [2] </thin </think> [3] <think>x</think>[4] > [5]<";
    for (size_t size = 1; size < sizeof TEXT; size++) {
        llm_answer answer RRK_AUTO(llm_answer_free) = fresh();
        for (size_t at = 0; at < sizeof TEXT - 1; at += size)
            cr_assert_eq(llm_answer_add(&answer, TEXT + at, RRK_MIN(size, sizeof TEXT - 1 - at), NULL), RRK_OK);
        assert_text(&answer, "[4] > [5]<", "cut");
    }
}

Test(answer, random_texts_are_read_alike_in_pieces_and_whole)
{
    static const char *const PARTS[] = {"<think>", "</think>", "<", "/", "think>", "[1]", "<think", " "};
    uint64_t seed = 7, n = 0;
    printf("seed %d\n", (int)seed);
    for (int round = 0; round < 2000; round++) {
        char text[256] = "";
        for (int i = 0; i < 12; i++)
            strncat(text, PARTS[base_rng_at(seed, n++) % RRK_COUNT(PARTS)], sizeof text - strlen(text) - 1);
        llm_answer whole RRK_AUTO(llm_answer_free) = fresh(), pieces RRK_AUTO(llm_answer_free) = fresh();
        cr_assert_eq(llm_answer_add(&whole, text, strlen(text), NULL), RRK_OK);
        for (size_t at = 0; at < strlen(text); at++)
            cr_assert_eq(llm_answer_add(&pieces, text + at, 1, NULL), RRK_OK);
        /* The plain reading: after the last end of thinking, unless thinking begins again. */
        const char *rest = text;
        for (const char *at; (at = strstr(rest, "</think>")) != NULL;)
            rest = at + strlen("</think>");
        assert_text(&whole, strstr(rest, "<think>") ? "" : rest, text);
        assert_text(&pieces, strstr(rest, "<think>") ? "" : rest, text);
    }
}

Test(answer, is_limited)
{
    llm_answer answer RRK_AUTO(llm_answer_free);
    llm_answer_init(&answer, 4, NULL);
    cr_assert_eq(llm_answer_add(&answer, "1234", 4, NULL), RRK_OK);
    cr_assert_eq(llm_answer_add(&answer, "5", 1, NULL), RRK_E_UPSTREAM);
    assert_text(&answer, "1234", "limit");
}
