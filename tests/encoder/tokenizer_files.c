/* vocab.txt, tokenizer.json and the small files beside them: what is accepted and what is refused by name. */
#include "base/buf.h"
#include "base/rng.h"
#include "encoder/config.h"
#include "encoder/tokenizer.h"
#include "encoder/tokenizer_kind.h"
#include "encoder/wordpiece.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>

static void expect_failure(folder *f, rrk_status status, const char *part)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = NULL;
    rrk_error err = {0};
    rrk_status got = enc_tokenizer_open(&t, f->dir, &err);
    cr_expect_eq(got, status, "%s instead of %s: %s", rrk_status_name(got), rrk_status_name(status), err.message);
    cr_expect_not_null(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
}

static enc_tokenizer *open_good(folder *f)
{
    enc_tokenizer *t = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_open(&t, f->dir, &err), RRK_OK, "%s", err.message);
    return t;
}

#define SPECIALS "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"

Test(tokenizer_files, a_folder_without_a_vocabulary_is_not_found)
{
    folder f = folder_new();
    expect_failure(&f, RRK_E_NOTFOUND, "vocab.txt");
    folder_remove(&f);
}

Test(tokenizer_files, says_what_is_wrong_with_a_vocabulary)
{
    static const struct {
        const char *vocab;
        rrk_status status;
        const char *part;
    } CASES[] = {
        {"", RRK_E_FORMAT, "'[CLS]' is missing"},
        {"[PAD]\n[UNK]\n[CLS]\n", RRK_E_FORMAT, "'[SEP]' is missing"},
        {"[SEP]\n[UNK]\n[CLS]\n", RRK_E_FORMAT, "'[PAD]' is missing"},
        {"[SEP]\n[PAD]\n[CLS]\n", RRK_E_FORMAT, "'[UNK]' is missing"},
        {SPECIALS "a\n\xff\n", RRK_E_FORMAT, "vocab.txt:6: not UTF-8"},
    };
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        cr_log_info("case %zu", i);
        folder_text(&f, "vocab.txt", CASES[i].vocab);
        expect_failure(&f, CASES[i].status, CASES[i].part);
    }
    folder_remove(&f);
}

Test(tokenizer_files, the_last_of_two_equal_lines_and_empty_lines_keep_their_numbers)
{
    folder f = folder_new();
    folder_text(&f, "vocab.txt", SPECIALS "a\r\n\na\n");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("a"), 9, &ids, NULL, NULL), RRK_OK);
    cr_assert(ids.len == 1 && ids.ids[0] == 6);
    cr_assert_eq(enc_tokenizer_n_vocab(t), 7);
    folder_remove(&f);
}

Test(tokenizer_files, bounds_pieces_and_their_number)
{
    folder f = folder_new();
    base_buf b RRK_AUTO(base_buf_free) = {.max = 16 << 20};
    base_buf_append_string(&b, SPECIALS, NULL);
    for (int i = 0; i < ENC_MAX_PIECE_BYTES; i++)
        base_buf_append_char(&b, 'x', NULL);
    folder_put(&f, "vocab.txt", b.data, b.len);
    enc_tokenizer_close(open_good(&f));
    base_buf_append_char(&b, 'x', NULL);
    folder_put(&f, "vocab.txt", b.data, b.len);
    expect_failure(&f, RRK_E_INVALID, "vocab.txt:5");
    base_buf_clear(&b);
    base_buf_append_string(&b, SPECIALS, NULL);
    for (int i = 4; i < ENC_MAX_VOCAB; i++)
        base_buf_append_char(&b, '\n', NULL);
    folder_put(&f, "vocab.txt", b.data, b.len);
    enc_tokenizer_close(open_good(&f));
    base_buf_append_char(&b, '\n', NULL);
    folder_put(&f, "vocab.txt", b.data, b.len);
    expect_failure(&f, RRK_E_FORMAT, "more than 2000000 pieces");
    folder_remove(&f);
}

