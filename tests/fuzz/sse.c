/*
 * Any bytes as an event stream. The events do not depend on the pieces in which they arrive, and after the callback had
 * enough none follows.
 *
 * Parser: llm/sse.c
 */
#include "llm/sse.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_EVENTS_BYTES = 1 << 20 };

typedef struct heard {
    base_buf all; /* the events' data, each behind its length */
    size_t n;
    size_t n_wanted; /* 0: all */
    size_t max_event_bytes;
} heard;

static bool hear(void *ctx, rrk_text data)
{
    heard *h = ctx;
    FUZZ_CHECK(data.len <= h->max_event_bytes);
    FUZZ_CHECK(!h->n_wanted || h->n < h->n_wanted);
    FUZZ_CHECK(base_buf_append(&h->all, &data.len, sizeof data.len, NULL) == RRK_OK);
    FUZZ_CHECK(base_buf_append(&h->all, data.data, data.len, NULL) == RRK_OK);
    h->n++;
    return h->n != h->n_wanted;
}

static rrk_status read_stream(heard *h, const uint8_t *data, size_t size, size_t piece)
{
    llm_sse sse;
    rrk_error err = {0};
    rrk_status status = RRK_OK;
    h->all.max = MAX_EVENTS_BYTES;
    llm_sse_init(&sse, h->max_event_bytes);
    for (size_t at = 0; at < size && status == RRK_OK;) {
        size_t len = RRK_MIN(piece, size - at);
        char *copy = malloc(len); /* of exactly this length, so that a look beyond it is seen */
        memcpy(copy, data + at, len);
        status = llm_sse_feed(&sse, copy, len, hear, h, &err);
        free(copy);
        at += len;
    }
    if (status == RRK_OK)
        status = llm_sse_end(&sse, hear, h, &err);
    fuzz_check_error(status, &err);
    FUZZ_CHECK(status == RRK_OK || status == RRK_E_UPSTREAM);
    llm_sse_free(&sse);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heard whole = {.n_wanted = fuzz_take(&data, &size, 1) % 8, .max_event_bytes = 1 + fuzz_take(&data, &size, 1)};
    size_t piece = 1 + fuzz_take(&data, &size, 1) % 32;
    heard pieces = {.n_wanted = whole.n_wanted, .max_event_bytes = whole.max_event_bytes};
    rrk_status status = read_stream(&whole, data, size, size + 1);
    FUZZ_CHECK(read_stream(&pieces, data, size, piece) == status);
    FUZZ_CHECK(pieces.n == whole.n && pieces.all.len == whole.all.len);
    FUZZ_CHECK(whole.n == 0 || memcmp(pieces.all.data, whole.all.data, whole.all.len) == 0);
    base_buf_free(&whole.all);
    base_buf_free(&pieces.all);
    return 0;
}
