/*
 * Vocabularies for tiny models: a sentencepiece model of T5's kind with the words "word20" .. "word899" and those of
 * the rerankers' prompts, each with the id of its number, and a hundred sentinels above; and a vocab.txt for MVP on
 * BERT.
 */
#ifndef RRK_TESTS_ENCODER_TINY_SPIECE_H
#define RRK_TESTS_ENCODER_TINY_SPIECE_H

#include "folder.h"

enum { SPIECE_PIECES = 900, SPIECE_FIRST_WORD = 20, SPIECE_EOS = 1, SPIECE_TRUE = 4, SPIECE_FALSE = 5 };

void tiny_write_spiece(folder *f);

enum { MVP_VOCAB_VIEWS = 6 };

/* "[unused1]" .. "[unused6]" behind "[PAD]", then the special tokens, then "word11" .. by their ids. */
void tiny_write_mvp_vocab(folder *f);

#endif
