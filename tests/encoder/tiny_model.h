/*
 * Model folders with random weights from the project's counter-based generator, scaled so that every layer's output has
 * a variance near 1. tools/golden_bert.py and golden_xlmr.py make the same weights in numpy, which is how PyTorch's
 * outputs are golden.
 */
#ifndef RRK_TESTS_ENCODER_TINY_MODEL_H
#define RRK_TESTS_ENCODER_TINY_MODEL_H

#include "encoder/encoder.h"
#include "folder.h"
#include "tiny_writer.h"

typedef struct tiny_shape {
    const char *name;
    uint32_t n_layers, d_model, n_heads, d_ff;
    const char *activation; /* as config.json writes it */
    bool cross;
    bool roberta;
} tiny_shape;

enum { TINY_N_SHAPES = 6, TINY_POSITIONS = 160, TINY_N_ROWS = 12, TINY_MAX_ROW = 128 };
extern const tiny_shape TINY_SHAPES[TINY_N_SHAPES];

const tiny_shape *tiny_shape_of(const char *name);

/* Writes the model and a tokenizer of its family into the folder. break_tensor (NULL: none) is written with one row too few. */
void tiny_write(folder *f, const tiny_shape *shape, const char *break_tensor);

/* The rows that the golden outputs belong to; ids are the caller's buffer. */
void tiny_rows(const tiny_shape *shape, int32_t ids[TINY_N_ROWS][TINY_MAX_ROW], enc_row rows[TINY_N_ROWS]);

/* Writes and opens a model with that many threads. */
rrk_encoder *tiny_open(folder *f, const tiny_shape *shape, int n_threads);

#endif