Test(tokenizer_files, says_what_is_wrong_with_the_small_files)
{
    static const struct {
        const char *file, *json, *part;
    } CASES[] = {
        {"tokenizer_config.json", "{", "tokenizer_config.json"},
        {"tokenizer_config.json", "{\"do_lower_case\":\"yes\"}", "'do_lower_case'"},
        {"tokenizer_config.json", "{\"tokenize_chinese_chars\":1}", "'tokenize_chinese_chars'"},
        {"tokenizer_config.json", "{\"strip_accents\":0}", "'strip_accents'"},
        {"tokenizer_config.json", "{\"cls_token\":7}", "'cls_token'"},
        {"tokenizer_config.json", "{\"unk_token\":{\"text\":\"x\"}}", "'unk_token'"},
        {"special_tokens_map.json", "[", "special_tokens_map.json"},
        {"special_tokens_map.json", "{\"sep_token\":[]}", "'sep_token'"},
        {"special_tokens_map.json", "{\"sep_token\":\"</s>\"}", "'</s>' is missing"},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        cr_log_info("case %zu", i);
        folder f = folder_new();
        folder_text(&f, "vocab.txt", SPECIALS);
        folder_text(&f, CASES[i].file, CASES[i].json);
        expect_failure(&f, RRK_E_FORMAT, CASES[i].part);
        folder_remove(&f);
    }
}

#define NORMALIZER "\"normalizer\":{\"type\":\"BertNormalizer\"},"
#define SPLITTER "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
#define PIECES "\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3,\"a\":4,\"##b\":5"
#define MODEL "\"model\":{\"type\":\"WordPiece\",\"vocab\":{" PIECES "}}"
#define START NORMALIZER SPLITTER
#define REFUSED(type)                                                                                                  \
    "tokenizer.json: a tokenizer of type " type ", which rrk does not support: it has WordPiece and Unigram"

static const struct {
    const char *json;
    rrk_status status;
    const char *part;
} BAD[] = {
    {"", RRK_E_FORMAT, "tokenizer.json"},
    {"[]", RRK_E_FORMAT, "tokenizer.json: it has no 'model'"},
    {"{}", RRK_E_FORMAT, "tokenizer.json: it has no 'model'"},
    {"{" MODEL "}", RRK_E_UNSUPPORTED, "normalizer 'null'"},
    {"{\"normalizer\":{\"type\":\"Sequence\"}," SPLITTER MODEL "}", RRK_E_UNSUPPORTED, "normalizer 'Sequence'"},
    {"{\"normalizer\":{}," SPLITTER MODEL "}", RRK_E_UNSUPPORTED, "normalizer"},
    {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":3}," SPLITTER MODEL "}", RRK_E_FORMAT, "'lowercase'"},
    {"{" NORMALIZER MODEL "}", RRK_E_UNSUPPORTED, "pre_tokenizer 'null'"},
    {"{" NORMALIZER "\"pre_tokenizer\":{\"type\":\"Whitespace\"}," MODEL "}", RRK_E_UNSUPPORTED, "'Whitespace'"},
    {"{\"normalizer\":null,\"model\":{\"type\":\"BPE\"}}", RRK_E_UNSUPPORTED, REFUSED("BPE")},
    {"{\"model\":{\"vocab\":{},\"merges\":[],\"continuing_subword_prefix\":\"\"}}", RRK_E_UNSUPPORTED, REFUSED("BPE")},
    {"{" START "\"model\":{\"type\":\"WordLevel\",\"vocab\":{" PIECES "}}}", RRK_E_UNSUPPORTED, REFUSED("WordLevel")},
    {"{" START "\"model\":{\"vocab\":{" PIECES "},\"unk_token\":\"a\"}}", RRK_E_UNSUPPORTED, REFUSED("WordLevel")},
    {"{" START "\"model\":{\"type\":\"WordPiece\"}}", RRK_E_FORMAT, "'vocab'"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"vocab\":[]}}", RRK_E_FORMAT, "'vocab'"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"q\":\"1\"}}}", RRK_E_FORMAT, "'q'"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"q\":-1}}}", RRK_E_FORMAT, "'q'"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"q\":1.5}}}", RRK_E_FORMAT, "'q'"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"q\":2000000}}}", RRK_E_FORMAT, "'q'"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[CLS]\":0}}}", RRK_E_FORMAT, "'[SEP]' is missing"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"<unk>\",\"vocab\":{" PIECES "}}}", RRK_E_FORMAT,
     "'<unk>' is missing"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":0,\"vocab\":{}}}", RRK_E_FORMAT,
     "'max_input_chars_per_word'"},
    {"{" START "\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":1001,\"vocab\":{}}}", RRK_E_FORMAT,
     "'max_input_chars_per_word'"},
    {"{" START "\"added_tokens\":[{\"id\":9}]," MODEL "}", RRK_E_FORMAT, "added token 0"},
    {"{" START "\"added_tokens\":[{\"id\":9,\"content\":\"<doc>\",\"special\":false}]," MODEL "}", RRK_E_UNSUPPORTED,
     "'<doc>'"},
    {"{" START "\"added_tokens\":[{\"id\":\"9\",\"content\":\"<doc>\",\"special\":true}]," MODEL "}", RRK_E_FORMAT,
     "'<doc>'"},
    {"{" START "\"post_processor\":{\"type\":\"RobertaProcessing\"}," MODEL "}", RRK_E_UNSUPPORTED,
     "'RobertaProcessing'"},
    {"{" START "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}}]}," MODEL
     "}",
     RRK_E_UNSUPPORTED, "post_processor"},
    {"{" START "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"</s>\",3],\"cls\":[\"[CLS]\",2]}," MODEL "}",
     RRK_E_FORMAT, "'</s>' is missing"},
};

