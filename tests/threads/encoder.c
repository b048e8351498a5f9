/*
 * The encoder's running half under ThreadSanitizer: threads that share one encoder, some cancelled, some failing. The
 * device is a fake whose sums can be told by hand; oneDNN and its OpenMP runtime are not instrumented and would report
 * races that are none.
 */
#include "base/alloc.h"
#include "base/rng.h"
#include "encoder/run.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_CALLERS = 16, N_THREADS = 3, N_ROUNDS = 200, N_ROWS = 24, MAX_TOKENS = 32, BATCH_TOKENS = 64 };
enum { N_LAYERS = 3, OPS_A_LAYER = 4, D_MODEL = 2, BAD_ID = 999 };

/* --- the device: a token's activation is one number, to which every operation of a layer adds 1 --- */

/* Nothing here is atomic or locked: two threads in one session are a race. */
struct enc_session {
    enc_batch batch;
    float x[BATCH_TOKENS];
};

static rrk_status fake_table(enc_device *device, const enc_weight *weight, enc_table **out, rrk_error *err)
{
    *out = NULL;
    return RRK_OK;
}

static rrk_status fake_linear(enc_device *device, const enc_weight *const *parts, const enc_weight *const *biases,
                              size_t n_parts, enc_linear **out, rrk_error *err)
{
    static char any; /* a model asks whether it has a layer */
    *out = (enc_linear *)&any;
    return RRK_OK;
}

static rrk_status fake_norm(enc_device *device, const enc_weight *gain, const enc_weight *shift, float eps,
                            enc_norm **out, rrk_error *err)
{
    *out = NULL;
    return RRK_OK;
}

static rrk_status fake_session(enc_device *device, const enc_shape *shape, enc_session **out, rrk_error *err)
{
    *out = base_calloc(1, sizeof **out);
    return *out ? RRK_OK : base_fail_nomem(err, sizeof **out);
}

static void fake_session_free(enc_session *session)
{
    base_free(session);
}

static rrk_status fake_begin(enc_session *session, const enc_batch *batch, rrk_error *err)
{
    session->batch = *batch;
    return RRK_OK;
}

static rrk_status fake_embed(enc_session *session, enc_slot x, const enc_table *words, const enc_table *positions,
                             const enc_table *types, const enc_norm *norm, rrk_error *err)
{
    const enc_batch *batch = &session->batch;
    for (size_t t = 0; t < batch->n_tokens; t++) {
        if (batch->ids[t] == BAD_ID)
            return base_fail(err, RRK_E_DEVICE, 0, "the device broke");
        session->x[t] = (float)batch->ids[t] + (float)batch->positions[t] + 3 * (float)batch->types[t];
    }
    return RRK_OK;
}

static rrk_status add_one(enc_session *session)
{
    for (size_t t = 0; t < session->batch.n_tokens; t++)
        session->x[t]++;
    return RRK_OK;
}

static rrk_status fake_project(enc_session *session, const enc_linear *w, enc_slot in, enc_slot out, rrk_error *err)
{
    return add_one(session);
}

static rrk_status fake_attention(enc_session *session, const enc_attention *options, enc_slot qkv, enc_slot out,
                                 rrk_error *err)
{
    return add_one(session);
}

static rrk_status fake_project_add_norm(enc_session *session, const enc_linear *w, const enc_norm *norm, enc_slot in,
                                        enc_slot x, rrk_error *err)
{
    return add_one(session);
}

static rrk_status fake_feed_forward(enc_session *session, const enc_linear *w1, enc_activation activation,
                                    const enc_linear *w2, const enc_norm *norm, enc_slot x, rrk_error *err)
{
    return add_one(session);
}

static rrk_status fake_pool(enc_session *session, enc_pooling pooling, bool normalize, enc_slot in, enc_slot out,
                            rrk_error *err)
{
    return RRK_OK;
}

/* A sequence's vector: the sum of its activations and how many there are. */
static rrk_status fake_download(enc_session *session, enc_slot slot, float *out, rrk_error *err)
{
    const enc_batch *batch = &session->batch;
    for (size_t s = 0; s < batch->n_seqs; s++) {
        float sum = 0;
        for (uint32_t t = batch->start[s]; t < batch->start[s + 1]; t++)
            sum += session->x[t];
        out[s * D_MODEL] = sum;
        out[s * D_MODEL + 1] = (float)(batch->start[s + 1] - batch->start[s]);
    }
    return RRK_OK;
}

static const enc_ops FAKE_OPS = {
    .table = fake_table,
    .linear = fake_linear,
    .norm = fake_norm,
    .session = fake_session,
    .session_free = fake_session_free,
    .begin = fake_begin,
    .embed = fake_embed,
    .project = fake_project,
    .attention = fake_attention,
    .project_add_norm = fake_project_add_norm,
    .feed_forward = fake_feed_forward,
    .pool = fake_pool,
    .download = fake_download,
};

/* --- what bert.c and run.c ask of files that are not linked here --- */

const enc_weight *enc_weights_find(const enc_weights *weights, const char *name)
{
    return NULL;
}

rrk_status enc_weights_require(const enc_weights *weights, const char *name, uint32_t n_dims, const size_t *shape,
                               const enc_weight **out, rrk_error *err)
{
    static const enc_weight ANY;
    *out = &ANY;
    return RRK_OK;
}

