/* Unigram tokenizers of tokenizer.json on vocabularies whose best ways can be added up by hand. */
#include "encoder/unigram.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "encoder/config.h"
#include "encoder/tokenizer.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>

#define MARK "\xe2\x96\x81"
#define VOCAB                                                                                                          \
    "[\"<pad>\",0],[\"</s>\",0],[\"<unk>\",0],[\"<extra_id_0>\",0],[\"" MARK "\",-2],[\"a\",-2],[\"b\",-2],"           \
    "[\"ab\",-3],[\"" MARK "a\",-3],[\"ba\",-4],[\"" MARK "ab\",-6],[\"</\",-5],[\"s\",-5],[\">\",-5],[\"\xc3\xa4\","  \
    "-4],[\"<\",-9],[\"/\",-9]"
enum { PAD, EOS, UNK, EXTRA, BARE, A, B, AB, M_A, BA, M_AB, LT_SLASH, S, GT, A_UMLAUT, LT, SLASH, N_VOCAB };

#define METASPACE "{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\",\"prepend_scheme\":\"always\"}"
#define TEMPLATE(single, pair)                                                                                         \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"pair\":[" pair "]},"
#define TEXT_A "{\"Sequence\":{\"id\":\"A\"}}"
#define TEXT_B "{\"Sequence\":{\"id\":\"B\"}}"
#define END "{\"SpecialToken\":{\"id\":\"</s>\"}}"
#define T5_ROWS TEMPLATE(TEXT_A "," END, TEXT_A "," END "," TEXT_B "," END)
#define MODEL(extra, vocab) "\"model\":{\"type\":\"Unigram\",\"unk_id\":2," extra "\"vocab\":[" vocab "]}"

static enc_tokenizer *open_json(const char *json)
{
    folder f = folder_new();
    folder_text(&f, "tokenizer.json", json);
    enc_tokenizer *t = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_open(&t, f.dir, &err), RRK_OK, "%s", err.message);
    folder_remove(&f);
    return t;
}

static enc_tokenizer *with(const char *normalizer, const char *splitter)
{
    char json[4096];
    snprintf(json, sizeof json, "{\"normalizer\":%s,\"pre_tokenizer\":%s," T5_ROWS MODEL("", VOCAB) "}", normalizer,
             splitter);
    return open_json(json);
}

static void expect_ids(const enc_tokenizer *t, rrk_text text, enc_segment segment, const int32_t *want, size_t n)
{
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    size_t n_total = 0;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_encode_segment(t, text, segment, SIZE_MAX, &ids, &n_total, &err), RRK_OK, "%s",
                 err.message);
    cr_expect(ids.len == n && n_total == n, "'%s': %zu ids, not %zu", text.data, ids.len, n);
    for (size_t i = 0; i < RRK_MIN(n, ids.len); i++)
        cr_expect_eq(ids.ids[i], want[i], "'%s': id %zu is %d, not %d", text.data, i, ids.ids[i], want[i]);
}

#define EXPECT(tokenizer, segment, text, ...)                                                                          \
    do {                                                                                                               \
        const int32_t want_[] = {__VA_ARGS__};                                                                         \
        expect_ids(tokenizer, (rrk_text){text, sizeof(text) - 1}, segment, want_, RRK_COUNT(want_));                   \
    } while (0)
#define WORD(tokenizer, text, ...) EXPECT(tokenizer, ENC_SEGMENT_WORD, text, __VA_ARGS__)
#define INSIDE(tokenizer, text, ...) EXPECT(tokenizer, ENC_SEGMENT_INSIDE, text, __VA_ARGS__)

