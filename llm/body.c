/* Writing requests: see body.h. */
#include "llm/body.h"
#include "base/alloc.h"
#include "llm/shape.h"

#include <jansson.h>
#include <string.h>

void llm_extra_free(llm_extra *extra)
{
    for (size_t i = 0; i < extra->n_names; i++)
        base_free(extra->names[i]);
    base_free(extra->names);
    base_free(extra->members);
    *extra = (llm_extra){0};
}

static rrk_status take_names(llm_extra *out, json_t *root, rrk_error *err)
{
    const char *name;
    json_t *value;
    size_t n = json_object_size(root);
    out->names = base_calloc(n, sizeof *out->names);
    if (!out->names)
        return base_fail_nomem(err, n * sizeof *out->names);
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "messages") == 0 || strcmp(name, "stream") == 0)
            return base_fail(err, RRK_E_INVALID, 0, "extra_body may not set '%s'", name);
        out->names[out->n_names] = base_strdup(name);
        if (!out->names[out->n_names++])
            return base_fail_nomem(err, strlen(name) + 1);
    }
    return RRK_OK;
}

/* The object's members without its braces, but for those that are null. */
static rrk_status take_members(llm_extra *out, json_t *root, rrk_error *err)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(root, next, name, value)
    {
        if (json_is_null(value))
            json_object_del(root, name);
    }
    char *dump = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    size_t len = dump ? strlen(dump) : 0;
    out->members = len >= 2 ? base_strndup(dump + 1, len - 2) : NULL;
    free(dump);
    return out->members ? RRK_OK : base_fail_nomem(err, len);
}

rrk_status llm_extra_read(llm_extra *out, const char *json, rrk_error *err)
{
    *out = (llm_extra){0};
    if (!json || !json[0])
        return RRK_OK;
    if (strlen(json) > LLM_MAX_EXTRA_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "extra_body is above %zu bytes", LLM_MAX_EXTRA_BYTES);
    json_error_t where;
    json_t *root RRK_AUTO(json_decrefp) = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return base_fail(err, RRK_E_INVALID, 0, "extra_body is not JSON: %s (at byte %d)", where.text, where.position);
    if (!json_is_object(root))
        return base_fail(err, RRK_E_INVALID, 0, "extra_body is not a JSON object");
    rrk_status status = take_names(out, root, err);
    if (status == RRK_OK)
        status = take_members(out, root, err);
    if (status != RRK_OK)
        llm_extra_free(out);
    return status;
}

static bool is_extra(const llm_body_format *format, const char *name)
{
    for (size_t i = 0; i < format->extra->n_names; i++) {
        if (strcmp(format->extra->names[i], name) == 0)
            return true;
    }
    return false;
}

static rrk_status add_number(const llm_body_format *format, const char *name, int64_t value, base_buf *out,
                             rrk_error *err)
{
    return is_extra(format, name) ? RRK_OK : base_buf_printf(out, err, ",\"%s\":%lld", name, (long long)value);
}

static rrk_status add_messages(const llm_prompt *prompt, base_buf *out, rrk_error *err)
{
    size_t room = 64;
    for (size_t i = 0; i < prompt->n_messages; i++)
        room += prompt->messages[i].content.len + 64;
    RRK_TRY(base_buf_reserve(out, room, err));
    RRK_TRY(base_buf_append_string(out, "{\"messages\":[", err));
    for (size_t i = 0; i < prompt->n_messages; i++) {
        const rrk_llm_message *message = &prompt->messages[i];
        RRK_TRY(base_buf_printf(out, err, "%s{\"role\":\"%s\",\"content\":", i ? "," : "", message->role));
        RRK_TRY(base_buf_append_json(out, message->content, err));
        RRK_TRY(base_buf_append_char(out, '}', err));
    }
    return base_buf_append_char(out, ']', err);
}

/* An endpoint takes one name for the cap, so a user who gives either one of them takes it over. */
static rrk_status add_cap(const llm_body_format *format, const llm_prompt *prompt, base_buf *out, rrk_error *err)
{
    if (is_extra(format, "max_tokens") || is_extra(format, "max_completion_tokens"))
        return RRK_OK;
    const char *name = format->completion_cap ? "max_completion_tokens" : "max_tokens";
    return add_number(format, name, (int64_t)prompt->max_tokens, out, err);
}

/* Members in fixed order: a body's bytes are part of what a cached reply is found by. */
static rrk_status add_settings(const llm_body_format *format, const llm_prompt *prompt, base_buf *out, rrk_error *err)
{
    if (!is_extra(format, "model")) {
        RRK_TRY(base_buf_append_string(out, ",\"model\":", err));
        RRK_TRY(base_buf_append_json(out, rrk_text_of(format->model), err));
    }
    RRK_TRY(add_number(format, "temperature", 0, out, err));
    RRK_TRY(add_cap(format, prompt, out, err));
    if (format->seed >= 0)
        RRK_TRY(add_number(format, "seed", format->seed, out, err));
    const char *grammar = llm_shape_member(format->grammar);
    if (prompt->shape != LLM_SHAPE_FREE && !is_extra(format, grammar)) {
        RRK_TRY(base_buf_printf(out, err, ",\"%s\":", grammar));
        RRK_TRY(llm_shape_write(prompt, format->grammar, out, err));
    }
    return RRK_OK;
}

rrk_status llm_body_write(const llm_body_format *format, const llm_prompt *prompt, base_buf *out, rrk_error *err)
{
    const char *extra = format->extra->members;
    RRK_TRY(add_messages(prompt, out, err));
    RRK_TRY(add_settings(format, prompt, out, err));
    if (format->stream)
        RRK_TRY(base_buf_append_string(out, ",\"stream\":true", err));
    if (format->stream && !is_extra(format, "stream_options"))
        RRK_TRY(base_buf_append_string(out, ",\"stream_options\":{\"include_usage\":true}", err));
    if (extra && extra[0]) {
        RRK_TRY(base_buf_append_char(out, ',', err));
        RRK_TRY(base_buf_append_string(out, extra, err));
    }
    return base_buf_append_char(out, '}', err);
}
