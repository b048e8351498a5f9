/*
 * WordPiece (Schuster and Nakajima, 2012) as BERT uses it: clean-up, lower case, splitting at white space, punctuation
 * and ideographs, then the longest known piece first. Text is streamed, so a long text costs what is asked of it, and a
 * special token's name in a text is only text.
 */
#ifndef RRK_ENCODER_WORDPIECE_H
#define RRK_ENCODER_WORDPIECE_H

#include "base/map.h"
#include "encoder/encoder.h"

#define ENC_WORDPIECE_DEFAULT_MAX_CHARS 100
#define ENC_WORDPIECE_MAX_CHARS 1000

typedef struct enc_wordpiece {
    base_map *first; /* pieces that begin a word -> id; owned */
    base_map *rest;  /* pieces that continue one, without their prefix -> id; owned */
    size_t longest;  /* bytes of the longest piece */
    size_t n_vocab;
    uint32_t max_chars; /* a word of more characters is unknown as a whole */
    int32_t unknown;
    bool clean_text;
    bool split_chinese;
    bool strip_accents;
    bool lowercase;
} enc_wordpiece;

/* An empty vocabulary with BERT's defaults. */
rrk_status enc_wordpiece_init(enc_wordpiece *wp, rrk_error *err);
void enc_wordpiece_free(enc_wordpiece *wp);

/* Adds a token as the vocabulary writes it; prefix is "##" or what the model says. */
rrk_status enc_wordpiece_add(enc_wordpiece *wp, rrk_text token, const char *prefix, int32_t id, rrk_error *err);

/* The id of a whole token such as "[CLS]"; -1 when there is none. */
int32_t enc_wordpiece_id(const enc_wordpiece *wp, const char *token);

/* As enc_tokenize() in encoder.h. */
rrk_status enc_wordpiece_encode(const enc_wordpiece *wp, rrk_text text, size_t max_ids, enc_ids *out, size_t *n_total,
                                rrk_error *err);

#endif
