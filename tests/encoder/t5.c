/*
 * T5 and MVP: tiny random models against transformers' golden outputs, by every instruction set's loops, without the
 * encoder around them; and what a checkpoint may call its tensors.
 */
#include "encoder/t5.h"
#include "base/clock.h"
#include "encoder/cpu/kernels.h"
#include "encoder/model.h"
#include "tiny_spiece.h"
#include "tiny_t5.h"

#include <math.h>

enum { MAX_VALUES = 8, MAX_OUT = 1024 * T5_N_VIEWS };

/* A model on a device of its own. */
typedef struct rig {
    enc_config config;
    enc_weights *weights;
    enc_device *device;
    enc_model *model;
    enc_session *session;
} rig;

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static const enc_stop GO_ON = {never, NULL};

/* In place, because the model remembers where its config is. */
static void rig_open_as(rig *r, const cpu_kernels *table, rrk_dtype dtype, const char *dir, const t5_shape *shape)
{
    *r = (rig){0};
    rrk_error err = {0};
    cr_assert_eq(enc_config_read(&r->config, dir, &err), RRK_OK, "%s", err.message);
    if (!shape->is_bert)
        t5_set_answers(&r->config);
    if (shape->head == RRK_HEAD_VIEWS)
        cr_assert_eq(enc_config_set_views(&r->config, T5_N_VIEWS, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(r->config.head, shape->head);
    cr_assert_eq(enc_weights_open(&r->weights, dir, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(enc_cpu_open_as(&r->device, table, dtype, &err), RRK_OK, "%s", err.message);
    const enc_model_kind *kind = enc_model_kind_of(&r->config);
    cr_assert_eq(kind->load(&r->model, r->device, &r->config, r->weights, &err), RRK_OK, "%s", err.message);
    enc_shape slots = kind->shape(&r->config);
    cr_assert_eq(r->device->ops->session(r->device, &slots, &r->session, &err), RRK_OK, "%s", err.message);
}

static void rig_open(rig *r, const cpu_kernels *table, const char *dir, const t5_shape *shape)
{
    rig_open_as(r, table, RRK_DTYPE_F32, dir, shape);
}

static void rig_close(rig *r)
{
    r->device->ops->session_free(r->session);
    r->model->kind->free(r->model);
    r->device->ops->close(r->device);
    enc_weights_close(r->weights);
    enc_config_free(&r->config);
}

static size_t out_dim(const rig *r)
{
    return r->config.head == RRK_HEAD_SEQ2SEQ ? ENC_N_ANSWERS : r->config.d_model * RRK_MAX(r->config.n_views, 1u);
}

/* n rows as one batch; out is [n, out_dim()]. */
static void rig_run(rig *r, const enc_row *rows, size_t n, float *out)
{
    static int32_t ids[T5_N_ROWS * T5_MAX_ROW];
    static uint32_t positions[T5_N_ROWS * T5_MAX_ROW];
    static uint8_t types[T5_N_ROWS * T5_MAX_ROW];
    uint32_t start[T5_N_ROWS + 1] = {0};
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t t = 0; t < rows[i].n_ids; t++, at++) {
            ids[at] = rows[i].ids[t];
            positions[at] = t;
            types[at] = t >= rows[i].type1_from;
        }
        start[i + 1] = (uint32_t)at;
    }
    enc_batch batch = {ids, positions, types, start, n, at, NULL};
    rrk_error err = {0};
    cr_assert_eq(r->model->kind->run(r->model, r->session, &batch, &GO_ON, out, &err), RRK_OK, "%s", err.message);
}

/* A score is the dot product of a vector and its view's anchor, on a BERT backbone times a factor. */
static void expect_dots(const rig *r, const float *vectors, const float *scores, const float *anchors)
{
    size_t d = r->config.d_model, n_views = r->config.n_views;
    double scale = r->config.family == ENC_FAMILY_BERT ? (double)r->config.mvp.score_scale : 1;
    for (size_t i = 0; i < T5_N_ROWS * n_views; i++) {
        double dot = 0, size = 0;
        for (size_t c = 0; c < d; c++) {
            double product = (double)vectors[i * d + c] * (double)anchors[i % n_views * d + c];
            dot += product;
            size += fabs(product);
        }
        cr_assert_float_eq((double)scores[i], scale * dot, 1e-5 * scale * size, "row %zu, view %zu", i / n_views,
                           i % n_views);
    }
}

/* Of each row what the golden file has of it: values [T5_N_ROWS, MAX_VALUES]; returns how many a row. */
static size_t rig_values(rig *r, size_t rows_a_batch, double values[T5_N_ROWS][MAX_VALUES])
{
    static float out[T5_N_ROWS][MAX_OUT];
    int32_t ids[T5_N_ROWS][T5_MAX_ROW];
    enc_row rows[T5_N_ROWS];
    size_t dim = out_dim(r);
    float *packed = &out[0][0], scores[T5_N_ROWS * T5_N_VIEWS], anchors[MAX_OUT];
    cr_assert_leq(dim, MAX_OUT);
    t5_rows(r->config.family == ENC_FAMILY_BERT ? t5_shape_of("mvpbert") : &T5_SHAPES[0], ids, rows);
    for (size_t first = 0; first < T5_N_ROWS; first += rows_a_batch)
        rig_run(r, rows + first, RRK_MIN(rows_a_batch, T5_N_ROWS - first), packed + first * dim);
    if (r->config.head == RRK_HEAD_VIEWS) {
        rrk_error err = {0};
        cr_assert_eq(r->model->kind->anchors(r->model, r->session, packed, T5_N_ROWS, &GO_ON, scores, anchors, &err),
                     RRK_OK, "%s", err.message);
        expect_dots(r, packed, scores, anchors);
        packed = scores;
        dim = T5_N_VIEWS;
    }
    size_t n = RRK_MIN(dim, (size_t)MAX_VALUES);
    for (size_t row = 0; row < T5_N_ROWS; row++) {
        for (size_t i = 0; i < n; i++)
            values[row][i] = (double)packed[row * dim + i];
    }
    return n;
}

static size_t golden(const char *shape, double values[T5_N_ROWS][MAX_VALUES])
{
    char path[512], line[512], name[32];
    snprintf(path, sizeof path, "%s/tests/encoder/golden/t5.txt", getenv("RRK_TEST_SOURCE"));
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    size_t n = 0, n_rows = 0, row;
    while (fgets(line, sizeof line, f)) {
        int at;
        if (sscanf(line, "%31s %zu %n", name, &row, &at) != 2 || strcmp(name, shape) != 0)
            continue;
        cr_assert_eq(row, n_rows++);
        n = 0;
        for (char *p = line + at; n < MAX_VALUES && sscanf(p, "%lf %n", &values[row][n], &at) == 1; p += at)
            n++;
    }
    fclose(f);
    cr_assert_eq(n_rows, T5_N_ROWS, "%s: %zu rows", shape, n_rows);
    return n;
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

/* The standard deviation of the smallest-spread column: what errors are relative to. */
static double spread(double values[T5_N_ROWS][MAX_VALUES], size_t n)
{
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double column[T5_N_ROWS], sum = 0;
        for (size_t r = 0; r < T5_N_ROWS; r++)
            column[r] = values[r][i];
        double mean = mean_of(column, T5_N_ROWS);
        for (size_t r = 0; r < T5_N_ROWS; r++)
            sum += (column[r] - mean) * (column[r] - mean);
        least = fmin(least, sqrt(sum / T5_N_ROWS));
    }
    return least;
}

/* Rows are in the same order by the mean of their values, which for MVP is the score. */
static void check_order(double got[T5_N_ROWS][MAX_VALUES], double want[T5_N_ROWS][MAX_VALUES], size_t n,
                        const char *what)
{
    for (size_t i = 0; i < T5_N_ROWS; i++) {
        for (size_t j = 0; j < T5_N_ROWS; j++)
            cr_assert_eq(mean_of(got[i], n) > mean_of(got[j], n), mean_of(want[i], n) > mean_of(want[j], n),
                         "%s: rows %zu and %zu", what, i, j);
    }
}

static void check_shape(const cpu_kernels *table, const t5_shape *shape, const char *dir)
{
    double want[T5_N_ROWS][MAX_VALUES], got[T5_N_ROWS][MAX_VALUES];
    size_t n = golden(shape->name, want);
    double unit = spread(want, n);
    rig r;
    rig_open(&r, table, dir, shape);
    for (size_t rows_a_batch = 1; rows_a_batch <= T5_N_ROWS; rows_a_batch += T5_N_ROWS - 1) {
        cr_assert_eq(rig_values(&r, rows_a_batch, got), n);
        double worst = 0;
        for (size_t row = 0; row < T5_N_ROWS; row++) {
            for (size_t i = 0; i < n; i++)
                worst = fmax(worst, fabs(got[row][i] - want[row][i]) / unit);
        }
        cr_log_info("%s, %s, %zu rows a batch: %.1e of the spread", table->isa, shape->name, rows_a_batch, worst);
        cr_assert_lt(worst, 1e-4, "%s, %s: off by %g of the spread", table->isa, shape->name, worst);
        check_order(got, want, n, shape->name);
    }
    rig_close(&r);
}

Test(t5, every_instruction_set_gives_what_transformers_gives)
{
    for (size_t s = 0; s < T5_N_TINY; s++) {
        folder f = folder_new();
        t5_write(&f, &T5_SHAPES[s], NULL);
        for (size_t t = 0; cpu_kernels_at(t); t++)
            check_shape(cpu_kernels_at(t), &T5_SHAPES[s], f.dir);
        folder_remove(&f);
    }
}

/* How alike two tables are in how far values lie from their column's mean. */
static double correlation(double a[T5_N_ROWS][MAX_VALUES], double b[T5_N_ROWS][MAX_VALUES], size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        double mean_a = 0, mean_b = 0;
        for (size_t r = 0; r < T5_N_ROWS; r++) {
            mean_a += a[r][i] / T5_N_ROWS;
            mean_b += b[r][i] / T5_N_ROWS;
        }
        for (size_t r = 0; r < T5_N_ROWS; r++) {
            ab += (a[r][i] - mean_a) * (b[r][i] - mean_b);
            aa += (a[r][i] - mean_a) * (a[r][i] - mean_a);
            bb += (b[r][i] - mean_b) * (b[r][i] - mean_b);
        }
    }
    return ab / sqrt(aa * bb);
}

static void check_narrow(const cpu_kernels *table, rrk_dtype dtype, double least, const t5_shape *shape)
{
    double want[T5_N_ROWS][MAX_VALUES], got[T5_N_ROWS][MAX_VALUES];
    size_t n = golden(shape->name, want);
    folder f = folder_new();
    t5_write(&f, shape, NULL);
    rig r;
    rig_open_as(&r, table, dtype, f.dir, shape);
    cr_assert_eq(rig_values(&r, T5_N_ROWS, got), n);
    double alike = correlation(got, want, n);
    cr_log_info("%s, %s: correlation %.5f", r.device->ops->describe(r.device), shape->name, alike);
    cr_assert_geq(alike, least, "%s, %s: correlation %g", r.device->ops->describe(r.device), shape->name, alike);
    rig_close(&r);
    folder_remove(&f);
}

/* Weights that cpu_linear_add() has to take as they were packed. */
Test(t5, narrow_layers_are_near_what_transformers_gives)
{
    for (size_t s = 0; s < T5_N_TINY; s++) {
        for (size_t t = 0; cpu_kernels_at(t); t++) {
            check_narrow(cpu_kernels_at(t), RRK_DTYPE_INT8, 0.995, &T5_SHAPES[s]);
            check_narrow(cpu_kernels_at(t), RRK_DTYPE_BF16, 0.9995, &T5_SHAPES[s]);
        }
    }
}

/* Every look at it is a second later, so any model is slow. */
static int64_t slow_clock(void)
{
    static int64_t now_ns;
    return now_ns += 1000000000;
}

static size_t calibrated_tokens(const char *shape)
{
    folder f = folder_new();
    t5_write(&f, t5_shape_of(shape), NULL);
    tiny_write_spiece(&f);
    rrk_encoder *encoder = NULL;
    rrk_encoder_info info = {.size = sizeof info};
    rrk_error err = {0};
    base_clock_replace(slow_clock);
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, NULL, &err), RRK_OK, "%s", err.message);
    base_clock_replace(NULL);
    rrk_encoder_get_info(encoder, &info, NULL);
    rrk_encoder_close(encoder);
    folder_remove(&f);
    return info.batch_tokens;
}

