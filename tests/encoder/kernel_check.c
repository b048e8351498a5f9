/*
 * Every vector loop of every instruction set that this processor has, against its plain C twin: random shapes and
 * values from a printed seed, and guard values around what may be written.
 */
#include "base/alloc.h"
#include "base/macros.h"
#include "base/rng.h"
#include "encoder/cpu/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 60, GUARD = 16 };

static const float GUARD_VALUE = 1234.5f;
static const uint64_t SEED = 20261124;

/* Random floats between two guards. */
typedef struct guarded {
    float *all;
    float *data;
    size_t n;
} guarded;

static guarded make(size_t n, uint64_t stream, float scale)
{
    guarded g = {.n = n};
    g.all = base_alloc_aligned(n + 2 * GUARD, sizeof *g.all);
    g.data = g.all + GUARD;
    for (size_t i = 0; i < n + 2 * GUARD; i++)
        g.all[i] = GUARD_VALUE;
    for (size_t i = 0; i < n; i++)
        g.data[i] = scale * (float)(2 * base_rng_uniform_at(SEED + stream, i) - 1);
    return g;
}

static void drop(guarded *g, const char *what)
{
    for (size_t i = 0; i < GUARD; i++)
        cr_assert(g->all[i] == GUARD_VALUE && g->data[g->n + i] == GUARD_VALUE, "%s wrote beyond its output", what);
    base_free_aligned(g->all);
}

static void compare(const char *isa, const char *what, const guarded *got, const guarded *want, double tolerance)
{
    for (size_t i = 0; i < want->n; i++) {
        double off = fabs((double)got->data[i] - (double)want->data[i]);
        cr_assert(off <= tolerance * (1 + fabs((double)want->data[i])), "%s %s [%zu]: %.9g, plain %.9g", isa, what, i,
                  (double)got->data[i], (double)want->data[i]);
    }
}

static size_t pick(uint64_t counter, size_t low, size_t high)
{
    return low + base_rng_at(SEED, counter) % (high - low + 1);
}

/* Calls body for each table but the plain one. */
#define FOR_EACH_TABLE(k)                                                                                              \
    for (size_t table_ = 0; cpu_kernels_at(table_); table_++)                                                          \
        for (const cpu_kernels *k = cpu_kernels_at(table_); k && k != &cpu_kernels_plain; k = NULL)

Test(kernel_check, prints_its_seed_and_the_tables)
{
    for (size_t i = 0; cpu_kernels_at(i); i++)
        fprintf(stderr, "kernel_check: seed %llu, %s\n", (unsigned long long)SEED, cpu_kernels_at(i)->isa);
    cr_assert_str_neq(cpu_kernels_best()->isa, "plain");
}

static const char *const ACTIVATIONS[] = {
    [CPU_IDENTITY] = "bias",          [CPU_RELU] = "bias_relu",
    [CPU_GELU_ERF] = "bias_gelu_erf", [CPU_GELU_TANH] = "bias_gelu_tanh",
    [CPU_TANH] = "bias_tanh",
};

static void check_bias(const cpu_kernels *k, cpu_activation activation, float scale)
{
    const char *what = ACTIVATIONS[activation];
    for (uint64_t round = 0; round < ROUNDS; round++) {
        size_t rows = pick(round * 2, 1, 9), cols = pick(round * 2 + 1, 1, 300);
        guarded x = make(rows * cols, round, scale), y = make(rows * cols, round, scale),
                b = make(cols, 999 + round, 1);
        k->bias(x.data, b.data, rows, cols, activation);
        cpu_kernels_plain.bias(y.data, b.data, rows, cols, activation);
        compare(k->isa, what, &x, &y, 2e-6);
        drop(&x, what);
        drop(&y, what);
        drop(&b, what);
    }
}

Test(kernel_check, bias_and_activations)
{
    static const float SCALES[] = {0.01f, 1, 6, 60};
    FOR_EACH_TABLE(k)
    {
        for (size_t s = 0; s < RRK_COUNT(SCALES); s++) {
            for (size_t a = 0; a < RRK_COUNT(ACTIVATIONS); a++)
                check_bias(k, (cpu_activation)a, SCALES[s]);
        }
    }
}

