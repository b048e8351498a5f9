/*
 * tokenizer.json with a model of type Unigram: the vocabulary, which of its pieces are special, and where those stand in
 * a row. Its normalizers and pre-tokenizers are read in unigram_json_steps.c. What is not known is refused by name.
 */
#include "encoder/unigram_json.h"
#include "base/alloc.h"
#include "encoder/config.h"
#include "encoder/json_file.h"
#include "encoder/tokenizer_json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define FILE_NAME ENC_TOKENIZER_JSON

enum { MAX_PAIR_SEPS = 2, EXPECTED_SPECIALS = 128 };

/* Everything that is collected before the tokenizer can be made. */
typedef struct reading {
    const json_t *root;
    const enc_tokenizer_settings *settings;
    base_map *special_pieces;  /* -1: named, but not in the vocabulary so far */
    enc_unigram_piece *pieces; /* [n_pieces] */
    size_t n_pieces;
    size_t n_vocab;
    int32_t unknown_id;
    bool byte_fallback;
    const char *cls; /* NULL when rows begin with the text */
    const char *sep;
    int32_t n_pair_seps;
    enc_normalizer normalizer;
    enc_unigram_options options;
    enc_unigram_model model;
} reading;

static void free_reading(reading *r)
{
    base_map_free(r->special_pieces);
    base_free(r->pieces);
    enc_normalizer_free(&r->normalizer);
    enc_unigram_model_free(&r->model);
}

/* --- post-processor --- */

static bool is_special(const json_t *template, size_t at, const char *name)
{
    const char *id = enc_tj_template_id(template, at, "SpecialToken");
    return id && strcmp(id, name) == 0;
}

static bool is_sequence(const json_t *template, size_t at, const char *name)
{
    const char *id = enc_tj_template_id(template, at, "Sequence");
    return id && strcmp(id, name) == 0;
}

/* "A </s>" or "<s> A </s>". */
static bool read_single(reading *r, const json_t *single)
{
    size_t n = json_array_size(single);
    r->cls = n == 3 ? enc_tj_template_id(single, 0, "SpecialToken") : NULL;
    r->sep = n >= 2 ? enc_tj_template_id(single, n - 1, "SpecialToken") : NULL;
    return (n == 2 || (n == 3 && r->cls)) && r->sep && is_sequence(single, n - 2, "A");
}

/* The same with "B </s>" behind it and 0 to 2 separators before B; T5, XLM-R and Pegasus differ there. */
static bool read_pair(reading *r, const json_t *pair)
{
    size_t at = 0;
    if (r->cls && !is_special(pair, at++, r->cls))
        return false;
    if (!is_sequence(pair, at++, "A"))
        return false;
    for (; is_special(pair, at, r->sep) && r->n_pair_seps < MAX_PAIR_SEPS; at++)
        r->n_pair_seps++;
    return is_sequence(pair, at, "B") && is_special(pair, at + 1, r->sep) && json_array_size(pair) == at + 2;
}

static rrk_status read_post_processor(reading *r, rrk_error *err)
{
    const json_t *json = json_object_get(r->root, "post_processor");
    const char *type = enc_tj_type(json);
    bool roberta = strcmp(type, "RobertaProcessing") == 0;
    bool known;
    if (roberta || strcmp(type, "BertProcessing") == 0) {
        r->cls = json_string_value(json_array_get(json_object_get(json, "cls"), 0));
        r->sep = json_string_value(json_array_get(json_object_get(json, "sep"), 0));
        r->n_pair_seps = roberta ? 2 : 1;
        known = r->cls && r->sep;
    } else {
        RRK_TRY(enc_tj_require_type(json, "post_processor", "TemplateProcessing", err));
        known = read_single(r, json_object_get(json, "single")) && read_pair(r, json_object_get(json, "pair"));
    }
    if (!known)
        return base_fail(err, RRK_E_UNSUPPORTED, 0,
                         "%s: the post_processor gives neither 'text </s>' nor '<s> text </s>' and pairs of them",
                         FILE_NAME);
    return RRK_OK;
}

/* --- special pieces --- */

/* A name that may turn up in the vocabulary; one that is there already keeps its id. */
static rrk_status name_special(reading *r, const char *name, rrk_error *err)
{
    if (!name || !*name || base_map_get(r->special_pieces, rrk_text_of(name), NULL))
        return RRK_OK;
    return base_map_put(r->special_pieces, rrk_text_of(name), -1, NULL, err);
}

static rrk_status read_added_tokens(reading *r, rrk_error *err)
{
    const json_t *tokens = json_object_get(r->root, "added_tokens");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const char *piece;
        int64_t id;
        RRK_TRY(enc_tj_added_token(tokens, i, &piece, &id, err));
        RRK_TRY(base_map_put(r->special_pieces, rrk_text_of(piece), id, NULL, err));
        r->n_vocab = RRK_MAX(r->n_vocab, (size_t)id + 1);
    }
    return RRK_OK;
}

