/*
 * Whole models: tiny random ones against PyTorch's golden outputs, and what holds whatever the weights are: packing
 * changes nothing, threads agree, bad rows and bad folders are refused by name.
 */
#include "base/clock.h"
#include "encoder/cpu/kernels.h"
#include "encoder/model.h"
#include "tiny_model.h"
#include <rrk/runtime.h>

#include <math.h>
#include <pthread.h>
#include <string.h>

static float *run_rows(rrk_encoder *encoder, const enc_row *rows, size_t n)
{
    float *out = calloc(n * enc_output_dim(encoder), sizeof *out);
    rrk_error err = {0};
    cr_assert_eq(enc_run(encoder, rows, n, out, NULL, &err), RRK_OK, "%s", err.message);
    return out;
}

/* The golden values of a row; returns how many there are. */
static size_t golden(const tiny_shape *shape, size_t row, double out[8])
{
    char path[512], line[512], name[32];
    snprintf(path, sizeof path, "%s/tests/encoder/golden/%s.txt", getenv("RRK_TEST_SOURCE"),
             shape->roberta ? "xlmr" : "bert");
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    size_t n = 0;
    while (n == 0 && fgets(line, sizeof line, f)) {
        size_t number;
        int at;
        if (sscanf(line, "%31s %zu %n", name, &number, &at) != 2 || strcmp(name, shape->name) != 0 || number != row)
            continue;
        for (char *p = line + at; n < 8 && sscanf(p, "%lf %n", &out[n], &at) == 1; p += at)
            n++;
    }
    fclose(f);
    return n;
}

/* Of a cross-encoder's rows, each is as much better than each other as in PyTorch. */
static void check_order(const tiny_shape *shape, const float *logits)
{
    double a[8], b[8];
    for (size_t i = 0; shape->cross && i < TINY_N_ROWS; i++) {
        for (size_t j = 0; j < TINY_N_ROWS; j++) {
            golden(shape, i, a);
            golden(shape, j, b);
            cr_assert_eq(a[0] > b[0], logits[i] > logits[j], "%s: rows %zu and %zu", shape->name, i, j);
        }
    }
}

/* Errors are relative to the spread of the outputs, which is near 1 for logits and near 1/8 for embeddings. */
Test(bert, tiny_models_give_what_pytorch_gives)
{
    for (size_t s = 0; s < TINY_N_SHAPES; s++) {
        folder f = folder_new();
        rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[s], 2);
        int32_t ids[TINY_N_ROWS][TINY_MAX_ROW];
        enc_row rows[TINY_N_ROWS];
        tiny_rows(&TINY_SHAPES[s], ids, rows);
        float *out = run_rows(encoder, rows, TINY_N_ROWS);
        for (size_t r = 0; r < TINY_N_ROWS; r++) {
            double want[8];
            size_t n = golden(&TINY_SHAPES[s], r, want);
            cr_assert_eq(n, TINY_SHAPES[s].cross ? 1u : 8u);
            for (size_t i = 0; i < n; i++)
                cr_assert_float_eq((double)out[r * enc_output_dim(encoder) + i], want[i], 2e-5, "%s row %zu: %g, %g",
                                   TINY_SHAPES[s].name, r, (double)out[r * enc_output_dim(encoder) + i], want[i]);
        }
        check_order(&TINY_SHAPES[s], out);
        free(out);
        rrk_encoder_close(encoder);
        folder_remove(&f);
    }
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

