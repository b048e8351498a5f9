/*
 * Text to token ids. A table of functions, because models bring different kinds (WordPiece now, unigram later); which
 * kind a folder holds is found out when it is opened. Special tokens are never recognised in text.
 */
#ifndef RRK_ENCODER_TOKENIZER_H
#define RRK_ENCODER_TOKENIZER_H

#include "encoder/encoder.h"

typedef struct enc_tokenizer enc_tokenizer;

/* Reads tokenizer.json or, without it, vocab.txt (with tokenizer_config.json's do_lower_case and the like). */
rrk_status enc_tokenizer_open(enc_tokenizer **out, const char *model_dir, rrk_error *err);
void enc_tokenizer_close(enc_tokenizer *tokenizer);
static inline void enc_tokenizer_close_ptr(enc_tokenizer **tokenizer)
{
    enc_tokenizer_close(*tokenizer);
}

/* As enc_tokenize() in encoder.h; bytes behind the last id asked for are not looked at. Immutable, so thread-safe. */
rrk_status enc_tokenizer_encode(const enc_tokenizer *tokenizer, rrk_text text, size_t max_ids, enc_ids *out,
                                size_t *n_total, rrk_error *err);

const enc_specials *enc_tokenizer_specials(const enc_tokenizer *tokenizer);
size_t enc_tokenizer_n_vocab(const enc_tokenizer *tokenizer);

#endif
