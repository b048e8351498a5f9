/*
 * Unigram tokenizers of tokenizer.json, as T5 and XLM-RoBERTa have them: normalise, mark the beginnings of words with
 * "▁" (Metaspace), cut there, and take the best pieces of each word. Ids equal those of the `tokenizers` package for text
 * without special tokens.
 */
#ifndef RRK_ENCODER_UNIGRAM_H
#define RRK_ENCODER_UNIGRAM_H

#include "encoder/unigram_model.h"
#include "encoder/unigram_normalizer.h"

typedef enum enc_prepend { ENC_PREPEND_ALWAYS, ENC_PREPEND_FIRST, ENC_PREPEND_NEVER } enc_prepend;

typedef struct enc_unigram_options {
    bool split_whitespace; /* WhitespaceSplit comes before Metaspace */
    bool split;            /* Metaspace: a word ends where the next mark is; otherwise a text is one word */
    enc_prepend prepend;   /* a mark before every word that lacks one, before the text's first, or before none */
    char mark[5];          /* one character, NUL-terminated */
} enc_unigram_options;

/* Takes over what model, normalizer and *special_pieces hold, on success. */
rrk_status enc_unigram_new(enc_tokenizer **out, enc_unigram_model *model, enc_normalizer *normalizer,
                           const enc_unigram_options *options, const enc_specials *specials, base_map **special_pieces,
                           rrk_error *err);

#endif