Test(kernel_check, not_a_number_stays_visible)
{
    FOR_EACH_TABLE(k)
    {
        for (size_t a = 0; a < RRK_COUNT(ACTIVATIONS); a++) {
            float x[3] = {1, NAN, 1}, b[3] = {0};
            k->bias(x, b, 3, 1, (cpu_activation)a);
            cr_assert(isnan(x[1]) && !isnan(x[0]) && !isnan(x[2]), "%s %s", k->isa, ACTIVATIONS[a]);
        }
    }
}

/* Both tables' panels are made of the same weights. */
static void check_product(const cpu_kernels *k, uint64_t round)
{
    size_t n_rows = pick(round * 7, 1, 20), n_in = pick(round * 7 + 1, 1, 90), n_panels = pick(round * 7 + 2, 1, 3);
    size_t n_out = n_panels * k->panel_cols;
    guarded x = make(n_rows * n_in, round, 1), w = make(n_out * n_in, 100 + round, 1), b = make(n_out, 200 + round, 1);
    guarded y = make(n_rows * n_out, 300 + round, 1), want = make(n_rows * n_out, 300 + round, 1);
    guarded panels = make(n_out * n_in, 0, 0), plain_panels = make(n_out * n_in, 0, 0);
    cpu_pack_panels(w.data, n_out, n_in, k->panel_cols, panels.data);
    cpu_pack_panels(w.data, n_out, n_in, cpu_kernels_plain.panel_cols, plain_panels.data);
    cpu_product p = {
        .x = x.data,
        .panels = panels.data,
        .bias = b.data,
        .y = y.data,
        .n_rows = n_rows,
        .n_in = n_in,
        .n_out = n_out,
        .add = round % 2,
        .activation = round % 2 ? CPU_IDENTITY : (cpu_activation)(round / 2 % RRK_COUNT(ACTIVATIONS)),
    };
    k->product(&p);
    p.panels = plain_panels.data;
    p.y = want.data;
    cpu_kernels_plain.product(&p);
    compare(k->isa, "product", &y, &want, 1e-5);
    guarded *const all[] = {&x, &w, &b, &y, &want, &panels, &plain_panels};
    for (size_t i = 0; i < RRK_COUNT(all); i++)
        drop(all[i], "product");
}

Test(kernel_check, product_with_what_finishes_it)
{
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; k->product && round < 2 * ROUNDS; round++)
            check_product(k, round);
    }
}

static void check_norm(const cpu_kernels *k, uint64_t round)
{
    size_t rows = pick(round * 3, 1, 7), d = pick(round * 3 + 1, 2, 800);
    bool with_delta = round % 3 != 0;
    guarded x = make(rows * d, round, 3), y = make(rows * d, round, 3), delta = make(rows * d, 100 + round, 2);
    guarded bias = make(d, 200 + round, 1), gain = make(d, 300 + round, 2), shift = make(d, 400 + round, 1);
    const float *from = with_delta ? delta.data : NULL, *add = with_delta ? bias.data : NULL;
    k->add_norm(x.data, from, add, gain.data, shift.data, 1e-12f, rows, d);
    cpu_kernels_plain.add_norm(y.data, from, add, gain.data, shift.data, 1e-12f, rows, d);
    compare(k->isa, "add_norm", &x, &y, 1e-5);
    guarded *const all[] = {&x, &y, &delta, &bias, &gain, &shift};
    for (size_t i = 0; i < RRK_COUNT(all); i++)
        drop(all[i], "add_norm");
}

Test(kernel_check, norm_with_residual)
{
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; round < ROUNDS; round++)
            check_norm(k, round);
    }
}

/* The one whose result is in place of its queries is the fourth row of a sequence, if there are so many. */
static void check_one_query(const cpu_kernels *k, cpu_attention a, const float *all_rows)
{
    size_t row = RRK_MIN(a.n_tokens - 1, (size_t)3);
    guarded q = make(a.d, 1, 0), expected = make(a.d, 1, 0);
    memcpy(q.data, a.q + row * a.q_stride, a.d * sizeof *q.data);
    memcpy(expected.data, all_rows + row * a.d, a.d * sizeof *q.data);
    a.q = a.out = q.data;
    a.q_stride = a.d;
    a.first_query = row;
    a.n_queries = 1;
    k->attention(&a);
    compare(k->isa, "attention of one query", &q, &expected, 1e-6);
    drop(&q, "attention of one query");
    drop(&expected, "attention of one query");
}

