/* A tiny model of random weights in a folder of its own, open under a strategy. */
#ifndef RRK_TESTS_RERANK_MODEL_RIG_H
#define RRK_TESTS_RERANK_MODEL_RIG_H

#include "encoder/encoder.h"
#include "tests/encoder/tiny_t5.h"
#include <rrk/rerank.h>

typedef struct rig {
    folder f;
    rrk_encoder *encoder;
    rrk_reranker *reranker;
} rig;

/* The folder alone, of one of BLOCK_SHAPES or of T5_SHAPES by its name; models of the block layout are calibrated. */
rig rig_write(const char *shape);
rig rig_open_as(const char *shape, const char *strategy, const rrk_encoder_options *options);
rig rig_open_with(const char *shape, const char *strategy, size_t n_views, int n_threads);
rig rig_open(const char *shape, const char *strategy, size_t n_views); /* with two threads */
void rig_close(rig *r);

/* All passages, for the query "word30 word31"; hits [n]. */
void rig_rank(const rig *r, const rrk_passage *passages, size_t n, rrk_hit *hits);

#endif
