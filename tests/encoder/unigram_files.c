/* Unigram tokenizer.json files: what is accepted, what is refused and by which name, and the limits. */
#include "base/buf.h"
#include "base/rng.h"
#include "encoder/config.h"
#include "encoder/tokenizer.h"
#include "encoder/tokenizer_kind.h"
#include "encoder/unigram_normalizer.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>

#define SPLITTER "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\"},"
#define SEQUENCE(name) "{\"Sequence\":{\"id\":\"" name "\"}}"
#define SPECIAL(name) "{\"SpecialToken\":{\"id\":\"" name "\"}}"
#define ROWS(single, pair)                                                                                             \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"pair\":[" pair "]},"
#define T5                                                                                                             \
    ROWS(SEQUENCE("A") "," SPECIAL("</s>"), SEQUENCE("A") "," SPECIAL("</s>") "," SEQUENCE("B") "," SPECIAL("</s>"))
#define XLMR                                                                                                           \
    ROWS(SPECIAL("<s>") "," SEQUENCE("A") "," SPECIAL("</s>"),                                                         \
         SPECIAL("<s>") "," SEQUENCE("A") "," SPECIAL("</s>") "," SPECIAL("</s>") "," SEQUENCE("B") "," SPECIAL(       \
             "</s>"))
#define PIECES "[\"<s>\",0],[\"<pad>\",0],[\"</s>\",0],[\"<unk>\",0],[\"_\",-1],[\"a\",-2]"
#define MODEL "\"model\":{\"type\":\"Unigram\",\"unk_id\":3,\"vocab\":[" PIECES "]}"
#define UNIGRAM(keys) "\"model\":{\"type\":\"Unigram\"," keys "}"
#define NORMALIZER(n) "{\"normalizer\":" n "," SPLITTER T5 MODEL "}"

static enc_tokenizer *open_good(folder *f)
{
    enc_tokenizer *t = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_tokenizer_open(&t, f->dir, &err), RRK_OK, "%s", err.message);
    return t;
}

static void expect_failure(folder *f, rrk_status status, const char *part)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = NULL;
    rrk_error err = {0};
    rrk_status got = enc_tokenizer_open(&t, f->dir, &err);
    cr_expect_eq(got, status, "%s instead of %s: %s", rrk_status_name(got), rrk_status_name(status), err.message);
    cr_expect_not_null(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
    cr_expect_not_null(strstr(err.message, "tokenizer.json"), "'%s' does not name the file", err.message);
}

