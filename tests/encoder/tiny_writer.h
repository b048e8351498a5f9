/*
 * A safetensors file of random tensors: number i of tensor t is the counter-based generator's at (first seed + t, i),
 * scaled by what the tensor is for, so that layers' outputs have a variance near 1. tools/golden_*.py do the same in
 * numpy.
 */
#ifndef RRK_TESTS_ENCODER_TINY_WRITER_H
#define RRK_TESTS_ENCODER_TINY_WRITER_H

#include "base/buf.h"
#include "folder.h"

enum { TINY_VOCAB = 1000 };

typedef struct tiny_writer {
    FILE *file;
    base_buf header;
    size_t n_bytes; /* of data so far */
    uint64_t seed;
    uint64_t n_tensors;
    const char *break_tensor; /* written with one row too few; NULL: none */
} tiny_writer;

typedef enum tiny_fill { TINY_MATRIX, TINY_QUERY, TINY_HEAD, TINY_GAIN, TINY_SHIFT, TINY_TABLE } tiny_fill;

/* Begins model.safetensors in the folder. */
tiny_writer tiny_writer_new(folder *f, uint64_t seed, const char *break_tensor);

/* [n_out, n_in], or [n_out] when n_in is 0. */
void tiny_add(tiny_writer *w, const char *name, tiny_fill kind, uint32_t n_out, uint32_t n_in);

/* Ends the file and frees the writer. */
void tiny_writer_end(tiny_writer *w);

/*
 * tokenizer.json of XLM-RoBERTa's kind: "<s>", "<pad>", "</s>", "<unk>", then "▁", "▁word5", "▁word6", ... by their ids,
 * and "<mask>" last.
 */
void tiny_write_unigram(folder *f);

/* vocab.txt: special tokens, then "word5", "word6", ... by their ids. */
void tiny_write_vocab(folder *f);

#endif
