/*
 * What a kind of tokenizer brings: the table behind enc_tokenizer, and the readers that make one from a model folder.
 * A new kind adds its reader here and its file beside wordpiece.c.
 */
#ifndef RRK_ENCODER_TOKENIZER_KIND_H
#define RRK_ENCODER_TOKENIZER_KIND_H

#include "base/map.h"
#include "encoder/tokenizer.h"

#define ENC_MAX_TOKENIZER_BYTES ((size_t)128 << 20) /* of tokenizer.json */
#define ENC_MAX_PIECE_BYTES 1024                    /* of one vocabulary entry */

/* Ids of one text as they come, kept up to max_ids and counted beyond. */
typedef struct enc_id_sink {
    enc_ids ids;
    size_t cap;
    size_t max_ids;
    size_t n_total;
} enc_id_sink;

rrk_status enc_id_put(enc_id_sink *sink, int32_t id, rrk_error *err);

typedef struct enc_tokenizer_kind {
    /* Fills sink, whose max_ids is set; may stop once n_total is larger. What it has kept is freed on failure. */
    rrk_status (*encode)(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment, enc_id_sink *sink,
                         rrk_error *err);
    void (*free)(enc_tokenizer *tokenizer);
} enc_tokenizer_kind;

/* The first member of every kind's own struct; close frees what is owned here after the kind has freed its own. */
struct enc_tokenizer {
    const enc_tokenizer_kind *kind;
    enc_specials specials;
    base_map *special_pieces; /* name -> id of all pieces that never come out of text; owned */
    size_t n_vocab;           /* the largest id + 1 */
};

#define ENC_MAX_EXTRA_IDS 1000 /* sentinels <extra_id_0>, ... */

/* What tokenizer_config.json and special_tokens_map.json say; both are optional. A name that they lack is "". */
typedef struct enc_tokenizer_settings {
    char cls[ENC_MAX_PIECE_BYTES + 1];
    char sep[ENC_MAX_PIECE_BYTES + 1];
    char pad[ENC_MAX_PIECE_BYTES + 1];
    char unk[ENC_MAX_PIECE_BYTES + 1];
    char eos[ENC_MAX_PIECE_BYTES + 1];
    bool lowercase;
    bool handle_chinese;
    int strip_accents;    /* -1: as lowercase */
    uint32_t n_extra_ids; /* T5's sentinels */
    char family[64];      /* tokenizer_class, or without it config.json's model_type; "" when neither is there */
} enc_tokenizer_settings;

/* name, or what the kind calls it when the settings do not say. */
static inline const char *enc_name_or(const char *name, const char *fallback)
{
    return *name ? name : fallback;
}

/* "<extra_id_0>" and so on, with or without the mark of a word before it. */
bool enc_is_sentinel(rrk_text piece);

/* These leave *out NULL, with RRK_OK, when the folder has no such file. */
rrk_status enc_tokenizer_json_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                                   rrk_error *err);
rrk_status enc_spiece_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                           rrk_error *err);
rrk_status enc_vocab_txt_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                              rrk_error *err);

#endif
