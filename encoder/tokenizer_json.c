/*
 * tokenizer.json of the `tokenizers` package: which model type it holds, and the reader of BERT's pipeline:
 * BertNormalizer, BertPreTokenizer, a WordPiece model and a post-processor that puts [CLS] and [SEP] where our rows have
 * them. Anything else is refused by its name, because running it as something similar would give other ids in silence.
 */
#include "encoder/tokenizer_json.h"
#include "encoder/config.h"
#include "encoder/json_file.h"
#include "encoder/wordpiece.h"

#include <jansson.h>
#include <malloc.h>
#include <string.h>

#define FILE_NAME ENC_TOKENIZER_JSON

enum { MANY_PIECES = 10000 };

/* --- what the readers share --- */

const char *enc_tj_type(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "";
}

rrk_status enc_tj_require_type(const json_t *object, const char *part, const char *type, rrk_error *err)
{
    const char *is = enc_tj_type(object);
    if (strcmp(is, type) == 0)
        return RRK_OK;
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: %s '%s' (rrk knows %s)", FILE_NAME, part,
                     *is                      ? is
                     : json_is_object(object) ? "without a type"
                                              : "null",
                     type);
}

rrk_status enc_tj_id(const json_t *value, const char *piece, int64_t *id, rrk_error *err)
{
    double number = json_is_number(value) ? json_number_value(value) : -1;
    if (!(number >= 0 && number < ENC_MAX_VOCAB) || number != (double)(int64_t)number)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the id of '%s' is not a whole number in 0..%d", FILE_NAME, piece,
                         ENC_MAX_VOCAB - 1);
    *id = (int64_t)number;
    return RRK_OK;
}

const char *enc_tj_template_id(const json_t *template, size_t at, const char *kind)
{
    return json_string_value(json_object_get(json_object_get(json_array_get(template, at), kind), "id"));
}

rrk_status enc_tj_added_token(const json_t *tokens, size_t i, const char **piece, int64_t *id, rrk_error *err)
{
    const json_t *token = json_array_get(tokens, i);
    *piece = json_string_value(json_object_get(token, "content"));
    if (!*piece)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: added token %zu has no 'content'", FILE_NAME, i);
    bool special = false;
    RRK_TRY(enc_json_bool(token, FILE_NAME, "special", &special, err));
    if (!special)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: the added token '%s' is not special", FILE_NAME, *piece);
    return enc_tj_id(json_object_get(token, "id"), *piece, id, err);
}

