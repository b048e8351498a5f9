/* The tokenizer on a small vocabulary whose pieces can be counted by hand; golden.c has the real one. */
#include "encoder/wordpiece.h"
#include "base/buf.h"
#include "base/rng.h"
#include "encoder/tokenizer.h"
#include "encoder/tokenizer_kind.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>

enum { PAD, UNK, CLS, SEP, A, AB, X_B, X_C, COMMA, EN, HE, I_DOT, CAFE, BRACKET, SEP_TEXT, CLOSE, KELVIN, UPPER };
static const char *const VOCAB =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nab\n##b\n##c\n,\nn\nhe\ni\ncafe\n[\nsep\n]\nk\nA\n\xe4\xb8\x80\n";
enum { IDEOGRAPH = 18, N_VOCAB = 19 };

static enc_tokenizer *open_good(folder *f)
{
    enc_tokenizer *t = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_open(&t, f->dir, &err), RRK_OK, "%s", err.message);
    return t;
}

static enc_tokenizer *small(const char *settings)
{
    folder f = folder_new();
    folder_text(&f, "vocab.txt", VOCAB);
    if (settings)
        folder_text(&f, "tokenizer_config.json", settings);
    enc_tokenizer *t = open_good(&f);
    folder_remove(&f);
    return t;
}

static void expect_ids(const enc_tokenizer *t, const char *text, size_t len, const int32_t *want, size_t n)
{
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    size_t n_total = 0;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){text, len}, SIZE_MAX, &ids, &n_total, &err), RRK_OK, "%s",
                 err.message);
    cr_expect_eq(ids.len, n, "'%s': %zu ids, not %zu", text, ids.len, n);
    cr_expect_eq(n_total, ids.len);
    for (size_t i = 0; i < RRK_MIN(n, ids.len); i++)
        cr_expect_eq(ids.ids[i], want[i], "'%s': id %zu is %d, not %d", text, i, ids.ids[i], want[i]);
}

#define EXPECT(tokenizer, text, ...)                                                                                   \
    do {                                                                                                               \
        const int32_t want_[] = {__VA_ARGS__};                                                                         \
        expect_ids(tokenizer, text, sizeof(text) - 1, want_, RRK_COUNT(want_));                                        \
    } while (0)

Test(wordpiece, takes_the_longest_piece_and_makes_unknown_words_unknown_as_a_whole)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    EXPECT(t, "a ab abc abbc", A, AB, AB, X_C, AB, X_B, X_C);
    EXPECT(t, "abz b", UNK, UNK);
    EXPECT(t, "ab,a", AB, COMMA, A);
    EXPECT(t, "he\nn\t  \r", HE, EN);
    expect_ids(t, "", 0, NULL, 0);
    expect_ids(t, NULL, 0, NULL, 0);
    cr_assert_eq(enc_tokenizer_n_vocab(t), N_VOCAB);
    const enc_specials *s = enc_tokenizer_specials(t);
    cr_assert(s->cls == CLS && s->sep == SEP && s->pad == PAD && s->unk == UNK);
}

Test(wordpiece, a_special_tokens_name_is_only_text)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    EXPECT(t, "a[SEP]a", A, BRACKET, SEP_TEXT, CLOSE, A);
}

Test(wordpiece, no_text_gives_a_special_piece_even_when_the_vocabulary_spells_it_as_a_word)
{
    folder f = folder_new();
    folder_text(&f, "vocab.txt", "pad\nunk\ncls\nsep\na\n");
    folder_text(&f, "special_tokens_map.json",
                "{\"cls_token\":{\"content\":\"cls\",\"lstrip\":false},\"sep_token\":\"sep\",\"pad_token\":\"pad\","
                "\"unk_token\":\"unk\"}");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    EXPECT(t, "a sep cls pad unk a", 4, 1, 1, 1, 1, 4);
    folder_remove(&f);
}

