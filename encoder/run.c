/*
 * Rows through the model: what the batcher's workers do with a batch. Each worker packs rows end to end into memory of
 * its own and carries them through all layers with a session of its own, so threads meet only over the queue.
 */
#include "encoder/run.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <string.h>

static void free_worker(const rrk_encoder *encoder, enc_worker *w)
{
    if (w->session)
        encoder->device->ops->session_free(w->session);
    base_free(w->ids);
    base_free(w->positions);
    base_free(w->types);
    base_free(w->start);
    base_free(w->queries);
    base_free(w->out);
}

void enc_workers_free(rrk_encoder *encoder)
{
    enc_batcher_free(encoder->batcher);
    for (int i = 0; encoder->workers && i < base_pool_size(encoder->pool); i++)
        free_worker(encoder, &encoder->workers[i]);
    enc_list_sessions_free(encoder);
    if (encoder->workers)
        pthread_mutex_destroy(&encoder->list_lock);
    base_free(encoder->workers);
    base_pool_free(encoder->pool);
}

rrk_status enc_workers_new(rrk_encoder *encoder, int n_threads, rrk_error *err)
{
    RRK_TRY(base_pool_new(&encoder->pool, n_threads, err));
    encoder->workers = base_calloc((size_t)n_threads, sizeof *encoder->workers);
    if (!encoder->workers)
        return base_fail_nomem(err, (size_t)n_threads * sizeof *encoder->workers);
    pthread_mutex_init(&encoder->list_lock, NULL);
    enc_shape shape = encoder->model->kind->shape(&encoder->config);
    const enc_ops *ops = encoder->device->ops;
    for (int i = 0; i < n_threads; i++)
        RRK_TRY(ops->session(encoder->device, &shape, &encoder->workers[i].session, err));
    return RRK_OK;
}

static rrk_status grow(void *array_of_pointer, size_t count, size_t size, rrk_error *err)
{
    void *fresh = base_alloc(count, size), *old;
    if (!fresh)
        return base_fail_nomem(err, count * size);
    memcpy(&old, array_of_pointer, sizeof old);
    base_free(old);
    memcpy(array_of_pointer, &fresh, sizeof fresh);
    return RRK_OK;
}

static rrk_status reserve(enc_worker *w, size_t n_tokens, size_t n_rows, size_t out_dim, rrk_error *err)
{
    if (n_tokens > w->cap_tokens) {
        w->cap_tokens = 0;
        RRK_TRY(grow(&w->ids, n_tokens, sizeof *w->ids, err));
        RRK_TRY(grow(&w->positions, n_tokens, sizeof *w->positions, err));
        RRK_TRY(grow(&w->types, n_tokens, sizeof *w->types, err));
        w->cap_tokens = n_tokens;
    }
    if (n_rows > w->cap_rows) {
        w->cap_rows = 0;
        RRK_TRY(grow(&w->start, n_rows + 1, sizeof *w->start, err));
        RRK_TRY(grow(&w->queries, n_rows, sizeof *w->queries, err));
        RRK_TRY(grow(&w->out, n_rows, out_dim * sizeof *w->out, err));
        w->cap_rows = n_rows;
    }
    return RRK_OK;
}

/* The batch may outlive the calls that brought its rows, so it holds their queries itself. */
static void hold_queries(enc_worker *w, const enc_pick *picks, size_t n_picks)
{
    for (size_t i = 0; i < n_picks; i++)
        w->queries[i] = enc_query_hold(picks[i].line->rows[picks[i].row].query);
    w->batch.queries = w->queries;
}

static void let_queries_go(enc_worker *w)
{
    for (size_t i = 0; i < w->batch.n_seqs; i++)
        enc_query_free(w->queries[i]);
}

/* Lays a batch's rows end to end. */
static rrk_status pack(void *ctx, int worker, const enc_pick *picks, size_t n_picks, rrk_error *err)
{
    rrk_encoder *encoder = ctx;
    enc_worker *w = &encoder->workers[worker];
    size_t n_tokens = 0;
    for (size_t i = 0; i < n_picks; i++)
        n_tokens += picks[i].line->rows[picks[i].row].n_ids;
    RRK_TRY(reserve(w, n_tokens, n_picks, enc_output_dim(encoder), err));
    uint32_t at = 0;
    for (size_t i = 0; i < n_picks; i++) {
        const enc_row *row = &picks[i].line->rows[picks[i].row];
        w->start[i] = at;
        memcpy(w->ids + at, row->ids, row->n_ids * sizeof *row->ids);
        for (uint32_t t = 0; t < row->n_ids; t++) {
            w->positions[at + t] = t;
            w->types[at + t] = t >= row->type1_from;
        }
        at += row->n_ids;
    }
    w->start[n_picks] = at;
    w->batch = (enc_batch){w->ids, w->positions, w->types, w->start, n_picks, at, NULL};
    hold_queries(w, picks, n_picks);
    return RRK_OK;
}

static rrk_status run_batch(void *ctx, int worker, const enc_stop *stop, const float **out, rrk_error *err)
{
    rrk_encoder *encoder = ctx;
    enc_worker *w = &encoder->workers[worker];
    *out = w->out;
    rrk_status status = encoder->model->kind->run(encoder->model, w->session, &w->batch, stop, w->out, err);
    let_queries_go(w);
    return status;
}

/* Views that are no tokens of a row go through the layers like some. */
static uint32_t n_beside(const rrk_encoder *encoder)
{
    return enc_reads_query_apart(encoder) ? encoder->config.n_views : 0;
}

