/* Analysis, and Lucene's length code. */
#include "scratch.h"
#include "store/fts.h"

#include <string.h>

/* The terms of a text joined by blanks. */
static const char *terms_of(const char *text)
{
    static char joined[4096];
    store_terms terms;
    cr_assert_eq(store_analyse(rrk_text_of(text), &terms, NULL), RRK_OK);
    size_t at = 0;
    joined[0] = '\0';
    for (size_t i = 0; i < terms.len; i++)
        at += (size_t)snprintf(joined + at, sizeof joined - at, "%s%s", i ? " " : "", terms.items[i].term);
    store_terms_free(&terms);
    return joined;
}

typedef struct row {
    const char *text;
    const char *terms;
} row;

static const row ROWS[] = {
    {"", ""},
    {"The and OF", ""},
    {"Running dogs", "run dog"},
    {"the dog's dogs' bone", "dog dog bone"},
    {"the dog\xE2\x80\x99s and the cat\xEF\xBC\x87S", "dog cat"},
    {"3.14 1,000 a.b.c x.1 1:2", "3.14 1,000 a.b.c x 1 1 2"},
    {"foo_bar __ _x", "foo_bar _x"},
    {"well-known e-mail", "well known e mail"},
    {"\xC3\x84rzte CAF\xC3\x89", "\xC3\xA4rzte caf\xC3\xA9"},
    {"\xE6\x97\xA5\xE6\x9C\xAC", "\xE6\x97\xA5 \xE6\x9C\xAC"},
    {"\xC2\xBD \xE2\x86\x92 +", ""},
    {"possibly psychology biology", "possibl psycholog biologi"},
    {"us as is", "us"},
    {"Brand\xC2\xAE 1#", "brand \xC2\xAE 1"},
    {"o'neil's rock 'n' roll", "o'neil rock n roll"},
};

Test(analyse, gives_the_terms_that_lucene_gives)
{
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++)
        cr_expect_str_eq(terms_of(ROWS[i].text), ROWS[i].terms, "\"%s\" gave \"%s\"", ROWS[i].text,
                         terms_of(ROWS[i].text));
}

Test(analyse, says_where_a_term_came_from)
{
    const char *text = "The  dog's r\xC3\xA4ume";
    store_terms terms;
    cr_assert_eq(store_analyse(rrk_text_of(text), &terms, NULL), RRK_OK);
    cr_assert_eq(terms.len, 2);
    cr_assert_eq(terms.items[0].start, 5);
    cr_assert_eq(terms.items[0].end, 10);
    cr_assert_eq(terms.items[1].start, 11);
    cr_assert_eq(terms.items[1].end, strlen(text));
    store_terms_free(&terms);
}

static size_t n_terms_of_length(size_t len)
{
    char text[1024];
    memset(text, 'x', len);
    store_terms terms;
    cr_assert_eq(store_analyse((rrk_text){text, len}, &terms, NULL), RRK_OK);
    size_t n = terms.len;
    store_terms_free(&terms);
    return n;
}

Test(analyse, cuts_words_of_more_than_255_characters)
{
    cr_assert_eq(n_terms_of_length(255), 1);
    cr_assert_eq(n_terms_of_length(256), 2);
    cr_assert_eq(n_terms_of_length(510), 2);
    cr_assert_eq(n_terms_of_length(511), 3);
}

Test(analyse, length_code_is_exact_to_39_and_keeps_four_bits_after)
{
    for (uint32_t i = 0; i < 40; i++)
        cr_assert_eq(store_length_of_code(store_length_code(i)), i);
    cr_assert_eq(store_length_of_code(store_length_code(41)), 40);
    cr_assert_eq(store_length_of_code(store_length_code(42)), 42);
    cr_assert_eq(store_length_of_code(store_length_code(1000)), 24 + 960);
    cr_assert_eq(store_length_code(INT32_MAX), 255);
    for (int code = 0; code < 256; code++)
        cr_assert_eq(store_length_code(store_length_of_code((uint8_t)code)), code);
}
