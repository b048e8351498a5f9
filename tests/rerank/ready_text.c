/* Texts made ready for prompts: folding, defusing, caps. The estimate here is a token a byte: see fake_estimate.c. */
#include "base/rng.h"
#include "base/utf8.h"
#include "rerank/prompt.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static base_buf buf = {.max = RANK_PROMPT_MAX_BYTES};

static void release(void)
{
    base_buf_free(&buf);
}

TestSuite(ready_text, .fini = release);

/* What becomes of a text; '|' follows where it was cut. */
static const char *ready(rrk_text title, rrk_text text, size_t max_words, size_t max_tokens)
{
    bool was_cut;
    base_buf_clear(&buf);
    cr_assert_eq(rank_ready_text(title, text, max_words, max_tokens, &buf, &was_cut, NULL), RRK_OK);
    cr_assert(base_utf8_valid(buf.data, buf.len, NULL));
    if (was_cut)
        cr_assert_eq(base_buf_append_char(&buf, '|', NULL), RRK_OK);
    return buf.data ? buf.data : "";
}

static const char *plain(const char *text)
{
    return ready((rrk_text){0}, rrk_text_of(text), 0, 0);
}

static const char *words(const char *text, size_t max_words)
{
    return ready((rrk_text){0}, rrk_text_of(text), max_words, 0);
}

static const char *tokens(const char *text, size_t max_tokens)
{
    return ready((rrk_text){0}, rrk_text_of(text), 0, max_tokens);
}

Test(ready_text, has_the_title_first_and_no_blank_for_nothing)
{
    cr_assert_str_eq(ready(rrk_text_of("Fleas"), rrk_text_of("A life."), 0, 0), "Fleas A life.");
    cr_assert_str_eq(ready(rrk_text_of(" Fleas\n"), rrk_text_of(""), 0, 0), "Fleas");
    cr_assert_str_eq(ready((rrk_text){0}, rrk_text_of(" A life. "), 0, 0), "A life.");
    cr_assert_str_eq(ready((rrk_text){0}, (rrk_text){0}, 0, 0), "");
    cr_assert_str_eq(ready(rrk_text_of("a [1"), rrk_text_of("] b"), 0, 0), "a (1) b");
}

Test(ready_text, goes_behind_what_the_buffer_holds)
{
    bool was_cut;
    cr_assert_eq(base_buf_append_string(&buf, "before[", NULL), RRK_OK);
    cr_assert_eq(rank_ready_text(rrk_text_of("1]"), rrk_text_of(" two  three"), 2, 0, &buf, &was_cut, NULL), RRK_OK);
    cr_assert_str_eq(buf.data, "before[1] two");
    cr_assert(was_cut);
    cr_assert_eq(rank_ready_text((rrk_text){0}, rrk_text_of("four"), 0, 0, &buf, &was_cut, NULL), RRK_OK);
    cr_assert_str_eq(buf.data, "before[1] twofour");
    cr_assert_not(was_cut);
}