/* One row through a device with the given vector loops, without the encoder around it. */
static void run_with(const cpu_kernels *table, const char *dir, const enc_row *row, float *out)
{
    enc_config config;
    enc_weights *weights;
    enc_device *device;
    enc_model *bert;
    enc_session *session;
    rrk_error err = {0};
    uint32_t positions[TINY_MAX_ROW], start[2] = {0, row->n_ids};
    uint8_t types[TINY_MAX_ROW];
    for (uint32_t i = 0; i < row->n_ids; i++) {
        positions[i] = i;
        types[i] = i >= row->type1_from;
    }
    cr_assert_eq(enc_config_read(&config, dir, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(enc_weights_open(&weights, dir, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(enc_cpu_open(&device, table, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(enc_bert_model.load(&bert, device, &config, weights, &err), RRK_OK, "%s", err.message);
    enc_shape slots = enc_bert_model.shape(&config);
    cr_assert_eq(device->ops->session(device, &slots, &session, &err), RRK_OK, "%s", err.message);
    enc_batch batch = {row->ids, positions, types, start, 1, row->n_ids, NULL};
    cr_assert_eq(enc_bert_model.run(bert, session, &batch, &(enc_stop){never, NULL}, out, &err), RRK_OK, "%s",
                 err.message);
    device->ops->session_free(session);
    enc_bert_model.free(bert);
    device->ops->close(device);
    enc_weights_close(weights);
    enc_config_free(&config);
}

Test(bert, every_instruction_set_gives_what_pytorch_gives)
{
    for (size_t s = 0; s < TINY_N_SHAPES; s++) {
        folder f = folder_new();
        tiny_write(&f, &TINY_SHAPES[s], NULL);
        int32_t ids[TINY_N_ROWS][TINY_MAX_ROW];
        enc_row rows[TINY_N_ROWS];
        tiny_rows(&TINY_SHAPES[s], ids, rows);
        for (size_t t = 0; cpu_kernels_at(t); t++) {
            for (size_t r = 1; r < TINY_N_ROWS; r += 3) {
                float out[64];
                double want[8];
                run_with(cpu_kernels_at(t), f.dir, &rows[r], out);
                size_t n = golden(&TINY_SHAPES[s], r, want);
                for (size_t i = 0; i < n; i++)
                    cr_assert_float_eq((double)out[i], want[i], 2e-5, "%s, %s row %zu", cpu_kernels_at(t)->isa,
                                       TINY_SHAPES[s].name, r);
            }
        }
        folder_remove(&f);
    }
}

/* Ours; oneDNN may sum in another order when a block has another number of rows. */
static bool has_own_products_only(const rrk_encoder *encoder)
{
    rrk_encoder_info info = {.size = sizeof info};
    rrk_encoder_get_info(encoder, &info, NULL);
    return info.head == RRK_HEAD_EMBEDDING && strstr(info.compute, "avx");
}

Test(bert, a_row_alone_gives_what_it_gives_in_company)
{
    for (size_t s = 0; s < TINY_N_SHAPES; s++) {
        folder f = folder_new();
        rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[s], 2);
        int32_t ids[TINY_N_ROWS][TINY_MAX_ROW];
        enc_row rows[TINY_N_ROWS];
        tiny_rows(&TINY_SHAPES[s], ids, rows);
        size_t dim = enc_output_dim(encoder);
        float *together = run_rows(encoder, rows, TINY_N_ROWS);
        for (size_t r = 0; r < TINY_N_ROWS; r++) {
            float *alone = run_rows(encoder, &rows[r], 1);
            for (size_t i = 0; i < dim; i++)
                cr_assert_float_eq(alone[i], together[r * dim + i], 1e-5, "row %zu", r);
            if (has_own_products_only(encoder))
                cr_assert_arr_eq(alone, together + r * dim, dim * sizeof *alone, "row %zu", r);
            free(alone);
        }
        free(together);
        rrk_encoder_close(encoder);
        folder_remove(&f);
    }
}

typedef struct caller {
    rrk_encoder *encoder;
    const enc_row *rows;
    const float *want;
    size_t n_wrong;
} caller;

static void *call_often(void *arg)
{
    caller *c = arg;
    size_t n = TINY_N_ROWS * enc_output_dim(c->encoder);
    float *out = malloc(n * sizeof *out);
    for (int i = 0; i < 20; i++) {
        c->n_wrong += enc_run(c->encoder, c->rows, TINY_N_ROWS, out, NULL, NULL) != RRK_OK;
        for (size_t j = 0; j < n; j++)
            c->n_wrong += fabsf(out[j] - c->want[j]) > 1e-5f;
    }
    free(out);
    return NULL;
}

Test(bert, callers_on_several_threads_get_the_same)
{
    folder f = folder_new();
    rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[0], 2);
    int32_t ids[TINY_N_ROWS][TINY_MAX_ROW];
    enc_row rows[TINY_N_ROWS];
    tiny_rows(&TINY_SHAPES[0], ids, rows);
    float *want = run_rows(encoder, rows, TINY_N_ROWS);
    caller callers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        callers[i] = (caller){encoder, rows, want, 0};
        cr_assert_eq(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(callers[i].n_wrong, 0);
    }
    free(want);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

Test(bert, takes_the_longest_row_and_not_one_token_more)
{
    folder f = folder_new();
    rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[0], 1);
    int32_t ids[TINY_POSITIONS + 1];
    for (size_t i = 0; i <= TINY_POSITIONS; i++)
        ids[i] = 7;
    float out[64];
    rrk_error err = {0};
    cr_assert_eq(enc_max_tokens(encoder), TINY_POSITIONS);
    enc_row row = {ids, TINY_POSITIONS, TINY_POSITIONS, NULL};
    cr_assert_eq(enc_run(encoder, &row, 1, out, NULL, &err), RRK_OK, "%s", err.message);
    row.n_ids++;
    cr_assert_eq(enc_run(encoder, &row, 1, out, NULL, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "161 tokens"), "%s", err.message);
    err = (rrk_error){0};
    row.n_ids = 0;
    cr_assert_eq(enc_run(encoder, &row, 1, out, NULL, &err), RRK_E_INVALID);
    err = (rrk_error){0};
    row.n_ids = 3;
    ids[1] = TINY_VOCAB;
    cr_assert_eq(enc_run(encoder, &row, 1, out, NULL, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "1000"), "%s", err.message);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

static const char *const TENSORS[] = {
    "embeddings.word_embeddings.weight",         "embeddings.LayerNorm.bias",
    "encoder.layer.1.attention.self.key.weight", "encoder.layer.0.output.dense.weight",
    "encoder.layer.2.intermediate.dense.bias",
};

Test(bert, a_tensor_of_the_wrong_shape_is_named_with_both_shapes)
{
    for (size_t i = 0; i < RRK_COUNT(TENSORS); i++) {
        folder f = folder_new();
        tiny_write(&f, &TINY_SHAPES[0], TENSORS[i]);
        rrk_encoder *encoder = NULL;
        rrk_error err;
        cr_assert_eq(rrk_encoder_open(&encoder, f.dir, NULL, &err), RRK_E_FORMAT, "%s", TENSORS[i]);
        cr_assert(strstr(err.message, TENSORS[i]) && strstr(err.message, "expected"), "%s", err.message);
        cr_assert_null(encoder);
        folder_remove(&f);
    }
}

static const char *const FILES[] = {"config.json", "model.safetensors", "vocab.txt"};

Test(bert, a_folder_without_one_of_its_files_is_not_found_by_name)
{
    for (size_t i = 0; i < RRK_COUNT(FILES); i++) {
        folder f = folder_new();
        tiny_write(&f, &TINY_SHAPES[0], NULL);
        cr_assert_eq(unlink(folder_path(&f, FILES[i])), 0);
        rrk_encoder *encoder = NULL;
        rrk_error err;
        cr_assert_eq(rrk_encoder_open(&encoder, f.dir, NULL, &err), RRK_E_NOTFOUND, "%s", err.message);
        cr_assert(strstr(err.message, FILES[i]), "%s", err.message);
        folder_remove(&f);
    }
}

Test(bert, options_out_of_range_are_refused)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    rrk_encoder_options options;
    rrk_encoder *encoder = NULL;
    rrk_error err;
    rrk_encoder_options_init(&options);
    options.n_threads = RRK_ENCODER_MAX_THREADS + 1;
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_E_INVALID);
    options.n_threads = -1;
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_E_INVALID);
    options.n_threads = 1;
    options.device = "gpu";
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_E_UNSUPPORTED);
    cr_assert(strstr(err.message, "'gpu'"), "%s", err.message);
    options.device = "cpu:abacus";
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_E_UNSUPPORTED);
    cr_assert(strstr(err.message, "'cpu:abacus'"), "%s", err.message);
    options.device = "cpu";
    options.dtype = (rrk_dtype)(RRK_DTYPE_INT8 + 1);
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "dtype"), "%s", err.message);
    options.dtype = RRK_DTYPE_AUTO;
    options.batch_tokens = RRK_ENCODER_MAX_BATCH_TOKENS + 1;
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_E_INVALID);
    options.batch_tokens = RRK_ENCODER_MAX_BATCH_TOKENS;
    options.batch_ms = RRK_ENCODER_MAX_BATCH_MS + 1;
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "batch_ms is 60001"), "%s", err.message);
    options.batch_ms = RRK_ENCODER_MAX_BATCH_MS;
    options.max_tokens = 20;
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(enc_max_tokens(encoder), 20);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