Test(unigram, takes_the_best_way_and_of_equal_ones_the_first_found)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", METASPACE);
    WORD(t, "b", BARE, B);
    WORD(t, "ab", BARE, AB); /* -5, as has the mark with a, then b, which is found later; the whole word has -6 */
    WORD(t, "a", M_A);
    WORD(t, "ba", BARE, BA); /* -4, as have b and a */
    WORD(t, "a b", M_A, BARE, B);
    WORD(t, "a  b", M_A, BARE, BARE, B);
    expect_ids(t, rrk_text_of(""), ENC_SEGMENT_WORD, NULL, 0);
    expect_ids(t, (rrk_text){0}, ENC_SEGMENT_WORD, NULL, 0);
    WORD(t, " ", BARE);
    WORD(t, MARK "a", M_A);
    const enc_specials *s = enc_tokenizer_specials(t);
    cr_assert(s->cls == -1 && s->sep == EOS && s->pad == PAD && s->unk == UNK && s->n_pair_seps == 1);
    cr_assert_eq(enc_tokenizer_n_vocab(t), N_VOCAB);
}

Test(unigram, unknown_neighbours_are_one_token)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", METASPACE);
    WORD(t, "xyz", BARE, UNK);
    WORD(t,
         "ax\xe4\xb8\x80y\xf0\x9f\x98\x80"
         "bz a",
         M_A, UNK, B, UNK, M_A);
    WORD(t, "x y", BARE, UNK, BARE, UNK);
    WORD(t, "x\0y", BARE, UNK);
}

Test(unigram, no_text_gives_a_special_piece)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", METASPACE);
    WORD(t, "</s>", BARE, LT_SLASH, S, GT);
    WORD(t, "a<extra_id_0>b", M_A, LT, UNK, A, UNK, GT, B);
    WORD(t, "<unk>", BARE, LT, UNK, GT);
    cr_assert_eq(enc_tokenizer_special_id(t, "<extra_id_0>"), EXTRA);
    cr_assert_eq(enc_tokenizer_special_id(t, "</s>"), EOS);
    cr_assert_eq(enc_tokenizer_special_id(t, "<extra_id_1>"), -1);
    cr_assert_eq(enc_tokenizer_special_id(t, "a"), -1);
}

Test(unigram, a_segment_inside_a_word_has_no_mark)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", METASPACE);
    INSIDE(t, "a", A);
    INSIDE(t, "a a", A, M_A);
    INSIDE(t, " a", M_A);
    enc_tokenizer *split RRK_AUTO(enc_tokenizer_close_ptr) =
        with("null", "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," METASPACE "]}");
    INSIDE(split, "a\na", A, M_A);
    INSIDE(split, "\na", M_A);
}

Test(unigram, white_space_splits_where_the_file_says_so)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) =
        with("null", "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," METASPACE "]}");
    WORD(t,
         " a \t\xe2\x80\x83 b\xe2\x80\xa8"
         "a" MARK "a ",
         M_A, BARE, B, M_A, M_A);
    expect_ids(t, rrk_text_of(" \n"), ENC_SEGMENT_WORD, NULL, 0);
}

Test(unigram, reads_all_ways_of_prepending)
{
#define SCHEME(keys) "{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\"" keys "}"
#define SPLIT_FIRST(keys) "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," SCHEME(keys) "]}"
    static const struct {
        const char *splitter;
        int32_t first;  /* of "a a" */
        int32_t second; /* the same */
        int32_t spaced; /* the first of " a" */
    } CASES[] = {
        {SCHEME(""), M_A, M_A, M_A},
        {SCHEME(",\"add_prefix_space\":true"), M_A, M_A, M_A},
        {SCHEME(",\"add_prefix_space\":false"), A, M_A, M_A},
        {SCHEME(",\"prepend_scheme\":\"first\""), M_A, M_A, M_A},
        {SCHEME(",\"prepend_scheme\":\"never\",\"add_prefix_space\":true"), A, M_A, M_A},
        {SCHEME(",\"split\":false"), M_A, M_A, M_A},
        {SPLIT_FIRST(""), M_A, M_A, M_A},
        {SPLIT_FIRST(",\"prepend_scheme\":\"first\""), M_A, A, A},
        {SPLIT_FIRST(",\"prepend_scheme\":\"never\""), A, A, A},
        {"{\"type\":\"Sequence\",\"pretokenizers\":[" SCHEME("") "]}", M_A, M_A, M_A},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        cr_log_info("case %zu", i);
        enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", CASES[i].splitter);
        WORD(t, "a a", CASES[i].first, CASES[i].second);
        WORD(t, " a", CASES[i].spaced);
    }
}

