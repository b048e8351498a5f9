/*
 * What a kind of tokenizer brings: the table behind enc_tokenizer, and the readers that make one from a model folder.
 * A new kind adds its reader here and its file beside wordpiece.c.
 */
#ifndef RRK_ENCODER_TOKENIZER_KIND_H
#define RRK_ENCODER_TOKENIZER_KIND_H

#include "encoder/tokenizer.h"

#define ENC_MAX_TOKENIZER_BYTES ((size_t)128 << 20) /* of tokenizer.json */
#define ENC_MAX_PIECE_BYTES 1024                    /* of one vocabulary entry */

typedef struct enc_tokenizer_kind {
    rrk_status (*encode)(const enc_tokenizer *tokenizer, rrk_text text, size_t max_ids, enc_ids *out, size_t *n_total,
                         rrk_error *err);
    void (*free)(enc_tokenizer *tokenizer);
} enc_tokenizer_kind;

/* The first member of every kind's own struct. */
struct enc_tokenizer {
    const enc_tokenizer_kind *kind;
    enc_specials specials;
    size_t n_vocab; /* the largest id + 1 */
};

/* What tokenizer_config.json and special_tokens_map.json say; both are optional. */
typedef struct enc_tokenizer_settings {
    char cls[ENC_MAX_PIECE_BYTES + 1];
    char sep[ENC_MAX_PIECE_BYTES + 1];
    char pad[ENC_MAX_PIECE_BYTES + 1];
    char unk[ENC_MAX_PIECE_BYTES + 1];
    bool lowercase;
    bool handle_chinese;
    int strip_accents; /* -1: as lowercase */
} enc_tokenizer_settings;

/* tokenizer.json: *out stays NULL, with RRK_OK, when the folder has none. */
rrk_status enc_tokenizer_json_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                                   rrk_error *err);

/* vocab.txt. */
rrk_status enc_vocab_txt_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                              rrk_error *err);

#endif
