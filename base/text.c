/* Text checks: see text.h. */
#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

bool base_text_is_blank(rrk_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr(" \t\r\n\v\f", text.data[i], 6))
            return false;
    }
    return true;
}

bool base_text_equals(rrk_text a, rrk_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

rrk_status base_text_check(rrk_text text, const char *what, rrk_error *err)
{
    if (!text.data && text.len)
        return base_fail(err, RRK_E_INVALID, 0, "%s has a length of %zu but no data", what, text.len);
    size_t bad_at;
    if (!base_utf8_valid(text.data, text.len, &bad_at))
        return base_fail(err, RRK_E_INVALID, 0, "%s is not UTF-8 at byte %zu", what, bad_at);
    return RRK_OK;
}

rrk_status base_text_check_query(rrk_text query, rrk_error *err)
{
    RRK_TRY(base_text_check(query, "the query", err));
    if (base_text_is_blank(query))
        return base_fail(err, RRK_E_INVALID, 0, "the query is empty");
    return RRK_OK;
}
