/*
 * Opening a folder's tokenizer: see tokenizer.h. The small settings files are read here, because all vocabulary formats
 * need them; the rest is the reader's and the kind's.
 */
#include "encoder/tokenizer.h"
#include "base/alloc.h"
#include "encoder/config.h"
#include "encoder/json_file.h"
#include "encoder/tokenizer_kind.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_FILE "tokenizer_config.json"
#define SPECIALS_FILE "special_tokens_map.json"
#define MODEL_FILE "config.json"

enum { FIRST_IDS = 64, DEFAULT_EXTRA_IDS = 100 };

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
    RRK_TRY(read_piece(s->eos, json, file, "eos_token", err));
    return read_piece(s->unk, json, file, "unk_token", err);
}

/* tokenizer_class says it best: multilingual-e5-small is a BERT model with XLM-R's tokenizer. */
static rrk_status read_family(enc_tokenizer_settings *s, const char *dir, const json_t *tokenizer_config,
                              rrk_error *err)
{
    const char *family = NULL;
    RRK_TRY(enc_json_string(tokenizer_config, CONFIG_FILE, "tokenizer_class", &family, err));
    struct json_t *model RRK_AUTO(enc_json_free) = NULL;
    if (!family) {
        RRK_TRY(enc_json_read_optional(&model, dir, MODEL_FILE, ENC_MAX_CONFIG_BYTES, err));
        RRK_TRY(enc_json_string(model, MODEL_FILE, "model_type", &family, err));
    }
    if (family)
        snprintf(s->family, sizeof s->family, "%s", family);
    return RRK_OK;
}

/* extra_ids counts T5's sentinels; without it the list of additional special tokens does. */
static rrk_status read_extra_ids(enc_tokenizer_settings *s, const json_t *tokenizer_config, rrk_error *err)
{
    enc_json_range range = {"extra_ids", 0, ENC_MAX_EXTRA_IDS, false};
    const json_t *names = json_object_get(tokenizer_config, "additional_special_tokens");
    uint32_t n_listed = 0;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        const char *piece = json_string_value(json_is_object(name) ? json_object_get(name, "content") : name);
        n_listed += piece && enc_is_sentinel(rrk_text_of(piece));
    }
    if (n_listed > ENC_MAX_EXTRA_IDS)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: %u sentinels, more than %d", CONFIG_FILE, n_listed,
                         ENC_MAX_EXTRA_IDS);
    s->n_extra_ids = n_listed ? n_listed : DEFAULT_EXTRA_IDS;
    return enc_json_uint(tokenizer_config, CONFIG_FILE, &range, &s->n_extra_ids, err);
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
    RRK_TRY(read_extra_ids(s, json, err));
    return read_family(s, dir, json, err);
}

rrk_status enc_tokenizer_open(enc_tokenizer **out, const char *model_dir, rrk_error *err)
{
    enc_tokenizer_settings settings = {.lowercase = true, .handle_chinese = true, .strip_accents = -1};
    RRK_TRY(read_pieces(&settings, model_dir, CONFIG_FILE, err));
    RRK_TRY(read_pieces(&settings, model_dir, SPECIALS_FILE, err));
    RRK_TRY(read_options(&settings, model_dir, err));
    *out = NULL;
    RRK_TRY(enc_tokenizer_json_open(out, model_dir, &settings, err));
    if (!*out)
        RRK_TRY(enc_spiece_open(out, model_dir, &settings, err));
    if (!*out)
        RRK_TRY(enc_vocab_txt_open(out, model_dir, &settings, err));
    if (!*out)
        return base_fail(err, RRK_E_NOTFOUND, 0,
                         "no tokenizer: none of tokenizer.json, spiece.model, sentencepiece.bpe.model and vocab.txt "
                         "is in '%s'",
                         model_dir);
    return RRK_OK;
}

void enc_tokenizer_close(enc_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    base_map_free(tokenizer->special_pieces);
    tokenizer->kind->free(tokenizer);
}

rrk_status enc_tokenizer_encode_segment(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment,
                                        size_t max_ids, enc_ids *out, size_t *n_total, rrk_error *err)
{
    enc_id_sink sink = {.max_ids = max_ids};
    rrk_status status = tokenizer->kind->encode(tokenizer, text, segment, &sink, err);
    if (status != RRK_OK) {
        enc_ids_free(&sink.ids);
        return status;
    }
    *out = sink.ids;
    if (n_total)
        *n_total = sink.n_total;
    return RRK_OK;
}

rrk_status enc_tokenizer_encode(const enc_tokenizer *tokenizer, rrk_text text, size_t max_ids, enc_ids *out,
                                size_t *n_total, rrk_error *err)
{
    return enc_tokenizer_encode_segment(tokenizer, text, ENC_SEGMENT_WORD, max_ids, out, n_total, err);
}

const enc_specials *enc_tokenizer_specials(const enc_tokenizer *tokenizer)
{
    return &tokenizer->specials;
}

int32_t enc_tokenizer_special_id(const enc_tokenizer *tokenizer, const char *name)
{
    int64_t id = -1;
    base_map_get(tokenizer->special_pieces, rrk_text_of(name), &id);
    return (int32_t)id;
}

size_t enc_tokenizer_n_vocab(const enc_tokenizer *tokenizer)
{
    return tokenizer->n_vocab;
}

/* --- what the kinds share --- */

rrk_status enc_id_put(enc_id_sink *sink, int32_t id, rrk_error *err)
{
    sink->n_total++;
    if (sink->ids.len == sink->max_ids)
        return RRK_OK;
    if (sink->ids.len == sink->cap) {
        size_t cap = RRK_MIN(RRK_MAX(sink->cap * 2, (size_t)FIRST_IDS), sink->max_ids);
        int32_t *ids = base_realloc(sink->ids.ids, cap, sizeof *ids);
        if (!ids)
            return base_fail_nomem(err, cap * sizeof *ids);
        sink->ids.ids = ids;
        sink->cap = cap;
    }
    sink->ids.ids[sink->ids.len++] = id;
    return RRK_OK;
}

bool enc_is_sentinel(rrk_text piece)
{
    static const char WORD_MARK[] = "\xe2\x96\x81", START[] = "<extra_id_";
    const char *at = piece.data, *end = piece.data + piece.len;
    if (piece.len >= sizeof WORD_MARK - 1 && memcmp(at, WORD_MARK, sizeof WORD_MARK - 1) == 0)
        at += sizeof WORD_MARK - 1;
    if ((size_t)(end - at) <= sizeof START || memcmp(at, START, sizeof START - 1) != 0)
        return false;
    for (at += sizeof START - 1; at < end && *at >= '0' && *at <= '9'; at++)
        ;
    return at == end - 1 && *at == '>';
}
