/*
 * Text to token ids. A table of functions, because models bring different kinds (WordPiece, unigram, sentencepiece's own
 * files); which kind a folder holds is found out when it is opened. Special tokens are never recognised in text.
 */
#ifndef RRK_ENCODER_TOKENIZER_H
#define RRK_ENCODER_TOKENIZER_H

#include "encoder/encoder.h"

typedef struct enc_tokenizer enc_tokenizer;

/*
 * Reads the first of tokenizer.json, spiece.model, sentencepiece.bpe.model and vocab.txt that is there; the last three
 * with tokenizer_config.json and special_tokens_map.json. RRK_E_NOTFOUND names all four.
 */
rrk_status enc_tokenizer_open(enc_tokenizer **out, const char *model_dir, rrk_error *err);
void enc_tokenizer_close(enc_tokenizer *tokenizer);
static inline void enc_tokenizer_close_ptr(enc_tokenizer **tokenizer)
{
    enc_tokenizer_close(*tokenizer);
}

/* As enc_tokenize() in encoder.h; bytes behind the last id asked for are not looked at. Immutable, so thread-safe. */
rrk_status enc_tokenizer_encode(const enc_tokenizer *tokenizer, rrk_text text, size_t max_ids, enc_ids *out,
                                size_t *n_total, rrk_error *err);

/* As enc_tokenize_segment() and enc_special_id() in encoder.h. */
rrk_status enc_tokenizer_encode_segment(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment,
                                        size_t max_ids, enc_ids *out, size_t *n_total, rrk_error *err);
int32_t enc_tokenizer_special_id(const enc_tokenizer *tokenizer, const char *name);

const enc_specials *enc_tokenizer_specials(const enc_tokenizer *tokenizer);
size_t enc_tokenizer_n_vocab(const enc_tokenizer *tokenizer);

#endif