bool enc_reads_query_apart(const rrk_encoder *encoder)
{
    return encoder->config.mvp.is_block;
}

rrk_status enc_check_owner(const rrk_encoder *encoder, rrk_error *err)
{
    return base_owner_check(&encoder->owner, "encoder", err);
}

size_t enc_output_dim(const rrk_encoder *encoder)
{
    return encoder->config.d_model;
}

/* --- callers --- */

typedef struct request {
    int32_t ids[N_ROWS][MAX_TOKENS];
    enc_row rows[N_ROWS];
    float out[N_ROWS][D_MODEL];
    pthread_t caller;
    int cancel_at; /* the call of cancel that says stop; 0: none does */
    int n_asked;
    bool elsewhere; /* cancel was called on another thread */
} request;

static int cancel(void *ctx)
{
    request *r = ctx;
    r->elsewhere |= !pthread_equal(r->caller, pthread_self());
    return ++r->n_asked == r->cancel_at;
}

static void fill(request *r, uint64_t seed)
{
    uint64_t at = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        uint32_t n = 1 + (uint32_t)(base_rng_at(seed, at++) % MAX_TOKENS);
        for (uint32_t t = 0; t < n; t++)
            r->ids[i][t] = (int32_t)(base_rng_at(seed, at++) % BAD_ID);
        r->rows[i] = (enc_row){r->ids[i], n, n / 2, NULL};
    }
}

static bool is_right(const request *r)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        const enc_row *row = &r->rows[i];
        float sum = 0;
        for (uint32_t t = 0; t < row->n_ids; t++)
            sum += (float)row->ids[t] + (float)t + (t >= row->type1_from ? 3 : 0) + N_LAYERS * OPS_A_LAYER;
        if (r->out[i][0] != sum || r->out[i][1] != (float)row->n_ids)
            return false;
    }
    return true;
}

/*
 * One call in two is cancelled when it is asked for the nth time whether to go on, if it is asked that often. Where bad
 * rows are about, one in three has some, and whoever shares a batch with them may fail as well, but only like them.
 */
static bool one_call(rrk_encoder *encoder, int round, uint64_t seed, bool bad_rows)
{
    request r = {.caller = pthread_self()};
    fill(&r, seed);
    bool fails = bad_rows && round % 3 == 1;
    if (round % 2 && !fails)
        r.cancel_at = 1 + round % 7;
    for (size_t i = 0; fails && i < N_ROWS; i += 2)
        r.ids[i][0] = BAD_ID;
    base_deadline deadline = base_deadline_in(0, cancel, &r);
    rrk_error err = {0};
    rrk_status status = enc_run(encoder, r.rows, N_ROWS, &r.out[0][0], &deadline, &err);
    if (r.elsewhere || err.status != (int)status)
        return false;
    if (r.cancel_at && r.n_asked >= r.cancel_at)
        return status == RRK_E_CANCELLED;
    if (fails || (bad_rows && status != RRK_OK))
        return status == RRK_E_DEVICE && strcmp(err.message, "the device broke") == 0;
    return status == RRK_OK && is_right(&r);
}

typedef struct caller {
    pthread_t thread;
    rrk_encoder *encoder;
    uint64_t seed;
    bool bad_rows;
    int n_wrong;
} caller;

static void *call(void *arg)
{
    caller *me = arg;
    for (int round = 0; round < N_ROUNDS; round++)
        me->n_wrong += !one_call(me->encoder, round, me->seed + (uint64_t)round, me->bad_rows);
    return NULL;
}

static rrk_status make(rrk_encoder *encoder, enc_device *device, rrk_error *err)
{
    *encoder = (rrk_encoder){
        .owner = base_owner_here(),
        .config = {.n_layers = N_LAYERS,
                   .d_model = D_MODEL,
                   .n_heads = 1,
                   .d_ff = 1,
                   .n_positions = 1,
                   .n_types = 1,
                   .n_vocab = BAD_ID + 1},
        .device = device,
        .max_tokens = MAX_TOKENS,
    };
    RRK_TRY(enc_bert_model.load(&encoder->model, device, &encoder->config, NULL, err));
    RRK_TRY(enc_workers_new(encoder, N_THREADS, err));
    return enc_workers_start(encoder, BATCH_TOKENS, err);
}

static int all_calls(rrk_encoder *encoder, bool bad_rows)
{
    caller callers[N_CALLERS];
    int n_wrong = 0;
    for (int i = 0; i < N_CALLERS; i++) {
        callers[i] = (caller){.encoder = encoder, .seed = 1000 * (uint64_t)i, .bad_rows = bad_rows};
        if (pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0)
            abort();
    }
    for (int i = 0; i < N_CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        n_wrong += callers[i].n_wrong;
    }
    return n_wrong;
}

int main(void)
{
    enc_device device = {.ops = &FAKE_OPS, .dtype = RRK_DTYPE_F32};
    rrk_encoder encoder;
    if (make(&encoder, &device, NULL) != RRK_OK)
        return 1;
    int n_wrong = all_calls(&encoder, false) + all_calls(&encoder, true);
    enc_workers_free(&encoder);
    enc_bert_model.free(encoder.model);
    printf("%d of %d calls went wrong\n", n_wrong, 2 * N_CALLERS * N_ROUNDS);
    return n_wrong != 0;
}