static const struct {
    const char *json;
    rrk_status status;
    const char *part;
} BAD[] = {
    {"{" SPLITTER T5 UNIGRAM("\"vocab\":[" PIECES "]") "}", RRK_E_FORMAT, "'unk_id' is missing"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":null,\"vocab\":[" PIECES "]") "}", RRK_E_FORMAT, "'unk_id' is missing"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":6,\"vocab\":[" PIECES "]") "}", RRK_E_FORMAT, "'unk_id' is 6"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":-1,\"vocab\":[" PIECES "]") "}", RRK_E_FORMAT, "'unk_id'"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":{}") "}", RRK_E_FORMAT, "'vocab'"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[]") "}", RRK_E_FORMAT, "'vocab'"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[\"a\"]]") "}", RRK_E_FORMAT, "entry 0"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[\"a\",1],[\"b\",\"1\"]]") "}", RRK_E_FORMAT, "entry 1"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[\"a\",1],[\"b\",null]]") "}", RRK_E_FORMAT, "entry 1"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[1,1]]") "}", RRK_E_FORMAT, "entry 0"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[\"a\",1,2]]") "}", RRK_E_FORMAT, "entry 0"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[\"a\",NaN]]") "}", RRK_E_FORMAT, "not valid JSON"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[\"a\",1e999]]") "}", RRK_E_FORMAT, "not valid JSON"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"byte_fallback\":1,\"vocab\":[[\"a\",1]]") "}", RRK_E_FORMAT,
     "'byte_fallback'"},
    {"{" SPLITTER T5 UNIGRAM("\"unk_id\":0,\"vocab\":[[\"a\",1]]") "}", RRK_E_FORMAT, "'</s>' is missing"},
    {"{" SPLITTER XLMR UNIGRAM("\"unk_id\":0,\"vocab\":[[\"</s>\",1]]") "}", RRK_E_FORMAT, "'<s>' is missing"},
    {"{" SPLITTER "\"added_tokens\":[{\"id\":9,\"content\":\"x\",\"special\":false}]," T5 MODEL "}", RRK_E_UNSUPPORTED,
     "'x' is not special"},
    {"{" SPLITTER "\"added_tokens\":[{\"id\":2000000,\"content\":\"x\",\"special\":true}]," T5 MODEL "}", RRK_E_FORMAT,
     "'x'"},
    {"{" T5 MODEL "}", RRK_E_UNSUPPORTED, "pre_tokenizer 'null'"},
    {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}," T5 MODEL "}", RRK_E_UNSUPPORTED, "pre_tokenizer 'ByteLevel'"},
    {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[]}," T5 MODEL "}", RRK_E_UNSUPPORTED, "0 steps"},
    {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},{\"type\":\"Metaspace\"}]}," T5
         MODEL "}",
     RRK_E_UNSUPPORTED, "'Digits'"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\"}," T5 MODEL "}", RRK_E_FORMAT, "'replacement'"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"}," T5 MODEL "}", RRK_E_FORMAT, "'replacement'"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"}," T5 MODEL "}",
     RRK_E_UNSUPPORTED, "'last'"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"split\":0}," T5 MODEL "}", RRK_E_FORMAT,
     "'split'"},
    {"{" SPLITTER MODEL "}", RRK_E_UNSUPPORTED, "post_processor 'null'"},
    {"{" SPLITTER "\"post_processor\":{\"type\":\"ByteLevel\"}," MODEL "}", RRK_E_UNSUPPORTED, "'ByteLevel'"},
    {"{" SPLITTER ROWS(SPECIAL("</s>") "," SEQUENCE("A"), "") MODEL "}", RRK_E_UNSUPPORTED, "neither"},
    {"{" SPLITTER ROWS(SEQUENCE("A") "," SPECIAL("</s>"), SEQUENCE("B") "," SPECIAL("</s>")) MODEL "}",
     RRK_E_UNSUPPORTED, "neither"},
    {"{" SPLITTER ROWS(SEQUENCE("A") "," SPECIAL("</s>"),
                       SEQUENCE("A") "," SPECIAL("</s>") "," SPECIAL("</s>") "," SPECIAL("</s>") "," SEQUENCE(
                           "B") "," SPECIAL("</s>")) MODEL "}",
     RRK_E_UNSUPPORTED, "neither"},
    {NORMALIZER("{\"type\":\"NFD\"}"), RRK_E_UNSUPPORTED, "normalizer 'NFD'"},
    {NORMALIZER("{\"type\":\"Sequence\"}"), RRK_E_FORMAT, "'normalizers'"},
    {NORMALIZER("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Nmt\"}]}"), RRK_E_UNSUPPORTED, "'Nmt'"},
    {NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a+\"},\"content\":\"b\"}"), RRK_E_UNSUPPORTED, "'a+'"},
    {NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"b\"}"), RRK_E_UNSUPPORTED,
     "'Replace'"},
    {NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"}}"), RRK_E_UNSUPPORTED, "'Replace'"},
    {NORMALIZER("{\"type\":\"Strip\",\"strip_left\":1}"), RRK_E_FORMAT, "'strip_left'"},
    {NORMALIZER("{\"type\":\"Precompiled\"}"), RRK_E_FORMAT, "base64"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA\"}"), RRK_E_FORMAT, "base64"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"A=AA\"}"), RRK_E_FORMAT, "base64"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AA A\"}"), RRK_E_FORMAT, "base64"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/wAAAA==\"}"), RRK_E_FORMAT, "its trie has 255"},
};

Test(unigram_files, refuses_by_name_what_is_wrong_or_not_known)
{
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        cr_log_info("case %zu", i);
        folder_text(&f, "tokenizer.json", BAD[i].json);
        expect_failure(&f, BAD[i].status, BAD[i].part);
    }
    folder_remove(&f);
}

Test(unigram_files, says_how_rows_and_pairs_are_made)
{
    static const struct {
        const char *rows;
        int32_t cls, n_pair_seps;
    } CASES[] = {
        {T5, -1, 1},
        {XLMR, 0, 2},
        {ROWS(SEQUENCE("A") "," SPECIAL("</s>"), SEQUENCE("A") "," SEQUENCE("B") "," SPECIAL("</s>")), -1, 0},
        {"\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",2],\"cls\":[\"<s>\",0]},", 0, 2},
        {"\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"</s>\",2],\"cls\":[\"<s>\",0]},", 0, 1},
    };
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        cr_log_info("case %zu", i);
        char json[2048];
        snprintf(json, sizeof json, "{" SPLITTER "%s" MODEL "}", CASES[i].rows);
        folder_text(&f, "tokenizer.json", json);
        enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
        const enc_specials *s = enc_tokenizer_specials(t);
        cr_expect(s->cls == CASES[i].cls && s->sep == 2 && s->pad == 1 && s->unk == 3);
        cr_expect_eq(s->n_pair_seps, CASES[i].n_pair_seps);
    }
    folder_remove(&f);
}

