/*
 * Narrow products of every instruction set that this processor has against their plain twins: in int8 the same integers,
 * also where 16-bit sums would saturate, the same rows, and nothing written beyond an output.
 */
#include "encoder/cpu/narrow.h"
#include "base/alloc.h"
#include "base/macros.h"
#include "base/rng.h"
#include "encoder/cpu/linear.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 120, GUARD = 16, MAX_ROWS = 20 };

static const float GUARD_VALUE = 1234.5f;
static const uint64_t SEED = 20261125;

static float *make(size_t n, uint64_t stream, float scale)
{
    float *x = base_alloc_aligned(n + GUARD, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = scale * (float)(2 * base_rng_uniform_at(SEED + stream, i) - 1);
    for (size_t i = n; i < n + GUARD; i++)
        x[i] = GUARD_VALUE;
    return x;
}

static void drop(float *x, size_t n, const char *what)
{
    for (size_t i = 0; i < GUARD; i++)
        cr_assert(x[n + i] == GUARD_VALUE, "%s was written beyond its end", what);
    base_free_aligned(x);
}

static size_t pick(uint64_t counter, size_t low, size_t high)
{
    return low + base_rng_at(SEED, counter) % (high - low + 1);
}

typedef struct shape {
    size_t n_rows, n_out, n_in;
} shape;

typedef struct run {
    const cpu_narrow *table;
    cpu_narrow_weight w;
    cpu_narrow_rows rows;
    float *bias;
} run;

static void open_run(run *r, const cpu_narrow *table, const shape *s, const float *w)
{
    rrk_error err = {0};
    *r = (run){.table = table};
    cr_assert_eq(cpu_narrow_pack(table, w, s->n_out, s->n_in, &r->w, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(cpu_narrow_rows_new(table, MAX_ROWS, s->n_in, &r->rows, &err), RRK_OK, "%s", err.message);
    r->bias = make(cpu_narrow_width(s->n_out), 5, 1);
}

static void close_run(run *r)
{
    cpu_narrow_weight_clear(&r->w);
    cpu_narrow_rows_clear(&r->rows);
    base_free_aligned(r->bias);
}

static void multiply(run *r, const shape *s, const float *x, bool add, cpu_activation activation, float *y)
{
    r->table->narrow(x, s->n_rows, s->n_in, &r->rows);
    r->table->product(&(cpu_narrow_product){
        .x = &r->rows, .w = &r->w, .bias = r->bias, .y = y, .n_rows = s->n_rows, .add = add, .activation = activation});
}

static bool is_plain(const cpu_narrow *table)
{
    return table == &cpu_int8_plain || table == &cpu_bf16_plain;
}

/* The plain table, packing by the same rule as this one. */
static cpu_narrow twin_of(const cpu_narrow *table)
{
    if (table->dtype != RRK_DTYPE_INT8)
        return cpu_bf16_plain;
    cpu_narrow twin = cpu_int8_plain;
    twin.group = table->group;
    twin.step_groups = table->step_groups;
    twin.shared = table->shared;
    twin.shared_most = table->shared_most;
    return twin;
}

/* Calls body for each table but the plain ones. */
#define FOR_EACH_TABLE(k)                                                                                              \
    for (size_t table_ = 0; cpu_narrow_at(table_); table_++)                                                           \
        for (const cpu_narrow *k = cpu_narrow_at(table_); k && !is_plain(k); k = NULL)

#define FOR_EACH_INT8_TABLE(k)                                                                                         \
    for (size_t table_ = 0; cpu_narrow_at(table_); table_++)                                                           \
        for (const cpu_narrow *k = cpu_narrow_at(table_); k && k->dtype == RRK_DTYPE_INT8; k = NULL)

Test(narrow, prints_its_seed_and_the_tables)
{
    for (size_t i = 0; cpu_narrow_at(i); i++)
        fprintf(stderr, "narrow: seed %llu, %s %s\n", (unsigned long long)SEED,
                cpu_narrow_at(i)->dtype == RRK_DTYPE_INT8 ? "int8" : "bf16", cpu_narrow_at(i)->isa);
}

static void check_product(const cpu_narrow *k, uint64_t round)
{
    shape s = {pick(round * 3, 1, MAX_ROWS), pick(round * 3 + 1, 1, 200), pick(round * 3 + 2, 1, 300)};
    size_t n_y = s.n_rows * s.n_out;
    bool add = round % 2;
    cpu_activation activation = add ? CPU_IDENTITY : (cpu_activation)(round / 2 % (CPU_TANH + 1));
    float *w = make(s.n_out * s.n_in, round, 1), *x = make(s.n_rows * s.n_in, 100 + round, 3);
    float *y = make(n_y, 200 + round, 1), *want = make(n_y, 200 + round, 1);
    run ours, plain;
    open_run(&ours, k, &s, w);
    cpu_narrow twin = twin_of(k);
    open_run(&plain, &twin, &s, w);
    multiply(&ours, &s, x, add, activation, y);
    multiply(&plain, &s, x, add, activation, want);
    cr_assert_arr_eq(ours.rows.scales, plain.rows.scales, s.n_rows * sizeof(float), "%s", k->isa);
    cr_assert_arr_eq(ours.rows.zeros, plain.rows.zeros, s.n_rows * sizeof(int32_t), "%s", k->isa);
    /* Integers are exact, sums of bf16 products are not. */
    float tolerance = k->dtype == RRK_DTYPE_INT8 ? 4e-6f : 2e-5f;
    for (size_t i = 0; i < n_y; i++)
        cr_assert(fabsf(y[i] - want[i]) <= tolerance * (1 + fabsf(want[i])), "%s, round %zu [%zu]: %.9g, plain %.9g",
                  k->isa, (size_t)round, i, (double)y[i], (double)want[i]);
    close_run(&ours);
    close_run(&plain);
    drop(w, s.n_out * s.n_in, "w");
    drop(x, s.n_rows * s.n_in, "x");
    drop(y, n_y, "y");
    drop(want, n_y, "the twin's y");
}

Test(narrow, products_with_what_finishes_them_are_the_plain_twins)
{
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; round < ROUNDS; round++)
            check_product(k, round);
    }
}

/* A weight with which bytes are as large as the table allows: its place among those that share a sum decides. */
static float extreme_weight(const cpu_narrow *k, int kind, size_t output, size_t i)
{
    static const float CANCELLING[] = {127, -127, 1, -1};
    float most = k->shared ? (float)k->shared_most / (float)(k->shared * k->step_groups) : 127;
    if (kind == 3 && k->shared)
        return CANCELLING[i % k->shared + k->shared * (i / k->group % k->step_groups)];
    return kind == 0 || (kind >= 2 && base_rng_at(SEED, output * 10000 + i) % 2) ? most : -most;
}

/* Rows that span 255 whole steps. */
static void extreme_rows(const shape *s, int kind, float *x)
{
    for (size_t r = 0; r < s->n_rows; r++) {
        float *row = x + r * s->n_in;
        for (size_t i = 0; i < s->n_in; i++) {
            float value = kind < 2 || base_rng_at(SEED + 1, r * s->n_in + i) % 2 ? 255 : 0;
            row[i] = kind == 3 ? value - 100 : value;
        }
        /* Both ends are there, so that a step is 1. */
        row[0] = kind == 3 ? 155 : 255;
        row[1] = kind == 3 ? -100 : row[1];
    }
}

/* What the twin's bytes give in integers, times their scale, which is what remains: x has a scale of 1. */
static float exact(const run *twin, const float *x, size_t output)
{
    const int8_t *w = (const int8_t *)twin->w.panels + output * twin->w.n_groups * twin->table->group;
    int64_t sum = 0;
    for (size_t i = 0; i < twin->w.n_in; i++)
        sum += (int64_t)x[i] * w[i];
    return (float)sum * twin->w.scales[output];
}

/* Extremes of both signs. Whole steps of them have a scale of 1: what was asked for is what was packed. */
static void check_extremes(const cpu_narrow *k, size_t n_in, int kind)
{
    shape s = {7, 70, n_in};
    size_t n_y = s.n_rows * s.n_out;
    float *w = make(s.n_out * n_in, 1, 0), *x = make(s.n_rows * n_in, 2, 0), *y = make(n_y, 7, 1);
    for (size_t i = 0; i < s.n_out * n_in; i++)
        w[i] = extreme_weight(k, kind, i / n_in, i % n_in);
    extreme_rows(&s, kind, x);
    run ours, plain;
    cpu_narrow twin = twin_of(k);
    open_run(&ours, k, &s, w);
    open_run(&plain, &twin, &s, w);
    memset(ours.bias, 0, cpu_narrow_width(s.n_out) * sizeof *ours.bias);
    if (kind < 2 && n_in % 8 == 0)
        cr_assert_eq(ours.w.scales[0], 1, "%s, %zu inputs: a scale of %g", k->isa, n_in, (double)ours.w.scales[0]);
    multiply(&ours, &s, x, false, CPU_IDENTITY, y);
    for (size_t i = 0; i < n_y; i++) {
        float want = exact(&plain, x + i / s.n_out * n_in, i % s.n_out);
        cr_assert_eq(y[i], want, "%s, %zu inputs, kind %d, [%zu]: %.9g, exact %.9g", k->isa, n_in, kind, i,
                     (double)y[i], (double)want);
    }
    close_run(&ours);
    close_run(&plain);
    drop(w, s.n_out * n_in, "w");
    drop(x, s.n_rows * n_in, "x");
    drop(y, n_y, "y");
}

Test(narrow, extremes_do_not_saturate)
{
    static const size_t N_IN[] = {2, 3, 4, 5, 8, 31, 64, 384, 768, 4096};
    FOR_EACH_INT8_TABLE(k)
    {
        for (size_t n = 0; n < RRK_COUNT(N_IN); n++) {
            for (int kind = 0; kind < 4; kind++)
                check_extremes(k, N_IN[n], kind);
        }
    }
}

/* The largest sum of one sign among the bytes of a twin's output that share 16 bits. */
static long most_together(const run *twin, size_t output)
{
    const cpu_narrow *k = twin->table;
    size_t step = k->group * k->step_groups, n = twin->w.n_groups * k->group;
    const int8_t *w = (const int8_t *)twin->w.panels + output * n;
    long most = 0;
    for (size_t i = 0; i < n; i++) {
        long above = 0, below = 0;
        for (size_t j = i / step * step; j < i / step * step + step; j++) {
            bool together = j % k->group / k->shared == i % k->group / k->shared;
            above += together && w[j] > 0 ? w[j] : 0;
            below -= together && w[j] < 0 ? w[j] : 0;
        }
        most = RRK_MAX(most, RRK_MAX(above, below));
    }
    return most;
}

/* Of any size and spread, a few large ones among small ones too. */
static void check_rule(const cpu_narrow *k, uint64_t round)
{
    shape s = {1, 20, pick(round, 1, 200)};
    float *w = make(s.n_out * s.n_in, round, ldexpf(1, (int)pick(round + 1, 0, 200) - 100));
    for (size_t i = 0; round % 2 && i < s.n_out * s.n_in; i++)
        w[i] *= base_rng_at(SEED + round, i) % 8 ? 0.25f : 1;
    cpu_narrow twin = twin_of(k);
    run r;
    open_run(&r, &twin, &s, w);
    for (size_t o = 0; o < s.n_out; o++) {
        cr_assert_leq(most_together(&r, o), k->shared_most, "%s, round %zu", k->isa, (size_t)round);
        for (size_t i = 0; i < s.n_in; i++) {
            float byte = ((const int8_t *)r.w.panels)[o * r.w.n_groups * twin.group + i];
            cr_assert_leq(fabsf(byte * r.w.scales[o] - w[o * s.n_in + i]), 0.5001f * r.w.scales[o]);
        }
    }
    close_run(&r);
    drop(w, s.n_out * s.n_in, "w");
}

Test(narrow, weights_that_share_a_16_bit_sum_fit_it)
{
    FOR_EACH_INT8_TABLE(k)
    {
        cr_assert_leq((int)k->shared_most * 255, INT16_MAX);
        for (uint64_t round = 0; k->shared && round < ROUNDS; round++)
            check_rule(k, round);
    }
}

Test(narrow, what_is_not_finite_stays_visible)
{
    static const float BAD[] = {NAN, INFINITY, -INFINITY};
    shape s = {3, 5, 40};
    for (size_t t = 0; cpu_narrow_at(t); t++) {
        for (size_t b = 0; b < RRK_COUNT(BAD); b++) {
            float *w = make(5 * 40, 1, 1), *x = make(3 * 40, 2, 1), y[15];
            w[2 * 40 + 7] = BAD[b];
            x[40 + 39] = BAD[b];
            run r;
            open_run(&r, cpu_narrow_at(t), &s, w);
            multiply(&r, &s, x, false, CPU_IDENTITY, y);
            for (size_t i = 0; i < 15; i++)
                cr_assert_eq(isfinite(y[i]) == 0, i / 5 == 1 || i % 5 == 2, "%s [%zu]", r.table->isa, i);
            close_run(&r);
            drop(w, 5 * 40, "w");
            drop(x, 3 * 40, "x");
        }
    }
}

Test(narrow, rows_and_weights_that_are_nothing_give_the_bias)
{
    static const float NOTHING[] = {0, FLT_MIN / 8};
    shape s = {2, 3, 20};
    for (size_t t = 0; cpu_narrow_at(t); t++) {
        for (size_t n = 0; n < RRK_COUNT(NOTHING); n++) {
            float w[60], x[40], y[6];
            for (size_t i = 0; i < 60; i++)
                w[i] = i < 20 ? NOTHING[n] : 1;
            for (size_t i = 0; i < 40; i++)
                x[i] = i < 20 ? NOTHING[n] : 1;
            run r;
            open_run(&r, cpu_narrow_at(t), &s, w);
            multiply(&r, &s, x, false, CPU_IDENTITY, y);
            for (size_t i = 0; i < 6; i++) {
                float want = r.bias[i % 3] + (i / 3 == 1 && i % 3 != 0 ? 20 : 0);
                cr_assert_float_eq(y[i], want, 1e-4, "%s [%zu]: %g", r.table->isa, i, (double)y[i]);
            }
            close_run(&r);
        }
    }
}

/* 1 x n_in; whether it was packed as bytes. */
static bool is_narrow(size_t n_in)
{
    rrk_error err = {0};
    float *values = make(n_in, 1, 1);
    enc_weight w = {.name = "w", .dtype = ENC_F32, .n_dims = 2, .shape = {1, n_in}, .n_values = n_in, .data = values};
    w.bytes = n_in * sizeof *values;
    const enc_weight *parts[] = {&w}, *biases[] = {NULL};
    cpu_packing packing = {.kernels = &cpu_kernels_plain, .narrow = &cpu_int8_plain};
    enc_linear linear = {.n_out = 1, .n_in = n_in};
    cr_assert_eq(cpu_linear_pack(&linear, parts, biases, 1, &packing, &err), RRK_OK, "%s", err.message);
    bool narrow = linear.narrow.table != NULL;
    cpu_linear_clear(&linear);
    drop(values, n_in, "w");
    return narrow;
}

Test(narrow, a_layer_whose_sums_could_overflow_stays_f32)
{
    cr_assert(is_narrow(CPU_INT8_MAX_IN));
    cr_assert(!is_narrow(CPU_INT8_MAX_IN + 1));
    cr_assert_leq((int64_t)CPU_INT8_MAX_IN * 255 * 127, INT32_MAX);
}

Test(narrow, every_set_of_f32_loops_has_narrow_products_of_its_own_or_none)
{
    cr_assert_eq(cpu_narrow_for(&cpu_kernels_plain, RRK_DTYPE_INT8), &cpu_int8_plain);
    cr_assert_eq(cpu_narrow_for(&cpu_kernels_plain, RRK_DTYPE_BF16), &cpu_bf16_plain);
    cr_assert_null(cpu_narrow_for(&cpu_kernels_baseline, RRK_DTYPE_INT8));
    cr_assert_null(cpu_narrow_for(cpu_kernels_best(), RRK_DTYPE_F32));
}

Test(narrow, bf16_is_the_nearest_and_even_between_two)
{
    static const struct {
        float x;
        uint16_t want;
    } ROWS[] = {{1, 0x3f80},           {-2, 0xc000},        {0x1.01p0f, 0x3f80}, {0x1.03p0f, 0x3f82},
                {0x1.0101p0f, 0x3f81}, {0x1.ffp0f, 0x4000}, {INFINITY, 0x7f80},  {0x1.ffp127f, 0x7f80}};
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++)
        cr_assert_eq(cpu_to_bf16(ROWS[i].x), ROWS[i].want, "%a: %x", (double)ROWS[i].x, cpu_to_bf16(ROWS[i].x));
    cr_assert_eq(cpu_to_bf16(NAN) & 0x7fc0, 0x7fc0);
}
