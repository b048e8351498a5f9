/* The growable buffer: see buf.h. */
#include "base/buf.h"
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

rrk_status base_buf_reserve(base_buf *buf, size_t len, rrk_error *err)
{
    size_t need;
    if (base_add_overflows(buf->len, len, &need) || need > buf->max)
        return base_fail(err, RRK_E_INVALID, 0, "a buffer would grow beyond its limit of %zu bytes", buf->max);
    if (need < buf->cap)
        return RRK_OK;
    size_t cap = RRK_MAX(buf->cap, (size_t)FIRST_CAPACITY);
    while (cap <= need)
        cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
    char *data = base_realloc(buf->data, cap, 1);
    if (!data)
        return base_fail_nomem(err, cap);
    buf->data = data;
    buf->cap = cap;
    buf->data[buf->len] = '\0';
    return RRK_OK;
}

rrk_status base_buf_append(base_buf *buf, const void *data, size_t len, rrk_error *err)
{
    RRK_TRY(base_buf_reserve(buf, len, err));
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return RRK_OK;
}

rrk_status base_buf_append_string(base_buf *buf, const char *string, rrk_error *err)
{
    return base_buf_append(buf, string, strlen(string), err);
}

rrk_status base_buf_append_char(base_buf *buf, char c, rrk_error *err)
{
    return base_buf_append(buf, &c, 1, err);
}

rrk_status base_buf_printf(base_buf *buf, rrk_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    rrk_status status = len < 0 ? base_fail(err, RRK_E_INVALID, 0, "cannot format '%s'", format)
                                : base_buf_reserve(buf, (size_t)len, err);
    if (status == RRK_OK) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return status;
}

void base_buf_clear(base_buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

void base_buf_free(base_buf *buf)
{
    base_free(buf->data);
    buf->data = NULL;
    buf->len = buf->cap = 0;
}
