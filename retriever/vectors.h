/*
 * A store's vectors in memory, shared by the queries of one retriever: 4 bytes x dimension a passage. Reloaded when the
 * store's generation has moved, so a retriever sees what another process embeds.
 */
#ifndef RRK_RETRIEVER_VECTORS_H
#define RRK_RETRIEVER_VECTORS_H

#include "base/error.h"
#include <rrk/encoder.h>
#include <rrk/store.h>

#include <pthread.h>

typedef struct ret_vectors {
    pthread_rwlock_t lock;
    int64_t *rows;  /* [n], ascending; owned */
    float *vectors; /* [n, dim], aligned; owned */
    size_t n;
    uint32_t dim;
    uint64_t generation;
    bool loaded;
} ret_vectors;

void ret_vectors_init(ret_vectors *vectors);
void ret_vectors_free(ret_vectors *vectors);

enum { RET_MODEL_SIZE = 256 };

/* By what the store knows an encoder's vectors: "name fingerprint". */
void ret_model_name(const rrk_encoder_info *info, char out[RET_MODEL_SIZE]);

/* RRK_E_INVALID when the store has no vectors, or not this encoder's. */
rrk_status ret_vectors_check(rrk_store *store, rrk_encoder *encoder, rrk_error *err);

/* The best rows for a query vector [dim] by dot product; *n is the capacity going in and the count coming out. */
rrk_status ret_vectors_search(ret_vectors *vectors, rrk_store *store, const float *query, uint32_t dim,
                              rrk_candidate *out, size_t *n, rrk_error *err);

#endif
