/*
 * BERT's tokenizer: normalise (clean, space out ideographs, strip accents, lower-case), split at white space and
 * punctuation, then take the longest vocabulary entry again and again. Ids equal those of Hugging Face's `tokenizers`
 * for text without special tokens.
 */
#ifndef RRK_ENCODER_WORDPIECE_H
#define RRK_ENCODER_WORDPIECE_H

#include "encoder/tokenizer_kind.h"

#define ENC_DEFAULT_WORD_CHARS 100
#define ENC_MAX_WORD_CHARS 1000 /* the largest max_input_chars_per_word that is accepted */

typedef struct enc_wordpiece_options {
    bool clean_text;
    bool handle_chinese;
    bool strip_accents;
    bool lowercase;
    uint32_t max_word_chars; /* a longer word is unknown; 1..ENC_MAX_WORD_CHARS */
    const char *prefix;      /* of a piece that continues a word, "##" */
} enc_wordpiece_options;

/*
 * vocab maps pieces to ids and is only read. Entries listed in special_pieces never come out of text, except unk for a
 * word that has no pieces. "[unused…]" entries are added to the list, which the tokenizer takes over on success.
 */
rrk_status enc_wordpiece_new(enc_tokenizer **out, const base_map *vocab, base_map **special_pieces,
                             const enc_specials *specials, const enc_wordpiece_options *options, rrk_error *err);

#endif