Test(t5, a_batch_is_worth_reading_the_decoder_for)
{
    cr_assert_eq(calibrated_tokens("v10"), 192);
    cr_assert_eq(calibrated_tokens("mono10"), 576);
}

/* The plain twin would take minutes. */
Test(t5, layers_of_real_widths_give_what_transformers_gives)
{
    for (size_t s = T5_N_TINY; s < T5_N_WIDE; s++) {
        folder f = folder_new();
        t5_write(&f, &T5_SHAPES[s], NULL);
        for (size_t t = 0; cpu_kernels_at(t) != &cpu_kernels_plain; t++)
            check_shape(cpu_kernels_at(t), &T5_SHAPES[s], f.dir);
        folder_remove(&f);
    }
}

Test(t5, a_layer_of_t5_3b_gives_what_transformers_gives)
{
    folder f = folder_new();
    t5_write(&f, t5_shape_of("3b"), NULL);
    check_shape(cpu_kernels_best(), t5_shape_of("3b"), f.dir);
    folder_remove(&f);
}

static const t5_twist TWISTS[] = {
    {.is_wrapped = true},
    {.words_name = "encoder.embed_tokens.weight"},
    {.words_name = "decoder.embed_tokens.weight"},
    {.is_wrapped = true, .words_name = "encoder.encoder.embed_tokens.weight"},
    {.config = ",\"n_views\":4"},
};