static enc_batch_work work_of(rrk_encoder *encoder)
{
    return (enc_batch_work){pack, run_batch, encoder, enc_output_dim(encoder), n_beside(encoder)};
}

/* --- calibration --- */

static bool never(void *ctx)
{
    return false;
}

static void free_query(enc_query **query)
{
    enc_query_free(*query);
}

/* Rows of n_tokens in all, through the first worker, on this thread. */
static rrk_status measure(rrk_encoder *encoder, size_t n_tokens, int64_t *out_ns, rrk_error *err)
{
    enum { ROW_TOKENS = 32, MAX_MEASURED_ROWS = ENC_PLAN_SMALLEST_BATCH };
    static const int32_t IDS[ENC_MAX_VIEWS + ROW_TOKENS]; /* token 0, which every vocabulary has */
    /* Views are read at a row's beginning, or stand beside it. */
    size_t full_row = encoder->config.n_views - n_beside(encoder) + (size_t)ROW_TOKENS;
    uint32_t row_tokens = (uint32_t)RRK_MIN(encoder->max_tokens, full_row);
    enc_row row = {IDS, row_tokens, row_tokens, NULL};
    enc_query *query RRK_AUTO(free_query) = NULL;
    if (enc_reads_query_apart(encoder))
        RRK_TRY(enc_query_read(&query, encoder, &row, NULL, err));
    row.query = query;
    enc_line line = {.rows = &row, .n_rows = 1};
    enc_pick picks[MAX_MEASURED_ROWS];
    size_t n_rows = RRK_MAX(n_tokens / (row_tokens + n_beside(encoder)), (size_t)1);
    for (size_t i = 0; i < n_rows; i++)
        picks[i] = (enc_pick){&line, 0};
    enc_stop stop = {never, NULL};
    const float *out;
    RRK_TRY(pack(encoder, 0, picks, n_rows, err));
    int64_t start_ns = base_now_ns();
    RRK_TRY(run_batch(encoder, 0, &stop, &out, err));
    *out_ns = base_now_ns() - start_ns;
    return RRK_OK;
}

/* The better of two, so that a moment in which the machine was busy with something else seldom counts. */
rrk_status enc_calibrate(rrk_encoder *encoder, uint32_t batch_ms, size_t *out_tokens, rrk_error *err)
{
    int64_t warm_up_ns, first_ns, second_ns;
    RRK_TRY(measure(encoder, 1, &warm_up_ns, err));
    RRK_TRY(measure(encoder, ENC_PLAN_SMALLEST_BATCH, &first_ns, err));
    RRK_TRY(measure(encoder, ENC_PLAN_SMALLEST_BATCH, &second_ns, err));
    int64_t ns = RRK_MAX(RRK_MIN(first_ns, second_ns), (int64_t)1);
    int64_t n_steps = RRK_MIN(batch_ms * (int64_t)1000000 / ns, (int64_t)ENC_CALIBRATED_MAX_STEPS);
    bool decodes = encoder->config.head == RRK_HEAD_SEQ2SEQ;
    int64_t least = decodes ? ENC_CALIBRATED_MIN_DECODER_STEPS : ENC_CALIBRATED_MIN_STEPS;
    *out_tokens = (size_t)RRK_MAX(n_steps, least) * ENC_PLAN_SMALLEST_BATCH;
    return RRK_OK;
}

rrk_status enc_workers_start(rrk_encoder *encoder, size_t batch_tokens, rrk_error *err)
{
    enc_batch_work work = work_of(encoder);
    encoder->batch_tokens = batch_tokens;
    return enc_batcher_new(&encoder->batcher, &work, base_pool_size(encoder->pool), batch_tokens, err);
}

/* --- calls --- */

rrk_status enc_check_rows(const rrk_encoder *encoder, const enc_row *rows, size_t n_rows, rrk_error *err)
{
    uint32_t n_vocab = encoder->config.n_vocab;
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].n_ids == 0 || rows[i].n_ids > encoder->max_tokens)
            return base_fail(err, RRK_E_INVALID, 0, "row %zu has %u tokens, expected 1 to %zu", i, rows[i].n_ids,
                             encoder->max_tokens);
        for (uint32_t t = 0; t < rows[i].n_ids; t++) {
            if (rows[i].ids[t] < 0 || (uint32_t)rows[i].ids[t] >= n_vocab)
                return base_fail(err, RRK_E_INVALID, 0, "row %zu: token id %d is outside the vocabulary of %u", i,
                                 rows[i].ids[t], n_vocab);
        }
    }
    return RRK_OK;
}

static rrk_status check_queries(const rrk_encoder *encoder, const enc_row *rows, size_t n_rows, rrk_error *err)
{
    bool is_apart = enc_reads_query_apart(encoder);
    for (size_t i = 0; i < n_rows; i++) {
        if (is_apart != (rows[i].query != NULL))
            return base_fail(err, RRK_E_INVALID, 0, "row %zu %s", i,
                             is_apart ? "has no query" : "has a query, which the model does not read apart");
    }
    return RRK_OK;
}

rrk_status enc_run(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *out, const base_deadline *deadline,
                   rrk_error *err)
{
    RRK_TRY(enc_check_owner(encoder, err));
    RRK_TRY(enc_check_rows(encoder, rows, n_rows, err));
    RRK_TRY(check_queries(encoder, rows, n_rows, err));
    RRK_TRY(base_deadline_check(deadline, err));
    if (n_rows == 0)
        return RRK_OK;
    return enc_batcher_run(encoder->batcher, rows, n_rows, out, deadline, err);
}
