/* Lenient reading of replies: see json.h. */
#include "llm/json.h"
#include "base/buf.h"
#include "base/utf8.h"

#include <jansson.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd";

/* The number of a \uXXXX escape at text.data[at]; -1 when there is none. */
static int escape_at(rrk_text text, size_t at)
{
    int value = 0;
    if (text.len - at < 6 || text.data[at] != '\\' || text.data[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + 6; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Copies one character or escape from *at on, mended if need be. */
static rrk_status mend_one(rrk_text text, size_t *at, base_buf *out)
{
    size_t start = *at;
    int high = escape_at(text, start);
    if (high >= 0xd800 && high <= 0xdfff) {
        int low = high < 0xdc00 && text.len - start >= 12 ? escape_at(text, start + 6) : -1;
        bool is_pair = low >= 0xdc00 && low <= 0xdfff;
        *at += is_pair ? 12 : 6;
        return is_pair ? base_buf_append(out, text.data + start, 12, NULL)
                       : base_buf_append_string(out, REPLACEMENT, NULL);
    }
    if (text.data[start] == '\\' && start + 1 < text.len && (unsigned char)text.data[start + 1] < 0x80)
        *at += 2;
    else if (base_utf8_next(text.data, text.len, at) == BASE_UTF8_BAD)
        return base_buf_append_string(out, REPLACEMENT, NULL);
    return base_buf_append(out, text.data + start, *at - start, NULL);
}

static json_t *load(rrk_text text)
{
    json_error_t error;
    return json_loadb(text.data ? text.data : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
}

json_t *llm_json_load(rrk_text text)
{
    json_t *root = load(text);
    if (root)
        return root;
    base_buf mended RRK_AUTO(base_buf_free) = {.max = text.len * (sizeof REPLACEMENT - 1)};
    for (size_t at = 0; at < text.len;) {
        if (mend_one(text, &at, &mended) != RRK_OK)
            return NULL;
    }
    bool changed = mended.len != text.len || (text.len && memcmp(mended.data, text.data, text.len) != 0);
    return changed ? load((rrk_text){mended.data, mended.len}) : NULL;
}

rrk_text llm_json_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (rrk_text){json_string_value(value), json_string_length(value)};
}
