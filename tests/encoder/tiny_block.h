/*
 * Tiny models of MVP on BERT in the block layout, with random weights. tools/golden_mvp_block.py makes the same ones.
 */
#ifndef RRK_TESTS_ENCODER_TINY_BLOCK_H
#define RRK_TESTS_ENCODER_TINY_BLOCK_H

#include "tiny_t5.h"

typedef struct block_shape {
    t5_shape bert;
    uint32_t n_views;
    uint32_t view_from;
    uint32_t n_query_tokens; /* of the golden query */
    const char *config;      /* the layout's keys, with a comma before each */
} block_shape;

enum { BLOCK_N_SHAPES = 4, BLOCK_MAX_QUERY = 66 };
extern const block_shape BLOCK_SHAPES[BLOCK_N_SHAPES];

/* Writes a model and its vocabulary. break_tensor (NULL: none) has one row too few; more: keys of config.json, or "". */
void block_write(folder *f, const block_shape *shape, const char *break_tensor, const char *more);

#endif