static rrk_status name_specials(reading *r, rrk_error *err)
{
    const enc_tokenizer_settings *s = r->settings;
    const char *names[] = {r->cls, r->sep, s->cls, s->sep, s->eos, s->unk, enc_name_or(s->pad, "<pad>")};
    RRK_TRY(read_added_tokens(r, err));
    for (size_t i = 0; i < RRK_COUNT(names); i++)
        RRK_TRY(name_special(r, names[i], err));
    return RRK_OK;
}

static rrk_status find_special(const reading *r, const char *name, int32_t *id, rrk_error *err)
{
    int64_t value = -1;
    base_map_get(r->special_pieces, rrk_text_of(name), &value);
    if (value < 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the special token '%s' is missing", FILE_NAME, name);
    *id = (int32_t)value;
    return RRK_OK;
}

/* --- vocabulary --- */

static rrk_status read_piece(reading *r, const json_t *entry, size_t id, rrk_error *err)
{
    const json_t *text = json_array_get(entry, 0), *score = json_array_get(entry, 1);
    if (json_array_size(entry) != 2 || !json_is_string(text) || !json_is_number(score) ||
        !isfinite(json_number_value(score)))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: vocabulary entry %zu is not a piece with its score", FILE_NAME, id);
    if (json_string_length(text) > ENC_MAX_PIECE_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: a piece of %zu bytes, more than %d", FILE_NAME,
                         json_string_length(text), ENC_MAX_PIECE_BYTES);
    enc_unigram_piece *piece = &r->pieces[id];
    piece->text = (rrk_text){json_string_value(text), json_string_length(text)};
    piece->score = json_number_value(score);
    bool named = base_map_get(r->special_pieces, piece->text, NULL);
    piece->special = named || (int32_t)id == r->unknown_id || enc_is_sentinel(piece->text);
    return piece->special ? base_map_put(r->special_pieces, piece->text, (int64_t)id, NULL, err) : RRK_OK;
}

static rrk_status read_vocab(reading *r, const json_t *vocab, rrk_error *err)
{
    if (!json_is_array(vocab) || json_array_size(vocab) == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the model has no 'vocab' list", FILE_NAME);
    r->n_pieces = json_array_size(vocab);
    if (r->n_pieces > ENC_MAX_VOCAB)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: %zu pieces, more than %d", FILE_NAME, r->n_pieces, ENC_MAX_VOCAB);
    if ((size_t)r->unknown_id >= r->n_pieces)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'unk_id' is %d, the vocabulary has %zu pieces", FILE_NAME,
                         r->unknown_id, r->n_pieces);
    r->n_vocab = RRK_MAX(r->n_vocab, r->n_pieces);
    r->pieces = base_calloc(r->n_pieces, sizeof *r->pieces);
    if (!r->pieces)
        return base_fail_nomem(err, r->n_pieces * sizeof *r->pieces);
    for (size_t i = 0; i < r->n_pieces; i++)
        RRK_TRY(read_piece(r, json_array_get(vocab, i), i, err));
    return RRK_OK;
}

static rrk_status read_model(reading *r, rrk_error *err)
{
    const json_t *json = json_object_get(r->root, "model");
    enc_json_range range = {"unk_id", 0, ENC_MAX_VOCAB - 1, true};
    uint32_t unknown_id = 0;
    RRK_TRY(enc_json_uint(json, FILE_NAME, &range, &unknown_id, err));
    RRK_TRY(enc_json_bool(json, FILE_NAME, "byte_fallback", &r->byte_fallback, err));
    r->unknown_id = (int32_t)unknown_id;
    RRK_TRY(read_vocab(r, json_object_get(json, "vocab"), err));
    return enc_unigram_model_init(&r->model, r->pieces, r->n_pieces, r->unknown_id, r->byte_fallback, err);
}

/* --- all of it --- */

static rrk_status make(enc_tokenizer **out, reading *r, rrk_error *err)
{
    RRK_TRY(base_map_new(&r->special_pieces, EXPECTED_SPECIALS, err));
    RRK_TRY(enc_unigram_json_normalizer(&r->normalizer, json_object_get(r->root, "normalizer"), err));
    RRK_TRY(enc_unigram_json_splitter(&r->options, json_object_get(r->root, "pre_tokenizer"), err));
    RRK_TRY(read_post_processor(r, err));
    RRK_TRY(name_specials(r, err));
    RRK_TRY(read_model(r, err));
    enc_specials specials = {.cls = -1, .pad = -1, .unk = r->unknown_id, .n_pair_seps = r->n_pair_seps};
    if (r->cls)
        RRK_TRY(find_special(r, r->cls, &specials.cls, err));
    RRK_TRY(find_special(r, r->sep, &specials.sep, err));
    find_special(r, enc_name_or(r->settings->pad, "<pad>"), &specials.pad, NULL);
    RRK_TRY(enc_unigram_new(out, &r->model, &r->normalizer, &r->options, &specials, &r->special_pieces, err));
    (*out)->n_vocab = r->n_vocab;
    return RRK_OK;
}

rrk_status enc_unigram_json_make(enc_tokenizer **out, const json_t *root, const enc_tokenizer_settings *settings,
                                 rrk_error *err)
{
    reading r RRK_AUTO(free_reading) = {.root = root, .settings = settings};
    return make(out, &r, err);
}
