/*
 * Any title and text made ready for a prompt: the result is UTF-8 on one line, within its word cap, without a bracketed
 * identifier, and does not change when it is made ready again.
 *
 * Parser: rerank/ready_text.c
 */
#include "base/text.h"
#include "fuzz.h"
#include "rerank/prompt.h"

#include <string.h>

enum { MAX_BYTES = 1 << 20 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_identifier(const base_buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] != '[')
            continue;
        size_t at = i + 1;
        while (at < text->len && text->data[at] == ' ')
            at++;
        size_t digits = at;
        while (at < text->len && is_digit(text->data[at]))
            at++;
        bool any = at > digits;
        while (at < text->len && text->data[at] == ' ')
            at++;
        if (any && at < text->len && text->data[at] == ']')
            return true;
    }
    return false;
}

static size_t count_words(const base_buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++)
        n += text->data[i] != ' ' && (i == 0 || text->data[i - 1] == ' ');
    return n;
}

static void check(const base_buf *ready, size_t max_words)
{
    FUZZ_CHECK(base_text_check((rrk_text){ready->data, ready->len}, "the text", NULL) == RRK_OK);
    for (size_t i = 0; i < ready->len; i++)
        FUZZ_CHECK((unsigned char)ready->data[i] >= ' ');
    FUZZ_CHECK(!ready->len || (ready->data[0] != ' ' && ready->data[ready->len - 1] != ' '));
    FUZZ_CHECK(!ready->len || !memmem(ready->data, ready->len, "  ", 2));
    FUZZ_CHECK(!max_words || count_words(ready) <= max_words);
    FUZZ_CHECK(!has_identifier(ready));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t max_words = fuzz_take(&data, &size, 1) % 64, max_tokens = fuzz_take(&data, &size, 1) % 64;
    size_t title_len = RRK_MIN(fuzz_take(&data, &size, 1), size);
    rrk_text title = {(const char *)data, title_len}, text = {(const char *)data + title_len, size - title_len};
    base_buf ready = {.max = MAX_BYTES}, again = {.max = MAX_BYTES};
    bool was_cut;
    rrk_error err = {0};
    FUZZ_CHECK(rank_ready_text(title, text, max_words, max_tokens, &ready, &was_cut, &err) == RRK_OK);
    FUZZ_CHECK(!was_cut || max_words || max_tokens);
    check(&ready, max_words);
    rrk_text once = {ready.data, ready.len};
    FUZZ_CHECK(rank_ready_text(rrk_text_of(""), once, 0, 0, &again, &was_cut, &err) == RRK_OK);
    FUZZ_CHECK(!was_cut && again.len == ready.len);
    FUZZ_CHECK(again.len == 0 || memcmp(again.data, ready.data, again.len) == 0);
    base_buf_free(&ready);
    base_buf_free(&again);
    return 0;
}
