/*
 * What a WordPiece tokenizer needs to know of characters, exactly as the reference implementation (the `tokenizers`
 * package) has it. Apart from wordpiece.c because it is the one place that asks libunistring, and the one that keeps
 * the answer from depending on libunistring's version.
 */
#ifndef RRK_ENCODER_WORDPIECE_UNICODE_H
#define RRK_ENCODER_WORDPIECE_UNICODE_H

#include "base/macros.h"

typedef enum enc_wp_class {
    ENC_WP_PLAIN,
    ENC_WP_MARK,        /* Mn: what strip_accents removes */
    ENC_WP_PUNCTUATION, /* a word of its own */
    ENC_WP_DROPPED      /* control, format, private use, U+FFFD: what clean_text removes */
} enc_wp_class;

enum { ENC_WP_MAX_DECOMPOSED = 4, ENC_WP_MAX_LOWERED = 2 };

enc_wp_class enc_wp_classify(uint32_t c);
bool enc_wp_is_space(uint32_t c);
bool enc_wp_is_chinese(uint32_t c); /* the ideograph blocks that get spaces around them */

/* Lower case of one character without regard to its neighbours; returns how many characters it has. */
size_t enc_wp_lower(uint32_t c, uint32_t out[ENC_WP_MAX_LOWERED]);

/* Full canonical decomposition; returns how many characters it has. */
size_t enc_wp_decompose(uint32_t c, uint32_t out[ENC_WP_MAX_DECOMPOSED]);

int enc_wp_combining_class(uint32_t c);

#endif
