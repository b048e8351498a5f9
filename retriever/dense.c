/*
 * Dense retrieval: the query's vector against every passage's, exactly. The vectors are kept in memory for the
 * retriever's life and read again when the store has new ones.
 */
#include "base/alloc.h"
#include "base/topk.h"
#include "retriever/retriever.h"
#include "store/store.h"

#include <stdio.h>

enum { LANES = 16 };

/* LANES partial sums, so that the compiler may use vectors without reordering what is added. */
#if defined(__x86_64__) && defined(__gnu_linux__)
__attribute__((target_clones("arch=haswell", "default")))
#endif
static float
dot(const float *a, const float *b, size_t n)
{
    float sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++)
            sums[j] += a[i + j] * b[i + j];
    }
    float total = 0;
    for (; i < n; i++)
        total += a[i] * b[i];
    for (size_t j = 0; j < LANES; j++)
        total += sums[j];
    return total;
}

void ret_vectors_init(ret_vectors *vectors)
{
    *vectors = (ret_vectors){0};
    pthread_rwlock_init(&vectors->lock, NULL);
}

static void drop(ret_vectors *vectors)
{
    base_free(RRK_STEAL(vectors->rows));
    base_free_aligned(RRK_STEAL(vectors->vectors));
    vectors->n = 0;
    vectors->loaded = false;
}

void ret_vectors_free(ret_vectors *vectors)
{
    drop(vectors);
    pthread_rwlock_destroy(&vectors->lock);
}

void ret_model_name(const rrk_encoder_info *info, char out[RET_MODEL_SIZE])
{
    snprintf(out, RET_MODEL_SIZE, "%s %s", info->name, info->fingerprint);
}

rrk_status ret_vectors_check(rrk_store *store, rrk_encoder *encoder, rrk_error *err)
{
    char model[256];
    uint32_t dim;
    RRK_TRY(store_vectors_model(store, model, &dim, err));
    if (dim == 0)
        return base_fail(err, RRK_E_INVALID, 0, "the store has no vectors: embed its passages first (rrk embed)");
    rrk_encoder_info info = {.size = sizeof info};
    RRK_TRY(rrk_encoder_get_info(encoder, &info, err));
    char wanted[RET_MODEL_SIZE];
    ret_model_name(&info, wanted);
    return store_is_same_model(model, wanted) ? RRK_OK : store_fail_other_model("the store", model, wanted, err);
}

static rrk_status reload(ret_vectors *vectors, rrk_store *store, rrk_error *err)
{
    drop(vectors);
    RRK_TRY(store_vectors_load(store, &vectors->rows, &vectors->vectors, &vectors->n, &vectors->dim,
                               &vectors->generation, err));
    vectors->loaded = true;
    return RRK_OK;
}

/* Comes back holding the lock for reading, over vectors of the store's present generation. */
static rrk_status lock_fresh(ret_vectors *vectors, rrk_store *store, rrk_error *err)
{
    uint64_t generation;
    RRK_TRY(store_vectors_generation(store, &generation, err));
    pthread_rwlock_rdlock(&vectors->lock);
    if (vectors->loaded && vectors->generation == generation)
        return RRK_OK;
    pthread_rwlock_unlock(&vectors->lock);
    pthread_rwlock_wrlock(&vectors->lock);
    rrk_status status = RRK_OK;
    if (!vectors->loaded || vectors->generation != generation)
        status = reload(vectors, store, err);
    pthread_rwlock_unlock(&vectors->lock);
    RRK_TRY(status);
    /* Between the two locks another thread may have loaded a newer generation, which is as good. */
    pthread_rwlock_rdlock(&vectors->lock);
    if (vectors->loaded)
        return RRK_OK;
    pthread_rwlock_unlock(&vectors->lock);
    return base_fail(err, RRK_E_BUSY, 0, "the store's vectors are being read again; try once more");
}

static rrk_status scan(const ret_vectors *vectors, const float *query, uint32_t dim, rrk_candidate *out, size_t *n,
                       rrk_error *err)
{
    if (vectors->n && vectors->dim != dim)
        return base_fail(err, RRK_E_INVALID, 0, "the store's vectors have %u dimensions, the query's has %u",
                         vectors->dim, dim);
    base_topk top RRK_AUTO(base_topk_free) = {0};
    RRK_TRY(base_topk_init(&top, RRK_MIN(*n, vectors->n), err));
    for (size_t i = 0; i < vectors->n; i++)
        base_topk_push(&top, dot(query, vectors->vectors + i * dim, dim), (int64_t)i);
    base_topk_sort(&top);
    for (size_t i = 0; i < top.len; i++)
        out[i] = (rrk_candidate){.row = vectors->rows[top.items[i].key], .score = top.items[i].score};
    *n = top.len;
    return RRK_OK;
}

rrk_status ret_vectors_search(ret_vectors *vectors, rrk_store *store, const float *query, uint32_t dim,
                              rrk_candidate *out, size_t *n, rrk_error *err)
{
    RRK_TRY(lock_fresh(vectors, store, err));
    rrk_status status = scan(vectors, query, dim, out, n, err);
    pthread_rwlock_unlock(&vectors->lock);
    return status;
}

static rrk_status retrieve(rrk_retriever *retriever, rrk_text query, rrk_candidate *out, size_t *n, rrk_error *err)
{
    rrk_encoder_info info = {.size = sizeof info};
    RRK_TRY(rrk_encoder_get_info(retriever->options.encoder, &info, err));
    float *vector RRK_AUTO(base_free_ptr) = base_alloc(info.d_model, sizeof *vector);
    if (!vector)
        return base_fail_nomem(err, info.d_model * sizeof *vector);
    RRK_TRY(rrk_encoder_embed(retriever->options.encoder, RRK_EMBED_QUERY, &query, 1, vector, err));
    return ret_vectors_search(&retriever->vectors, retriever->store, vector, info.d_model, out, n, err);
}

const ret_kind ret_dense = {.name = "dense", .uses_vectors = true, .retrieve = retrieve};
