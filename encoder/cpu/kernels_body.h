/*
 * The vector loops, written once over the compiler's vector type. Included by one file an instruction set, which defines
 * LANES (floats a vector), TABLE and ISA_NAME, the register blocks (KEY_VECTORS and QUERY_ROWS of attention_body.h,
 * PRODUCT_ROWS and PRODUCT_VECTORS of product_body.h), and is compiled with that set's flags.
 */
#include "encoder/cpu/kernels.h"
#include "encoder/cpu/vector.h"

#include "encoder/cpu/finish_body.h"

static void bias(float *x, const float *b, size_t n_rows, size_t n_cols, cpu_activation activation)
{
    finish(x, n_cols, b, n_rows, n_cols, activation);
}

static float add_row(float *row, const float *delta, const float *b, size_t d)
{
    vf sums = {0};
    float sum = 0;
    size_t i = 0;
    for (; i + LANES <= d; i += LANES) {
        vf v = load(row + i);
        if (delta)
            v += load(delta + i) + load(b + i);
        store(row + i, v);
        sums += v;
    }
    for (; i < d; i++) {
        if (delta)
            row[i] += delta[i] + b[i];
        sum += row[i];
    }
    return sum + sum_of(sums);
}

static float squares_around(const float *row, float mean, size_t d)
{
    vf sums = {0};
    float sum = 0;
    size_t i = 0;
    for (; i + LANES <= d; i += LANES) {
        vf v = load(row + i) - all(mean);
        sums += v * v;
    }
    for (; i < d; i++)
        sum += (row[i] - mean) * (row[i] - mean);
    return sum + sum_of(sums);
}

static void scale_row(float *row, float mean, float scale, const float *gain, const float *shift, size_t d)
{
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        store(row + i, (load(row + i) - all(mean)) * all(scale) * load(gain + i) + load(shift + i));
    for (; i < d; i++)
        row[i] = (row[i] - mean) * scale * gain[i] + shift[i];
}

static void add_norm(float *x, const float *delta, const float *b, const float *gain, const float *shift, float eps,
                     size_t n_rows, size_t d)
{
    for (size_t r = 0; r < n_rows; r++) {
        float *row = x + r * d;
        float mean = add_row(row, delta ? delta + r * d : NULL, b, d) / (float)d;
        float var = squares_around(row, mean, d) / (float)d;
        scale_row(row, mean, 1 / sqrtf(var + eps), gain, shift, d);
    }
}

/* --- pooling --- */

static void mean(float *out, const float *x, size_t n_rows, size_t d)
{
    size_t i = 0;
    float scale = 1 / (float)n_rows;
    for (; i + LANES <= d; i += LANES) {
        vf sum = {0};
        for (size_t r = 0; r < n_rows; r++)
            sum += load(x + r * d + i);
        store(out + i, sum * all(scale));
    }
    for (; i < d; i++) {
        float sum = 0;
        for (size_t r = 0; r < n_rows; r++)
            sum += x[r * d + i];
        out[i] = sum * scale;
    }
}

static void normalize(float *x, size_t d)
{
    float sum = squares_around(x, 0, d);
    if (sum == 0)
        return;
    float scale = 1 / sqrtf(sum);
    for (size_t i = 0; i < d; i++)
        x[i] *= scale;
}

#include "encoder/cpu/attention_body.h"
#include "encoder/cpu/step_body.h"
#ifdef PRODUCT_ROWS
#include "encoder/cpu/product_body.h"
#endif

const cpu_kernels TABLE = {
    .isa = ISA_NAME,
    .bias = bias,
    .add_norm = add_norm,
    .attention = attention,
    .mean = mean,
    .normalize = normalize,
    .rms_norm = rms_norm,
    .add = add,
    .gate = gate,
    .dots = dots,
    .combine = combine,
    .softmax = softmax_row,
#ifdef PRODUCT_ROWS
    .panel_cols = PANEL_COLS,
    .product = product,
#endif
};
