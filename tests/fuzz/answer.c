/*
 * An endpoint's reply, by the first byte: 0 a whole body, 1 a stream, 2 text that comes in pieces, 3 a reply out of the
 * cache, 4 a refusal. An answer is UTF-8 where it comes from JSON and never holds what ends thinking; a failure is told
 * as one, and never with the key in it.
 *
 * Parser: llm/answer.c llm/json.c llm/refusal.c llm/reply.c llm/sse.c
 */
#include "llm/answer.h"
#include "base/text.h"
#include "fuzz.h"
#include "llm/refusal.h"
#include "llm/reply.h"
#include "llm/sse.h"

#include <string.h>

enum { MAX_ANSWER_BYTES = 4096 };

static const char KEY[] = "sk-secret";

static void check_text(const llm_answer *answer)
{
    rrk_text text = llm_answer_text(answer);
    FUZZ_CHECK(text.len <= MAX_ANSWER_BYTES);
    FUZZ_CHECK(!text.len || !memmem(text.data, text.len, "</think>", 8));
    FUZZ_CHECK(!text.len || !memmem(text.data, text.len, "<think>", 7));
}

static void read_body(llm_answer *answer, rrk_text body)
{
    rrk_error err = {0};
    rrk_status status = llm_answer_read(answer, body, &err);
    fuzz_check_error(status, &err);
    FUZZ_CHECK(!strstr(err.message, KEY));
    FUZZ_CHECK(status != RRK_OK || llm_answer_end(answer, NULL) == RRK_OK);
    FUZZ_CHECK(base_text_check(llm_answer_text(answer), "the answer", NULL) == RRK_OK);
    check_text(answer);
}

typedef struct reading {
    llm_answer *answer;
    rrk_error err;
    rrk_status status;
} reading;

static bool read_event(void *ctx, rrk_text data)
{
    reading *r = ctx;
    r->status = llm_answer_read_event(r->answer, data, &r->err);
    fuzz_check_error(r->status, &r->err);
    FUZZ_CHECK(!strstr(r->err.message, KEY));
    check_text(r->answer);
    return r->status == RRK_OK;
}

static void read_stream(llm_answer *answer, rrk_text stream)
{
    reading r = {.answer = answer};
    llm_sse sse;
    llm_sse_init(&sse, LLM_SSE_MAX_EVENT_BYTES);
    rrk_status status = llm_sse_feed(&sse, stream.data, stream.len, read_event, &r, NULL);
    if (status == RRK_OK)
        status = llm_sse_end(&sse, read_event, &r, NULL);
    if (status == RRK_OK && r.status == RRK_OK)
        fuzz_check_error(llm_answer_end(answer, &r.err), &r.err);
    llm_sse_free(&sse);
}

/* Tags are found however the text is cut. */
static void read_pieces(llm_answer *answer, rrk_text text)
{
    llm_answer whole;
    llm_answer_init(&whole, MAX_ANSWER_BYTES, NULL);
    rrk_status status = llm_answer_add(&whole, text.data, text.len, NULL);
    for (size_t at = 0; at < text.len; at++) {
        if (llm_answer_add(answer, text.data + at, 1, NULL) != RRK_OK)
            break;
        check_text(answer);
    }
    if (status == RRK_OK) {
        FUZZ_CHECK(base_text_equals(llm_answer_text(&whole), llm_answer_text(answer)));
        FUZZ_CHECK(whole.had_thinking == answer->had_thinking);
    }
    llm_answer_free(&whole);
}

static void read_cached(rrk_text json)
{
    llm_reply *reply = NULL, *again = NULL;
    base_buf out = {.max = 1 << 20};
    FUZZ_CHECK(llm_reply_new(&reply, NULL) == RRK_OK && llm_reply_new(&again, NULL) == RRK_OK);
    if (llm_reply_read(reply, json)) {
        FUZZ_CHECK(llm_reply_write(reply, &out, NULL) == RRK_OK);
        FUZZ_CHECK(llm_reply_read(again, (rrk_text){out.data, out.len}));
        FUZZ_CHECK(base_text_equals((rrk_text){reply->answer, reply->answer_len},
                                    (rrk_text){again->answer, again->answer_len}));
        FUZZ_CHECK(reply->completion_tokens == again->completion_tokens && reply->was_cut == again->was_cut);
    }
    base_buf_free(&out);
    llm_reply_free(reply);
    llm_reply_free(again);
}

static void read_refusal(rrk_text body)
{
    char message[LLM_REFUSAL_SIZE];
    llm_refusal_read(body, KEY, message);
    FUZZ_CHECK(memchr(message, '\0', sizeof message));
    FUZZ_CHECK(base_text_check(rrk_text_of(message), "the message", NULL) == RRK_OK);
    FUZZ_CHECK(!strstr(message, KEY));
    for (const char *c = message; *c; c++)
        FUZZ_CHECK((unsigned char)*c >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned what = fuzz_take(&data, &size, 1) % 5;
    rrk_text text = {(const char *)data, size};
    llm_answer answer;
    llm_answer_init(&answer, MAX_ANSWER_BYTES, KEY);
    if (what == 0)
        read_body(&answer, text);
    else if (what == 1)
        read_stream(&answer, text);
    else if (what == 2)
        read_pieces(&answer, text);
    else if (what == 3)
        read_cached(text);
    else
        read_refusal(text);
    llm_answer_free(&answer);
    return 0;
}
