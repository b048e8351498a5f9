/* Writing JSON strings. Reading JSON is Jansson's work; writing a flat line does not need a tree. */
#include "base/buf.h"

rrk_status base_buf_append_json(base_buf *buf, rrk_text text, rrk_error *err)
{
    RRK_TRY(base_buf_append_char(buf, '"', err));
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        RRK_TRY(base_buf_append(buf, text.data + start, i - start, err));
        start = i + 1;
        if (c == '"' || c == '\\')
            RRK_TRY(base_buf_printf(buf, err, "\\%c", c));
        else if (c == '\n')
            RRK_TRY(base_buf_append_string(buf, "\\n", err));
        else if (c == '\t')
            RRK_TRY(base_buf_append_string(buf, "\\t", err));
        else
            RRK_TRY(base_buf_printf(buf, err, "\\u%04x", c));
    }
    RRK_TRY(base_buf_append(buf, text.data + start, text.len - start, err));
    return base_buf_append_char(buf, '"', err);
}
