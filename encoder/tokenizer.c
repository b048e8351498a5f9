/*
 * Opening a folder's tokenizer: see tokenizer.h. The small settings files are read here, because both vocabulary formats
 * need them; the rest is the reader's and the kind's.
 */
#include "encoder/tokenizer.h"
#include "encoder/config.h"
#include "encoder/json_file.h"
#include "encoder/tokenizer_kind.h"

#include <jansson.h>
#include <string.h>

#define CONFIG_FILE "tokenizer_config.json"
#define SPECIALS_FILE "special_tokens_map.json"

/* "sep_token": "[SEP]" or {"content": "[SEP]", ...}. */
static rrk_status read_piece(char out[ENC_MAX_PIECE_BYTES + 1], const json_t *json, const char *file, const char *key,
                             rrk_error *err)
{
    const json_t *value = json_object_get(json, key);
    if (!value || json_is_null(value))
        return RRK_OK;
    const char *piece = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
    if (!piece || strlen(piece) > ENC_MAX_PIECE_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is not a string of at most %d bytes", file, key,
                         ENC_MAX_PIECE_BYTES);
    memcpy(out, piece, strlen(piece) + 1);
    return RRK_OK;
}

static rrk_status read_pieces(enc_tokenizer_settings *s, const char *dir, const char *file, rrk_error *err)
{
    struct json_t *json RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read_optional(&json, dir, file, ENC_MAX_CONFIG_BYTES, err));
    RRK_TRY(read_piece(s->cls, json, file, "cls_token", err));
    RRK_TRY(read_piece(s->sep, json, file, "sep_token", err));
    RRK_TRY(read_piece(s->pad, json, file, "pad_token", err));
    return read_piece(s->unk, json, file, "unk_token", err);
}

static rrk_status read_options(enc_tokenizer_settings *s, const char *dir, rrk_error *err)
{
    struct json_t *json RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read_optional(&json, dir, CONFIG_FILE, ENC_MAX_CONFIG_BYTES, err));
    RRK_TRY(enc_json_bool(json, CONFIG_FILE, "do_lower_case", &s->lowercase, err));
    RRK_TRY(enc_json_bool(json, CONFIG_FILE, "tokenize_chinese_chars", &s->handle_chinese, err));
    bool strip = s->strip_accents == 1;
    RRK_TRY(enc_json_bool(json, CONFIG_FILE, "strip_accents", &strip, err));
    if (json_is_boolean(json_object_get(json, "strip_accents")))
        s->strip_accents = strip;
    return RRK_OK;
}

rrk_status enc_tokenizer_open(enc_tokenizer **out, const char *model_dir, rrk_error *err)
{
    enc_tokenizer_settings settings = {
        .cls = "[CLS]",
        .sep = "[SEP]",
        .pad = "[PAD]",
        .unk = "[UNK]",
        .lowercase = true,
        .handle_chinese = true,
        .strip_accents = -1,
    };
    RRK_TRY(read_pieces(&settings, model_dir, CONFIG_FILE, err));
    RRK_TRY(read_pieces(&settings, model_dir, SPECIALS_FILE, err));
    RRK_TRY(read_options(&settings, model_dir, err));
    *out = NULL;
    RRK_TRY(enc_tokenizer_json_open(out, model_dir, &settings, err));
    return *out ? RRK_OK : enc_vocab_txt_open(out, model_dir, &settings, err);
}

void enc_tokenizer_close(enc_tokenizer *tokenizer)
{
    if (tokenizer)
        tokenizer->kind->free(tokenizer);
}

rrk_status enc_tokenizer_encode(const enc_tokenizer *tokenizer, rrk_text text, size_t max_ids, enc_ids *out,
                                size_t *n_total, rrk_error *err)
{
    return tokenizer->kind->encode(tokenizer, text, max_ids, out, n_total, err);
}

const enc_specials *enc_tokenizer_specials(const enc_tokenizer *tokenizer)
{
    return &tokenizer->specials;
}

size_t enc_tokenizer_n_vocab(const enc_tokenizer *tokenizer)
{
    return tokenizer->n_vocab;
}
