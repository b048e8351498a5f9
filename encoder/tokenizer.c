/*
 * Opening a folder's tokenizer: tokenizer.json says all in one file; without it vocab.txt has the tokens and
 * tokenizer_config.json the switches. Either way the special tokens must be in the vocabulary.
 */
#include "encoder/tokenizer.h"
#include "base/alloc.h"
#include "base/lines.h"
#include "encoder/config.h"
#include "encoder/json_file.h"
#include "encoder/wordpiece.h"

#include <jansson.h>
#include <string.h>

#define TOKENIZER_FILE "tokenizer.json"
#define VOCAB_FILE "vocab.txt"
#define SWITCHES_FILE "tokenizer_config.json"
#define MAX_TOKENIZER_BYTES ((size_t)256 << 20)
#define MAX_VOCAB_LINE_BYTES ((size_t)4096)

struct enc_tokenizer {
    enc_wordpiece wordpiece;
    enc_specials specials;
};

static void close_lines(base_lines **lines)
{
    base_lines_close(*lines);
}

/* "type" of an object that may be absent: "" then. */
static rrk_status type_of(const json_t *object, const char **out, rrk_error *err)
{
    *out = "";
    return object ? enc_json_string(object, TOKENIZER_FILE, "type", out, err) : RRK_OK;
}

static rrk_status expect_type(const json_t *root, const char *part, const char *known, rrk_error *err)
{
    const json_t *object = json_object_get(root, part);
    const char *type;
    if (!json_is_object(object))
        return base_fail(err, RRK_E_FORMAT, 0, TOKENIZER_FILE ": '%s' is missing", part);
    RRK_TRY(type_of(object, &type, err));
    if (strcmp(type, known) != 0)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, TOKENIZER_FILE ": %s '%s'; rrk knows '%s'", part, type, known);
    return RRK_OK;
}

/* strip_accents null means: as lowercase. */
static rrk_status read_switches(enc_wordpiece *wp, const json_t *object, const char *file, const char *lower_key,
                                const char *chinese_key, rrk_error *err)
{
    RRK_TRY(enc_json_bool(object, file, lower_key, &wp->lowercase, err));
    RRK_TRY(enc_json_bool(object, file, chinese_key, &wp->split_chinese, err));
    wp->strip_accents = wp->lowercase;
    return enc_json_bool(object, file, "strip_accents", &wp->strip_accents, err);
}

static rrk_status add_token(enc_wordpiece *wp, const char *token, size_t len, const json_t *value, const char *prefix,
                            rrk_error *err)
{
    double id = json_is_number(value) ? json_number_value(value) : -1;
    if (!(id >= 0 && id < ENC_MAX_VOCAB) || id != (double)(int32_t)id)
        return base_fail(err, RRK_E_FORMAT, 0, TOKENIZER_FILE ": token '%.64s' has no whole id in 0..%d", token,
                         ENC_MAX_VOCAB - 1);
    return enc_wordpiece_add(wp, (rrk_text){token, len}, prefix, (int32_t)id, err);
}

static rrk_status read_model(enc_wordpiece *wp, json_t *model, rrk_error *err)
{
    const char *prefix = "##", *unknown = "[UNK]";
    enc_json_range chars = {"max_input_chars_per_word", 1, ENC_WORDPIECE_MAX_CHARS, false};
    RRK_TRY(enc_json_string(model, TOKENIZER_FILE, "continuing_subword_prefix", &prefix, err));
    RRK_TRY(enc_json_string(model, TOKENIZER_FILE, "unk_token", &unknown, err));
    RRK_TRY(enc_json_uint(model, TOKENIZER_FILE, &chars, &wp->max_chars, err));
    json_t *vocab = json_object_get(model, "vocab"), *value;
    if (!json_is_object(vocab))
        return base_fail(err, RRK_E_FORMAT, 0, TOKENIZER_FILE ": the model's 'vocab' is not an object");
    const char *token;
    size_t len;
    json_object_keylen_foreach(vocab, token, len, value) RRK_TRY(add_token(wp, token, len, value, prefix, err));
    wp->unknown = enc_wordpiece_id(wp, unknown);
    return RRK_OK;
}

