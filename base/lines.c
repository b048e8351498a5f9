/* Streaming lines over stdio: see lines.h. */
#include "base/lines.h"
#include "base/alloc.h"
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_CHUNK = 256 << 10 };

struct base_lines {
    FILE *stream;
    char *name;
    char *chunk; /* [READ_CHUNK] */
    size_t at;
    size_t len;
    base_buf line; /* room for the limit and a '\r' that does not count */
    size_t limit;
    uint64_t number;
    uint64_t bytes;
    uint64_t total;
};

rrk_status base_lines_open(base_lines **out, const char *path, size_t max_line_bytes, rrk_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = base_calloc(1, sizeof *lines);
    if (!lines)
        return base_fail_nomem(err, sizeof *lines);
    lines->limit = RRK_MIN(max_line_bytes, SIZE_MAX - 1);
    lines->line.max = lines->limit + 1;
    lines->name = base_strdup(standard ? "standard input" : path);
    lines->chunk = base_alloc(READ_CHUNK, 1);
    if (!lines->name || !lines->chunk)
        return base_fail_nomem(err, READ_CHUNK);
    lines->stream = standard ? stdin : fopen(path, "re");
    if (!lines->stream)
        return base_fail_errno(err, errno, "open", path);
    struct stat st;
    if (fstat(fileno(lines->stream), &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return base_fail_errno(err, EISDIR, "read", path);
        lines->total = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    }
    *out = RRK_STEAL(lines);
    return RRK_OK;
}

void base_lines_close(base_lines *lines)
{
    if (!lines)
        return;
    if (lines->stream && lines->stream != stdin)
        fclose(lines->stream);
    base_buf_free(&lines->line);
    base_free(lines->chunk);
    base_free(lines->name);
    base_free(lines);
}

static rrk_status refill(base_lines *lines, rrk_error *err)
{
    lines->at = 0;
    lines->len = fread(lines->chunk, 1, READ_CHUNK, lines->stream);
    if (lines->len == 0 && ferror(lines->stream))
        return base_fail_errno(err, errno ? errno : EIO, "read", lines->name);
    return RRK_OK;
}

/* Takes bytes up to a line end or the chunk's end; *ended tells which. A line above the limit is dropped, not kept. */
static rrk_status take(base_lines *lines, bool *ended, bool *too_long, rrk_error *err)
{
    const char *start = lines->chunk + lines->at;
    const char *end = memchr(start, '\n', lines->len - lines->at);
    size_t n = end ? (size_t)(end - start) : lines->len - lines->at;
    lines->at += n + (end != NULL);
    lines->bytes += n + (end != NULL);
    *ended = end != NULL;
    if (*too_long || n > lines->line.max - lines->line.len) {
        *too_long = true;
        return RRK_OK;
    }
    return base_buf_append(&lines->line, start, n, err);
}

rrk_status base_lines_next(base_lines *lines, rrk_text *line, bool *more, rrk_error *err)
{
    base_buf_clear(&lines->line);
    bool ended = false, too_long = false, any = false;
    while (!ended) {
        if (lines->at == lines->len) {
            RRK_TRY(refill(lines, err));
            if (lines->len == 0)
                break;
        }
        any = true;
        RRK_TRY(take(lines, &ended, &too_long, err));
    }
    *more = any;
    if (!any)
        return RRK_OK;
    lines->number++;
    if (!too_long && lines->line.len > 0 && lines->line.data[lines->line.len - 1] == '\r')
        lines->line.data[--lines->line.len] = '\0';
    if (too_long || lines->line.len > lines->limit)
        return base_fail(err, RRK_E_INVALID, 0, "%s:%llu: a line of more than %zu bytes", lines->name,
                         (unsigned long long)lines->number, lines->limit);
    *line = (rrk_text){lines->line.data, lines->line.len};
    return RRK_OK;
}

uint64_t base_lines_number(const base_lines *lines)
{
    return lines->number;
}

uint64_t base_lines_bytes(const base_lines *lines)
{
    return lines->bytes;
}

uint64_t base_lines_total(const base_lines *lines)
{
    return lines->total;
}

const char *base_lines_name(const base_lines *lines)
{
    return lines->name;
}