Test(unigram, an_unsplit_text_may_have_pieces_across_words)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) =
        open_json("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"split\":false}," T5_ROWS MODEL(
            "", "[\"x\",-1],[\"</s>\",0],[\"?\",0],[\"_a\",-3],[\"a_a\",-1],[\"_\",-3]") "}");
    WORD(t, "a a", 5, 4);
    enc_tokenizer *split RRK_AUTO(enc_tokenizer_close_ptr) =
        open_json("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"split\":true}," T5_ROWS MODEL(
            "", "[\"x\",-1],[\"</s>\",0],[\"?\",0],[\"_a\",-3],[\"a_a\",-1],[\"_\",-3]") "}");
    WORD(split, "a a", 3, 3);
}

Test(unigram, runs_the_normalizers_in_order)
{
    static const char SEQUENCE[] =
        "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},{\"type\":\"NFC\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"``\"},\"content\":\"b\"},"
        "{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":true},"
        "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\"" MARK "\"}]}";
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with(SEQUENCE, METASPACE);
    WORD(t, "A``", BARE, AB);
    WORD(t, "bA\xcc\x88", BARE, B, A_UMLAUT);
    WORD(t, "  A   A \n", M_A, M_A);
    expect_ids(t, rrk_text_of(" \n\xe3\x80\x80"), ENC_SEGMENT_WORD, NULL, 0);
    enc_tokenizer *left RRK_AUTO(enc_tokenizer_close_ptr) =
        with("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":false}", METASPACE);
    WORD(left, "\t\xc2\xa0 a ", M_A, BARE);
    enc_tokenizer *compatible RRK_AUTO(enc_tokenizer_close_ptr) = with("{\"type\":\"NFKC\"}", METASPACE);
    WORD(compatible, "\xef\xbd\x81", M_A);
}

Test(unigram, unknown_text_comes_out_as_bytes_when_all_of_them_have_pieces)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_json("{\"pre_tokenizer\":" METASPACE "," T5_ROWS MODEL(
        "\"byte_fallback\":true,", VOCAB ",[\"<0xC3>\",-9],[\"<0xB6>\",-9],[\"<0x7A>\",-9]") "}");
    WORD(t, "a\xc3\xb6z", M_A, N_VOCAB, N_VOCAB + 1, N_VOCAB + 2);
    WORD(t, "a\xc3\xb6y", M_A, UNK);
}

Test(unigram, the_last_of_two_equal_pieces_counts)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) =
        open_json("{\"pre_tokenizer\":" METASPACE "," T5_ROWS MODEL("", VOCAB ",[\"b\",-30],[\"\",-1]") "}");
    WORD(t, "b", BARE, N_VOCAB);
    WORD(t, "ba", BARE, BA);
}

Test(unigram, keeps_the_first_ids_and_says_when_there_are_more)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", METASPACE);
    for (size_t max = 0; max <= 4; max++) {
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        size_t n_total = 0;
        cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("b b"), max, &ids, &n_total, NULL), RRK_OK);
        cr_expect_eq(ids.len, max);
        cr_expect(n_total == 4 || (max < 4 && n_total > max), "%zu of %zu", max, n_total);
    }
}

static void expect_same_start(const enc_tokenizer *t, rrk_text text, size_t max)
{
    enc_ids all RRK_AUTO(enc_ids_free) = {0}, some RRK_AUTO(enc_ids_free) = {0};
    size_t n_total = 0;
    cr_assert_eq(enc_tokenizer_encode(t, text, SIZE_MAX, &all, NULL, NULL), RRK_OK);
    cr_assert_eq(enc_tokenizer_encode(t, text, max, &some, &n_total, NULL), RRK_OK);
    cr_assert_eq(some.len, RRK_MIN(max, all.len));
    cr_assert(n_total == all.len || n_total > max);
    cr_assert(some.len == 0 || memcmp(some.ids, all.ids, some.len * sizeof *some.ids) == 0);
}

