/* Replies of chat endpoints: see answer.h. */
#include "llm/answer.h"
#include "llm/json.h"
#include "llm/refusal.h"

#include <jansson.h>
#include <string.h>

static const char OPEN_TAG[] = "<think>", CLOSE_TAG[] = "</think>";
enum { OPEN_LEN = sizeof OPEN_TAG - 1, CLOSE_LEN = sizeof CLOSE_TAG - 1 };

void llm_answer_init(llm_answer *answer, size_t max_bytes, const char *hidden)
{
    *answer = (llm_answer){.text = {.max = max_bytes}, .hidden = hidden};
}

void llm_answer_clear(llm_answer *answer)
{
    base_buf text = answer->text;
    base_buf_clear(&text);
    *answer = (llm_answer){.text = text, .hidden = answer->hidden};
}

void llm_answer_free(llm_answer *answer)
{
    base_buf_free(&answer->text);
}

rrk_text llm_answer_text(const llm_answer *answer)
{
    if (answer->open || !answer->text.data)
        return (rrk_text){"", 0};
    return (rrk_text){answer->text.data + answer->start, answer->text.len - answer->start};
}

/* Looks for tags in what is new, and once more at the end of what is old: a tag may come in pieces. */
static void scan_tags(llm_answer *answer)
{
    const char *data = answer->text.data;
    size_t at = answer->scanned > CLOSE_LEN ? answer->scanned - CLOSE_LEN : 0;
    at = RRK_MAX(at, answer->start);
    answer->scanned = answer->text.len;
    for (const char *tag; (tag = memchr(data + at, '<', answer->text.len - at)) != NULL; at++) {
        at = (size_t)(tag - data);
        size_t left = answer->text.len - at;
        if (left >= CLOSE_LEN && memcmp(tag, CLOSE_TAG, CLOSE_LEN) == 0) {
            answer->start = at + CLOSE_LEN;
            answer->open = false;
            answer->had_thinking = true;
        } else if (left >= OPEN_LEN && memcmp(tag, OPEN_TAG, OPEN_LEN) == 0) {
            answer->open = true;
            answer->had_thinking = true;
        }
    }
}

rrk_status llm_answer_add(llm_answer *answer, const char *data, size_t len, rrk_error *err)
{
    if (!len)
        return RRK_OK;
    if (len > answer->text.max - answer->text.len)
        return base_fail(err, RRK_E_UPSTREAM, 0, "the answer is above %zu bytes", answer->text.max);
    RRK_TRY(base_buf_append(&answer->text, data, len, err));
    scan_tags(answer);
    return RRK_OK;
}

static void note_thinking(llm_answer *answer, const json_t *value)
{
    size_t len = json_string_length(value);
    answer->thinking_bytes += len;
    answer->had_thinking = answer->had_thinking || len;
}

/* One of content's parts: {"type": "text", "text": "..."}, or {"type": "thinking", "thinking": [parts]}. */
static rrk_status add_part(llm_answer *answer, const json_t *part, rrk_error *err)
{
    rrk_text type = llm_json_text(part, "type");
    if (type.len && strcmp(type.data, "text") != 0 && strcmp(type.data, "output_text") != 0) {
        const json_t *thinking = json_object_get(part, "thinking");
        note_thinking(answer, thinking);
        for (size_t i = 0; i < json_array_size(thinking); i++)
            note_thinking(answer, json_object_get(json_array_get(thinking, i), "text"));
        return RRK_OK;
    }
    rrk_text text = json_is_string(part) ? (rrk_text){json_string_value(part), json_string_length(part)}
                                         : llm_json_text(part, "text");
    return llm_answer_add(answer, text.data, text.len, err);
}

static rrk_status add_message(llm_answer *answer, const json_t *message, rrk_error *err)
{
    static const char *const THINKING[] = {"reasoning", "reasoning_content", "thinking"};
    size_t len = 0;
    for (size_t i = 0; i < RRK_COUNT(THINKING) && !len; i++) {
        const json_t *value = json_object_get(message, THINKING[i]);
        len = json_string_length(value); /* some servers send the same text under two names */
        note_thinking(answer, value);
    }
    const json_t *content = json_object_get(message, "content");
    if (json_is_string(content))
        return llm_answer_add(answer, json_string_value(content), json_string_length(content), err);
    for (size_t i = 0; i < json_array_size(content); i++)
        RRK_TRY(add_part(answer, json_array_get(content, i), err));
    return RRK_OK;
}

