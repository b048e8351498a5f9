/*
 * How kinds of retrievers plug in: one struct of functions a kind, one file each. Retrieval knows nothing of ranking
 * strategies; it ends with candidates.
 */
#ifndef RRK_RETRIEVER_RETRIEVER_H
#define RRK_RETRIEVER_RETRIEVER_H

#include "base/owner.h"
#include "retriever/vectors.h"
#include <rrk/retriever.h>

typedef struct ret_kind {
    const char *name;
    bool uses_vectors; /* needs an encoder, and the store's vectors to be that encoder's */
    /* The query is checked, *n is the capacity (> 0) going in and the count coming out. Thread-safe. */
    rrk_status (*retrieve)(rrk_retriever *retriever, rrk_text query, rrk_candidate *out, size_t *n, rrk_error *err);
} ret_kind;

extern const ret_kind ret_bm25, ret_dense, ret_hybrid;

struct rrk_retriever {
    base_owner owner;
    const ret_kind *kind;
    rrk_store *store;              /* borrowed */
    rrk_retriever_options options; /* its encoder is borrowed */
    ret_vectors vectors;
};

#endif
