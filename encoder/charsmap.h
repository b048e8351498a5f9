/*
 * The precompiled normalizer of sentencepiece models as tokenizer.json carries it: a double array over byte strings and
 * the strings that replace them. Replacing follows the `tokenizers` package, which goes by grapheme clusters (UAX #29)
 * where sentencepiece itself takes the longest match. The blob is untrusted: one that points outside itself is refused,
 * so what passes here may also be handed to libsentencepiece, which does not look.
 */
#ifndef RRK_ENCODER_CHARSMAP_H
#define RRK_ENCODER_CHARSMAP_H

#include "base/buf.h"

typedef struct enc_charsmap enc_charsmap;

/*
 * blob is the decoded "precompiled_charsmap": the trie's size in bytes (u32, little-endian), its units, then replacements
 * that each end in NUL. It is copied. RRK_E_FORMAT says what is wrong with it.
 */
rrk_status enc_charsmap_new(enc_charsmap **out, const void *blob, size_t len, rrk_error *err);
void enc_charsmap_free(enc_charsmap *map);
static inline void enc_charsmap_free_ptr(enc_charsmap **map)
{
    enc_charsmap_free(*map);
}

/* Appends the normalised text to out. text is UTF-8, and so is what is appended. */
rrk_status enc_charsmap_apply(const enc_charsmap *map, rrk_text text, base_buf *out, rrk_error *err);

/* True when the ASCII character comes out as it went in wherever no combining character follows. */
bool enc_charsmap_keeps(const enc_charsmap *map, unsigned char ascii);

#endif