/* Random text of spaces, line ends and words; the same ids whether it is worked through whole or in stretches. */
Test(unigram, long_texts_give_the_ids_of_their_words)
{
    const uint64_t seed = 8090;
    cr_log_info("seed %llu", (unsigned long long)seed);
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) =
        with("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}", METASPACE);
    static const char *const PARTS[] = {"a", "b", "ab", " ", "  ", "\n", "x", "ba ", "\xc3\xa4", " a"};
    base_buf text RRK_AUTO(base_buf_free) = {.max = 1 << 20}, words RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    base_buf_append_char(&text, 'b', NULL);
    for (uint64_t i = 0; text.len < 50000; i++)
        base_buf_append_string(&text, PARTS[base_rng_at(seed, i) % RRK_COUNT(PARTS)], NULL);
    base_buf_append_string(&text, "b", NULL);
    enc_ids all RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){text.data, text.len}, SIZE_MAX, &all, NULL, NULL), RRK_OK);
    size_t n = 0;
    for (size_t at = 0, end; at < text.len; at = end) {
        for (end = at + 1; end < text.len && text.data[end] != ' '; end++)
            ;
        enc_ids word RRK_AUTO(enc_ids_free) = {0};
        /* Line ends inside would be stripped at the ends of a word on its own: put it between two others. */
        base_buf_clear(&words);
        base_buf_append_char(&words, 'b', NULL);
        base_buf_append(&words, text.data + at, end - at, NULL);
        base_buf_append_string(&words, " b", NULL);
        rrk_text one = at == 0 ? (rrk_text){text.data, end} : (rrk_text){words.data, words.len};
        cr_assert_eq(enc_tokenizer_encode(t, one, SIZE_MAX, &word, NULL, NULL), RRK_OK);
        size_t skip = at == 0 ? 0 : 2, n_word = word.len - 2 * skip;
        cr_assert_leq(n + n_word, all.len);
        cr_assert(memcmp(all.ids + n, word.ids + skip, n_word * sizeof *word.ids) == 0, "the word at byte %zu", at);
        n += n_word;
    }
    cr_assert_eq(n, all.len);
    for (size_t max = 1; max < all.len; max *= 3)
        expect_same_start(t, (rrk_text){text.data, text.len}, max);
}

Test(unigram, a_word_of_a_megabyte_is_cut_up)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", METASPACE);
    enum { N = 1 << 20 };
    char *word = malloc(N);
    cr_assert_not_null(word);
    memset(word, 'b', N);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){word, N}, SIZE_MAX, &ids, NULL, NULL), RRK_OK);
    cr_assert_eq(ids.len, N + 1);
    cr_assert(ids.ids[0] == BARE && ids.ids[1] == B && ids.ids[N] == B);
    free(word);
}

Test(unigram, text_that_is_not_utf8_is_named_by_its_byte)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = with("null", METASPACE);
    enc_ids ids = {0};
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("ab\xff"), 9, &ids, NULL, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "the text is not UTF-8 at byte 2");
    cr_assert_null(ids.ids);
}

