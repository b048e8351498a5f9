/* Event streams: the same events whatever the pieces, the odd forms that servers send, and the limits. */
#include "llm/sse.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct seen {
    char text[65536]; /* events, each followed by '|' */
    size_t len;
    int n;
    int stop_after; /* 0: never */
} seen;

static bool note(void *ctx, rrk_text data)
{
    seen *s = ctx;
    cr_assert(s->len + data.len + 1 < sizeof s->text);
    if (data.len)
        memcpy(s->text + s->len, data.data, data.len);
    s->len += data.len;
    s->text[s->len++] = '|';
    s->text[s->len] = '\0';
    return ++s->n != s->stop_after;
}

/* Feeds pieces of `size` bytes. */
static void feed(seen *s, const char *stream, size_t len, size_t size)
{
    llm_sse sse RRK_AUTO(llm_sse_free);
    llm_sse_init(&sse, LLM_SSE_MAX_EVENT_BYTES);
    for (size_t at = 0; at < len; at += size)
        cr_assert_eq(llm_sse_feed(&sse, stream + at, RRK_MIN(size, len - at), note, s, NULL), RRK_OK);
    cr_assert_eq(llm_sse_end(&sse, note, s, NULL), RRK_OK);
}

static const struct {
    const char *stream, *events;
} ROWS[] = {
    {"data: a\n\ndata: b\n\n", "a|b|"},
    {"data:a\r\n\r\ndata: b\r\n\r\n", "a|b|"},
    {"data: a\r\rdata: b\r\r", "a|b|"},
    {"data: a\r\n\ndata: b\n\r\n", "a|b|"},
    {"data: a\ndata: b\n\n", "a\nb|"},
    {"data: a\ndata\ndata:\n\n", "a\n\n|"},
    {"data\n\n", "|"},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "a|"},
    {"data: \xef\xbb\xbf"
     "a\n\n",
     "\xef\xbb\xbf"
     "a|"},
    {": ping\n\n: ping\n\ndata: a\n: within\ndata: b\n\n", "a\nb|"},
    {"event: x\nid: 7\nretry: 10\ndata: a\n\n", "a|"},
    {"event: nothing\n\n", ""},
    {"data:  two blanks\n\n", " two blanks|"},
    {"datas: a\ndat: b\nData: c\n data: d\n\n", ""},
    {"data: a: b\n\n", "a: b|"},
    {"data: [DONE]\n\n", "[DONE]|"},
    {"data: no empty line", "no empty line|"},
    {"data: no empty line\n", "no empty line|"},
    {"data: a\n\n\n\n\ndata: b\n\n", "a|b|"},
    {"", ""},
    {"\n\r\n\r", ""},
};

Test(sse, events_are_the_same_in_pieces_of_any_size)
{
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++) {
        size_t len = strlen(ROWS[i].stream);
        for (size_t size = 1; size <= len + 1; size++) {
            seen s = {0};
            feed(&s, ROWS[i].stream, len, size);
            cr_assert_str_eq(s.text, ROWS[i].events, "row %zu in pieces of %zu", i, size);
        }
    }
}

Test(sse, random_streams_do_not_depend_on_where_they_are_cut)
{
    static const char *const PARTS[] = {"data: ", "data",         ":", "\n",      "\r", "\r\n", "\n\n",
                                        "x",      "\xef\xbb\xbf", " ", "event: y"};
    uint64_t seed = 20260301, n = 0;
    printf("seed %" PRIu64 "\n", seed);
    for (int round = 0; round < 500; round++) {
        char stream[1024];
        size_t len = 0;
        for (int i = 0; i < 40; i++) {
            const char *part = PARTS[base_rng_at(seed, n++) % RRK_COUNT(PARTS)];
            memcpy(stream + len, part, strlen(part));
            len += strlen(part);
        }
        seen whole = {0}, pieces = {0};
        feed(&whole, stream, len, len);
        feed(&pieces, stream, len, 1 + base_rng_at(seed, n++) % 7);
        cr_assert_str_eq(pieces.text, whole.text, "round %d", round);
    }
}

Test(sse, bytes_of_nothing_are_data)
{
    seen s = {0};
    feed(&s, "data: a\0b\n\n", 11, 3);
    cr_assert_eq(s.len, 4);
    cr_assert_eq(memcmp(s.text, "a\0b|", 4), 0);
}

Test(sse, nothing_is_read_after_the_callback_had_enough)
{
    llm_sse sse RRK_AUTO(llm_sse_free);
    seen s = {.stop_after = 2};
    const char *stream = "data: a\n\ndata: b\n\ndata: c\n\n";
    llm_sse_init(&sse, LLM_SSE_MAX_EVENT_BYTES);
    cr_assert_eq(llm_sse_feed(&sse, stream, strlen(stream), note, &s, NULL), RRK_OK);
    cr_assert_eq(llm_sse_feed(&sse, stream, strlen(stream), note, &s, NULL), RRK_OK);
    cr_assert_eq(llm_sse_end(&sse, note, &s, NULL), RRK_OK);
    cr_assert_str_eq(s.text, "a|b|");
    cr_assert(sse.stopped);
}

static rrk_status feed_limited(const char *stream, size_t size, seen *s)
{
    llm_sse sse RRK_AUTO(llm_sse_free);
    llm_sse_init(&sse, 16);
    rrk_status status = RRK_OK;
    for (size_t at = 0; at < strlen(stream) && status == RRK_OK; at += size)
        status = llm_sse_feed(&sse, stream + at, RRK_MIN(size, strlen(stream) - at), note, s, NULL);
    return status == RRK_OK ? llm_sse_end(&sse, note, s, NULL) : status;
}

Test(sse, a_line_or_an_event_above_the_limit_is_the_endpoints_failure)
{
    for (size_t size = 1; size < 20; size++) {
        seen s = {0};
        cr_assert_eq(feed_limited("data: 0123456789\n\n", size, &s), RRK_OK, "a line of 16 in pieces of %zu", size);
        cr_assert_str_eq(s.text, "0123456789|");
        cr_assert_eq(feed_limited("data: 0123456789a\n\n", size, &s), RRK_E_UPSTREAM, "17 in pieces of %zu", size);
        cr_assert_eq(feed_limited("data: 01234567\ndata: 0123456\n\n", size, &s), RRK_OK, "an event of 16");
        cr_assert_eq(feed_limited("data: 01234567\ndata: 01234567\n\n", size, &s), RRK_E_UPSTREAM, "an event of 17");
        cr_assert_eq(feed_limited("0123456789abcdefg", size, &s), RRK_E_UPSTREAM, "a line without an end");
    }
}
