/*
 * The normalizers that unigram tokenizers ask for in tokenizer.json, as a short list of steps over whole texts. Which
 * steps there are is the reader's business; what each does to a text is decided here, as in the `tokenizers` package.
 */
#ifndef RRK_ENCODER_UNIGRAM_NORMALIZER_H
#define RRK_ENCODER_UNIGRAM_NORMALIZER_H

#include "encoder/charsmap.h"

#define ENC_MAX_NORMALIZER_STEPS 16
#define ENC_MAX_NORMALIZED_GROWTH 64 /* times the text; U+FDFA grows elevenfold */

typedef enum enc_step_kind {
    ENC_STEP_CHARSMAP,
    ENC_STEP_REPLACE, /* pattern, taken literally, by content */
    ENC_STEP_SPACES,  /* two or more U+0020 by content */
    ENC_STEP_STRIP,   /* white space at the ends of the text */
    ENC_STEP_NFC,
    ENC_STEP_NFKC,
    ENC_STEP_LOWERCASE
} enc_step_kind;

typedef struct enc_step {
    enc_step_kind kind;
    enc_charsmap *charsmap;  /* owned */
    char *pattern, *content; /* owned */
    bool left, right;
} enc_step;

typedef struct enc_normalizer {
    enc_step steps[ENC_MAX_NORMALIZER_STEPS];
    size_t n_steps;
} enc_normalizer;

void enc_normalizer_free(enc_normalizer *normalizer);

/* A stretch of a text, which need not be all of it. */
typedef struct enc_stretch {
    rrk_text text; /* UTF-8 */
    bool first, last;
} enc_stretch;

/* Normalises a stretch; *out lies in one of the two buffers or in the stretch itself. */
rrk_status enc_normalizer_run(const enc_normalizer *normalizer, const enc_stretch *stretch, base_buf buffers[2],
                              rrk_text *out, rrk_error *err);

/* True when a text cut between an ASCII letter or digit and a space gives the same as the whole, cut there. */
bool enc_normalizer_keeps_words_apart(const enc_normalizer *normalizer);

#endif
