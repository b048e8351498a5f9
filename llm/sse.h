/*
 * Server-sent events, read as their bytes arrive: whatever the pieces, the events are the same. Only data is kept; event
 * names, ids and comments (which servers send to keep a connection alive) are read over. Pure.
 */
#ifndef RRK_LLM_SSE_H
#define RRK_LLM_SSE_H

#include "base/buf.h"

#define LLM_SSE_MAX_EVENT_BYTES ((size_t)1 << 20)

/* One event's data. False: no more of them are wanted. */
typedef bool (*llm_sse_fn)(void *ctx, rrk_text data);

typedef struct llm_sse {
    base_buf line; /* the line that has not ended yet */
    base_buf data; /* of the event that has not ended yet, its lines joined by line feeds */
    size_t n_data_lines;
    bool past_first_line; /* a byte order mark may open the first one */
    bool skip_lf;         /* a CR ended the last line: a LF right after it belongs to it */
    bool stopped;         /* the callback had enough: nothing more is read */
} llm_sse;

/* max_event_bytes bounds a line and an event's data, each; for real streams LLM_SSE_MAX_EVENT_BYTES. */
void llm_sse_init(llm_sse *sse, size_t max_event_bytes);
void llm_sse_free(llm_sse *sse);

/* RRK_E_UPSTREAM when a line or an event is above the limit. */
rrk_status llm_sse_feed(llm_sse *sse, const char *data, size_t len, llm_sse_fn fn, void *ctx, rrk_error *err);

/* The stream ended: an event is handed out even when the empty line after it never came. */
rrk_status llm_sse_end(llm_sse *sse, llm_sse_fn fn, void *ctx, rrk_error *err);

#endif
