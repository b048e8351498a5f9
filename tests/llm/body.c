/* Request bodies, the grammars in them, and the names that cached replies are found by. */
#include "llm/body.h"
#include "llm/shape.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

static const rrk_llm_message MESSAGES[] = {{"system", {"be \"brief\"", 10}}, {"user", {"q\n\x01\t\\", 5}}};

static llm_prompt prompt_of(llm_shape shape)
{
    static const uint32_t admitted[] = {3, 12, 7};
    return (llm_prompt){.messages = MESSAGES,
                        .n_messages = 2,
                        .max_tokens = 100,
                        .shape = shape,
                        .admitted = admitted,
                        .n_admitted = 3,
                        .n_wanted = 2};
}

static char *body_of(const llm_body_format *format, const llm_prompt *prompt)
{
    static base_buf buf = {.max = 1 << 20};
    rrk_error err;
    base_buf_clear(&buf);
    base_error_clear(&err);
    cr_assert_eq(llm_body_write(format, prompt, &buf, &err), RRK_OK, "%s", err.message);
    json_t *root = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(root, "%s", buf.data);
    json_decref(root);
    return buf.data;
}

static llm_extra extra_of(const char *json)
{
    llm_extra extra;
    rrk_error err;
    base_error_clear(&err);
    cr_assert_eq(llm_extra_read(&extra, json, &err), RRK_OK, "%s", err.message);
    return extra;
}

#define START                                                                                                          \
    "{\"messages\":[{\"role\":\"system\",\"content\":\"be \\\"brief\\\"\"},"                                           \
    "{\"role\":\"user\",\"content\":\"q\\n\\u0001\\t\\\\\"}]"

static const struct {
    const char *extra;
    bool stream, completion_cap;
    int64_t seed;
    const char *rest;
} BODIES[] = {
    {NULL, false, false, -1, ",\"model\":\"m\",\"temperature\":0,\"max_tokens\":100}"},
    {"", false, true, 0, ",\"model\":\"m\",\"temperature\":0,\"max_completion_tokens\":100,\"seed\":0}"},
    {"{}", true, false, -1,
     ",\"model\":\"m\",\"temperature\":0,\"max_tokens\":100,\"stream\":true,\"stream_options\":{\"include_usage\":true}"
     "}"},
    {"{\"top_p\":0.5,\"a\":{\"b\":[1,null]}}", false, false, 9,
     ",\"model\":\"m\",\"temperature\":0,\"max_tokens\":100,\"seed\":9,\"a\":{\"b\":[1,null]},\"top_p\":0.5}"},
    {"{\"temperature\":null,\"seed\":null}", false, false, 9, ",\"model\":\"m\",\"max_tokens\":100}"},
    {"{\"temperature\":1,\"model\":\"other\"}", false, false, -1,
     ",\"max_tokens\":100,\"model\":\"other\",\"temperature\":1}"},
    {"{\"max_completion_tokens\":5}", false, false, -1,
     ",\"model\":\"m\",\"temperature\":0,\"max_completion_tokens\":5}"},
    {"{\"stream_options\":null}", true, false, -1,
     ",\"model\":\"m\",\"temperature\":0,\"max_tokens\":100,\"stream\":true}"},
};

Test(body, has_what_was_asked_for)
{
    for (size_t i = 0; i < RRK_COUNT(BODIES); i++) {
        llm_extra extra RRK_AUTO(llm_extra_free) = extra_of(BODIES[i].extra);
        llm_body_format format = {.model = "m",
                                  .extra = &extra,
                                  .completion_cap = BODIES[i].completion_cap,
                                  .seed = BODIES[i].seed,
                                  .stream = BODIES[i].stream};
        llm_prompt prompt = prompt_of(LLM_SHAPE_FREE);
        const char *body = body_of(&format, &prompt);
        cr_assert_eq(strncmp(body, START, strlen(START)), 0, "%s", body);
        cr_assert_str_eq(body + strlen(START), BODIES[i].rest, "row %zu", i);
    }
}

Test(body, extras_that_cannot_be_are_refused)
{
    static const char *const BAD[][2] = {
        {"[1]", "not a JSON object"},      {"\"x\"", "not a JSON object"},
        {"{\"a\":1", "not JSON"},          {"{\"messages\":[]}", "may not set 'messages'"},
        {"{\"stream\":null}", "'stream'"}, {"{\"a\":1,\"a\":2}", "not JSON"},
        {"nonsense", "not JSON"},
    };
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        llm_extra extra;
        rrk_error err = {0};
        cr_assert_eq(llm_extra_read(&extra, BAD[i][0], &err), RRK_E_INVALID, "row %zu", i);
        cr_assert_not_null(strstr(err.message, BAD[i][1]), "%s", err.message);
        cr_assert_null(extra.members);
    }
}

Test(body, an_extra_body_has_a_limit)
{
    static char json[LLM_MAX_EXTRA_BYTES + 2];
    memset(json, ' ', sizeof json - 1);
    json[0] = '{';
    json[1] = '}';
    llm_extra extra;
    cr_assert_eq(llm_extra_read(&extra, json, NULL), RRK_E_INVALID);
    json[LLM_MAX_EXTRA_BYTES] = '\0';
    cr_assert_eq(llm_extra_read(&extra, json, NULL), RRK_OK);
    llm_extra_free(&extra);
}