Test(tokenizer_files, refuses_by_name_what_tokenizer_json_asks_for)
{
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        cr_log_info("case %zu", i);
        folder_text(&f, "tokenizer.json", BAD[i].json);
        expect_failure(&f, BAD[i].status, BAD[i].part);
    }
    folder_remove(&f);
}

Test(tokenizer_files, reads_tokenizer_json_with_its_own_names_and_prefix)
{
    folder f = folder_new();
    folder_text(&f, "vocab.txt", "not looked at");
    folder_text(&f, "tokenizer.json",
                "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false,\"strip_accents\":null}," SPLITTER
                "\"added_tokens\":[{\"id\":9,\"content\":\"<s>\",\"special\":true}],"
                "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},"
                "{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"</s>\"}}]},"
                "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"continuing_subword_prefix\":\"+\","
                "\"max_input_chars_per_word\":3,\"vocab\":{\"[PAD]\":0,\"?\":1,\"</s>\":3,\"A\":4,\"+b\":5}}}");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    const enc_specials *s = enc_tokenizer_specials(t);
    cr_assert(s->cls == 9 && s->sep == 3 && s->pad == 0 && s->unk == 1);
    cr_assert_eq(enc_tokenizer_n_vocab(t), 10);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("Abb abb Abbb ?"), 99, &ids, NULL, NULL), RRK_OK);
    static const int32_t WANT[] = {4, 5, 5, 1, 1, 1};
    cr_assert_eq(ids.len, RRK_COUNT(WANT));
    cr_assert_arr_eq(ids.ids, WANT, sizeof WANT);
    folder_remove(&f);
}

Test(tokenizer_files, knows_the_type_of_a_model_that_does_not_say_it)
{
    folder f = folder_new();
    folder_text(&f, "tokenizer.json",
                "{" START "\"model\":{\"continuing_subword_prefix\":\"##\",\"vocab\":{" PIECES "}}}");
    enc_tokenizer_close(open_good(&f));
    folder_text(&f, "tokenizer.json",
                "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\"},"
                "\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"<s>\",0],\"sep\":[\"</s>\",1]},"
                "\"model\":{\"unk_id\":2,\"vocab\":[[\"<s>\",0],[\"</s>\",0],[\"<unk>\",0],[\"_\",-1]]}}");
    enc_tokenizer_close(open_good(&f));
    folder_remove(&f);
}

