/* Replies: see reply.h. */
#include "llm/reply.h"
#include "base/alloc.h"
#include "llm/json.h"

#include <jansson.h>
#include <string.h>

enum { BYTES_PER_THINKING_TOKEN = 4 }; /* of thinking whose text was not kept */

typedef struct owned_reply {
    llm_reply reply; /* first, so that one pointer is both */
    char *memory;    /* the answer is somewhere in it */
} owned_reply;

static owned_reply *owned(llm_reply *reply)
{
    return (owned_reply *)(void *)reply;
}

rrk_status llm_reply_new(llm_reply **out, rrk_error *err)
{
    owned_reply *made = base_calloc(1, sizeof *made);
    if (!made)
        return base_fail_nomem(err, sizeof *made);
    made->reply.answer = "";
    *out = &made->reply;
    return RRK_OK;
}

void llm_reply_free(llm_reply *reply)
{
    if (!reply)
        return;
    base_free(owned(reply)->memory);
    base_free(reply);
}

static uint64_t estimate_completion(const llm_answer *answer)
{
    return llm_estimate_tokens((rrk_text){answer->text.data, answer->text.len}) +
           answer->thinking_bytes / BYTES_PER_THINKING_TOKEN;
}

void llm_reply_take(llm_reply *reply, llm_answer *answer, const llm_prompt *prompt)
{
    reply->had_thinking = answer->had_thinking;
    reply->was_cut = answer->was_cut;
    reply->tokens_estimated = !answer->has_prompt_tokens || !answer->has_completion_tokens;
    reply->prompt_tokens = answer->has_prompt_tokens ? answer->prompt_tokens
                                                     : llm_estimate_chat_tokens(prompt->messages, prompt->n_messages);
    reply->completion_tokens = answer->has_completion_tokens ? answer->completion_tokens : estimate_completion(answer);
    reply->thinking_tokens = RRK_MIN(answer->thinking_tokens, reply->completion_tokens);
    rrk_text text = llm_answer_text(answer);
    if (!text.len)
        return;
    base_free(owned(reply)->memory);
    reply->answer = text.data;
    reply->answer_len = text.len;
    owned(reply)->memory = answer->text.data;
    answer->text = (base_buf){.max = answer->text.max};
}

static rrk_status add_flag(const char *name, bool value, base_buf *out, rrk_error *err)
{
    return base_buf_printf(out, err, ",\"%s\":%s", name, value ? "true" : "false");
}

static rrk_status add_count(const char *name, uint64_t value, base_buf *out, rrk_error *err)
{
    return base_buf_printf(out, err, ",\"%s\":%llu", name, (unsigned long long)value);
}

rrk_status llm_reply_write(const llm_reply *reply, base_buf *out, rrk_error *err)
{
    RRK_TRY(base_buf_append_string(out, "{\"answer\":", err));
    RRK_TRY(base_buf_append_json(out, (rrk_text){reply->answer, reply->answer_len}, err));
    RRK_TRY(add_flag("thinking", reply->had_thinking, out, err));
    RRK_TRY(add_flag("cut", reply->was_cut, out, err));
    RRK_TRY(add_flag("stopped", reply->was_stopped, out, err));
    RRK_TRY(add_flag("estimated", reply->tokens_estimated, out, err));
    RRK_TRY(add_count("prompt_tokens", reply->prompt_tokens, out, err));
    RRK_TRY(add_count("completion_tokens", reply->completion_tokens, out, err));
    RRK_TRY(add_count("thinking_tokens", reply->thinking_tokens, out, err));
    return base_buf_append_char(out, '}', err);
}

static uint64_t count_of(const json_t *root, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(root, name));
    return value > 0 ? (uint64_t)value : 0;
}

bool llm_reply_read(llm_reply *reply, rrk_text json)
{
    json_t *root RRK_AUTO(json_decrefp) = llm_json_load(json);
    rrk_text answer = llm_json_text(root, "answer");
    char *memory = answer.data ? base_strndup(answer.data, answer.len) : NULL;
    if (!memory)
        return false;
    base_free(owned(reply)->memory);
    owned(reply)->memory = memory;
    reply->answer = memory;
    reply->answer_len = answer.len;
    reply->had_thinking = json_is_true(json_object_get(root, "thinking"));
    reply->was_cut = json_is_true(json_object_get(root, "cut"));
    reply->was_stopped = json_is_true(json_object_get(root, "stopped"));
    reply->tokens_estimated = json_is_true(json_object_get(root, "estimated"));
    reply->prompt_tokens = count_of(root, "prompt_tokens");
    reply->completion_tokens = count_of(root, "completion_tokens");
    reply->thinking_tokens = count_of(root, "thinking_tokens");
    return true;
}
