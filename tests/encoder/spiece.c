/* sentencepiece models made by hand: what the ids mean for each family, and models that are damaged or hostile. */
#include "encoder/spiece.h"
#include "base/rng.h"
#include "encoder/config.h"
#include "encoder/tokenizer.h"
#include "encoder/tokenizer_kind.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>

#define MARK "\xe2\x96\x81"
enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE, N_BYTES = 256 };
enum { UNK, BOS, EOS, BARE, A, B, AB, M_A, LT, GT, LAST, N_PIECES };

static void put_varint(base_buf *b, size_t value)
{
    for (; value >= 0x80; value >>= 7)
        base_buf_append_char(b, (char)(value | 0x80), NULL);
    base_buf_append_char(b, (char)value, NULL);
}

static void put_bytes(base_buf *b, int field, const void *data, size_t len)
{
    base_buf_append_char(b, (char)(field << 3 | 2), NULL);
    put_varint(b, len);
    cr_assert_eq(base_buf_append(b, data, len, NULL), RRK_OK);
}

static void put_piece(base_buf *b, const char *text, float score, int type)
{
    base_buf piece RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    put_bytes(&piece, 1, text, strlen(text));
    base_buf_append_char(&piece, 2 << 3 | 5, NULL);
    base_buf_append(&piece, &score, sizeof score, NULL);
    if (type != NORMAL) {
        base_buf_append_char(&piece, 3 << 3, NULL);
        put_varint(&piece, (size_t)type);
    }
    put_bytes(b, 1, piece.data, piece.len);
}

static void put_pieces(base_buf *b, const char *last, int last_type)
{
    put_piece(b, "<unk>", 0, UNKNOWN);
    put_piece(b, "<s>", 0, CONTROL);
    put_piece(b, "</s>", 0, CONTROL);
    put_piece(b, MARK, -2, NORMAL);
    put_piece(b, "a", -2, NORMAL);
    put_piece(b, "b", -2, NORMAL);
    put_piece(b, "ab", -3, NORMAL);
    put_piece(b, MARK "a", -3, NORMAL);
    put_piece(b, "<", -5, NORMAL);
    put_piece(b, ">", -5, NORMAL);
    put_piece(b, last, -4, last_type);
}

static base_buf good_model(void)
{
    base_buf b = {.max = 1 << 20};
    put_pieces(&b, "ba", NORMAL);
    return b;
}

static enc_tokenizer *open_model(const base_buf *model, const char *name, const char *config)
{
    folder f = folder_new();
    folder_put(&f, name, model->data ? model->data : "", model->len);
    if (config)
        folder_text(&f, "tokenizer_config.json", config);
    enc_tokenizer *t = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_open(&t, f.dir, &err), RRK_OK, "%s", err.message);
    folder_remove(&f);
    return t;
}

static void expect_failure(const base_buf *model, const char *name, const char *config, rrk_status status,
                           const char *part)
{
    folder f = folder_new();
    folder_put(&f, name, model->data ? model->data : "", model->len);
    if (config)
        folder_text(&f, "tokenizer_config.json", config);
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = NULL;
    rrk_error err = {0};
    rrk_status got = enc_tokenizer_open(&t, f.dir, &err);
    cr_expect_eq(got, status, "%s instead of %s: %s", rrk_status_name(got), rrk_status_name(status), err.message);
    cr_expect_not_null(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
    folder_remove(&f);
}

static void expect_ids(const enc_tokenizer *t, const char *text, enc_segment segment, const int32_t *want, size_t n)
{
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_encode_segment(t, rrk_text_of(text), segment, SIZE_MAX, &ids, NULL, &err), RRK_OK, "%s",
                 err.message);
    cr_expect_eq(ids.len, n, "'%s': %zu ids, not %zu", text, ids.len, n);
    for (size_t i = 0; i < RRK_MIN(n, ids.len); i++)
        cr_expect_eq(ids.ids[i], want[i], "'%s': id %zu is %d, not %d", text, i, ids.ids[i], want[i]);
}