Test(unigram, the_double_array_has_all_keys_and_no_others)
{
    const uint64_t seed = 77;
    cr_log_info("seed %llu", (unsigned long long)seed);
    enum { N = 20000, MAX_LEN = 9 };
    char(*texts)[MAX_LEN] = calloc(N, sizeof *texts);
    enc_trie_key *keys = calloc(N, sizeof *keys);
    base_map *map RRK_AUTO(base_map_free_ptr) = NULL;
    cr_assert(texts && keys && base_map_new(&map, N, NULL) == RRK_OK);
    for (uint32_t i = 0; i < N; i++) {
        size_t len = 1 + base_rng_at(seed, i) % (MAX_LEN - 1);
        for (size_t j = 0; j < len; j++) {
            uint64_t random = base_rng_at(seed, N + i * MAX_LEN + j);
            texts[i][j] = (char)(1 + random % (i % 2 ? 3 : 255));
        }
        keys[i] = (enc_trie_key){{texts[i], len}, (int32_t)i};
        cr_assert_eq(base_map_put(map, keys[i].text, i, NULL, NULL), RRK_OK);
    }
    enc_trie trie;
    cr_assert_eq(enc_trie_build(&trie, keys, N, NULL), RRK_OK);
    size_t n_found = 0;
    for (uint32_t i = 0; i < N; i++) {
        uint32_t node = 0;
        for (size_t j = 0; j < keys[i].text.len; j++) {
            node = enc_trie_step(&trie, node, (unsigned char)keys[i].text.data[j]);
            cr_assert_neq(node, 0);
            int64_t want = -1;
            base_map_get(map, (rrk_text){keys[i].text.data, j + 1}, &want);
            cr_assert_eq(enc_trie_value(&trie, node), want);
        }
        n_found += enc_trie_value(&trie, node) == keys[i].value;
        for (unsigned byte = 0; byte < 256; byte++) {
            uint32_t child = enc_trie_step(&trie, node, (unsigned char)byte);
            cr_assert(child == 0 || byte != 0);
        }
    }
    cr_assert_eq(n_found, base_map_len(map));
    enc_trie_free(&trie);
    free(keys);
    free(texts);
}

/* Steps in the trie for n times the text as one word. */
static size_t steps_of(const enc_unigram_model *model, const char *text, size_t n)
{
    base_buf word RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    enc_unigram_scratch scratch RRK_AUTO(enc_unigram_scratch_free) = {0};
    enc_id_sink sink = {.max_ids = SIZE_MAX};
    for (size_t i = 0; i < n; i++)
        base_buf_append_string(&word, text, NULL);
    cr_assert_eq(enc_unigram_word(model, (rrk_text){word.data, word.len}, &scratch, &sink, NULL), RRK_OK);
    enc_ids_free(&sink.ids);
    cr_assert_leq(scratch.n_steps, (model->longest + 1) * word.len);
    return scratch.n_steps;
}

Test(unigram, work_over_a_word_grows_with_its_length)
{
    static const enc_unigram_piece PIECES[] = {{{"?", 1}, 0, true},       {{"a", 1}, -1, false},
                                               {{"aa", 2}, -2, false},    {{"b", 1}, -1, false},
                                               {{"aaaab", 5}, -1, false}, {{MARK, 3}, -1, false}};
    static const char *const TEXTS[] = {"a", "ab", "x", "\xe6\xb0\xb4", "\xcc\x81", MARK, "aaaa", "\xf0\x9f\x98\x80"};
    enc_unigram_model model;
    cr_assert_eq(enc_unigram_model_init(&model, PIECES, RRK_COUNT(PIECES), 0, false, NULL), RRK_OK);
    for (size_t i = 0; i < RRK_COUNT(TEXTS); i++) {
        size_t once = steps_of(&model, TEXTS[i], 10000), twice = steps_of(&model, TEXTS[i], 20000);
        cr_expect(twice >= 2 * once && twice <= 2 * once + 2 * model.longest * model.longest,
                  "'%s': %zu steps, then %zu", TEXTS[i], once, twice);
    }
    enc_unigram_model_free(&model);
}

/* Nodes with ten children each, which leave six units of sixteen that no other such node can use. */
Test(unigram, the_trie_of_numbers_is_not_mostly_holes)
{
    enum { N = 10000, N_NODES = 11111 };
    static char texts[N][8];
    static enc_unigram_piece pieces[N];
    for (int i = 0; i < N; i++) {
        snprintf(texts[i], sizeof texts[i], "%d", i);
        pieces[i] = (enc_unigram_piece){.text = rrk_text_of(texts[i]), .score = -1};
    }
    enc_unigram_model model;
    cr_assert_eq(enc_unigram_model_init(&model, pieces, N, 0, false, NULL), RRK_OK);
    cr_expect_lt(model.trie.n_units, 3 * N_NODES, "%zu units", model.trie.n_units);
    enc_unigram_model_free(&model);
}