Test(wordpiece, cleans_spaces_out_strips_and_lowers)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    EXPECT(t, "CAF\xc3\x89 cafe\xcc\x81", CAFE, CAFE); /* composed and combining */
    EXPECT(t, "\xc4\xb0 \xe2\x84\xaa", I_DOT, KELVIN); /* I with dot, Kelvin sign */
    EXPECT(t,
           "h\0e a\x7f"
           "b \xe2\x80\x8d n",
           HE, AB, EN); /* NUL, delete, joiner */
    EXPECT(t,
           "a\xe4\xb8\x80"
           "b",
           A, IDEOGRAPH, UNK);                        /* an ideograph stands alone */
    EXPECT(t, "a\xc2\xa0n\xe3\x80\x80he", A, EN, HE); /* no-break and ideographic space */
    EXPECT(t,
           "a\xc2\x85n a\x0b"
           "b",
           UNK, AB); /* control characters are dropped, not spaces */
}

Test(wordpiece, follows_the_settings_of_a_cased_model)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small("{\"do_lower_case\":false}");
    EXPECT(t, "A a Ab", UPPER, A, UPPER, X_B);
    EXPECT(t, "caf\xc3\xa9", UNK);
    enc_tokenizer *u RRK_AUTO(enc_tokenizer_close_ptr) =
        small("{\"do_lower_case\":false,\"strip_accents\":true,\"tokenize_chinese_chars\":false}");
    EXPECT(u, "caf\xc3\xa9 a\xe4\xb8\x80", CAFE, UNK);
    enc_tokenizer *v RRK_AUTO(enc_tokenizer_close_ptr) = small("{\"strip_accents\":false}");
    EXPECT(v, "CAF\xc3\x89 CAFE", UNK, CAFE);
}

static void expect_word_of(const enc_tokenizer *t, size_t n_chars, size_t n_ids)
{
    base_buf b RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    base_buf_append_string(&b, "a", NULL);
    for (size_t i = 1; i < n_chars; i++)
        base_buf_append_string(&b, "c", NULL);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){b.data, b.len}, SIZE_MAX, &ids, NULL, NULL), RRK_OK);
    cr_assert_eq(ids.len, n_ids, "%zu characters gave %zu ids", n_chars, ids.len);
    cr_assert_eq(ids.ids[0], n_ids == 1 ? UNK : A);
}

Test(wordpiece, a_word_above_the_limit_is_unknown)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    expect_word_of(t, ENC_DEFAULT_WORD_CHARS, ENC_DEFAULT_WORD_CHARS);
    expect_word_of(t, ENC_DEFAULT_WORD_CHARS + 1, 1);
    expect_word_of(t, 500000, 1);
}

Test(wordpiece, stops_early_and_says_that_there_is_more)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    static const char TEXT[] = "a ab abc he"; /* a, ab, ab, ##c, he */
    for (size_t max = 0; max <= 6; max++) {
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        size_t n_total = 99;
        cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of(TEXT), max, &ids, &n_total, NULL), RRK_OK);
        static const int32_t ALL[] = {A, AB, AB, X_C, HE};
        cr_assert_eq(ids.len, RRK_MIN(max, (size_t)5));
        for (size_t i = 0; i < ids.len; i++)
            cr_assert_eq(ids.ids[i], ALL[i]);
        cr_assert(max < 5 ? n_total > max && n_total <= 5 : n_total == 5, "max %zu: total %zu", max, n_total);
    }
}

/* What lies behind the ids that were asked for is not even looked at: there, bad bytes do no harm. */
Test(wordpiece, does_not_read_beyond_what_was_asked_for)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    static const char TEXT[] = "a a a a \xff";
    cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of(TEXT), 3, &ids, NULL, NULL), RRK_OK);
    cr_assert_eq(ids.len, 3);
}