static int64_t clock_step_ns;

/* A clock by which everything takes the same time. */
static int64_t stepping_clock(void)
{
    static int64_t now_ns;
    return now_ns += clock_step_ns;
}

/* A step of 96 tokens takes 10 ms, then 1 ms, then a second. */
static const struct {
    int64_t step_ms;
    uint32_t batch_ms;
    size_t tokens;
} CALIBRATIONS[] = {
    {10, 0, 960}, {10, 50, 480}, {10, 49, 384}, {10, 19, 192}, {10, 20, 192}, {1, 0, 1536}, {1000, 0, 192},
};

Test(bert, batches_are_as_long_as_asked_for)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    base_clock_replace(stepping_clock);
    for (size_t i = 0; i < RRK_COUNT(CALIBRATIONS); i++) {
        clock_step_ns = CALIBRATIONS[i].step_ms * 1000000;
        rrk_encoder_options options;
        rrk_encoder_options_init(&options);
        options.batch_ms = CALIBRATIONS[i].batch_ms;
        rrk_encoder *encoder = NULL;
        rrk_encoder_info info = {.size = sizeof info};
        cr_assert_eq(rrk_encoder_open(&encoder, f.dir, &options, NULL), RRK_OK);
        rrk_encoder_get_info(encoder, &info, NULL);
        cr_assert_eq(info.batch_tokens, CALIBRATIONS[i].tokens, "%zu: %zu", i, info.batch_tokens);
        rrk_encoder_close(encoder);
    }
    base_clock_replace(NULL);
    folder_remove(&f);
}

