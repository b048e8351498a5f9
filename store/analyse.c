/*
 * The analysis pipeline. A white space always ends a word, so the text is cut there first: pieces of plain ASCII, nearly
 * all of them, are scanned by hand, and only the others go through libunistring.
 */
#include "store/analyse.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "store/store.h"

#include <unicase.h>
#include <unictype.h>
#include <uniwbrk.h>

#include <string.h>

rrk_status store_analyser_init(store_analyser *analyser, rrk_error *err)
{
    *analyser = (store_analyser){0};
    return store_stemmer_new(&analyser->stemmer, err);
}

void store_analyser_free(store_analyser *analyser)
{
    store_stemmer_free(analyser->stemmer);
    base_free(analyser->breaks);
    *analyser = (store_analyser){0};
}

typedef struct job {
    store_analyser *analyser;
    rrk_text text;
    store_term_fn fn;
    void *ctx;
} job;

/* The word without a possessive 's, whose apostrophe comes in three shapes. */
static size_t without_possessive(const char *word, size_t len)
{
    if (len < 2 || (word[len - 1] | 0x20) != 's')
        return len;
    size_t n = len - 1;
    if (word[n - 1] == '\'')
        return n - 1;
    if (n >= 3 && (memcmp(word + n - 3, "\xE2\x80\x99", 3) == 0 || memcmp(word + n - 3, "\xEF\xBC\x87", 3) == 0))
        return n - 3;
    return len;
}

static size_t lower(const char *word, size_t len, char *out)
{
    size_t n = 0;
    for (size_t pos = 0; pos < len;) {
        unsigned char c = (unsigned char)word[pos];
        if (c < 0x80) {
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
            pos++;
            continue;
        }
        uint32_t code_point = base_utf8_next(word, len, &pos);
        n += base_utf8_put(code_point == BASE_UTF8_BAD ? 0xFFFD : uc_tolower(code_point), out + n);
    }
    return n;
}

static int emit_term(job *j, size_t start, size_t end)
{
    char term[STORE_MAX_WORD_BYTES + 8];
    const char *word = j->text.data + start;
    size_t len = lower(word, without_possessive(word, end - start), term);
    if (len == 0 || store_is_stop_word(term, len))
        return 0;
    len = store_stem(j->analyser->stemmer, term, len);
    return j->fn(j->ctx, term, len, start, end);
}

/* Lucene counts UTF-16 units when it cuts long words. */
static int emit_word(job *j, size_t start, size_t end)
{
    size_t n_units = 0;
    size_t from = start;
    for (size_t pos = start; pos < end && end - from > STORE_MAX_WORD_CHARS;) {
        size_t before = pos;
        uint32_t code_point = base_utf8_next(j->text.data, end, &pos);
        size_t units = code_point != BASE_UTF8_BAD && code_point > 0xFFFF ? 2 : 1;
        if (n_units + units > STORE_MAX_WORD_CHARS) {
            int rc = emit_term(j, from, before);
            if (rc != 0)
                return rc;
            from = before;
            n_units = 0;
        }
        n_units += units;
    }
    return from < end ? emit_term(j, from, end) : 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* UAX #29 for ASCII: does the word go on over the byte at i? */
static bool ascii_joins(const char *text, size_t i, size_t end)
{
    char c = text[i];
    if (is_letter(c) || is_digit(c) || c == '_')
        return true;
    if (i + 1 >= end)
        return false;
    char before = text[i - 1];
    char after = text[i + 1];
    if (is_letter(before) && is_letter(after))
        return c == '.' || c == '\'' || c == ':';
    if (is_digit(before) && is_digit(after))
        return c == '.' || c == '\'' || c == ',' || c == ';';
    return false;
}

static int ascii_chunk(job *j, size_t start, size_t end)
{
    const char *text = j->text.data;
    size_t i = start;
    while (i < end) {
        bool has_content = is_letter(text[i]) || is_digit(text[i]);
        size_t from = i++;
        if (!has_content && text[from] != '_')
            continue;
        while (i < end && ascii_joins(text, i, end)) {
            has_content = has_content || is_letter(text[i]) || is_digit(text[i]);
            i++;
        }
        int rc = has_content ? emit_word(j, from, i) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Emoji are words to Lucene, and the signs for trade marks are emoji. ASCII's digits and '#' are not meant. */
static bool is_word_character(uint32_t c)
{
    return uc_is_property_alphabetic(c) || uc_is_general_category(c, UC_DECIMAL_DIGIT_NUMBER) ||
           (c >= 0x80 && uc_is_property_emoji(c));
}

static bool has_word_character(const char *text, size_t start, size_t end)
{
    for (size_t pos = start; pos < end;) {
        uint32_t code_point = base_utf8_next(text, end, &pos);
        if (code_point != BASE_UTF8_BAD && is_word_character(code_point))
            return true;
    }
    return false;
}

static int unicode_chunk(job *j, size_t start, size_t end)
{
    store_analyser *analyser = j->analyser;
    size_t len = end - start;
    if (len > analyser->breaks_cap) {
        char *breaks = base_realloc(analyser->breaks, len, 1);
        if (!breaks)
            return -1;
        analyser->breaks = breaks;
        analyser->breaks_cap = len;
    }
    u8_wordbreaks((const uint8_t *)j->text.data + start, len, analyser->breaks);
    size_t from = 0;
    for (size_t i = 1; i <= len; i++) {
        if (i < len && !analyser->breaks[i])
            continue;
        int rc = has_word_character(j->text.data, start + from, start + i) ? emit_word(j, start + from, start + i) : 0;
        if (rc != 0)
            return rc;
        from = i;
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int store_analyser_run(store_analyser *analyser, rrk_text text, store_term_fn fn, void *ctx)
{
    job j = {.analyser = analyser, .text = text, .fn = fn, .ctx = ctx};
    size_t pos = 0;
    while (pos < text.len) {
        size_t start = pos;
        unsigned char any = 0;
        while (pos < text.len && !is_space(text.data[pos]))
            any |= (unsigned char)text.data[pos++];
        int rc = any < 0x80 ? ascii_chunk(&j, start, pos) : unicode_chunk(&j, start, pos);
        if (rc != 0)
            return rc;
        pos += pos < text.len;
    }
    return 0;
}
