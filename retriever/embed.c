/*
 * Vectors into a store. Lives here because store and encoder do not know each other. Each round reads passages without
 * a vector, embeds them and commits them, so an interrupted run has lost one round at most.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "encoder/encoder.h"
#include "retriever/retriever.h"
#include "store/store.h"

enum { PASSAGES_PER_ROUND = 512, MAX_JOINED_BYTES = 1 << 30, MAX_ROUNDS_AGAIN = 1000 };

typedef struct embedding {
    rrk_store *store;
    rrk_encoder *encoder;
    rrk_embed_progress_fn progress; /* may be NULL */
    void *progress_ctx;
    const rrk_embed_stats *stats; /* as of the last round */
    uint32_t dim;
    rrk_text *texts; /* [PASSAGES_PER_ROUND] */
    size_t *offsets; /* [PASSAGES_PER_ROUND + 1] into joined */
    float *vectors;  /* [PASSAGES_PER_ROUND, dim] */
    base_buf joined; /* "title text" of the round's passages */
} embedding;

static void free_embedding(embedding *e)
{
    base_free(e->texts);
    base_free(e->offsets);
    base_free(e->vectors);
    base_buf_free(&e->joined);
}

static rrk_status join_texts(embedding *e, const rrk_passage *passages, size_t n, rrk_error *err)
{
    base_buf_clear(&e->joined);
    for (size_t i = 0; i < n; i++) {
        e->offsets[i] = e->joined.len;
        RRK_TRY(base_buf_append(&e->joined, passages[i].title.data, passages[i].title.len, err));
        if (passages[i].title.len && passages[i].text.len)
            RRK_TRY(base_buf_append_char(&e->joined, ' ', err));
        RRK_TRY(base_buf_append(&e->joined, passages[i].text.data, passages[i].text.len, err));
    }
    e->offsets[n] = e->joined.len;
    for (size_t i = 0; i < n; i++)
        e->texts[i] = (rrk_text){e->joined.data + e->offsets[i], e->offsets[i + 1] - e->offsets[i]};
    return RRK_OK;
}

/* A round takes seconds, so whoever would stop it is asked while it runs. */
static int says_stop(void *ctx)
{
    const embedding *e = ctx;
    return e->progress && e->progress(e->stats, e->progress_ctx);
}

static rrk_status cancelled(const embedding *e, rrk_error *err)
{
    base_error_clear(err);
    return base_fail(err, RRK_E_CANCELLED, 0, "cancelled after %llu passages",
                     (unsigned long long)e->stats->n_embedded);
}

static rrk_status embed_round(embedding *e, const int64_t *rows, size_t n, rrk_error *err)
{
    rrk_passage_list *list = NULL;
    RRK_TRY(rrk_store_fetch(e->store, rows, n, &list, err));
    rrk_status status = join_texts(e, rrk_passage_list_items(list, NULL), n, err);
    rrk_passage_list_free(list);
    RRK_TRY(status);
    base_deadline deadline = base_deadline_in(0, e->progress ? says_stop : NULL, e);
    RRK_TRY(enc_embed(e->encoder, RRK_EMBED_PASSAGE, e->texts, n, e->vectors, &deadline, err));
    return store_vectors_put(e->store, rows, e->vectors, n, err);
}

static rrk_status embed_all(embedding *e, rrk_embed_stats *stats, rrk_error *err)
{
    int64_t start = base_now_ns(), last = INT64_MIN;
    int64_t rows[PASSAGES_PER_ROUND];
    size_t n_again = 0;
    for (;;) {
        size_t n = PASSAGES_PER_ROUND;
        RRK_TRY(store_vectors_missing(e->store, last, rows, &n, err));
        if (n == 0)
            return RRK_OK;
        rrk_status status = embed_round(e, rows, n, err);
        /* An import may have removed a passage since its row was read: the round begins again without it. */
        if (status == RRK_E_NOTFOUND && n_again++ < MAX_ROUNDS_AGAIN) {
            base_error_clear(err);
            continue;
        }
        if (status == RRK_E_CANCELLED)
            return cancelled(e, err);
        RRK_TRY(status);
        last = rows[n - 1];
        stats->n_embedded += n;
        stats->elapsed_s = base_ms_since(start) / 1e3;
        if (says_stop(e))
            return cancelled(e, err);
    }
}

static rrk_status begin(embedding *e, int replace, rrk_embed_stats *stats, rrk_error *err)
{
    rrk_encoder_info info = {.size = sizeof info};
    RRK_TRY(rrk_encoder_get_info(e->encoder, &info, err));
    if (info.head != RRK_HEAD_EMBEDDING)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "model '%s' has no embedding head", info.name);
    e->dim = info.d_model;
    e->joined.max = MAX_JOINED_BYTES;
    e->texts = base_calloc(PASSAGES_PER_ROUND, sizeof *e->texts);
    e->offsets = base_calloc(PASSAGES_PER_ROUND + 1, sizeof *e->offsets);
    e->vectors = base_calloc((size_t)PASSAGES_PER_ROUND * e->dim, sizeof *e->vectors);
    if (!e->texts || !e->offsets || !e->vectors)
        return base_fail_nomem(err, (size_t)PASSAGES_PER_ROUND * e->dim * sizeof *e->vectors);
    char model[RET_MODEL_SIZE];
    ret_model_name(&info, model);
    RRK_TRY(store_vectors_begin(e->store, model, info.d_model, replace != 0, err));
    return store_vectors_count_missing(e->store, &stats->n_total, err);
}

rrk_status rrk_embed_passages(rrk_store *store, rrk_encoder *encoder, int replace, rrk_embed_progress_fn progress,
                              void *progress_ctx, rrk_embed_stats *stats, rrk_error *err)
{
    base_error_clear(err);
    if (!store || !encoder)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !store ? "store" : "encoder");
    rrk_embed_stats now = {.size = sizeof now};
    embedding e RRK_AUTO(free_embedding) = {
        .store = store, .encoder = encoder, .progress = progress, .progress_ctx = progress_ctx, .stats = &now};
    rrk_status status = begin(&e, replace, &now, err);
    if (status == RRK_OK)
        status = embed_all(&e, &now, err);
    if (stats)
        BASE_GIVE_STATS(stats, &now);
    return status;
}
