/*
 * A growable byte buffer with a maximum, so that no input can make it eat the machine. A zeroed buffer with max set is
 * ready for use: base_buf buf = {.max = LIMIT}. After a failure the content is as before the call.
 */
#ifndef RRK_BASE_BUF_H
#define RRK_BASE_BUF_H

#include "base/error.h"

typedef struct base_buf {
    char *data; /* NUL-terminated once anything was appended; owned */
    size_t len;
    size_t cap;
    size_t max; /* bytes, without the NUL */
} base_buf;

rrk_status base_buf_append(base_buf *buf, const void *data, size_t len, rrk_error *err);
rrk_status base_buf_append_string(base_buf *buf, const char *string, rrk_error *err);
rrk_status base_buf_append_char(base_buf *buf, char c, rrk_error *err);
rrk_status base_buf_printf(base_buf *buf, rrk_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Room for len more bytes; the caller writes them at data + len and adds to len itself. */
rrk_status base_buf_reserve(base_buf *buf, size_t len, rrk_error *err);
void base_buf_clear(base_buf *buf); /* keeps the memory */
void base_buf_free(base_buf *buf);  /* also for RRK_AUTO */

/* Appends text as a JSON string with its quotes; the text must be UTF-8. */
rrk_status base_buf_append_json(base_buf *buf, rrk_text text, rrk_error *err);

#endif