#define EXPECT(tokenizer, segment, text, ...)                                                                          \
    do {                                                                                                               \
        const int32_t want_[] = {__VA_ARGS__};                                                                         \
        expect_ids(tokenizer, text, segment, want_, RRK_COUNT(want_));                                                 \
    } while (0)
#define WORD(tokenizer, text, ...) EXPECT(tokenizer, ENC_SEGMENT_WORD, text, __VA_ARGS__)
#define INSIDE(tokenizer, text, ...) EXPECT(tokenizer, ENC_SEGMENT_INSIDE, text, __VA_ARGS__)

Test(spiece, t5_has_the_files_ids_and_sentinels_above_them)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
    WORD(t, "a b x", M_A, BARE, B, BARE, UNK);
    WORD(t, "xyz", BARE, UNK);
    expect_ids(t, "", ENC_SEGMENT_WORD, NULL, 0);
    const enc_specials *s = enc_tokenizer_specials(t);
    cr_assert(s->cls == -1 && s->sep == EOS && s->unk == UNK && s->pad == -1);
    cr_assert_eq(enc_tokenizer_special_id(t, "<extra_id_0>"), N_PIECES + 99);
    cr_assert_eq(enc_tokenizer_special_id(t, "<extra_id_99>"), N_PIECES);
    cr_assert_eq(enc_tokenizer_special_id(t, "<extra_id_100>"), -1);
    cr_assert_eq(enc_tokenizer_special_id(t, "</s>"), EOS);
    cr_assert_eq(enc_tokenizer_n_vocab(t), N_PIECES + 100);
}

Test(spiece, the_number_of_sentinels_comes_from_the_settings)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    static const struct {
        const char *config;
        int32_t first;
    } CASES[] = {
        {"{\"extra_ids\":0}", -1},
        {"{\"extra_ids\":3}", N_PIECES + 2},
        {"{\"additional_special_tokens\":[\"<extra_id_0>\",{\"content\":\"<extra_id_1>\"},\"<sep>\"]}", N_PIECES + 1},
        {"{\"extra_ids\":1000}", N_PIECES + 999},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", CASES[i].config);
        cr_expect_eq(enc_tokenizer_special_id(t, "<extra_id_0>"), CASES[i].first, "case %zu", i);
    }
    expect_failure(&model, "spiece.model", "{\"extra_ids\":1001}", RRK_E_FORMAT, "'extra_ids' is 1001");
    expect_failure(&model, "spiece.model", "{\"extra_ids\":-1}", RRK_E_FORMAT, "'extra_ids'");
}

Test(spiece, xlm_roberta_moves_the_pieces_up)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "sentencepiece.bpe.model", NULL);
    WORD(t, "a b x", M_A + 1, BARE + 1, B + 1, BARE + 1, 3);
    const enc_specials *s = enc_tokenizer_specials(t);
    cr_assert(s->cls == 0 && s->pad == 1 && s->sep == 2 && s->unk == 3 && s->n_pair_seps == 2);
    cr_assert_eq(enc_tokenizer_special_id(t, "<mask>"), N_PIECES + 1);
    cr_assert_eq(enc_tokenizer_special_id(t, "<extra_id_0>"), -1);
    cr_assert_eq(enc_tokenizer_n_vocab(t), N_PIECES + 2);
}

Test(spiece, the_family_is_what_the_settings_say)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    enc_tokenizer *t5 RRK_AUTO(enc_tokenizer_close_ptr) =
        open_model(&model, "sentencepiece.bpe.model", "{\"tokenizer_class\":\"T5Tokenizer\"}");
    cr_assert_eq(enc_tokenizer_specials(t5)->cls, -1);
    enc_tokenizer *xlmr RRK_AUTO(enc_tokenizer_close_ptr) =
        open_model(&model, "spiece.model", "{\"tokenizer_class\":\"XLMRobertaTokenizerFast\"}");
    cr_assert_eq(enc_tokenizer_specials(xlmr)->cls, 0);
    expect_failure(&model, "spiece.model", "{\"tokenizer_class\":\"AlbertTokenizer\"}", RRK_E_UNSUPPORTED,
                   "'AlbertTokenizer'");
    folder f = folder_new();
    folder_put(&f, "spiece.model", model.data, model.len);
    folder_text(&f, "config.json", "{\"model_type\":\"xlm-roberta\"}");
    enc_tokenizer *from_config RRK_AUTO(enc_tokenizer_close_ptr) = NULL;
    cr_assert_eq(enc_tokenizer_open(&from_config, f.dir, NULL), RRK_OK);
    cr_assert_eq(enc_tokenizer_specials(from_config)->cls, 0);
    folder_text(&f, "tokenizer.json", "{}");
    enc_tokenizer *none = NULL;
    rrk_error err = {0};
    cr_assert_neq(enc_tokenizer_open(&none, f.dir, &err), RRK_OK);
    cr_assert_not_null(strstr(err.message, "tokenizer.json"), "tokenizer.json comes first");
    folder_remove(&f);
}