static rrk_status read_json(enc_tokenizer *t, const json_t *root, rrk_error *err)
{
    RRK_TRY(expect_type(root, "model", "WordPiece", err));
    RRK_TRY(expect_type(root, "normalizer", "BertNormalizer", err));
    RRK_TRY(expect_type(root, "pre_tokenizer", "BertPreTokenizer", err));
    const json_t *normalizer = json_object_get(root, "normalizer");
    RRK_TRY(enc_json_bool(normalizer, TOKENIZER_FILE, "clean_text", &t->wordpiece.clean_text, err));
    RRK_TRY(read_switches(&t->wordpiece, normalizer, TOKENIZER_FILE, "lowercase", "handle_chinese_chars", err));
    return read_model(&t->wordpiece, json_object_get(root, "model"), err);
}

static rrk_status read_vocab(enc_wordpiece *wp, const char *model_dir, rrk_error *err)
{
    char *path RRK_AUTO(base_free_ptr) = enc_path(model_dir, VOCAB_FILE, err);
    if (!path)
        return RRK_E_NOMEM;
    base_lines *lines RRK_AUTO(close_lines) = NULL;
    RRK_TRY(base_lines_open(&lines, path, MAX_VOCAB_LINE_BYTES, err));
    for (;;) {
        rrk_text line;
        bool more;
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            return RRK_OK;
        uint64_t number = base_lines_number(lines);
        if (number > ENC_MAX_VOCAB)
            return base_fail(err, RRK_E_FORMAT, 0, VOCAB_FILE ": more than %d tokens", ENC_MAX_VOCAB);
        RRK_TRY(enc_wordpiece_add(wp, line, "##", (int32_t)(number - 1), err));
    }
}

static rrk_status read_vocab_and_switches(enc_tokenizer *t, const char *model_dir, rrk_error *err)
{
    struct json_t *switches RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read_optional(&switches, model_dir, SWITCHES_FILE, ENC_MAX_CONFIG_BYTES, err));
    if (switches)
        RRK_TRY(read_switches(&t->wordpiece, switches, SWITCHES_FILE, "do_lower_case", "tokenize_chinese_chars", err));
    RRK_TRY(read_vocab(&t->wordpiece, model_dir, err));
    t->wordpiece.unknown = enc_wordpiece_id(&t->wordpiece, "[UNK]");
    return RRK_OK;
}

static rrk_status find_specials(enc_tokenizer *t, rrk_error *err)
{
    static const char *const NAMES[] = {"[CLS]", "[SEP]", "[PAD]"};
    int32_t *const ids[] = {&t->specials.cls, &t->specials.sep, &t->specials.pad};
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++) {
        *ids[i] = enc_wordpiece_id(&t->wordpiece, NAMES[i]);
        if (*ids[i] < 0)
            return base_fail(err, RRK_E_FORMAT, 0, "the tokenizer's vocabulary has no token '%s'", NAMES[i]);
    }
    t->specials.unk = t->wordpiece.unknown;
    if (t->specials.unk < 0)
        return base_fail(err, RRK_E_FORMAT, 0, "the tokenizer's vocabulary has no token for unknown words");
    return RRK_OK;
}

static rrk_status load(enc_tokenizer *t, const char *model_dir, rrk_error *err)
{
    RRK_TRY(enc_wordpiece_init(&t->wordpiece, err));
    struct json_t *root RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read_optional(&root, model_dir, TOKENIZER_FILE, MAX_TOKENIZER_BYTES, err));
    RRK_TRY(root ? read_json(t, root, err) : read_vocab_and_switches(t, model_dir, err));
    return find_specials(t, err);
}

rrk_status enc_tokenizer_open(enc_tokenizer **out, const char *model_dir, rrk_error *err)
{
    enc_tokenizer *t RRK_AUTO(enc_tokenizer_close_ptr) = base_calloc(1, sizeof *t);
    if (!t)
        return base_fail_nomem(err, sizeof *t);
    RRK_TRY(load(t, model_dir, err));
    *out = RRK_STEAL(t);
    return RRK_OK;
}

void enc_tokenizer_close(enc_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    enc_wordpiece_free(&tokenizer->wordpiece);
    base_free(tokenizer);
}

rrk_status enc_tokenizer_encode(const enc_tokenizer *tokenizer, rrk_text text, size_t max_ids, enc_ids *out,
                                size_t *n_total, rrk_error *err)
{
    return enc_wordpiece_encode(&tokenizer->wordpiece, text, max_ids, out, n_total, err);
}

const enc_specials *enc_tokenizer_specials(const enc_tokenizer *tokenizer)
{
    return &tokenizer->specials;
}

size_t enc_tokenizer_n_vocab(const enc_tokenizer *tokenizer)
{
    return tokenizer->wordpiece.n_vocab;
}