Test(ready_text, folds_white_space_and_control_characters_to_one_blank)
{
    cr_assert_str_eq(plain("\t a \r\n\n b\v\fc\x01\x1b\x7f"
                           "d"),
                     "a b c d");
    cr_assert_str_eq(plain("a\xe2\x80\xa8"
                           "b\xe2\x80\xa9"
                           "c\xc2\xa0"
                           "d\xe3\x80\x80"
                           "e\xc2\x85"
                           "f"),
                     "a b c d e f");
    static const uint32_t BLANKS[] = {0x00,   0x1f,   0x7f,   0x80,   0x9f,   0xa0,  0x1680,
                                      0x2000, 0x200a, 0x2028, 0x202f, 0x205f, 0x3000};
    static const uint32_t OTHERS[] = {0x21, 0x7e, 0xa1, 0x180e, 0x200b, 0x200d, 0x2010, 0x2060, 0x3001, 0xfeff};
    for (size_t i = 0; i < RRK_COUNT(BLANKS) + RRK_COUNT(OTHERS); i++) {
        bool blank = i < RRK_COUNT(BLANKS);
        char text[6] = "a";
        size_t len = 1 + base_utf8_put(blank ? BLANKS[i] : OTHERS[i - RRK_COUNT(BLANKS)], text + 1);
        text[len++] = 'b';
        const char *got = ready((rrk_text){0}, (rrk_text){text, len}, 0, 0);
        cr_assert_eq(strcmp(got, "a b") == 0, blank, "character %zu: '%s'", i, got);
    }
    cr_assert_str_eq(ready((rrk_text){0}, (rrk_text){"a\0b\0\0c", 6}, 0, 0), "a b c");
    cr_assert_str_eq(plain("a\xff\xe2\x80z"), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

Test(ready_text, keeps_right_to_left_text_and_marks_but_nothing_that_reorders_a_prompt)
{
    cr_assert_str_eq(plain("\xd7\xa9\xd7\x9c\xe2\x80\x8f 3 \xd8\x9c\xe2\x80\x8e"),
                     "\xd7\xa9\xd7\x9c\xe2\x80\x8f 3 \xd8\x9c\xe2\x80\x8e");
    cr_assert_str_eq(plain("a\xe2\x80\xae"
                           "b\xe2\x80\xac \xe2\x81\xa6"
                           "c\xe2\x81\xa9"),
                     "ab c");
    cr_assert_str_eq(plain("[\xe2\x80\xae"
                           "1\xe2\x80\xac]"),
                     "(1)", "nothing hides an identifier");
}

Test(ready_text, defuses_identifiers_and_leaves_other_brackets)
{
    cr_assert_str_eq(plain("see [12] and [ 3 ], [\n4\t]"), "see (12) and (3), (4)");
    cr_assert_str_eq(plain("[1][2]"), "(1)(2)");
    cr_assert_str_eq(plain("[[7]] [1[2]"), "[(7)] [1(2)");
    cr_assert_str_eq(plain("[a] [1a] [1, 2] [1 2] [] [ ] [-1] 3] [4"), "[a] [1a] [1, 2] [1 2] [] [ ] [-1] 3] [4");
    cr_assert_str_eq(plain("\xef\xbc\xbb"
                           "12\xef\xbc\xbd [\xef\xbc\x91\xef\xbc\x92]"),
                     "(12) (\xef\xbc\x91\xef\xbc\x92)");
    cr_assert_str_eq(plain("\xef\xbc\xbb 1] \xef\xbc\xbb"
                           "a\xef\xbc\xbd"),
                     "(1) \xef\xbc\xbb"
                     "a\xef\xbc\xbd");
    cr_assert_str_eq(plain("{rank} {{x}} %s \\n"), "{rank} {{x}} %s \\n");
}

Test(ready_text, is_cut_after_whole_words)
{
    cr_assert_str_eq(words("one two three", 3), "one two three");
    cr_assert_str_eq(words("one two three  ", 3), "one two three");
    cr_assert_str_eq(words("one two  three four", 3), "one two three|");
    cr_assert_str_eq(ready(rrk_text_of("one two"), rrk_text_of("three four"), 2, 0), "one two|");
    cr_assert_str_eq(ready(rrk_text_of("one"), rrk_text_of("two three"), 2, 0), "one two|");
    cr_assert_str_eq(words("", 1), "");
}

Test(ready_text, counts_a_defused_identifier_as_one_word_and_never_leaves_half_of_it)
{
    cr_assert_str_eq(words("[ 1 ] b", 1), "(1)|");
    cr_assert_str_eq(words("[ 1 ]", 1), "(1)");
    cr_assert_str_eq(words("[ 1 ] [ 2 ] c", 2), "(1) (2)|");
    cr_assert_str_eq(words("a [ 1 ]", 1), "a|");
    cr_assert_str_eq(words("[ 1 b", 1), "[|");
    cr_assert_str_eq(words("[ 1", 1), "[|");
    cr_assert_str_eq(words("\xef\xbc\xbb 1 \xef\xbc\xbd b", 2), "(1) b");
}

Test(ready_text, is_cut_by_tokens_between_words)
{
    cr_assert_str_eq(tokens("one two three", 13), "one two three");
    cr_assert_str_eq(tokens("one two three", 12), "one two|");
    cr_assert_str_eq(tokens("one two three", 7), "one two|");
    cr_assert_str_eq(tokens("one two three", 6), "one|");
    cr_assert_str_eq(ready((rrk_text){0}, rrk_text_of("one two three"), 2, 6), "one|");
}

Test(ready_text, splits_a_word_between_characters_only_where_it_is_longer_than_the_cap)
{
    cr_assert_str_eq(tokens("unbreakable", 4), "unbr|");
    cr_assert_str_eq(tokens("a unbreakable", 6), "a unbr|");
    cr_assert_str_eq(tokens("a unbreakable", 2), "a|");
    cr_assert_str_eq(tokens("\xe6\xa0\x87\xe9\xa2\x98", 5), "\xe6\xa0\x87|");
    cr_assert_str_eq(tokens("\xe6\xa0\x87\xe9\xa2\x98", 2), "|");
    cr_assert_str_eq(tokens("ab\xf0\x9f\x98\x80", 5), "ab|");
}

Test(ready_text, that_is_cut_by_tokens_is_the_longest_that_fits, .timeout = 60)
{
    uint64_t seed = 20261124;
    cr_log_info("seed %llu", (unsigned long long)seed);
    char text[400];
    for (uint64_t round = 0; round < 3000; round++) {
        size_t len = 1 + base_rng_at(seed, round) % 399, cap = 1 + base_rng_at(seed, ~round) % 420, longest = 0,
               run = 0;
        for (size_t i = 0; i < len; i++) {
            text[i] = base_rng_at(seed, round << 32 | i) % 6 && i > 0 ? 'x' : 'y';
            if (text[i] == 'y' && i > 0 && text[i - 1] != ' ' && i + 1 < len)
                text[i] = ' ';
            run = text[i] == ' ' ? 0 : run + 1;
            longest = RRK_MAX(longest, run);
        }
        const char *got = ready((rrk_text){0}, (rrk_text){text, len}, 0, cap);
        size_t got_len = strcspn(got, "|");
        cr_assert_eq(memcmp(got, text, got_len), 0);
        if (len <= cap) {
            cr_assert_eq(got_len, len);
            continue;
        }
        cr_assert(got[got_len] == '|' && got_len <= cap, "round %d", (int)round);
        size_t next = strcspn(got, "|") + 1 + (got_len < len ? strcspn(text + got_len + 1, " ") : 0);
        bool whole = text[got_len] == ' ';
        cr_assert(whole ? RRK_MIN(next, len) >= cap || longest > cap : longest > cap, "round %d", (int)round);
    }
}

Test(ready_text, of_a_megabyte_takes_linear_time, .timeout = 60)
{
    enum { LEN = 1 << 20 };
    static const char *const PATTERNS[] = {"word ",           "x", "[",  "[1",          "[1]",
                                           "\xef\xbc\xbb[1]", " ", "[ ", "\xe6\xa0\x87"};
    char *text = malloc(LEN);
    for (size_t p = 0; p < RRK_COUNT(PATTERNS); p++) {
        size_t period = strlen(PATTERNS[p]);
        for (size_t i = 0; i < LEN; i++)
            text[i] = PATTERNS[p][i % period];
        rrk_text whole = {text, LEN / period * period};
        ready((rrk_text){0}, whole, 0, 0);
        ready((rrk_text){0}, whole, 100, 0);
        ready((rrk_text){0}, whole, 0, 100);
        ready((rrk_text){0}, whole, 0, LEN / 2);
    }
    memset(text, '1', LEN);
    memcpy(text, "\xef\xbc\xbb", 3);
    memcpy(text + LEN - 3, "\xef\xbc\xbd", 3);
    const char *got = ready((rrk_text){0}, (rrk_text){text, LEN}, 0, 0);
    cr_assert(got[0] == '(' && got[1] == '1' && strlen(got) == LEN - 4 && got[LEN - 5] == ')');
    free(text);
}

Test(ready_text, beyond_the_buffers_limit_is_refused)
{
    base_buf small = {.max = 8};
    bool was_cut;
    rrk_error err = {0};
    cr_assert_eq(rank_ready_text((rrk_text){0}, rrk_text_of("12345678"), 0, 0, &small, &was_cut, &err), RRK_OK);
    base_buf_clear(&small);
    cr_assert_eq(rank_ready_text((rrk_text){0}, rrk_text_of("123456789"), 0, 0, &small, &was_cut, &err), RRK_E_INVALID);
    base_buf_free(&small);
}
