/*
 * The block layout of MVP on BERT against its PyTorch reference (tools/golden_mvp_block.py), on every instruction set,
 * in every type, in batches of any size; and what happens to a query whose call gives up.
 */
#include "base/rng.h"
#include "encoder/cpu/kernels.h"
#include "tiny_block.h"
#include "tiny_model.h"

#include <math.h>

enum { LONG_LIST = 300, N_ROWS = 14, MAX_ROWS = LONG_LIST, MAX_VIEWS = 4, QUERY_ROW = 1000, TOP = 10 };

static const uint32_t LENGTHS[N_ROWS] = {3, 7, 16, 17, 31, 33, 64, 65, 100, 127, 128, 9, 200, 250};

/* A model with the golden query read. */
typedef struct rig {
    const block_shape *shape;
    folder f;
    rrk_encoder *encoder;
    enc_query *query;
} rig;

typedef struct setting {
    const char *device;
    rrk_dtype dtype;
    int n_threads;
    size_t batch_tokens;
} setting;

static const setting PLAIN = {"cpu", RRK_DTYPE_F32, 2, 0};

static void make_ids(uint64_t row, uint32_t n, int32_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = 5 + (int32_t)(base_rng_at(7, row * 1000 + i) % (TINY_VOCAB - 5));
}

static enc_query *read_query(rrk_encoder *encoder, uint32_t n)
{
    int32_t ids[BLOCK_MAX_QUERY];
    enc_query *query;
    rrk_error err = {0};
    make_ids(QUERY_ROW, n, ids);
    enc_row row = {ids, n, n, NULL};
    cr_assert_eq(enc_query_read(&query, encoder, &row, NULL, &err), RRK_OK, "%s", err.message);
    return query;
}

static rig rig_open(const block_shape *shape, const setting *s)
{
    rig r = {.shape = shape, .f = folder_new()};
    rrk_encoder_options options;
    rrk_error err = {0};
    block_write(&r.f, shape, NULL, "");
    rrk_encoder_options_init(&options);
    options.device = s->device;
    options.dtype = s->dtype;
    options.n_threads = s->n_threads;
    options.batch_tokens = s->batch_tokens;
    cr_assert_eq(rrk_encoder_open(&r.encoder, r.f.dir, &options, &err), RRK_OK, "%s", err.message);
    r.query = read_query(r.encoder, shape->n_query_tokens);
    return r;
}

static void rig_close(rig *r)
{
    enc_query_free(r->query);
    rrk_encoder_close(r->encoder);
    folder_remove(&r->f);
}

/* The golden rows, or those of the long list; ids are the caller's. */
static size_t make_rows(const rig *r, bool is_long, int32_t ids[MAX_ROWS][T5_MAX_ROW], enc_row *rows)
{
    size_t n = is_long ? LONG_LIST : N_ROWS;
    for (size_t i = 0; i < n; i++) {
        uint32_t n_ids = is_long ? 3 + (uint32_t)i % 40 : LENGTHS[i];
        make_ids(i, n_ids, ids[i]);
        rows[i] = (enc_row){ids[i], n_ids, n_ids, r->query};
    }
    return n;
}

