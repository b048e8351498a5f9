/*
 * What the levels above see of stores beyond <rrk/store.h>: BM25 search and the vectors' table.
 */
#ifndef RRK_STORE_STORE_H
#define RRK_STORE_STORE_H

#include "base/error.h"
#include <rrk/store.h>

typedef struct store_bm25_options {
    double k1;
    double b;
} store_bm25_options;

/* Distinct terms of a query; those after them are passed over. */
#define STORE_MAX_QUERY_TERMS 2048

/*
 * The best passages by Lucene's BM25, best first, equal scores by external id ascending (bytewise). *n is the capacity
 * going in and the count coming out. A query without index terms finds nothing.
 */
rrk_status store_bm25(rrk_store *store, rrk_text query, const store_bm25_options *options, rrk_candidate *out,
                      size_t *n, rrk_error *err);

/*
 * Terms of a text after analysis, with the byte range of the word each came from; used to mark matched words in
 * snippets. Stop words are left out. terms is the caller's (base_free of the array and of text, both by
 * store_terms_free).
 */
typedef struct store_term {
    const char *term; /* NUL-terminated, in the list's memory */
    uint32_t start;   /* bytes into the text */
    uint32_t end;
} store_term;

typedef struct store_terms {
    store_term *items;
    size_t len;
    char *memory;
} store_terms;

rrk_status store_analyse(rrk_text text, store_terms *out, rrk_error *err);
void store_terms_free(store_terms *terms); /* also for RRK_AUTO */

/* --- vectors: at most one a passage, f32, all of one model --- */

/*
 * A model as its vectors name it is "name fingerprint": what stands behind the last blank says whether two are the same,
 * the rest is for people.
 */
bool store_is_same_model(const char *a, const char *b);

/* RRK_E_INVALID: what has vectors of one model and not of the other, and what to do about it. */
rrk_status store_fail_other_model(const char *what, const char *has, const char *wanted, rrk_error *err);

/*
 * Says which model's vectors follow and of what dimension. With those of another model present: RRK_E_INVALID naming
 * both, or, with replace, the old ones are dropped.
 */
rrk_status store_vectors_begin(rrk_store *store, const char *model, uint32_t dim, bool replace, rrk_error *err);

/* Up to *n rows above after_row (ascending) that have no vector yet; *n comes out as the count. */
rrk_status store_vectors_missing(rrk_store *store, int64_t after_row, int64_t *rows, size_t *n, rrk_error *err);

rrk_status store_vectors_count_missing(rrk_store *store, uint64_t *n, rrk_error *err);

/* Adds vectors [n, dim] in one transaction. Rows that are gone are passed over. */
rrk_status store_vectors_put(rrk_store *store, const int64_t *rows, const float *vectors, size_t n, rrk_error *err);

/* Model and dimension of what is stored; dim 0 when nothing is. model has room for 256 bytes. */
rrk_status store_vectors_model(rrk_store *store, char model[256], uint32_t *dim, rrk_error *err);

/* A number that changes whenever a vector is added, replaced or dropped, by any process. */
rrk_status store_vectors_generation(rrk_store *store, uint64_t *generation, rrk_error *err);

/*
 * All vectors in one read transaction: *rows [n] ascending by row, *vectors [n, dim], both the caller's (base_free,
 * base_free_aligned). *generation is the one that they belong to.
 */
rrk_status store_vectors_load(rrk_store *store, int64_t **rows, float **vectors, size_t *n, uint32_t *dim,
                              uint64_t *generation, rrk_error *err);

#endif