Test(tokenizer_files, takes_the_longest_word_limit)
{
    folder f = folder_new();
    folder_text(&f, "tokenizer.json",
                "{" START "\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":1000,\"vocab\":{" PIECES
                "}}}");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    char text[ENC_MAX_WORD_CHARS + 1];
    memset(text, 'b', sizeof text);
    text[0] = 'a';
    for (size_t extra = 0; extra < 2; extra++) {
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        rrk_text word = {text, ENC_MAX_WORD_CHARS + extra};
        cr_assert_eq(enc_tokenizer_encode(t, word, SIZE_MAX, &ids, NULL, NULL), RRK_OK);
        cr_assert_eq(ids.len, extra ? 1 : ENC_MAX_WORD_CHARS);
    }
    folder_remove(&f);
}

static size_t resident_bytes(void)
{
    size_t n_pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file && fscanf(file, "%*u %zu", &n_pages) == 1);
    fclose(file);
    return n_pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The tree of 100,000 pieces has some 40 MB, the tokenizer 3. */
Test(tokenizer_files, gives_back_the_memory_that_reading_took)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("AddressSanitizer keeps freed memory");
#endif
    base_buf json RRK_AUTO(base_buf_free) = {.max = 16 << 20};
    base_buf_append_string(&json,
                           "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\"},"
                           "\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"<s>\",0],"
                           "\"sep\":[\"</s>\",1]},\"model\":{\"type\":\"Unigram\",\"unk_id\":2,"
                           "\"vocab\":[[\"<s>\",0],[\"</s>\",0],[\"<unk>\",0]",
                           NULL);
    for (int i = 0; i < 100000; i++)
        cr_assert_eq(base_buf_printf(&json, NULL, ",[\"_%d\",-1.5]", i), RRK_OK);
    base_buf_append_string(&json, "]}}", NULL);
    folder f = folder_new();
    folder_put(&f, "tokenizer.json", json.data, json.len);
    size_t before = resident_bytes();
    enc_tokenizer *tokenizer = open_good(&f);
    size_t after = resident_bytes();
    enc_tokenizer_close(tokenizer);
    cr_assert_lt(after, before + (8 << 20), "%zu bytes grew to %zu", before, after);
    folder_remove(&f);
}

Test(tokenizer_files, bounds_tokenizer_json)
{
    folder f = folder_new();
    folder_text(&f, "tokenizer.json", "");
    cr_assert_eq(truncate(f.path, (off_t)ENC_MAX_TOKENIZER_BYTES), 0);
    expect_failure(&f, RRK_E_FORMAT, "not valid JSON");
    cr_assert_eq(truncate(f.path, (off_t)ENC_MAX_TOKENIZER_BYTES + 1), 0);
    expect_failure(&f, RRK_E_INVALID, "more than the limit");
    folder_remove(&f);
}

Test(tokenizer_files, survives_flipped_bits)
{
    const uint64_t seed = 4711;
    cr_log_info("seed %llu", (unsigned long long)seed);
    folder f = folder_new();
    char json[] = "{" START MODEL "}";
    for (uint64_t round = 0; round < 3000; round++) {
        size_t bit = base_rng_at(seed, round) % ((sizeof json - 1) * 8);
        json[bit / 8] ^= (char)(1 << bit % 8);
        folder_put(&f, "tokenizer.json", json, sizeof json - 1);
        enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = NULL;
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        if (enc_tokenizer_open(&t, f.dir, NULL) == RRK_OK)
            cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("ab abc"), 9, &ids, NULL, NULL), RRK_OK);
        json[bit / 8] ^= (char)(1 << bit % 8);
    }
    folder_remove(&f);
}