/* What each view says of each row [n, n_views]; returns n. */
static size_t rig_scores(rig *r, bool is_long, float *scores)
{
    static int32_t ids[MAX_ROWS][T5_MAX_ROW];
    enc_row rows[MAX_ROWS];
    rrk_error err = {0};
    size_t n = make_rows(r, is_long, ids, rows), dim = enc_output_dim(r->encoder);
    float *vectors = calloc(n * dim, sizeof *vectors);
    cr_assert_eq(enc_run(r->encoder, rows, n, vectors, NULL, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(enc_anchors(r->encoder, vectors, n, scores, NULL, NULL, &err), RRK_OK, "%s", err.message);
    free(vectors);
    return n;
}

static size_t golden(const char *which, double *values)
{
    char path[512], line[512], name[32];
    snprintf(path, sizeof path, "%s/tests/encoder/golden/mvp_block.txt", getenv("RRK_TEST_SOURCE"));
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    size_t n = 0, row;
    while (fgets(line, sizeof line, f)) {
        int at;
        if (sscanf(line, "%31s %zu %n", name, &row, &at) != 2 || strcmp(name, which) != 0)
            continue;
        for (char *p = line + at; sscanf(p, "%lf %n", &values[n], &at) == 1; p += at)
            n++;
    }
    fclose(f);
    return n;
}

static double largest(const double *values, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

static void check_golden(const block_shape *shape, const setting *s)
{
    double want[N_ROWS * MAX_VIEWS];
    float got[N_ROWS * MAX_VIEWS];
    rig r = rig_open(shape, s);
    size_t n = golden(shape->bert.name, want);
    cr_assert_eq(rig_scores(&r, false, got) * shape->n_views, n, "%zu golden values", n);
    for (size_t i = 0; i < n; i++)
        cr_assert_float_eq((double)got[i], want[i], 1e-4 * largest(want, n), "%s on %s: row %zu view %zu: %.7f, %.7f",
                           shape->bert.name, s->device, i / shape->n_views, i % shape->n_views, (double)got[i],
                           want[i]);
    rig_close(&r);
}

Test(mvp_block, equals_pytorch_on_every_instruction_set)
{
    for (size_t i = 0; cpu_kernels_at(i); i++) {
        char device[32];
        snprintf(device, sizeof device, "cpu:%s", cpu_kernels_at(i)->isa);
        for (size_t s = 0; s < BLOCK_N_SHAPES; s++)
            check_golden(&BLOCK_SHAPES[s], &(setting){device, RRK_DTYPE_F32, 1, 0});
    }
}

/* Rows in the order of their values, the best first. */
static void order_of(const double *values, size_t n, size_t top[TOP])
{
    for (size_t place = 0; place < TOP; place++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < n; i++) {
            bool is_taken = false;
            for (size_t p = 0; p < place; p++)
                is_taken |= top[p] == i;
            if (!is_taken && (best == SIZE_MAX || values[i] > values[best]))
                best = i;
        }
        top[place] = best;
    }
}

static void long_list(const block_shape *shape, const setting *s, double means[LONG_LIST])
{
    static float scores[LONG_LIST * MAX_VIEWS];
    rig r = rig_open(shape, s);
    rig_scores(&r, true, scores);
    for (size_t i = 0; i < LONG_LIST; i++) {
        means[i] = 0;
        for (size_t k = 0; k < shape->n_views; k++)
            means[i] += (double)scores[i * shape->n_views + k] / shape->n_views;
    }
    rig_close(&r);
}

Test(mvp_block, a_list_of_300_in_many_batches_equals_pytorch)
{
    for (size_t s = 0; s < BLOCK_N_SHAPES; s++) {
        const block_shape *shape = &BLOCK_SHAPES[s];
        double want[LONG_LIST], got[LONG_LIST];
        char which[32];
        size_t want_top[TOP], got_top[TOP];
        snprintf(which, sizeof which, "%s-list", shape->bert.name);
        cr_assert_eq(golden(which, want), LONG_LIST);
        long_list(shape, &(setting){"cpu", RRK_DTYPE_F32, 2, 192}, got);
        for (size_t i = 0; i < LONG_LIST; i++)
            cr_assert_float_eq(got[i], want[i], 1e-4 * largest(want, LONG_LIST), "%s row %zu: %.7f, %.7f", which, i,
                               got[i], want[i]);
        order_of(want, LONG_LIST, want_top);
        order_of(got, LONG_LIST, got_top);
        cr_assert_arr_eq(got_top, want_top, sizeof want_top, "%s: another top ten", which);
    }
}

static double correlation(const double *a, const double *b, size_t n)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ma += a[i] / (double)n;
        mb += b[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - ma) * (b[i] - mb);
        aa += (a[i] - ma) * (a[i] - ma);
        bb += (b[i] - mb) * (b[i] - mb);
    }
    return ab / sqrt(aa * bb);
}

Test(mvp_block, narrow_types_are_near_f32)
{
    for (size_t s = 0; s < BLOCK_N_SHAPES; s++) {
        double plain[LONG_LIST], int8[LONG_LIST], bf16[LONG_LIST];
        long_list(&BLOCK_SHAPES[s], &PLAIN, plain);
        long_list(&BLOCK_SHAPES[s], &(setting){"cpu", RRK_DTYPE_INT8, 2, 0}, int8);
        long_list(&BLOCK_SHAPES[s], &(setting){"cpu", RRK_DTYPE_BF16, 2, 0}, bf16);
        double of_int8 = correlation(plain, int8, LONG_LIST), of_bf16 = correlation(plain, bf16, LONG_LIST);
        cr_expect(of_int8 > 0.99 && of_bf16 > 0.999, "%s: int8 %.5f, bf16 %.5f", BLOCK_SHAPES[s].bert.name, of_int8,
                  of_bf16);
    }
}

/* --- queries and rows --- */

static rrk_status run_one(rrk_encoder *encoder, enc_query *query, rrk_error *err)
{
    static float out[64 * MAX_VIEWS + 1];
    int32_t ids[] = {10, 11, 12};
    enc_row row = {ids, 3, 3, query};
    *err = (rrk_error){0};
    return enc_run(encoder, &row, 1, out, NULL, err);
}