Test(bert, info_says_what_the_model_is)
{
    folder f = folder_new();
    rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[1], 2);
    rrk_encoder_info info = {.size = sizeof info};
    cr_assert_eq(rrk_encoder_get_info(encoder, &info, NULL), RRK_OK);
    cr_assert_eq(info.head, RRK_HEAD_CROSS);
    cr_assert_eq(info.n_layers, 3);
    cr_assert_eq(info.d_model, 64);
    cr_assert_eq(info.n_threads, 2);
    cr_assert_str_eq(info.architecture, "BertForSequenceClassification");
    cr_assert(strncmp(info.compute, "cpu f32 ", 8) == 0);
    cr_assert(strstr(info.name, strrchr(f.dir, '/') + 1));
    rrk_text text = rrk_text_of("x");
    float out[64];
    rrk_error err;
    cr_assert_eq(rrk_encoder_embed(encoder, RRK_EMBED_QUERY, &text, 1, out, &err), RRK_E_UNSUPPORTED);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

Test(bert, embed_equals_rows_built_by_hand_and_names_a_bad_text)
{
    folder f = folder_new();
    rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[0], 2);
    rrk_text texts[3] = {rrk_text_of("word7 word900"), rrk_text_of(""), rrk_text_of("word8")};
    float out[3][64];
    rrk_error err;
    cr_assert_eq(rrk_encoder_embed(encoder, RRK_EMBED_PASSAGE, texts, 3, out[0], &err), RRK_OK, "%s", err.message);
    int32_t ids[] = {2, 7, 900, 3};
    enc_row row = {ids, 4, 4, NULL};
    float *want = run_rows(encoder, &row, 1);
    for (size_t i = 0; i < 64; i++)
        cr_assert_float_eq(out[0][i], want[i], 1e-5);
    free(want);
    texts[2] = (rrk_text){"a\xff", 2};
    cr_assert_eq(rrk_encoder_embed(encoder, RRK_EMBED_PASSAGE, texts, 3, out[0], &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "text 2") && strstr(err.message, "UTF-8"), "%s", err.message);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