Test(spiece, no_text_gives_a_special_piece_of_any_type)
{
    static const int TYPES[] = {NORMAL, USER_DEFINED};
    for (size_t i = 0; i < RRK_COUNT(TYPES); i++) {
        base_buf model RRK_AUTO(base_buf_free) = {.max = 1 << 20};
        put_pieces(&model, "<extra_id_0>", TYPES[i]);
        enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
        WORD(t, "a<extra_id_0>b", M_A, LT, UNK, A, UNK, GT, B);
        WORD(t, "<s></s><unk>", BARE, LT, UNK, GT, LT, UNK, GT, LT, UNK, GT);
        cr_assert_eq(enc_tokenizer_special_id(t, "<extra_id_0>"), N_PIECES + 99);
    }
    base_buf model RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    put_pieces(&model, "<view>", USER_DEFINED);
    enc_tokenizer *open RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
    WORD(open, "a<view>", M_A, LAST);
    enc_tokenizer *named RRK_AUTO(enc_tokenizer_close_ptr) =
        open_model(&model, "spiece.model", "{\"sep_token\":\"<view>\"}");
    WORD(named, "a<view>", M_A, LT, UNK, GT);
}

Test(spiece, a_segment_inside_a_word_has_no_mark)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
    INSIDE(t, "a", A);
    INSIDE(t, "a a", A, M_A);
    INSIDE(t, " a", M_A);
    INSIDE(t, "xya", UNK, A);
    expect_ids(t, "", ENC_SEGMENT_INSIDE, NULL, 0);
}

Test(spiece, keeps_the_first_ids_of_a_long_text)
{
    const uint64_t seed = 4;
    cr_log_info("seed %llu", (unsigned long long)seed);
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
    static const char *const PARTS[] = {"a", "b", "ab", " ", "  ", "x", "ba ", "\xc3\xa4", " a"};
    base_buf text RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    for (uint64_t i = 0; text.len < 60000; i++)
        base_buf_append_string(&text, PARTS[base_rng_at(seed, i) % RRK_COUNT(PARTS)], NULL);
    enc_ids all RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){text.data, text.len}, SIZE_MAX, &all, NULL, NULL), RRK_OK);
    for (size_t max = 0; max <= all.len + 1; max = 2 * max + 1) {
        enc_ids some RRK_AUTO(enc_ids_free) = {0};
        size_t n_total = 0;
        cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){text.data, text.len}, max, &some, &n_total, NULL), RRK_OK);
        cr_assert_eq(some.len, RRK_MIN(max, all.len));
        cr_assert(n_total == all.len || n_total > max);
        cr_assert(some.len == 0 || memcmp(some.ids, all.ids, some.len * sizeof *some.ids) == 0);
    }
    enc_ids ids = {0};
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("ab\xff"), 9, &ids, NULL, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "the text is not UTF-8 at byte 2");
}