static void check_attention(const cpu_kernels *k, size_t n_tokens, size_t n_heads, size_t d_head, float scale,
                            bool has_bias)
{
    size_t d = n_heads * d_head, bias_stride = 2 * n_tokens + CPU_BIAS_PAD;
    guarded bias = make(n_heads * bias_stride, 3, scale);
    guarded qkv = make(n_tokens * 3 * d, n_tokens * 7 + d_head, scale);
    guarded x = make(n_tokens * d, 1, 0), y = make(n_tokens * d, 1, 0);
    guarded scratch = make(cpu_attention_scratch(n_tokens, d_head), 2, 1);
    cpu_attention a = {
        .q = qkv.data,
        .kv = qkv.data + d,
        .out = x.data,
        .q_stride = 3 * d,
        .kv_stride = 3 * d,
        .n_queries = n_tokens,
        .n_tokens = n_tokens,
        .d = d,
        .n_heads = n_heads,
        .scale = 1 / sqrtf((float)d_head),
        .bias = has_bias ? bias.data + n_tokens : NULL,
        .bias_stride = bias_stride,
        .scratch = scratch.data,
    };
    k->attention(&a);
    check_one_query(k, a, x.data);
    a.out = y.data;
    cpu_kernels_plain.attention(&a);
    /* A score's rounding grows with the score, and softmax turns it into a relative error of the weight. */
    compare(k->isa, "attention", &x, &y, 1e-5 + 2e-6 * (double)scale * (double)scale * sqrt((double)d_head));
    drop(&qkv, "attention");
    drop(&x, "attention");
    drop(&y, "attention");
    drop(&scratch, "attention's scratch");
    drop(&bias, "attention's bias");
}

Test(kernel_check, attention)
{
    static const size_t TOKENS[] = {1, 2, 3, 15, 16, 17, 47, 48, 49, 63, 64, 65, 130, 512};
    static const size_t HEADS[] = {8, 16, 24, 32, 40, 64, 80};
    FOR_EACH_TABLE(k)
    {
        for (size_t t = 0; t < RRK_COUNT(TOKENS); t++) {
            for (size_t h = 0; h < RRK_COUNT(HEADS); h++)
                check_attention(k, TOKENS[t], 1 + t % 3, HEADS[h], t % 2 ? 1 : 6, (t + h) % 3 == 0);
        }
    }
}

Test(kernel_check, attention_survives_scores_far_apart)
{
    FOR_EACH_TABLE(k)
    check_attention(k, 33, 2, 32, 40, false);
}

Test(kernel_check, mean_and_length)
{
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            size_t rows = pick(round * 5, 1, 40), d = pick(round * 5 + 1, 1, 500);
            guarded in = make(rows * d, round, 2), x = make(d, 1, 0), y = make(d, 1, 0);
            k->mean(x.data, in.data, rows, d);
            cpu_kernels_plain.mean(y.data, in.data, rows, d);
            compare(k->isa, "mean", &x, &y, 1e-5);
            k->normalize(x.data, d);
            cpu_kernels_plain.normalize(y.data, d);
            compare(k->isa, "normalize", &x, &y, 1e-5);
            drop(&in, "mean");
            drop(&x, "mean");
            drop(&y, "mean");
        }
        float zeros[5] = {0};
        k->normalize(zeros, 5);
        cr_assert_eq(zeros[0], 0);
    }
}

Test(kernel_check, rms_norm_in_place_and_not)
{
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            size_t rows = pick(round * 3, 1, 7), d = pick(round * 3 + 1, 1, 800);
            guarded in = make(rows * d, round, 3), gain = make(d, 300 + round, 2), x = make(rows * d, 1, 0),
                    y = make(rows * d, 1, 0);
            k->rms_norm(x.data, in.data, gain.data, 1e-6f, rows, d);
            cpu_kernels_plain.rms_norm(y.data, in.data, gain.data, 1e-6f, rows, d);
            compare(k->isa, "rms_norm", &x, &y, 1e-5);
            k->rms_norm(in.data, in.data, gain.data, 1e-6f, rows, d);
            compare(k->isa, "rms_norm in place", &in, &y, 1e-5);
            guarded *const all[] = {&in, &gain, &x, &y};
            for (size_t i = 0; i < RRK_COUNT(all); i++)
                drop(all[i], "rms_norm");
        }
    }
}

