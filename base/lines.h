/*
 * Lines of a file or of standard input ("-"), streamed, with a limit a line. A line ends at '\n' only (a '\r' before it
 * is dropped); U+2028 and its like are text.
 */
#ifndef RRK_BASE_LINES_H
#define RRK_BASE_LINES_H

#include "base/error.h"

typedef struct base_lines base_lines;

rrk_status base_lines_open(base_lines **out, const char *path, size_t max_line_bytes, rrk_error *err);
void base_lines_close(base_lines *lines);
static inline void base_lines_close_ptr(base_lines **lines)
{
    base_lines_close(*lines);
}

/*
 * The next line, without its end; *line is valid until the next call and NUL-terminated. *more is false at the end. A
 * line above the limit is RRK_E_INVALID "file:line: ..."; the next call goes on behind it.
 */
rrk_status base_lines_next(base_lines *lines, rrk_text *line, bool *more, rrk_error *err);

uint64_t base_lines_number(const base_lines *lines);  /* of the last line, from 1 */
uint64_t base_lines_bytes(const base_lines *lines);   /* consumed so far */
uint64_t base_lines_total(const base_lines *lines);   /* the file's size, 0 when unknown */
const char *base_lines_name(const base_lines *lines); /* the path, or "standard input" */

#endif