Test(unigram_files, added_tokens_lie_above_the_vocabulary_or_name_a_piece)
{
    folder f = folder_new();
    folder_text(&f, "tokenizer.json",
                "{" SPLITTER T5 MODEL ",\"added_tokens\":[{\"id\":9,\"content\":\"<mask>\",\"special\":true},"
                "{\"id\":5,\"content\":\"a\",\"special\":true}]}");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    cr_assert_eq(enc_tokenizer_special_id(t, "<mask>"), 9);
    cr_assert_eq(enc_tokenizer_special_id(t, "a"), 5);
    cr_assert_eq(enc_tokenizer_n_vocab(t), 10);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, rrk_text_of("a"), 9, &ids, NULL, NULL), RRK_OK);
    cr_assert(ids.len == 2 && ids.ids[0] == 4 && ids.ids[1] == 3);
    folder_remove(&f);
}

static void put_json(folder *f, const char *before, const char *part, size_t times, const char *after)
{
    base_buf b RRK_AUTO(base_buf_free) = {.max = 64 << 20};
    base_buf_append_string(&b, before, NULL);
    for (size_t i = 0; i < times; i++)
        base_buf_append_string(&b, part, NULL);
    cr_assert_eq(base_buf_append_string(&b, after, NULL), RRK_OK);
    folder_put(f, "tokenizer.json", b.data, b.len);
}

Test(unigram_files, bounds_pieces_and_their_number)
{
    static const char START[] = "{" SPLITTER T5 "\"model\":{\"type\":\"Unigram\",\"unk_id\":3,\"vocab\":[";
    folder f = folder_new();
    char start[1024];
    snprintf(start, sizeof start, "%s" PIECES ",[\"", START);
    put_json(&f, start, "a", ENC_MAX_PIECE_BYTES, "\",-3]]}}");
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
    char text[ENC_MAX_PIECE_BYTES * 3];
    memset(text, 'a', sizeof text);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    cr_assert_eq(enc_tokenizer_encode(t, (rrk_text){text, sizeof text}, 9, &ids, NULL, NULL), RRK_OK);
    cr_assert(ids.len == 4 && ids.ids[0] == 4 && ids.ids[1] == 6 && ids.ids[3] == 6);
    put_json(&f, start, "a", ENC_MAX_PIECE_BYTES + 1, "\",-3]]}}");
    expect_failure(&f, RRK_E_FORMAT, "1025 bytes");
    /* The number is looked at before the entries, so entries that are none will do. */
    put_json(&f, START, "0,", ENC_MAX_VOCAB - 1, "0]}}");
    expect_failure(&f, RRK_E_FORMAT, "entry 0");
    put_json(&f, START, "0,", ENC_MAX_VOCAB, "0]}}");
    expect_failure(&f, RRK_E_FORMAT, "2000001 pieces, more than 2000000");
    folder_remove(&f);
}

Test(unigram_files, bounds_normalizers_and_what_they_make_of_a_text)
{
    folder f = folder_new();
    static const char START[] = "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[",
                      END[] = "]}," SPLITTER T5 MODEL "}";
    put_json(&f, START, "{\"type\":\"NFC\"},", ENC_MAX_NORMALIZER_STEPS - 1,
             "{\"type\":\"NFC\"}]}," SPLITTER T5 MODEL "}");
    enc_tokenizer_close(open_good(&f));
    put_json(&f, START, "{\"type\":\"NFC\"},", ENC_MAX_NORMALIZER_STEPS, "{\"type\":\"NFC\"}]}," SPLITTER T5 MODEL "}");
    expect_failure(&f, RRK_E_UNSUPPORTED, "more than 16");
    enum { N_TEXT = 100 };
    char text[N_TEXT + 1] = {0}, before[256];
    memset(text, 'x', N_TEXT);
    snprintf(before, sizeof before, "%s{\"type\":\"Replace\",\"pattern\":{\"String\":\"x\"},\"content\":\"", START);
    for (size_t growth = ENC_MAX_NORMALIZED_GROWTH; growth <= ENC_MAX_NORMALIZED_GROWTH + 1; growth++) {
        char after[1024];
        snprintf(after, sizeof after, "\"}%s", END);
        put_json(&f, before, "a", growth, after);
        enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = open_good(&f);
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        bool fits = growth == ENC_MAX_NORMALIZED_GROWTH;
        cr_expect_eq(enc_tokenizer_encode(t, rrk_text_of(text), SIZE_MAX, &ids, NULL, NULL) == RRK_OK, fits);
        cr_expect_eq(ids.len, fits ? N_TEXT * growth + 1 : 0);
    }
    folder_remove(&f);
}

Test(unigram_files, a_damaged_file_is_refused_or_read)
{
    const uint64_t seed = 815;
    cr_log_info("seed %llu", (unsigned long long)seed);
    folder f = folder_new();
    char json[] = "{\"normalizer\":{\"type\":\"Strip\"}," SPLITTER XLMR MODEL "}";
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
