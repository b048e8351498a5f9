/* The event stream's parser: see sse.h and the HTML standard's chapter on server-sent events. */
#include "llm/sse.h"

#include <string.h>

void llm_sse_init(llm_sse *sse, size_t max_event_bytes)
{
    *sse = (llm_sse){.line = {.max = max_event_bytes}, .data = {.max = max_event_bytes}};
}

void llm_sse_free(llm_sse *sse)
{
    base_buf_free(&sse->line);
    base_buf_free(&sse->data);
}

/* An endpoint that sends too much is at fault, not the caller: a full buffer has another status here. */
static rrk_status append(base_buf *buf, const char *data, size_t len, rrk_error *err)
{
    if (len > buf->max - buf->len)
        return base_fail(err, RRK_E_UPSTREAM, 0, "an event of the stream is above %zu bytes", buf->max);
    return base_buf_append(buf, data, len, err);
}

static void dispatch(llm_sse *sse, llm_sse_fn fn, void *ctx)
{
    if (!sse->n_data_lines)
        return;
    sse->n_data_lines = 0;
    sse->stopped = !fn(ctx, (rrk_text){sse->data.data, sse->data.len});
    base_buf_clear(&sse->data);
}

static rrk_status take_line(llm_sse *sse, rrk_text line, llm_sse_fn fn, void *ctx, rrk_error *err)
{
    static const char FIELD[] = "data", MARK[] = "\xef\xbb\xbf";
    if (!sse->past_first_line && line.len >= 3 && memcmp(line.data, MARK, 3) == 0)
        line = (rrk_text){line.data + 3, line.len - 3};
    sse->past_first_line = true;
    if (!line.len) {
        dispatch(sse, fn, ctx);
        return RRK_OK;
    }
    const char *colon = memchr(line.data, ':', line.len);
    size_t name_len = colon ? (size_t)(colon - line.data) : line.len;
    if (name_len != sizeof FIELD - 1 || memcmp(line.data, FIELD, name_len) != 0)
        return RRK_OK;
    size_t at = colon ? name_len + 1 : name_len;
    if (at < line.len && line.data[at] == ' ')
        at++;
    if (sse->n_data_lines++)
        RRK_TRY(append(&sse->data, "\n", 1, err));
    return append(&sse->data, line.data + at, line.len - at, err);
}

/* Ends the current line, whose last part (not yet in sse->line) is tail. */
static rrk_status end_line(llm_sse *sse, const char *tail, size_t len, llm_sse_fn fn, void *ctx, rrk_error *err)
{
    if (!sse->line.len && len <= sse->line.max)
        return take_line(sse, (rrk_text){tail, len}, fn, ctx, err);
    RRK_TRY(append(&sse->line, tail, len, err));
    rrk_status status = take_line(sse, (rrk_text){sse->line.data, sse->line.len}, fn, ctx, err);
    base_buf_clear(&sse->line);
    return status;
}

rrk_status llm_sse_feed(llm_sse *sse, const char *data, size_t len, llm_sse_fn fn, void *ctx, rrk_error *err)
{
    size_t start = 0;
    for (size_t i = 0; i < len && !sse->stopped; i++) {
        if (data[i] == '\n' && sse->skip_lf && i == start) {
            sse->skip_lf = false;
            start = i + 1;
        } else if (data[i] == '\n' || data[i] == '\r') {
            sse->skip_lf = data[i] == '\r';
            RRK_TRY(end_line(sse, data + start, i - start, fn, ctx, err));
            start = i + 1;
        } else {
            sse->skip_lf = false;
        }
    }
    return sse->stopped ? RRK_OK : append(&sse->line, data + start, len - start, err);
}

rrk_status llm_sse_end(llm_sse *sse, llm_sse_fn fn, void *ctx, rrk_error *err)
{
    if (!sse->stopped && sse->line.len)
        RRK_TRY(end_line(sse, "", 0, fn, ctx, err));
    if (!sse->stopped)
        dispatch(sse, fn, ctx);
    return RRK_OK;
}