/* --- grammars --- */

static char *shape_of(const llm_prompt *prompt, rrk_llm_grammar grammar)
{
    static base_buf buf = {.max = 16 << 20};
    base_buf_clear(&buf);
    cr_assert_eq(llm_shape_write(prompt, grammar, &buf, NULL), RRK_OK);
    return buf.data;
}

Test(shape, of_each_dialect)
{
    llm_prompt list = prompt_of(LLM_SHAPE_LIST), one = prompt_of(LLM_SHAPE_ONE);
    cr_assert_str_eq(shape_of(&list, RRK_LLM_GRAMMAR_GBNF),
                     "\"root ::= id (\\\" > \\\" id){1}\\nid ::= \\\"[\\\" ([3] |[1-2] ) \\\"]\\\"\\n\"");
    cr_assert_str_eq(shape_of(&one, RRK_LLM_GRAMMAR_GBNF),
                     "\"root ::= id\\nid ::= \\\"[\\\" (\\\"3\\\"|\\\"12\\\"|\\\"7\\\") \\\"]\\\"\\n\"");
    cr_assert_str_eq(shape_of(&list, RRK_LLM_GRAMMAR_REGEX),
                     "{\"regex\":\"\\\\[([3]|[1-2])\\\\]( > \\\\[([3]|[1-2])\\\\]){1}\"}");
    cr_assert_str_eq(shape_of(&one, RRK_LLM_GRAMMAR_GUIDED_REGEX), "\"\\\\[(3|12|7)\\\\]\"");
    json_t *schema = json_loads(shape_of(&list, RRK_LLM_GRAMMAR_JSON_SCHEMA), 0, NULL);
    json_t *ranking = json_object_get(
        json_object_get(json_object_get(json_object_get(schema, "json_schema"), "schema"), "properties"), "ranking");
    json_t *ids = json_object_get(json_object_get(ranking, "items"), "enum");
    cr_assert_eq(json_array_size(ids), 3);
    cr_assert_str_eq(json_string_value(json_array_get(ids, 2)), "[3]");
    cr_assert_eq(json_integer_value(json_object_get(ranking, "minItems")), 2);
    cr_assert_eq(json_integer_value(json_object_get(ranking, "maxItems")), 2);
    json_decref(schema);
}

Test(shape, admits_the_numbers_from_1_to_n_and_no_others)
{
    static const size_t N[] = {1,   2,   9,   10,  11,  19,   20,   21,   99,   100,
                               101, 105, 199, 230, 999, 1000, 1999, 2345, 9999, 10000};
    for (size_t i = 0; i < RRK_COUNT(N); i++) {
        llm_prompt prompt = {.shape = LLM_SHAPE_LIST, .n_admitted = N[i], .n_wanted = 1};
        json_t *text = json_loads(shape_of(&prompt, RRK_LLM_GRAMMAR_GUIDED_REGEX), JSON_DECODE_ANY, NULL);
        char whole[1024], number[32];
        snprintf(whole, sizeof whole, "^%s$", json_string_value(text));
        regex_t regex;
        cr_assert_eq(regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB), 0, "%s", whole);
        for (size_t id = 0; id <= N[i] * 2 + 20; id++) {
            snprintf(number, sizeof number, "[%zu]", id);
            cr_assert_eq(regexec(&regex, number, 0, NULL, 0) == 0, id >= 1 && id <= N[i], "n %zu: %zu", N[i], id);
        }
        cr_assert_neq(regexec(&regex, "[01]", 0, NULL, 0), 0);
        regfree(&regex);
        json_decref(text);
    }
}

Test(shape, admits_exactly_as_many_as_are_wanted)
{
    llm_prompt prompt = {.shape = LLM_SHAPE_LIST, .n_admitted = 20, .n_wanted = 3};
    json_t *text = json_loads(shape_of(&prompt, RRK_LLM_GRAMMAR_GUIDED_REGEX), JSON_DECODE_ANY, NULL);
    char whole[1024];
    snprintf(whole, sizeof whole, "^%s$", json_string_value(text));
    regex_t regex;
    cr_assert_eq(regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB), 0);
    cr_assert_eq(regexec(&regex, "[2] > [20] > [1]", 0, NULL, 0), 0);
    cr_assert_neq(regexec(&regex, "[2] > [20]", 0, NULL, 0), 0);
    cr_assert_neq(regexec(&regex, "[2] > [20] > [1] > [3]", 0, NULL, 0), 0);
    cr_assert_neq(regexec(&regex, "[2]>[20]>[1]", 0, NULL, 0), 0);
    regfree(&regex);
    json_decref(text);
}

