/*
 * Lists that are asked for at once: whoever's cancel callback takes its time holds up nobody else, and a callback may
 * use the encoder that called it.
 */
#include "encoder/run.h"
#include "tiny_block.h"
#include "tiny_spiece.h"

#include <pthread.h>

enum { N_ROWS = 3 };

typedef struct rig {
    folder f;
    rrk_encoder *encoder;
    float *vectors; /* [N_ROWS, floats a row] */
    float scores[N_ROWS * T5_N_VIEWS];
} rig;

static rig rig_open(bool is_block)
{
    rig r = {.f = folder_new()};
    rrk_encoder_options options;
    rrk_error err = {0};
    rrk_encoder_options_init(&options);
    options.n_threads = 1;
    options.batch_tokens = 100;
    if (is_block) {
        block_write(&r.f, &BLOCK_SHAPES[0], NULL, "");
    } else {
        t5_write(&r.f, t5_shape_of("mvp10"), NULL);
        tiny_write_spiece(&r.f);
        options.n_views = T5_N_VIEWS;
    }
    cr_assert_eq(rrk_encoder_open(&r.encoder, r.f.dir, &options, &err), RRK_OK, "%s", err.message);
    size_t n_floats = N_ROWS * enc_output_dim(r.encoder);
    r.vectors = calloc(n_floats, sizeof *r.vectors);
    for (size_t i = 0; i < n_floats; i++)
        r.vectors[i] = 0.01f * (float)(i % 17);
    cr_assert_eq(enc_anchors(r.encoder, r.vectors, N_ROWS, r.scores, NULL, NULL, &err), RRK_OK, "%s", err.message);
    return r;
}

static void rig_close(rig *r)
{
    free(r->vectors);
    rrk_encoder_close(r->encoder);
    folder_remove(&r->f);
}

static void ask(rig *r, const base_deadline *deadline)
{
    float scores[N_ROWS * T5_N_VIEWS] = {0};
    rrk_error err = {0};
    cr_assert_eq(enc_anchors(r->encoder, r->vectors, N_ROWS, scores, NULL, deadline, &err), RRK_OK, "%s", err.message);
    cr_assert_arr_eq(scores, r->scores, sizeof scores);
}

static void ask_query(rig *r, const base_deadline *deadline)
{
    static const int32_t IDS[] = {2, 7, 9, 3};
    enc_row row = {IDS, RRK_COUNT(IDS), RRK_COUNT(IDS), NULL};
    enc_query *query;
    rrk_error err = {0};
    cr_assert_eq(enc_query_read(&query, r->encoder, &row, deadline, &err), RRK_OK, "%s", err.message);
    enc_query_free(query);
}

/* --- a callback that asks for a list of its own, whose callback asks for another --- */

typedef struct nest {
    rig *rig;
    void (*ask)(rig *r, const base_deadline *deadline);
    int n_looks; /* before the model begins, and then between layers */
    struct nest *inner;
} nest;

static int ask_inside(void *ctx)
{
    nest *n = ctx;
    if (++n->n_looks != 2 || !n->inner)
        return 0;
    base_deadline deadline = base_deadline_in(0, ask_inside, n->inner);
    n->inner->ask(n->rig, &deadline);
    return 0;
}

static void ask_nested(rig *r, size_t depth)
{
    nest nests[ENC_KEPT_LIST_SESSIONS + 1] = {0};
    for (size_t i = 0; i < depth; i++)
        nests[i] = (nest){r, i % 2 && enc_reads_query_apart(r->encoder) ? ask_query : ask, 0,
                          i + 1 < depth ? &nests[i + 1] : NULL};
    base_deadline deadline = base_deadline_in(0, ask_inside, &nests[0]);
    nests[0].ask(r, &deadline);
    for (size_t i = 0; i < depth; i++)
        cr_assert_geq(nests[i].n_looks, 2);
}

Test(list, a_callback_may_use_the_encoder_that_called_it, .timeout = 60)
{
    for (int is_block = 0; is_block < 2; is_block++) {
        rig r = rig_open(is_block);
        ask_nested(&r, 3);
        rig_close(&r);
    }
}

Test(list, so_many_sessions_are_kept_and_not_one_more, .timeout = 60)
{
    rig r = rig_open(false);
    ask_nested(&r, ENC_KEPT_LIST_SESSIONS);
    cr_assert_eq(r.encoder->n_list_sessions, ENC_KEPT_LIST_SESSIONS);
    ask_nested(&r, ENC_KEPT_LIST_SESSIONS + 1);
    cr_assert_eq(r.encoder->n_list_sessions, ENC_KEPT_LIST_SESSIONS);
    rig_close(&r);
}

/* --- a callback that takes its time --- */

typedef struct slow_call {
    rig *rig;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_inside;
    bool may_go_on;
    int n_looks;
} slow_call;

static int take_time(void *ctx)
{
    slow_call *c = ctx;
    if (++c->n_looks != 2)
        return 0;
    pthread_mutex_lock(&c->lock);
    c->is_inside = true;
    pthread_cond_broadcast(&c->changed);
    while (!c->may_go_on)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return 0;
}

static void *ask_slowly(void *arg)
{
    slow_call *c = arg;
    base_deadline deadline = base_deadline_in(0, take_time, c);
    ask(c->rig, &deadline);
    return NULL;
}

Test(list, nobody_waits_for_anothers_callback, .timeout = 60)
{
    rig r = rig_open(true);
    slow_call c = {.rig = &r, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, ask_slowly, &c), 0);
    pthread_mutex_lock(&c.lock);
    while (!c.is_inside)
        pthread_cond_wait(&c.changed, &c.lock);
    pthread_mutex_unlock(&c.lock);
    ask(&r, NULL);
    ask_query(&r, NULL);
    pthread_mutex_lock(&c.lock);
    c.may_go_on = true;
    pthread_cond_broadcast(&c.changed);
    pthread_mutex_unlock(&c.lock);
    pthread_join(thread, NULL);
    rig_close(&r);
}