Test(spiece, says_what_is_wrong_with_a_model)
{
    static const struct {
        const char *text;
        float score;
        int type;
        rrk_status status;
        const char *part;
    } CASES[] = {
        {"", -1, NORMAL, RRK_E_FORMAT, "piece 11 has no text"},
        {"\xff", -1, NORMAL, RRK_E_FORMAT, "piece 11 has a text that is not UTF-8"},
        {"x", __builtin_nanf(""), NORMAL, RRK_E_FORMAT, "piece 11 has a score"},
        {"x", __builtin_inff(), NORMAL, RRK_E_FORMAT, "piece 11 has a score"},
        {"x", -1, 7, RRK_E_FORMAT, "piece 11 has a type"},
        {"a", -1, NORMAL, RRK_E_FORMAT, "sentencepiece: "},
        {"x", -1, UNKNOWN, RRK_E_FORMAT, "sentencepiece: "},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        cr_log_info("case %zu", i);
        base_buf model RRK_AUTO(base_buf_free) = good_model();
        put_piece(&model, CASES[i].text, CASES[i].score, CASES[i].type);
        expect_failure(&model, "spiece.model", NULL, CASES[i].status, CASES[i].part);
    }
    base_buf bpe RRK_AUTO(base_buf_free) = good_model();
    put_bytes(&bpe, 2, "\x18\x02", 2);
    expect_failure(&bpe, "spiece.model", NULL, RRK_E_UNSUPPORTED, "'bpe'");
    base_buf lying RRK_AUTO(base_buf_free) = good_model();
    put_bytes(&lying, 3,
              "\x12\x09\xff\x00\x00\x00"
              "abcd",
              11);
    expect_failure(&lying, "spiece.model", NULL, RRK_E_FORMAT, "its trie has 255");
    base_buf text RRK_AUTO(base_buf_free) = {.max = 100};
    base_buf_append_string(&text, "not a model at all", NULL);
    expect_failure(&text, "spiece.model", NULL, RRK_E_FORMAT, "spiece.model: not a sentencepiece model");
    base_buf empty RRK_AUTO(base_buf_free) = {.max = 100};
    expect_failure(&empty, "sentencepiece.bpe.model", NULL, RRK_E_FORMAT, "it has no pieces");
    base_buf no_end RRK_AUTO(base_buf_free) = {.max = 100};
    put_piece(&no_end, "<unk>", 0, UNKNOWN);
    put_piece(&no_end, "a", 0, NORMAL);
    expect_failure(&no_end, "spiece.model", NULL, RRK_E_FORMAT, "'</s>' is missing");
}

Test(spiece, bounds_pieces_and_their_number)
{
    char text[ENC_MAX_PIECE_BYTES + 2] = {0};
    memset(text, 'b', ENC_MAX_PIECE_BYTES);
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    put_piece(&model, text, -1, NORMAL);
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
    WORD(t, text, BARE, N_PIECES);
    text[ENC_MAX_PIECE_BYTES] = 'b';
    base_buf longer RRK_AUTO(base_buf_free) = good_model();
    put_piece(&longer, text, -1, NORMAL);
    expect_failure(&longer, "spiece.model", NULL, RRK_E_FORMAT, "piece 11 has 1025 bytes");
    /* Equal pieces, which the library refuses once the number has passed. */
    base_buf many RRK_AUTO(base_buf_free) = {.max = 64 << 20};
    for (int i = 0; i < ENC_MAX_VOCAB; i++)
        put_bytes(&many, 1, "\x0a\x01x", 3);
    expect_failure(&many, "spiece.model", NULL, RRK_E_FORMAT, "sentencepiece: ");
    put_bytes(&many, 1, "\x0a\x01x", 3);
    expect_failure(&many, "spiece.model", NULL, RRK_E_FORMAT, "more than 2000000 pieces");
}

static bool nothing_is_special(const void *ctx, rrk_text piece)
{
    return false;
}