static bool take_count(const json_t *object, const char *name, uint64_t *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

/* Some servers count as they go: the last numbers stand. */
static void take_usage(llm_answer *answer, const json_t *root)
{
    const json_t *usage = json_object_get(root, "usage");
    const json_t *details = json_object_get(usage, "completion_tokens_details");
    answer->has_prompt_tokens |= take_count(usage, "prompt_tokens", &answer->prompt_tokens);
    answer->has_completion_tokens |= take_count(usage, "completion_tokens", &answer->completion_tokens);
    (void)take_count(details, "reasoning_tokens", &answer->thinking_tokens);
}

/* Endpoints that give up in the middle of an answer say so in finish_reason; what came of it is not an answer. */
static rrk_status take_finish_reason(llm_answer *answer, const json_t *choice, rrk_error *err)
{
    const char *reason = json_string_value(json_object_get(choice, "finish_reason"));
    if (!reason)
        return RRK_OK;
    if (strcmp(reason, "error") == 0 || strcmp(reason, "abort") == 0)
        return base_fail(err, RRK_E_UPSTREAM, 0, "the endpoint gave up within its answer (finish_reason '%s')", reason);
    answer->has_ended = true;
    answer->was_cut = strcmp(reason, "length") == 0;
    return RRK_OK;
}

static rrk_status fail_with(llm_answer *answer, const json_t *root, rrk_error *err)
{
    char message[LLM_REFUSAL_SIZE];
    llm_refusal_of_json(root, answer->hidden, message);
    answer->error_code = llm_refusal_code(root);
    return base_fail(err, RRK_E_UPSTREAM, (int)answer->error_code, "the endpoint answered with an error: %s",
                     message[0] ? message : "it does not say which");
}

/* Some servers send "error": null with each reply. */
static bool is_error(const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    const char *object = json_string_value(json_object_get(root, "object"));
    return json_object_size(error) || json_string_length(error) || (object && strcmp(object, "error") == 0);
}

/* A login page or a gateway's complaint: its text says more than that it is none of ours. */
static rrk_status not_an_object(const llm_answer *answer, rrk_text body, rrk_error *err)
{
    char message[LLM_REFUSAL_SIZE];
    llm_refusal_read(body, answer->hidden, message);
    return base_fail(err, RRK_E_UPSTREAM, 0, "the endpoint's reply is not a JSON object%s%s", message[0] ? ": " : "",
                     message);
}

rrk_status llm_answer_read(llm_answer *answer, rrk_text body, rrk_error *err)
{
    json_t *root RRK_AUTO(json_decrefp) = llm_json_load(body);
    if (!json_is_object(root))
        return not_an_object(answer, body, err);
    if (is_error(root))
        return fail_with(answer, root, err);
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    const json_t *text = json_object_get(choice, "text");
    if (!json_is_object(message) && !json_is_string(text))
        return base_fail(err, RRK_E_UPSTREAM, 0, "the endpoint's reply holds no answer (choices[0].message)");
    take_usage(answer, root);
    RRK_TRY(add_message(answer, message, err));
    if (!json_is_object(message))
        RRK_TRY(llm_answer_add(answer, json_string_value(text), json_string_length(text), err));
    RRK_TRY(take_finish_reason(answer, choice, err));
    answer->has_ended = true;
    return RRK_OK;
}

static rrk_status add_choice(llm_answer *answer, const json_t *choice, rrk_error *err)
{
    const json_t *delta = json_object_get(choice, "delta");
    const json_t *text = json_object_get(choice, "text");
    if (json_integer_value(json_object_get(choice, "index")) != 0)
        return RRK_OK;
    RRK_TRY(add_message(answer, json_is_object(delta) ? delta : json_object_get(choice, "message"), err));
    RRK_TRY(llm_answer_add(answer, json_string_value(text), json_string_length(text), err));
    return take_finish_reason(answer, choice, err);
}

rrk_status llm_answer_read_event(llm_answer *answer, rrk_text data, rrk_error *err)
{
    static const char DONE[] = "[DONE]";
    while (data.len && data.data[data.len - 1] == ' ')
        data.len--;
    if (data.len == sizeof DONE - 1 && memcmp(data.data, DONE, data.len) == 0) {
        answer->has_ended = true;
        return RRK_OK;
    }
    json_t *root RRK_AUTO(json_decrefp) = llm_json_load(data);
    if (!json_is_object(root))
        return base_fail(err, RRK_E_UPSTREAM, 0, "an event of the endpoint's stream is not a JSON object");
    if (is_error(root))
        return fail_with(answer, root, err);
    take_usage(answer, root);
    const json_t *choices = json_object_get(root, "choices");
    for (size_t i = 0; i < json_array_size(choices); i++)
        RRK_TRY(add_choice(answer, json_array_get(choices, i), err));
    return RRK_OK;
}

rrk_status llm_answer_end(const llm_answer *answer, rrk_error *err)
{
    if (answer->has_ended)
        return RRK_OK;
    return base_fail(err, RRK_E_UPSTREAM, 0, "the endpoint's stream broke off before the answer's end");
}
