/* Messages of endpoints: see refusal.h. */
#include "llm/refusal.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "llm/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_RAW = 64 << 10, /* of a message before it is shortened: what is hidden may begin late */
    MAX_FIELDS = 8      /* of a list of complaints */
};

/* Adds what fits; the rest of so long a message would be cut anyway. */
static void add(base_buf *out, const char *data, size_t len)
{
    (void)base_buf_append(out, data, RRK_MIN(len, out->max - out->len), NULL);
}

static void add_string(base_buf *out, const char *string)
{
    add(out, string, strlen(string));
}

/* ["body", "messages", 0] as "body.messages.0: ". */
static void add_location(const json_t *location, base_buf *out)
{
    size_t n = json_array_size(location);
    for (size_t i = 0; i < n; i++) {
        const json_t *part = json_array_get(location, i);
        add_string(out, i ? "." : "");
        if (json_is_integer(part))
            (void)base_buf_printf(out, NULL, "%lld", (long long)json_integer_value(part));
        else
            add(out, json_is_string(part) ? json_string_value(part) : "?",
                RRK_MAX(json_string_length(part), (size_t)1));
    }
    add_string(out, n ? ": " : "");
}

/* FastAPI's [{"loc": [...], "msg": "..."}]. */
static void add_fields(const json_t *list, base_buf *out)
{
    size_t n = RRK_MIN(json_array_size(list), (size_t)MAX_FIELDS);
    for (size_t i = 0; i < n; i++) {
        const json_t *field = json_array_get(list, i);
        rrk_text message = json_is_string(field) ? (rrk_text){json_string_value(field), json_string_length(field)}
                                                 : llm_json_text(field, "msg");
        if (!message.len)
            continue;
        add_string(out, out->len ? "; " : "");
        add_location(json_object_get(field, "loc"), out);
        add(out, message.data, message.len);
    }
}

static void add_json(const json_t *root, base_buf *out)
{
    static const char *const NAMES[] = {"message", "detail", "msg", "error"};
    if (json_is_string(root))
        add(out, json_string_value(root), json_string_length(root));
    if (json_is_array(root))
        root = json_array_get(root, 0);
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error))
        root = error;
    for (size_t i = 0; i < RRK_COUNT(NAMES) && !out->len; i++) {
        const json_t *value = json_object_get(root, NAMES[i]);
        add(out, json_string_value(value), json_string_length(value));
        if (json_is_array(value))
            add_fields(value, out);
    }
}

/* A page's text, roughly: what stands outside of its tags. */
static void add_page(rrk_text body, base_buf *out)
{
    for (size_t i = 0; i < body.len && out->len < out->max; i++) {
        const char *end = body.data[i] == '<' ? memchr(body.data + i, '>', body.len - i) : NULL;
        add(out, end ? " " : body.data + i, 1);
        i = end ? (size_t)(end - body.data) : i;
    }
}

static void hide(base_buf *text, const char *hidden)
{
    size_t len = hidden ? strlen(hidden) : 0;
    if (!len || !text->len)
        return;
    for (char *at; (at = memmem(text->data, text->len, hidden, len)) != NULL;) {
        size_t before = (size_t)(at - text->data);
        size_t stars = RRK_MIN(len, (size_t)3);
        memset(at, '\x01', stars); /* a key of stars must not be found again */
        memmove(at + stars, at + len, text->len - before - len);
        text->len -= len - stars;
    }
}

/* Folds white space and control characters, C1 and the marks that turn text around included; shows what was hidden. */
static void tidy(const base_buf *text, char out[LLM_REFUSAL_SIZE])
{
    size_t len = 0;
    bool gap = false;
    for (size_t at = 0; at < text->len && len < LLM_REFUSAL_SIZE - 6;) {
        bool is_hidden = text->data[at] == '\x01';
        uint32_t c = base_utf8_next(text->data, text->len, &at);
        bool turns = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
        if (!is_hidden && (c <= ' ' || (c >= 0x7f && c < 0xa0) || turns)) {
            gap = true;
            continue;
        }
        if (gap && len)
            out[len++] = ' ';
        gap = false;
        len += base_utf8_put(is_hidden ? '*' : c == BASE_UTF8_BAD ? 0xfffd : c, out + len);
    }
    out[len] = '\0';
}

static void finish(base_buf *text, const char *hidden, char out[LLM_REFUSAL_SIZE])
{
    /* What stands for hidden bytes must not come from outside. */
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '\x01')
            text->data[i] = ' ';
    }
    hide(text, hidden);
    tidy(text, out);
}

void llm_refusal_of_json(const json_t *root, const char *hidden, char out[LLM_REFUSAL_SIZE])
{
    base_buf text RRK_AUTO(base_buf_free) = {.max = MAX_RAW};
    add_json(root, &text);
    finish(&text, hidden, out);
}

void llm_refusal_read(rrk_text body, const char *hidden, char out[LLM_REFUSAL_SIZE])
{
    json_t *root = llm_json_load(body);
    base_buf text RRK_AUTO(base_buf_free) = {.max = MAX_RAW};
    if (root)
        add_json(root, &text);
    else if (body.len && body.data[0] == '<')
        add_page(body, &text);
    else
        add(&text, body.data, body.len);
    json_decref(root);
    finish(&text, hidden, out);
}

long llm_refusal_code(const json_t *root)
{
    static const char *const NAMES[] = {"code", "status", "status_code"};
    const json_t *error = json_object_get(root, "error");
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++) {
        const json_t *value = json_object_get(json_is_object(error) ? error : root, NAMES[i]);
        long code = json_is_integer(value)  ? (long)json_integer_value(value)
                    : json_is_string(value) ? strtol(json_string_value(value), NULL, 10)
                                            : 0;
        if (code >= 400 && code <= 599)
            return code;
    }
    return 0;
}
