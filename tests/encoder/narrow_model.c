/*
 * Whole models in narrow types: near f32 on every instruction set, the same from every thread and batch, and f32 with a
 * word about it where the processor would gain nothing.
 */
#include "encoder/cpu/kernels.h"
#include "encoder/cpu/narrow.h"
#include "tiny_model.h"
#include <rrk/runtime.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct setting {
    const char *device;
    rrk_dtype dtype;
    int n_threads;
    size_t batch_tokens;
} setting;

static rrk_encoder *open_as(const folder *f, const setting *s)
{
    rrk_encoder_options options;
    rrk_encoder *encoder = NULL;
    rrk_error err = {0};
    rrk_encoder_options_init(&options);
    options.device = s->device;
    options.dtype = s->dtype;
    options.n_threads = s->n_threads;
    options.batch_tokens = s->batch_tokens;
    cr_assert_eq(rrk_encoder_open(&encoder, f->dir, &options, &err), RRK_OK, "%s: %s", s->device, err.message);
    return encoder;
}

static const char *describe(rrk_encoder *encoder, rrk_encoder_info *info)
{
    *info = (rrk_encoder_info){.size = sizeof *info};
    cr_assert_eq(rrk_encoder_get_info(encoder, info, NULL), RRK_OK);
    return info->compute;
}

/* What the tiny rows give; calloc'ed. */
static float *outputs(const folder *f, const tiny_shape *shape, const setting *s, char compute[64])
{
    int32_t ids[TINY_N_ROWS][TINY_MAX_ROW];
    enc_row rows[TINY_N_ROWS];
    rrk_encoder_info info;
    rrk_error err = {0};
    tiny_rows(shape, ids, rows);
    rrk_encoder *encoder = open_as(f, s);
    float *out = calloc(TINY_N_ROWS * enc_output_dim(encoder), sizeof *out);
    cr_assert_eq(enc_run(encoder, rows, TINY_N_ROWS, out, NULL, &err), RRK_OK, "%s", err.message);
    snprintf(compute, 64, "%s", describe(encoder, &info));
    rrk_encoder_close(encoder);
    return out;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void check_near_f32(const tiny_shape *shape, rrk_dtype dtype, double least)
{
    folder f = folder_new();
    char compute[64];
    tiny_write(&f, shape, NULL);
    size_t n = shape->cross ? 1 : shape->d_model;
    float *want = outputs(&f, shape, &(setting){"cpu", RRK_DTYPE_F32, 1, 0}, compute);
    for (size_t i = 0; cpu_kernels_at(i); i++) {
        char device[32];
        snprintf(device, sizeof device, "cpu:%s", cpu_kernels_at(i)->isa);
        float *got = outputs(&f, shape, &(setting){device, dtype, 1, 0}, compute);
        for (size_t r = 0; n > 1 && r < TINY_N_ROWS; r++) {
            double c = cosine(got + r * n, want + r * n, n);
            cr_assert(c >= least, "%s, %s row %zu: cosine %g", compute, shape->name, r, c);
        }
        double all = cosine(got, want, TINY_N_ROWS * n);
        cr_assert(all >= least, "%s, %s: cosine of all rows %g", compute, shape->name, all);
        free(got);
    }
    free(want);
    folder_remove(&f);
}

Test(narrow_model, int8_is_near_f32_on_every_instruction_set)
{
    for (size_t s = 0; s < TINY_N_SHAPES; s++)
        check_near_f32(&TINY_SHAPES[s], RRK_DTYPE_INT8, 0.995);
}

Test(narrow_model, bf16_is_near_f32_on_every_instruction_set)
{
    for (size_t s = 0; s < TINY_N_SHAPES; s++)
        check_near_f32(&TINY_SHAPES[s], RRK_DTYPE_BF16, 0.9998);
}

static void check_says(const cpu_kernels *k, rrk_dtype dtype, const folder *f)
{
    char device[32], want[64];
    rrk_encoder_info info;
    const char *name = dtype == RRK_DTYPE_INT8 ? "int8" : "bf16";
    const cpu_narrow *table = cpu_narrow_for(k, dtype);
    snprintf(device, sizeof device, "cpu:%s", k->isa);
    if (table)
        snprintf(want, sizeof want, "cpu %s %s", name, table->isa);
    else
        snprintf(want, sizeof want, "cpu f32 %s (no %s here)", k->isa, name);
    rrk_encoder *encoder = open_as(f, &(setting){device, dtype, 1, 0});
    cr_assert_str_eq(describe(encoder, &info), want);
    rrk_encoder_close(encoder);
}

static void keep_line(rrk_log_level level, const char *line, void *ctx)
{
    if (level == RRK_LOG_WARNING)
        snprintf(ctx, 256, "%s", line);
}

Test(narrow_model, what_is_used_instead_is_told)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    for (size_t i = 0; cpu_kernels_at(i); i++) {
        check_says(cpu_kernels_at(i), RRK_DTYPE_INT8, &f);
        check_says(cpu_kernels_at(i), RRK_DTYPE_BF16, &f);
    }
    char line[256] = "";
    rrk_encoder_info info;
    rrk_set_log(keep_line, RRK_LOG_WARNING, line);
    rrk_encoder *encoder = open_as(&f, &(setting){"cpu:baseline", RRK_DTYPE_INT8, 1, 0});
    rrk_set_log(NULL, RRK_LOG_WARNING, NULL);
    cr_assert_str_eq(describe(encoder, &info), "cpu f32 baseline (no int8 here)");
    cr_assert(strstr(line, "baseline") && strstr(line, "f32"), "%s", line);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

Test(narrow_model, a_row_does_not_depend_on_its_batch_or_thread)
{
    folder f = folder_new();
    char compute[64];
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    size_t bytes = TINY_N_ROWS * TINY_SHAPES[0].d_model * sizeof(float);
    float *a = outputs(&f, &TINY_SHAPES[0], &(setting){"cpu", RRK_DTYPE_INT8, 1, 4096}, compute);
    float *b = outputs(&f, &TINY_SHAPES[0], &(setting){"cpu", RRK_DTYPE_INT8, 3, 1}, compute);
    cr_assert_arr_eq(a, b, bytes);
    free(a);
    free(b);
    folder_remove(&f);
}