static int cancel_at_once(void *ctx)
{
    ++*(int *)ctx;
    return *(int *)ctx > 1;
}

/* Where in a call it takes effect is for the tests of the batcher. */
Test(bert, cancelling_stops_a_call_and_the_next_one_works)
{
    folder f = folder_new();
    rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[0], 1);
    int32_t ids[TINY_N_ROWS][TINY_MAX_ROW];
    enc_row rows[TINY_N_ROWS];
    tiny_rows(&TINY_SHAPES[0], ids, rows);
    float out[TINY_N_ROWS * 64];
    int looks = 0;
    base_deadline deadline = base_deadline_in(0, cancel_at_once, &looks);
    rrk_error err = {0};
    cr_assert_eq(enc_run(encoder, rows, TINY_N_ROWS, out, &deadline, &err), RRK_E_CANCELLED);
    cr_assert_eq(err.status, RRK_E_CANCELLED);
    cr_assert_eq(looks, 2);
    free(run_rows(encoder, rows, TINY_N_ROWS));
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

static size_t allocations_left;

static void *failing_malloc(size_t size, void *ctx)
{
    return allocations_left-- == 0 ? (allocations_left = 0, NULL) : malloc(size);
}

static void *failing_realloc(void *ptr, size_t size, void *ctx)
{
    return allocations_left-- == 0 ? (allocations_left = 0, NULL) : realloc(ptr, size);
}

static void plain_free(void *ptr, void *ctx)
{
    free(ptr);
}

/* Each of the first sixty, then sparser and sparser. */
Test(bert, failing_allocations_are_clean_errors)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[2], NULL);
    rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, plain_free, NULL});
    rrk_status status = RRK_E_NOMEM;
    for (size_t n_good = 0; status != RRK_OK; n_good = n_good < 60 ? n_good + 1 : n_good + n_good / 9) {
        cr_assert_lt(n_good, 1000000);
        allocations_left = n_good;
        rrk_encoder_options options;
        rrk_encoder_options_init(&options);
        options.n_threads = 1;
        rrk_encoder *encoder = NULL;
        rrk_error err = {0};
        status = rrk_encoder_open(&encoder, f.dir, &options, &err);
        int32_t ids[] = {2, 9, 3};
        enc_row row = {ids, 3, 3, NULL};
        float out;
        if (status == RRK_OK)
            status = enc_run(encoder, &row, 1, &out, NULL, &err);
        cr_assert(status == RRK_OK || status == RRK_E_NOMEM, "after %zu: %s", n_good, err.message);
        rrk_encoder_close(encoder);
    }
    rrk_set_allocator(NULL);
    folder_remove(&f);
}