Test(shape, that_nothing_fits_is_refused)
{
    llm_prompt prompt = prompt_of(LLM_SHAPE_LIST);
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_OK);
    prompt.n_wanted = 3;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_OK);
    prompt.n_wanted = 4;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_E_INVALID);
    prompt.n_wanted = 0;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_E_INVALID);
    prompt = prompt_of(LLM_SHAPE_LIST);
    prompt.n_admitted = LLM_SHAPE_MAX_IDS;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_OK);
    prompt.n_admitted++;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_E_INVALID);
    prompt = prompt_of(LLM_SHAPE_ONE);
    prompt.admitted = NULL;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_E_INVALID);
    prompt.n_admitted = 0;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_E_INVALID);
    prompt.shape = LLM_SHAPE_FREE;
    cr_assert_eq(llm_shape_check(&prompt, NULL), RRK_OK);
}

Test(shape, of_the_largest_list_and_set_fits)
{
    static uint32_t ids[LLM_SHAPE_MAX_IDS];
    for (size_t i = 0; i < LLM_SHAPE_MAX_IDS; i++)
        ids[i] = UINT32_MAX - (uint32_t)i;
    for (int grammar = RRK_LLM_GRAMMAR_GBNF; grammar <= RRK_LLM_GRAMMAR_JSON_SCHEMA; grammar++) {
        llm_prompt prompt = {.shape = LLM_SHAPE_ONE, .admitted = ids, .n_admitted = LLM_SHAPE_MAX_IDS};
        cr_assert_gt(strlen(shape_of(&prompt, (rrk_llm_grammar)grammar)), (size_t)10 * LLM_SHAPE_MAX_IDS);
        prompt.shape = LLM_SHAPE_LIST;
        prompt.n_wanted = LLM_SHAPE_MAX_IDS;
        shape_of(&prompt, (rrk_llm_grammar)grammar);
    }
}

Test(shape, is_in_the_body_unless_an_extra_takes_its_place)
{
    llm_prompt prompt = prompt_of(LLM_SHAPE_LIST);
    static const char *const MEMBERS[] = {
        "\"grammar\":", "\"structured_outputs\":", "\"guided_regex\":", "\"response_format\":"};
    for (int grammar = 0; grammar < 4; grammar++) {
        llm_extra extra RRK_AUTO(llm_extra_free) = extra_of(NULL);
        llm_body_format format = {.model = "m", .extra = &extra, .seed = -1, .grammar = (rrk_llm_grammar)grammar};
        cr_assert_not_null(strstr(body_of(&format, &prompt), MEMBERS[grammar]));
    }
    llm_extra extra RRK_AUTO(llm_extra_free) = extra_of("{\"grammar\":\"mine\"}");
    llm_body_format format = {.model = "m", .extra = &extra, .seed = -1};
    cr_assert_null(strstr(body_of(&format, &prompt), "root ::="));
}

/* --- cache keys --- */

typedef struct key_case {
    const char *url, *model, *extra;
    int64_t seed;
    llm_shape shape;
    size_t max_tokens;
} key_case;

static void key_of(const key_case *c, bool stream, bool completion_cap, char key[LLM_CACHE_KEY_SIZE])
{
    llm_extra extra RRK_AUTO(llm_extra_free) = extra_of(c->extra);
    llm_body_format format = {
        .model = c->model, .extra = &extra, .seed = c->seed, .stream = stream, .completion_cap = completion_cap};
    llm_prompt prompt = prompt_of(c->shape);
    prompt.max_tokens = c->max_tokens;
    cr_assert_eq(llm_cache_key(c->url, &format, &prompt, key, NULL), RRK_OK);
}

Test(cache_key, differs_where_an_answer_can)
{
    static const key_case CASES[] = {
        {"http://a/", "m", NULL, -1, LLM_SHAPE_FREE, 100}, {"http://b/", "m", NULL, -1, LLM_SHAPE_FREE, 100},
        {"http://a/", "n", NULL, -1, LLM_SHAPE_FREE, 100}, {"http://a/", "m", "{\"a\":1}", -1, LLM_SHAPE_FREE, 100},
        {"http://a/", "m", NULL, 0, LLM_SHAPE_FREE, 100},  {"http://a/", "m", NULL, -1, LLM_SHAPE_LIST, 100},
        {"http://a/", "m", NULL, -1, LLM_SHAPE_FREE, 101}, {"http://a/", "m", NULL, -1, LLM_SHAPE_ONE, 100},
    };
    char keys[RRK_COUNT(CASES)][LLM_CACHE_KEY_SIZE];
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        key_of(&CASES[i], false, false, keys[i]);
        cr_assert_eq(strlen(keys[i]), 64);
        for (size_t k = 0; k < i; k++)
            cr_assert_str_neq(keys[i], keys[k], "%zu and %zu", i, k);
    }
    char other[LLM_CACHE_KEY_SIZE];
    key_of(&CASES[0], true, false, other);
    cr_assert_str_eq(other, keys[0], "streaming makes no difference");
    key_of(&CASES[0], false, true, other);
    cr_assert_str_eq(other, keys[0], "nor does the cap's name");
    /* sha256 of the body, a line feed and the URL, computed with Python's hashlib; old caches stay valid. */
    cr_assert_str_eq(keys[0], "2586ce04cd333223887e92e2e522c9a8eb2773404f5dd13ada8bfbb5c43a464d");
}
