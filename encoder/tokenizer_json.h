/*
 * What the readers of tokenizer.json share: one a model type, each refusing by name what it does not know. json_t stays
 * an incomplete type here.
 */
#ifndef RRK_ENCODER_TOKENIZER_JSON_H
#define RRK_ENCODER_TOKENIZER_JSON_H

#include "encoder/tokenizer_kind.h"

struct json_t;

#define ENC_TOKENIZER_JSON "tokenizer.json"

/* object["type"], "" when there is none. */
const char *enc_tj_type(const struct json_t *object);

/* RRK_E_UNSUPPORTED "tokenizer.json: <part> '<its type>' (rrk knows <type>)" unless the object is of that type. */
rrk_status enc_tj_require_type(const struct json_t *object, const char *part, const char *type, rrk_error *err);

/* A token id, 0..ENC_MAX_VOCAB - 1; piece is for the message. */
rrk_status enc_tj_id(const struct json_t *value, const char *piece, int64_t *id, rrk_error *err);

/* The name in template[at][kind].id, NULL when it is not of that kind. */
const char *enc_tj_template_id(const struct json_t *template, size_t at, const char *kind);

/* Entry i of added_tokens; one that is not special is refused, because it would be found in text. */
rrk_status enc_tj_added_token(const struct json_t *tokens, size_t i, const char **piece, int64_t *id, rrk_error *err);

/* The reader of model type Unigram. */
rrk_status enc_unigram_json_make(enc_tokenizer **out, const struct json_t *root, const enc_tokenizer_settings *settings,
                                 rrk_error *err);

#endif