Test(t5, checkpoints_may_be_wrapped_and_call_the_embeddings_by_any_of_their_names)
{
    for (size_t i = 0; i < RRK_COUNT(TWISTS); i++) {
        folder f = folder_new();
        t5_write(&f, t5_shape_of("mvp10"), &TWISTS[i]);
        check_shape(cpu_kernels_best(), t5_shape_of("mvp10"), f.dir);
        folder_remove(&f);
    }
}

static const struct {
    const char *shape, *tensor;
    bool is_wrapped;
} BROKEN[] = {
    {"mono10", "shared.weight", false},
    {"mono10", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", false},
    {"mono10", "encoder.block.1.layer.0.SelfAttention.k.weight", false},
    {"mvp10", "encoder.encoder.block.1.module.layer.1.DenseReluDense.wo.weight", true},
    {"mono11", "encoder.block.0.layer.1.DenseReluDense.wi_1.weight", false},
    {"mono10", "decoder.block.1.layer.1.EncDecAttention.v.weight", false},
    {"mono10", "decoder.final_layer_norm.weight", false},
    {"mono11", "lm_head.weight", false},
    {"mvpbert", "mvp.start", false},
    {"mvpbert", "mvp.decoder.1.cross.key.weight", false},
    {"mvpbert", "mvp.decoder.0.ffn_norm.bias", false},
};

Test(t5, a_tensor_of_the_wrong_shape_is_named_with_both_shapes)
{
    for (size_t i = 0; i < RRK_COUNT(BROKEN); i++) {
        folder f = folder_new();
        t5_write(&f, t5_shape_of(BROKEN[i].shape),
                 &(t5_twist){.break_tensor = BROKEN[i].tensor, .is_wrapped = BROKEN[i].is_wrapped});
        rig r = {0};
        rrk_error err = {0};
        cr_assert_eq(enc_config_read(&r.config, f.dir, &err), RRK_OK, "%s", err.message);
        cr_assert_eq(enc_weights_open(&r.weights, f.dir, &err), RRK_OK, "%s", err.message);
        cr_assert_eq(enc_cpu_open(&r.device, NULL, &err), RRK_OK, "%s", err.message);
        const enc_model_kind *kind = enc_model_kind_of(&r.config);
        cr_assert_eq(kind->load(&r.model, r.device, &r.config, r.weights, &err), RRK_E_FORMAT, "%s", BROKEN[i].tensor);
        cr_assert(strstr(err.message, BROKEN[i].tensor) && strstr(err.message, "expected"), "%s", err.message);
        kind->free(r.model);
        r.device->ops->close(r.device);
        enc_weights_close(r.weights);
        enc_config_free(&r.config);
        folder_remove(&f);
    }
}

/* From transformers' T5Attention._relative_position_bucket: where a bucket begins, for keys before the query. */
static const struct {
    int64_t distance;
    float bucket;
} BUCKETS[] = {
    {0, 0},    {-1, 1},   {-7, 7},    {-8, 8},   {-11, 8},  {-12, 9},  {-15, 9},  {-16, 10},
    {-22, 10}, {-23, 11}, {-31, 11},  {-32, 12}, {-45, 12}, {-46, 13}, {-63, 13}, {-64, 14},
    {-90, 14}, {-91, 15}, {-128, 15}, {1, 17},   {7, 23},   {8, 24},   {64, 30},  {128, 31},
};

Test(t5, distances_fall_into_the_buckets_of_transformers)
{
    enum { REACH = 128 };
    enc_config config = {.n_heads = 1, .t5 = {.n_buckets = 32, .max_distance = REACH}};
    float table[32], by_distance[2 * REACH + 1];
    for (int i = 0; i < 32; i++)
        table[i] = (float)i;
    enc_t5_spread_buckets(&config, table, by_distance);
    for (size_t i = 0; i < RRK_COUNT(BUCKETS); i++)
        cr_assert_eq(by_distance[BUCKETS[i].distance + REACH], BUCKETS[i].bucket, "distance %d: bucket %g",
                     (int)BUCKETS[i].distance, (double)by_distance[BUCKETS[i].distance + REACH]);
}

Test(t5, a_row_shorter_than_the_views_is_refused)
{
    static const char *const SHAPES[] = {"mvp10", "mvpbert"};
    for (size_t s = 0; s < RRK_COUNT(SHAPES); s++) {
        folder f = folder_new();
        t5_write(&f, t5_shape_of(SHAPES[s]), NULL);
        rig r;
        rig_open(&r, NULL, f.dir, t5_shape_of(SHAPES[s]));
        int32_t ids[] = {7, 8, 9, 10, 11};
        uint32_t least = T5_N_VIEWS + (s == 1), start[] = {0, least}, positions[] = {0, 1, 2, 3, 4};
        uint8_t types[5] = {0};
        float out[MAX_OUT];
        rrk_error err = {0};
        enc_batch batch = {ids, positions, types, start, 1, least, NULL};
        cr_assert_eq(r.model->kind->run(r.model, r.session, &batch, &GO_ON, out, &err), RRK_OK, "%s", err.message);
        start[1] = least - 1;
        batch.n_tokens--;
        cr_assert_eq(r.model->kind->run(r.model, r.session, &batch, &GO_ON, out, &err), RRK_E_INVALID);
        cr_assert(strstr(err.message, "fewer"), "%s", err.message);
        rig_close(&r);
        folder_remove(&f);
    }
}
