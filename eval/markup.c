/* Escaping: see markup.h. */
#include "eval/markup.h"
#include "base/utf8.h"

#include <string.h>

static const char *replacement(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
    case '\n':
        return NULL;
    case BASE_UTF8_BAD:
    case 0xfffe:
    case 0xffff:
        return "\xef\xbf\xbd";
    default:
        return c < 0x20 || (c >= 0x7f && c < 0xa0) ? "\xef\xbf\xbd" : NULL;
    }
}

static void put(FILE *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t start = at;
        const char *instead = replacement(base_utf8_next(text, len, &at));
        if (instead)
            fputs(instead, out);
        else
            fwrite(text + start, 1, at - start, out);
    }
}

void eval_put_escaped(FILE *out, const char *text)
{
    put(out, text, strlen(text));
}

void eval_put_escaped_short(FILE *out, const char *text, size_t max)
{
    size_t len = strlen(text), n = 0, at = 0, cut = 0;
    while (at < len) {
        base_utf8_next(text, len, &at);
        if (++n < max)
            cut = at;
    }
    put(out, text, n > max ? cut : len);
    if (n > max)
        fputs("\xe2\x80\xa6", out);
}
