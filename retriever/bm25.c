/* BM25: the store's full-text index does the work. */
#include "retriever/retriever.h"
#include "store/store.h"

static rrk_status retrieve(rrk_retriever *retriever, rrk_text query, rrk_candidate *out, size_t *n, rrk_error *err)
{
    store_bm25_options options = {.k1 = retriever->options.bm25_k1, .b = retriever->options.bm25_b};
    return store_bm25(retriever->store, query, &options, out, n, err);
}

const ret_kind ret_bm25 = {.name = "bm25", .retrieve = retrieve};
