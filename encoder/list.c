/*
 * What a list is asked for as a whole: its query, where a model reads that apart from the passages, and its anchors.
 * Both run on the calling thread, where cancel callbacks are promised to run, with sessions of their own: the workers'
 * are busy with the batches of other calls. Each call has a session to itself and no lock, so that it waits for nobody
 * else's callback, and a callback may rank a list of its own.
 */
#include "base/alloc.h"
#include "encoder/run.h"

/* --- stopping --- */

/* Remembers the answer: a callback that said stop once need not say so again. */
typedef struct list_stop {
    const base_deadline *deadline;
    rrk_status status;
    rrk_error error;
} list_stop;

static bool has_passed(void *ctx)
{
    list_stop *stop = ctx;
    if (stop->status == RRK_OK)
        stop->status = base_deadline_check(stop->deadline, &stop->error);
    return stop->status != RRK_OK;
}

static enc_stop asks(list_stop *stop)
{
    return (enc_stop){has_passed, stop};
}

/* The deadline's word, where there is one, stands for the model's that it was stopped. */
static rrk_status conclude(const list_stop *stop, rrk_status status, rrk_error *err)
{
    if (stop->status != RRK_OK)
        return base_fail(err, stop->status, 0, "%s", stop->error.message);
    return status;
}

/* --- sessions --- */

static rrk_status take_session(rrk_encoder *encoder, enc_session **out, rrk_error *err)
{
    pthread_mutex_lock(&encoder->list_lock);
    *out = encoder->n_list_sessions ? encoder->list_sessions[--encoder->n_list_sessions] : NULL;
    pthread_mutex_unlock(&encoder->list_lock);
    if (*out)
        return RRK_OK;
    enc_shape shape = encoder->model->kind->shape(&encoder->config);
    return encoder->device->ops->session(encoder->device, &shape, out, err);
}

static void give_back(rrk_encoder *encoder, enc_session *session)
{
    pthread_mutex_lock(&encoder->list_lock);
    bool is_kept = encoder->n_list_sessions < ENC_KEPT_LIST_SESSIONS;
    if (is_kept)
        encoder->list_sessions[encoder->n_list_sessions++] = session;
    pthread_mutex_unlock(&encoder->list_lock);
    if (!is_kept)
        encoder->device->ops->session_free(session);
}

void enc_list_sessions_free(rrk_encoder *encoder)
{
    while (encoder->n_list_sessions)
        encoder->device->ops->session_free(encoder->list_sessions[--encoder->n_list_sessions]);
}

/* --- anchors --- */

rrk_status enc_anchors(rrk_encoder *encoder, const float *vectors, size_t n, float *scores, float *anchors,
                       const base_deadline *deadline, rrk_error *err)
{
    const enc_model *model = encoder->model;
    RRK_TRY(enc_check_owner(encoder, err));
    RRK_TRY(base_deadline_check(deadline, err));
    if (encoder->config.head != RRK_HEAD_VIEWS || n == 0)
        return base_fail(err, RRK_E_INVALID, 0, "anchors of %zu vectors of a model with %u views", n,
                         encoder->config.n_views);
    list_stop stop = {.deadline = deadline};
    enc_stop stops = asks(&stop);
    enc_session *session;
    RRK_TRY(take_session(encoder, &session, err));
    rrk_status status = model->kind->anchors(model, session, vectors, n, &stops, scores, anchors, err);
    give_back(encoder, session);
    return conclude(&stop, status, err);
}

/* --- queries --- */

enc_query *enc_query_hold(enc_query *query)
{
    if (query)
        atomic_fetch_add(&query->n_holders, 1);
    return query;
}

void enc_query_free(enc_query *query)
{
    if (query && atomic_fetch_sub(&query->n_holders, 1) == 1)
        base_free(query);
}

static void free_query(enc_query **query)
{
    enc_query_free(*query);
}

static rrk_status query_new(enc_query **out, const rrk_encoder *encoder, size_t n_tokens, rrk_error *err)
{
    enc_query *query;
    size_t n_bytes = encoder->model->kind->query_floats(&encoder->config, n_tokens) * sizeof *query->kept;
    query = base_alloc(1, sizeof *query + n_bytes);
    if (!query)
        return base_fail_nomem(err, n_bytes);
    atomic_init(&query->n_holders, 1);
    query->n_tokens = n_tokens;
    *out = query;
    return RRK_OK;
}

static rrk_status run_query(rrk_encoder *encoder, const enc_row *row, const enc_stop *stop, enc_query *query,
                            rrk_error *err)
{
    size_t n = row->n_ids;
    uint32_t *positions RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *positions), start[] = {0, row->n_ids};
    uint8_t *types RRK_AUTO(base_free_ptr) = base_calloc(n, sizeof *types);
    if (!positions || !types)
        return base_fail_nomem(err, n * sizeof *positions);
    for (uint32_t t = 0; t < row->n_ids; t++)
        positions[t] = t;
    enc_batch batch = {
        .ids = row->ids, .positions = positions, .types = types, .start = start, .n_seqs = 1, .n_tokens = n};
    enc_session *session;
    RRK_TRY(take_session(encoder, &session, err));
    rrk_status status = encoder->model->kind->query(encoder->model, session, &batch, stop, query->kept, err);
    give_back(encoder, session);
    return status;
}

rrk_status enc_query_read(enc_query **out, rrk_encoder *encoder, const enc_row *row, const base_deadline *deadline,
                          rrk_error *err)
{
    *out = NULL;
    RRK_TRY(enc_check_owner(encoder, err));
    if (!enc_reads_query_apart(encoder))
        return base_fail(err, RRK_E_INVALID, 0, "model '%s' reads no query apart", encoder->name);
    RRK_TRY(enc_check_rows(encoder, row, 1, err));
    RRK_TRY(base_deadline_check(deadline, err));
    enc_query *query RRK_AUTO(free_query) = NULL;
    RRK_TRY(query_new(&query, encoder, row->n_ids, err));
    list_stop stop = {.deadline = deadline};
    enc_stop stops = asks(&stop);
    RRK_TRY(conclude(&stop, run_query(encoder, row, &stops, query, err), err));
    *out = RRK_STEAL(query);
    return RRK_OK;
}
