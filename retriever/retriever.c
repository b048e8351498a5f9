/* Opening retrievers and the checks that all kinds share; the kinds are in files of their own. */
#include "retriever/retriever.h"
#include "base/alloc.h"
#include "base/text.h"

#include <math.h>

static const ret_kind *const KINDS[] = {&ret_bm25, &ret_dense, &ret_hybrid};

static rrk_status find_kind(const char *name, const ret_kind **out, rrk_error *err)
{
    for (size_t i = 0; i < RRK_COUNT(KINDS); i++) {
        if (strcmp(KINDS[i]->name, name) == 0) {
            *out = KINDS[i];
            return RRK_OK;
        }
    }
    return base_fail(err, RRK_E_INVALID, 0, "unknown retriever '%s': known are bm25, dense, hybrid", name);
}

static rrk_status check_options(const rrk_retriever_options *o, const ret_kind *kind, rrk_error *err)
{
    if (!(o->bm25_k1 >= 0) || !isfinite(o->bm25_k1))
        return base_fail(err, RRK_E_INVALID, 0, "bm25_k1 is %g, expected 0 or more", o->bm25_k1);
    if (!(o->bm25_b >= 0 && o->bm25_b <= 1))
        return base_fail(err, RRK_E_INVALID, 0, "bm25_b is %g, expected 0 to 1", o->bm25_b);
    if (o->rrf_k < 0)
        return base_fail(err, RRK_E_INVALID, 0, "rrf_k is %d, expected 0 or more", o->rrf_k);
    if (kind->uses_vectors && !o->encoder)
        return base_fail(err, RRK_E_INVALID, 0, "retriever '%s' needs an encoder", kind->name);
    return RRK_OK;
}

rrk_status rrk_retriever_open(rrk_retriever **out, const char *name, rrk_store *store,
                              const rrk_retriever_options *options, rrk_error *err)
{
    base_error_clear(err);
    if (!out || !name || !store)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !out ? "out" : !name ? "name" : "store");
    *out = NULL;
    rrk_retriever_options taken;
    rrk_retriever_options_init(&taken);
    BASE_TAKE_OPTIONS(&taken, options);
    const ret_kind *kind = NULL;
    RRK_TRY(find_kind(name, &kind, err));
    RRK_TRY(check_options(&taken, kind, err));
    if (kind->uses_vectors)
        RRK_TRY(ret_vectors_check(store, taken.encoder, err));
    rrk_retriever *retriever = base_calloc(1, sizeof *retriever);
    if (!retriever)
        return base_fail_nomem(err, sizeof *retriever);
    *retriever = (rrk_retriever){.owner = base_owner_here(), .kind = kind, .store = store, .options = taken};
    ret_vectors_init(&retriever->vectors);
    *out = retriever;
    return RRK_OK;
}

void rrk_retriever_close(rrk_retriever *retriever)
{
    if (!retriever)
        return;
    ret_vectors_free(&retriever->vectors);
    base_free(retriever);
}

static rrk_status check_call(const rrk_retriever *retriever, rrk_text query, const rrk_candidate *candidates, size_t n,
                             rrk_error *err)
{
    if (!retriever || (!candidates && n))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !retriever ? "retriever" : "candidates");
    RRK_TRY(base_owner_check(&retriever->owner, "retriever", err));
    if (n > RRK_RETRIEVER_MAX_TOP_K)
        return base_fail(err, RRK_E_INVALID, 0, "%zu candidates are asked for, at most %d can be had", n,
                         RRK_RETRIEVER_MAX_TOP_K);
    return base_text_check_query(query, err);
}

rrk_status rrk_retriever_retrieve(rrk_retriever *retriever, rrk_text query, rrk_candidate *candidates,
                                  size_t *n_candidates, rrk_error *err)
{
    base_error_clear(err);
    if (!n_candidates)
        return base_fail(err, RRK_E_INVALID, 0, "n_candidates is NULL");
    size_t n = *n_candidates;
    *n_candidates = 0; /* on failure, too: a capacity is not to be taken for a count */
    RRK_TRY(check_call(retriever, query, candidates, n, err));
    if (n == 0)
        return RRK_OK;
    RRK_TRY(retriever->kind->retrieve(retriever, query, candidates, &n, err));
    *n_candidates = n;
    return RRK_OK;
}