Test(spiece, knows_whether_a_piece_reaches_over_the_end_of_a_word)
{
    static const struct {
        const char *piece;
        bool apart;
    } CASES[] = {{MARK MARK, true}, {MARK "x", true},      {MARK MARK "xy", true},
                 {"x" MARK, false}, {"x" MARK "y", false}, {"x y", false}};
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        base_buf model RRK_AUTO(base_buf_free) = good_model(), checked RRK_AUTO(base_buf_free) = {.max = 1 << 20};
        put_piece(&model, CASES[i].piece, -1, NORMAL);
        enc_spiece_facts facts;
        rrk_text all = {model.data, model.len};
        cr_assert_eq(enc_spiece_check(all, nothing_is_special, NULL, &checked, &facts, NULL), RRK_OK);
        cr_expect_eq(facts.words_are_apart, CASES[i].apart, "case %zu", i);
        cr_expect(facts.n_pieces == N_PIECES + 1 && !facts.has_bytes);
        cr_expect(checked.len > model.len && memcmp(checked.data, model.data, model.len) == 0);
    }
}

static void put_byte_pieces(base_buf *b)
{
    for (int i = 0; i < N_BYTES; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        put_piece(b, name, 0, BYTE);
    }
    put_bytes(b, 2, "\x98\x02\x01", 3); /* the trainer's byte_fallback */
}

Test(spiece, a_model_with_pieces_for_bytes_keeps_them)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model(), checked RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    put_byte_pieces(&model);
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
    WORD(t, "a\xe4\xb8\x80x", M_A, N_PIECES + 0xe4, N_PIECES + 0xb8, N_PIECES + 0x80, N_PIECES + 'x');
    enc_spiece_facts facts;
    rrk_text all = {model.data, model.len};
    cr_assert_eq(enc_spiece_check(all, nothing_is_special, NULL, &checked, &facts, NULL), RRK_OK);
    cr_assert(facts.has_bytes && facts.n_pieces == N_PIECES + N_BYTES && checked.len == model.len);
}

static rrk_status count_id(void *ctx, int32_t id, rrk_error *err)
{
    ++*(size_t *)ctx;
    return RRK_OK;
}

/* Where the library joins them it copies what it has for each one more: the square of the text's length. */
Test(spiece, the_library_is_not_left_to_join_unknown_neighbours)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model(), checked RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    enc_spiece_facts facts;
    rrk_text all = {model.data, model.len};
    cr_assert_eq(enc_spiece_check(all, nothing_is_special, NULL, &checked, &facts, NULL), RRK_OK);
    enc_spiece *spiece = NULL;
    cr_assert_eq(enc_spiece_new(&spiece, checked.data, checked.len, NULL), RRK_OK);
    char text[3000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "\xe6\xb0\xb4"[i % 3];
    for (size_t len = 3; len <= sizeof text; len *= 10) {
        size_t n = 0;
        cr_assert_eq(enc_spiece_encode(spiece, (rrk_text){text, len}, count_id, &n, NULL), RRK_OK);
        cr_expect_eq(n, 1 + len, "%zu bytes: %zu ids", len, n);
    }
    enc_spiece_free(spiece);
}

Test(spiece, a_long_unknown_text_is_one_token)
{
    base_buf model RRK_AUTO(base_buf_free) = good_model(), text RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_model(&model, "spiece.model", NULL);
    for (int i = 0; i < 10000; i++)
        base_buf_append_string(&text, "\xe6\xb0\xb4x", NULL);
    base_buf_append_string(&text, "b", NULL);
    WORD(t, text.data, BARE, UNK, B);
    INSIDE(t, text.data, UNK, B);
    INSIDE(t, text.data + text.len - 1, B);
}

Test(spiece, a_model_that_is_cut_off_or_damaged_is_refused_or_works)
{
    const uint64_t seed = 99;
    cr_log_info("seed %llu", (unsigned long long)seed);
    base_buf model RRK_AUTO(base_buf_free) = good_model();
    folder f = folder_new();
    for (uint64_t round = 0; round < 3000; round++) {
        bool cut = round < model.len;
        size_t bit = base_rng_at(seed, round) % (model.len * 8);
        if (!cut)
            model.data[bit / 8] ^= (char)(1 << bit % 8);
        folder_put(&f, "spiece.model", model.data, cut ? (size_t)round : model.len);
        enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = NULL;
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        if (enc_tokenizer_open(&t, f.dir, NULL) == RRK_OK)
            cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("ab <b> ba"), 9, &ids, NULL, NULL), RRK_OK);
        if (!cut)
            model.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    folder_remove(&f);
}