Test(wordpiece, refuses_text_that_is_not_utf8_and_says_where)
{
    static const struct {
        const char *text, *part;
    } BAD[] = {{"ab \xff", "byte 3"}, {"\xc3", "byte 0"}, {"a\xed\xa0\x80", "byte 1"}, {"aa\xc0\x80", "byte 2"}};
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        rrk_error err = {0};
        cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of(BAD[i].text), SIZE_MAX, &ids, NULL, &err), RRK_E_INVALID);
        cr_assert_not_null(strstr(err.message, BAD[i].part), "%s", err.message);
        cr_assert_null(ids.ids);
    }
}

/* Random bytes and random characters: any outcome but a crash, and the same prefix whatever is asked for. */
Test(wordpiece, an_early_stop_gives_the_beginning_of_the_whole)
{
    const uint64_t seed = 77;
    cr_log_info("seed %llu", (unsigned long long)seed);
    static const char *const PARTS[] = {"a",       "b", "c", " ", ",", "\xcc\x81", "\xe4\xb8\x80", "\xe3\x80\xae",
                                        "\xc3\xa9"};
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = small(NULL);
    for (uint64_t round = 0; round < 2000; round++) {
        base_buf b RRK_AUTO(base_buf_free) = {.max = 1 << 16};
        for (uint64_t i = 0; i < 40; i++)
            base_buf_append_string(&b, PARTS[base_rng_at(seed, round * 64 + i) % RRK_COUNT(PARTS)], NULL);
        enc_ids all RRK_AUTO(enc_ids_free) = {0}, some RRK_AUTO(enc_ids_free) = {0};
        size_t max = base_rng_at(seed, round * 64 + 50) % 40, n_total, n_some;
        cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){b.data, b.len}, SIZE_MAX, &all, &n_total, NULL), RRK_OK);
        cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){b.data, b.len}, max, &some, &n_some, NULL), RRK_OK);
        cr_assert_eq(some.len, RRK_MIN(max, all.len));
        for (size_t i = 0; i < some.len; i++)
            cr_assert_eq(some.ids[i], all.ids[i]);
        cr_assert(all.len > max ? n_some > max : n_some == all.len);
    }
}

/* Marks that are not accents stay, in canonical order: U+1D165 (class 216) goes before U+302E (class 224). */
Test(wordpiece, puts_the_marks_it_keeps_in_canonical_order)
{
    folder f = folder_new();
    folder_text(&f, "vocab.txt",
                "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##\xe3\x80\xae\n##\xf0\x9d\x85\xa5\n##\xf0\x96\xbf\xb0\n");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    EXPECT(t, "a\xe3\x80\xae\xf0\x9d\x85\xa5", 4, 6, 5);
    EXPECT(t, "a\xf0\x9d\x85\xa5\xe3\x80\xae", 4, 6, 5);
    EXPECT(t, "a\xe3\x80\xae\xcc\x81\xf0\x9d\x85\xa5\xe3\x80\xae", 4, 6, 5, 5); /* the accent between them goes */
    /* U+16FF0 is of class 6 since Unicode 13; the reference, older, takes it for a letter. */
    EXPECT(t, "a\xe3\x80\xae\xf0\x96\xbf\xb0\xf0\x9d\x85\xa5", 4, 5, 7, 6);
    folder_remove(&f);
}

/* U+11938 decomposes since Unicode 13, U+07FD is a mark since 11, U+1C89 a capital since 16. */
Test(wordpiece, characters_newer_than_the_reference_are_what_the_reference_takes_them_for)
{
    folder f = folder_new();
    folder_text(&f, "vocab.txt",
                "[PAD]\n[UNK]\n[CLS]\n[SEP]\n\xf0\x91\xa4\xb8\na\n##\xdf\xbd\n\xe1\xb2\x8a\n\xe1\x99\xad\n");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    EXPECT(t, "\xf0\x91\xa4\xb8", 4);
    EXPECT(t, "a\xdf\xbd", 5, 6);
    EXPECT(t, "\xe1\xb2\x89", 7);
    EXPECT(t,
           "a\xe1\x99\xad"
           "a",
           5, 8, 5); /* U+166D was punctuation */
    folder_remove(&f);
}