Test(mvp_block, rows_have_a_query_where_it_is_read_apart_and_only_there)
{
    rig r = rig_open(&BLOCK_SHAPES[0], &PLAIN);
    rrk_error err;
    cr_assert_eq(run_one(r.encoder, r.query, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(run_one(r.encoder, NULL, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "row 0 has no query"), "%s", err.message);
    rrk_encoder *joint;
    folder f = folder_new();
    tiny_write(&f, tiny_shape_of("cross"), NULL);
    cr_assert_eq(rrk_encoder_open(&joint, f.dir, NULL, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(run_one(joint, r.query, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "does not read apart"), "%s", err.message);
    enc_query *query;
    int32_t id = 10;
    cr_assert_eq(enc_query_read(&query, joint, &(enc_row){&id, 1, 1, NULL}, NULL, &err), RRK_E_INVALID);
    rrk_encoder_close(joint);
    folder_remove(&f);
    rig_close(&r);
}

Test(mvp_block, a_query_is_checked_like_a_row)
{
    rig r = rig_open(&BLOCK_SHAPES[0], &PLAIN);
    int32_t ids[] = {10, TINY_VOCAB, 12};
    enc_row row = {ids, 3, 3, NULL};
    enc_query *query = r.query;
    rrk_error err = {0};
    cr_assert_eq(enc_query_read(&query, r.encoder, &row, NULL, &err), RRK_E_INVALID);
    cr_assert(query == NULL && strstr(err.message, "1000"), "%s", err.message);
    base_deadline late = base_deadline_in(1, NULL, NULL);
    late.at_ns = 1;
    ids[1] = 11;
    err = (rrk_error){0};
    cr_assert_eq(enc_query_read(&query, r.encoder, &row, &late, &err), RRK_E_TIMEOUT, "%s", err.message);
    rig_close(&r);
}

static int says_stop(void *ctx)
{
    return 1 + (ctx == NULL);
}

static int says_stop_later(void *ctx)
{
    int *n = ctx;
    return ++*n > 2;
}

/* The batches that were under way go on with the query after its owner has let it go. */
Test(mvp_block, a_query_may_be_freed_as_soon_as_its_call_has_given_up)
{
    static int32_t ids[MAX_ROWS][T5_MAX_ROW];
    static enc_row rows[MAX_ROWS];
    rig r = rig_open(&BLOCK_SHAPES[0], &(setting){"cpu", RRK_DTYPE_F32, 2, 1536});
    float *out = calloc(MAX_ROWS * enc_output_dim(r.encoder), sizeof *out);
    for (size_t round = 0; round < 8; round++) {
        int n_looks = 0;
        rrk_error err = {0};
        base_deadline deadline = base_deadline_in(0, round % 2 ? says_stop : says_stop_later, &n_looks);
        size_t n = make_rows(&r, true, ids, rows);
        rrk_status status = enc_run(r.encoder, rows, n, out, &deadline, &err);
        cr_assert(status == RRK_E_CANCELLED || status == RRK_OK, "%s", err.message);
        enc_query_free(r.query);
        r.query = read_query(r.encoder, r.shape->n_query_tokens);
    }
    free(out);
    rig_close(&r);
}

/* --- models that are damaged --- */

static void expect_refusal(const block_shape *shape, const char *break_tensor, const char *more, size_t n_views,
                           const char *part)
{
    folder f = folder_new();
    rrk_encoder_options options;
    rrk_encoder *encoder = NULL;
    rrk_error err = {0};
    block_write(&f, shape, break_tensor, more);
    rrk_encoder_options_init(&options);
    options.n_threads = 1;
    options.n_views = n_views;
    cr_assert_neq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_OK, "%s", part);
    cr_assert(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
    folder_remove(&f);
}

Test(mvp_block, a_model_that_lacks_something_is_refused_by_name)
{
    static const char *const TENSORS[] = {
        "mvp.views", "mvp.view_layer.2.attention.self.query.weight", "mvp.view_layer.2.attention.self.value.bias",
        "mvp.view_layer.2.attention.output.LayerNorm.weight", "mvp.view_layer.2.output.dense.weight"};
    for (size_t i = 0; i < RRK_COUNT(TENSORS); i++)
        expect_refusal(&BLOCK_SHAPES[1], TENSORS[i], "", 0, TENSORS[i]);
    expect_refusal(&BLOCK_SHAPES[1], NULL, "", 3, "n_views is 3");
    expect_refusal(&BLOCK_SHAPES[0], NULL, ",\"mvp_view_from\":3", 0, "mvp_view_from");
}