Test(kernel_check, add_and_gate)
{
    static const cpu_activation GATES[] = {CPU_RELU, CPU_GELU_TANH, CPU_GELU_ERF};
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            size_t rows = pick(round * 4, 1, 7), cols = 2 * pick(round * 4 + 1, 1, 200);
            guarded x = make(rows * cols, round, 3), y = make(rows * cols, round, 3),
                    delta = make(rows * cols, 50 + round, 2), bias = make(cols, 90 + round, 1);
            k->add(x.data, delta.data, bias.data, rows, cols);
            cpu_kernels_plain.add(y.data, delta.data, bias.data, rows, cols);
            compare(k->isa, "add", &x, &y, 1e-6);
            cpu_activation activation = GATES[round % RRK_COUNT(GATES)];
            k->gate(x.data, rows, cols / 2, activation);
            cpu_kernels_plain.gate(y.data, rows, cols / 2, activation);
            x.n = y.n = rows * cols / 2;
            compare(k->isa, "gate", &x, &y, 1e-5);
            x.n = y.n = rows * cols;
            guarded *const all[] = {&x, &y, &delta, &bias};
            for (size_t i = 0; i < RRK_COUNT(all); i++)
                drop(all[i], "add or gate");
        }
    }
}

/* Rows further apart than they are long, at both ends. */
static void check_dots(const cpu_kernels *k, uint64_t round)
{
    size_t d = pick(round * 7, 1, 300), n_a = pick(round * 7 + 1, 1, 13), n_b = pick(round * 7 + 2, 1, 40);
    size_t a_stride = d + round % 5, b_stride = d + round % 3, out_stride = n_b + round % 4;
    guarded a = make(n_a * a_stride, round, 1), b = make(n_b * b_stride, 70 + round, 1);
    guarded x = make(n_a * out_stride, 1, 0), y = make(n_a * out_stride, 1, 0);
    cpu_rows left = {a.data, a_stride, n_a}, right = {b.data, b_stride, n_b};
    k->dots(x.data, out_stride, left, right, d);
    cpu_kernels_plain.dots(y.data, out_stride, left, right, d);
    compare(k->isa, "dots", &x, &y, 1e-5);
    guarded *const all[] = {&a, &b, &x, &y};
    for (size_t i = 0; i < RRK_COUNT(all); i++)
        drop(all[i], "dots");
}

static void check_combine(const cpu_kernels *k, uint64_t round)
{
    size_t d = pick(round * 9, 1, 300), n_out = pick(round * 9 + 1, 1, 13), n_rows = pick(round * 9 + 2, 1, 150);
    size_t w_stride = n_rows + round % 3, row_stride = d + round % 5, out_stride = d + round % 4;
    guarded w = make(n_out * w_stride, round, 1), rows = make(n_rows * row_stride, 70 + round, 1);
    guarded x = make(n_out * out_stride, 1, 0), y = make(n_out * out_stride, 1, 0);
    cpu_rows weights = {w.data, w_stride, n_out}, from = {rows.data, row_stride, n_rows};
    k->combine(x.data, out_stride, weights, from, d);
    cpu_kernels_plain.combine(y.data, out_stride, weights, from, d);
    compare(k->isa, "combine", &x, &y, 1e-5);
    guarded *const all[] = {&w, &rows, &x, &y};
    for (size_t i = 0; i < RRK_COUNT(all); i++)
        drop(all[i], "combine");
}

Test(kernel_check, products_of_a_few_rows_with_many)
{
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            check_dots(k, round);
            check_combine(k, round);
        }
    }
}

Test(kernel_check, softmax_of_one_row)
{
    static const float SCALES[] = {0.1f, 1, 8, 100};
    FOR_EACH_TABLE(k)
    {
        for (uint64_t round = 0; round < 2 * ROUNDS; round++) {
            size_t n = pick(round * 2, 1, 600);
            float scale = SCALES[round % RRK_COUNT(SCALES)];
            guarded x = make(n, round, scale), y = make(n, round, scale);
            k->softmax(x.data, 0.5f, n);
            cpu_kernels_plain.softmax(y.data, 0.5f, n);
            compare(k->isa, "softmax", &x, &y, 1e-5);
            drop(&x, "softmax");
            drop(&y, "softmax");
        }
    }
}