/* Files of 2020 have no type; what it would be then shows in the keys. */
static const char *model_type(const json_t *model)
{
    const char *type = enc_tj_type(model);
    if (*type || !json_is_object(model))
        return type;
    if (json_object_get(model, "merges"))
        return "BPE";
    if (json_is_array(json_object_get(model, "vocab")))
        return "Unigram";
    return json_object_get(model, "continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

/* --- BERT's --- */

/* Everything that is collected before the tokenizer can be made. */
typedef struct reading {
    const json_t *root;
    base_map *vocab;
    base_map *special_pieces;
    size_t n_vocab;
    const char *cls, *sep, *pad, *unk;
    enc_wordpiece_options options;
} reading;

static void free_reading(reading *r)
{
    base_map_free(r->vocab);
    base_map_free(r->special_pieces);
}

static rrk_status read_normalizer(reading *r, rrk_error *err)
{
    const json_t *json = json_object_get(r->root, "normalizer");
    RRK_TRY(enc_tj_require_type(json, "normalizer", "BertNormalizer", err));
    enc_wordpiece_options *o = &r->options;
    o->clean_text = o->handle_chinese = o->lowercase = true;
    RRK_TRY(enc_json_bool(json, FILE_NAME, "clean_text", &o->clean_text, err));
    RRK_TRY(enc_json_bool(json, FILE_NAME, "handle_chinese_chars", &o->handle_chinese, err));
    RRK_TRY(enc_json_bool(json, FILE_NAME, "lowercase", &o->lowercase, err));
    o->strip_accents = o->lowercase;
    return enc_json_bool(json, FILE_NAME, "strip_accents", &o->strip_accents, err);
}

static rrk_status add_piece(reading *r, const char *piece, int64_t id, rrk_error *err)
{
    if (strlen(piece) > ENC_MAX_PIECE_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: a piece of %zu bytes, more than %d", FILE_NAME, strlen(piece),
                         ENC_MAX_PIECE_BYTES);
    r->n_vocab = RRK_MAX(r->n_vocab, (size_t)id + 1);
    return *piece ? base_map_put(r->vocab, rrk_text_of(piece), id, NULL, err) : RRK_OK;
}

static rrk_status read_model(reading *r, rrk_error *err)
{
    const json_t *json = json_object_get(r->root, "model");
    RRK_TRY(enc_json_string(json, FILE_NAME, "unk_token", &r->unk, err));
    RRK_TRY(enc_json_string(json, FILE_NAME, "continuing_subword_prefix", &r->options.prefix, err));
    enc_json_range range = {"max_input_chars_per_word", 1, ENC_MAX_WORD_CHARS, false};
    RRK_TRY(enc_json_uint(json, FILE_NAME, &range, &r->options.max_word_chars, err));
    json_t *vocab = json_object_get(json, "vocab");
    if (!json_is_object(vocab))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the model has no 'vocab' object", FILE_NAME);
    const char *piece;
    json_t *value;
    json_object_foreach(vocab, piece, value)
    {
        int64_t id = 0;
        RRK_TRY(enc_tj_id(value, piece, &id, err));
        RRK_TRY(add_piece(r, piece, id, err));
    }
    return RRK_OK;
}

static rrk_status read_added_tokens(reading *r, rrk_error *err)
{
    const json_t *tokens = json_object_get(r->root, "added_tokens");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const char *piece;
        int64_t id;
        RRK_TRY(enc_tj_added_token(tokens, i, &piece, &id, err));
        RRK_TRY(add_piece(r, piece, id, err));
        RRK_TRY(base_map_put(r->special_pieces, rrk_text_of(piece), id, NULL, err));
    }
    return RRK_OK;
}

/* Rows are joined as [CLS] text [SEP], so that is what the post-processor must say. */
static rrk_status read_post_processor(reading *r, rrk_error *err)
{
    const json_t *json = json_object_get(r->root, "post_processor");
    const char *type = json_string_value(json_object_get(json, "type"));
    if (!json || json_is_null(json))
        return RRK_OK;
    const char *cls, *sep;
    if (type && strcmp(type, "BertProcessing") == 0) {
        cls = json_string_value(json_array_get(json_object_get(json, "cls"), 0));
        sep = json_string_value(json_array_get(json_object_get(json, "sep"), 0));
    } else {
        RRK_TRY(enc_tj_require_type(json, "post_processor", "TemplateProcessing", err));
        const json_t *single = json_object_get(json, "single");
        cls = enc_tj_template_id(single, 0, "SpecialToken");
        sep = enc_tj_template_id(single, 2, "SpecialToken");
        if (json_array_size(single) != 3 || !enc_tj_template_id(single, 1, "Sequence"))
            cls = NULL;
    }
    if (!cls || !sep)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: the post_processor does not give [CLS] text [SEP]", FILE_NAME);
    r->cls = cls;
    r->sep = sep;
    return RRK_OK;
}

static rrk_status find_special(reading *r, const char *piece, int32_t *id, rrk_error *err)
{
    int64_t value;
    if (!base_map_get(r->vocab, rrk_text_of(piece), &value))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the special token '%s' is missing", FILE_NAME, piece);
    *id = (int32_t)value;
    return base_map_put(r->special_pieces, rrk_text_of(piece), value, NULL, err);
}

static rrk_status make(enc_tokenizer **out, reading *r, rrk_error *err)
{
    RRK_TRY(base_map_new(&r->vocab, 32768, err));
    RRK_TRY(base_map_new(&r->special_pieces, 16, err));
    RRK_TRY(read_normalizer(r, err));
    RRK_TRY(enc_tj_require_type(json_object_get(r->root, "pre_tokenizer"), "pre_tokenizer", "BertPreTokenizer", err));
    RRK_TRY(read_model(r, err));
    RRK_TRY(read_added_tokens(r, err));
    RRK_TRY(read_post_processor(r, err));
    enc_specials specials = {.n_pair_seps = 1};
    RRK_TRY(find_special(r, r->cls, &specials.cls, err));
    RRK_TRY(find_special(r, r->sep, &specials.sep, err));
    RRK_TRY(find_special(r, r->pad, &specials.pad, err));
    RRK_TRY(find_special(r, r->unk, &specials.unk, err));
    RRK_TRY(enc_wordpiece_new(out, r->vocab, &r->special_pieces, &specials, &r->options, err));
    (*out)->n_vocab = r->n_vocab;
    return RRK_OK;
}

static rrk_status make_wordpiece(enc_tokenizer **out, const json_t *root, const enc_tokenizer_settings *settings,
                                 rrk_error *err)
{
    reading r RRK_AUTO(free_reading) = {
        .root = root,
        .cls = enc_name_or(settings->cls, "[CLS]"),
        .sep = enc_name_or(settings->sep, "[SEP]"),
        .pad = enc_name_or(settings->pad, "[PAD]"),
        .unk = enc_name_or(settings->unk, "[UNK]"),
        .options = {.max_word_chars = ENC_DEFAULT_WORD_CHARS, .prefix = "##"},
    };
    return make(out, &r, err);
}

static rrk_status make_any(enc_tokenizer **out, const json_t *root, const enc_tokenizer_settings *settings,
                           rrk_error *err)
{
    const json_t *model = json_object_get(root, "model");
    const char *type = model_type(model);
    if (strcmp(type, "Unigram") == 0)
        return enc_unigram_json_make(out, root, settings, err);
    if (strcmp(type, "WordPiece") == 0)
        return make_wordpiece(out, root, settings, err);
    if (!*type)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: it has no 'model'", FILE_NAME);
    return base_fail(err, RRK_E_UNSUPPORTED, 0,
                     "%s: a tokenizer of type %s, which rrk does not support: it has WordPiece and Unigram", FILE_NAME,
                     type);
}

/* What is free below what is not stays resident unless the allocator is told to give it back. */
static void return_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* The tree of a large vocabulary takes a hundred megabytes, and what was made from it lies above it in the heap. */
static void free_tree(struct json_t **json)
{
    const json_t *vocab = json_object_get(json_object_get(*json, "model"), "vocab");
    bool is_large = json_object_size(vocab) + json_array_size(vocab) >= MANY_PIECES;
    enc_json_free(json);
    if (is_large)
        return_memory();
}

rrk_status enc_tokenizer_json_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                                   rrk_error *err)
{
    struct json_t *json RRK_AUTO(free_tree) = NULL;
    RRK_TRY(enc_json_read_optional(&json, model_dir, FILE_NAME, ENC_MAX_TOKENIZER_BYTES, err));
    return json ? make_any(out, json, settings, err) : RRK_OK;
}
