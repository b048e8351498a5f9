/*
 * What lists ask an encoder for, under ThreadSanitizer: threads that read queries and ask for anchors at once, some of
 * them from within a cancel callback. The model is a fake that counts in its session.
 */
#include "base/alloc.h"
#include "encoder/run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_CALLERS = 12, N_ROUNDS = 300, N_LAYERS = 3 };

/* Not atomic: two calls in one session are a race. */
struct enc_session {
    int in_use;
    float sum;
};

static atomic_int n_sessions;

static rrk_status fake_session(enc_device *device, const enc_shape *shape, enc_session **out, rrk_error *err)
{
    *out = base_calloc(1, sizeof **out);
    atomic_fetch_add(&n_sessions, 1);
    return *out ? RRK_OK : base_fail_nomem(err, sizeof **out);
}

static void fake_session_free(enc_session *session)
{
    atomic_fetch_sub(&n_sessions, 1);
    base_free(session);
}

static const enc_ops FAKE_OPS = {.session = fake_session, .session_free = fake_session_free};

static enc_shape fake_shape(const enc_config *config)
{
    return (enc_shape){0};
}

static size_t fake_query_floats(const enc_config *config, size_t n_tokens)
{
    return 1;
}

/* begin + n, unless it is stopped; two at once in one session give something else. */
static rrk_status count(enc_session *session, float begin, size_t n, const enc_stop *stop, float *out)
{
    if (session->in_use++)
        abort();
    session->sum = begin;
    bool stopped = false;
    for (int layer = 0; layer < N_LAYERS && !stopped; layer++)
        stopped = stop->asked(stop->ctx);
    session->sum += (float)n;
    *out = session->sum;
    session->in_use--;
    return stopped ? RRK_E_CANCELLED : RRK_OK;
}

static rrk_status fake_anchors(const enc_model *model, enc_session *session, const float *vectors, size_t n,
                               const enc_stop *stop, float *scores, float *anchors, rrk_error *err)
{
    return count(session, vectors[0], n, stop, scores);
}

static rrk_status fake_query(const enc_model *model, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                             float *out, rrk_error *err)
{
    return count(session, (float)batch->ids[0], batch->n_tokens, stop, out);
}

static const enc_model_kind FAKE_KIND = {
    .shape = fake_shape, .query_floats = fake_query_floats, .query = fake_query, .anchors = fake_anchors};

/* --- what list.c asks of files that are not linked here --- */

rrk_status enc_check_owner(const rrk_encoder *encoder, rrk_error *err)
{
    return base_owner_check(&encoder->owner, "encoder", err);
}

bool enc_reads_query_apart(const rrk_encoder *encoder)
{
    return true;
}

rrk_status enc_check_rows(const rrk_encoder *encoder, const enc_row *rows, size_t n_rows, rrk_error *err)
{
    return RRK_OK;
}

/* --- callers --- */

typedef struct caller {
    pthread_t thread;
    rrk_encoder *encoder;
    int number;
    int n_wrong;
    int n_looks;
    int stop_at;   /* the look that says stop; 0: none does */
    int nested_at; /* the look that makes calls of its own; 0: none does */
} caller;

static int look(void *ctx);

static bool is_as_expected(const caller *c, rrk_status status, float got, float expected)
{
    if (c->stop_at && c->n_looks >= c->stop_at)
        return status == RRK_E_CANCELLED;
    return status == RRK_OK && got == expected;
}

static void ask_anchors(caller *c)
{
    float vector = (float)c->number, score = 0;
    base_deadline deadline = base_deadline_in(0, look, c);
    c->n_looks = 0;
    rrk_status status = enc_anchors(c->encoder, &vector, 5, &score, NULL, &deadline, NULL);
    c->n_wrong += !is_as_expected(c, status, score, vector + 5);
}

static void ask_query(caller *c)
{
    int32_t ids[] = {c->number, 0, 0};
    enc_row row = {ids, 3, 3, NULL};
    enc_query *query = NULL;
    base_deadline deadline = base_deadline_in(0, look, c);
    c->n_looks = 0;
    rrk_status status = enc_query_read(&query, c->encoder, &row, &deadline, NULL);
    c->n_wrong += !is_as_expected(c, status, query ? query->kept[0] : 0, (float)c->number + 3);
    enc_query_free(query);
}

static int look(void *ctx)
{
    caller *c = ctx;
    c->n_looks++;
    if (c->n_looks == c->nested_at) {
        caller inner = {.encoder = c->encoder, .number = c->number + 1000};
        ask_anchors(&inner);
        ask_query(&inner);
        c->n_wrong += inner.n_wrong;
    }
    return c->n_looks == c->stop_at;
}

static void *call(void *arg)
{
    caller *me = arg;
    for (int round = 0; round < N_ROUNDS; round++) {
        me->stop_at = round % 3 == 1 ? 1 + round % 4 : 0;
        me->nested_at = round % 2 ? 1 + round % 3 : 0;
        ask_anchors(me);
        ask_query(me);
    }
    return NULL;
}

int main(void)
{
    enc_device device = {.ops = &FAKE_OPS};
    enc_model model = {.kind = &FAKE_KIND};
    rrk_encoder encoder = {.owner = base_owner_here(),
                           .config = {.head = RRK_HEAD_VIEWS, .n_views = 1},
                           .device = &device,
                           .model = &model,
                           .list_lock = PTHREAD_MUTEX_INITIALIZER};
    caller callers[N_CALLERS];
    int n_wrong = 0;
    for (int i = 0; i < N_CALLERS; i++) {
        callers[i] = (caller){.encoder = &encoder, .number = i};
        if (pthread_create(&callers[i].thread, NULL, call, &callers[i]) != 0)
            abort();
    }
    for (int i = 0; i < N_CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        n_wrong += callers[i].n_wrong;
    }
    int n_kept = atomic_load(&n_sessions);
    enc_list_sessions_free(&encoder);
    printf("%d of %d calls went wrong, %d sessions were kept\n", n_wrong, 2 * N_CALLERS * N_ROUNDS, n_kept);
    return n_wrong != 0 || n_kept > ENC_KEPT_LIST_SESSIONS || atomic_load(&n_sessions) != 0;
}
