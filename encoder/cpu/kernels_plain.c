/* What each vector loop means, in plain C and double precision where it matters. The twin that tests compare with. */
#include "encoder/cpu/kernels.h"

#include <math.h>

enum { PLAIN_PAD = 16 };

size_t cpu_attention_scratch(size_t max_tokens, size_t d_head)
{
    /* Enough for every table: k and v of a head, padded to vectors, and a block of rows of q and of scores. */
    size_t tokens = max_tokens + 64, width = (d_head + PLAIN_PAD - 1) / PLAIN_PAD * PLAIN_PAD;
    return 2 * tokens * width + 16 * (tokens + width);
}

static float gelu_erf(float x)
{
    return (float)(0.5 * (double)x * (1 + erf((double)x * M_SQRT1_2)));
}

static float gelu_tanh(float x)
{
    double v = (double)x;
    return (float)(0.5 * v * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v))));
}

static float activate(float x, cpu_activation activation)
{
    switch (activation) {
    case CPU_IDENTITY:
        return x;
    case CPU_RELU:
        return x > 0 ? x : 0;
    case CPU_GELU_ERF:
        return gelu_erf(x);
    case CPU_GELU_TANH:
        return gelu_tanh(x);
    case CPU_TANH:
        return tanhf(x);
    }
    return x;
}

static void bias(float *x, const float *b, size_t n_rows, size_t n_cols, cpu_activation activation)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t c = 0; c < n_cols; c++)
            x[r * n_cols + c] = activate(x[r * n_cols + c] + b[c], activation);
    }
}

static void product(const cpu_product *p)
{
    for (size_t r = 0; r < p->n_rows; r++) {
        for (size_t c = 0; c < p->n_out; c++) {
            float *y = p->y + r * p->n_out + c;
            double sum = (double)p->bias[c] + (p->add ? (double)*y : 0);
            for (size_t i = 0; i < p->n_in; i++)
                sum += (double)p->x[r * p->n_in + i] * (double)p->panels[c * p->n_in + i];
            *y = activate((float)sum, p->activation);
        }
    }
}

static void norm_row(float *x, const float *gain, const float *shift, float eps, size_t d)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < d; i++)
        mean += (double)x[i];
    mean /= (double)d;
    for (size_t i = 0; i < d; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean);
    double scale = 1 / sqrt(var / (double)d + (double)eps);
    for (size_t i = 0; i < d; i++)
        x[i] = (float)(((double)x[i] - mean) * scale) * gain[i] + shift[i];
}

static void add_norm(float *x, const float *delta, const float *b, const float *gain, const float *shift, float eps,
                     size_t n_rows, size_t d)
{
    for (size_t r = 0; r < n_rows; r++) {
        float *row = x + r * d;
        for (size_t i = 0; delta && i < d; i++)
            row[i] += delta[r * d + i] + b[i];
        norm_row(row, gain, shift, eps, d);
    }
}

/* One query row of one head. */
static void attend(const cpu_attention *a, size_t head, size_t row)
{
    size_t width = a->d / a->n_heads, stride = a->kv_stride;
    const float *q = a->q + row * a->q_stride + head * width, *k = a->kv + head * width, *v = k + a->d;
    float *scores = a->scratch, *out = a->out + row * a->d + head * width;
    float best = -INFINITY;
    for (size_t t = 0; t < a->n_tokens; t++) {
        double s = 0;
        for (size_t i = 0; i < width; i++)
            s += (double)q[i] * (double)k[t * stride + i];
        if (a->bias)
            s += (double)a->bias[(ptrdiff_t)(head * a->bias_stride + t) - (ptrdiff_t)(a->first_query + row)];
        scores[t] = (float)(s * (double)a->scale);
        best = scores[t] > best ? scores[t] : best;
    }
    double sum = 0;
    for (size_t t = 0; t < a->n_tokens; t++)
        sum += exp((double)(scores[t] - best));
    for (size_t i = 0; i < width; i++) {
        double s = 0;
        for (size_t t = 0; t < a->n_tokens; t++)
            s += exp((double)(scores[t] - best)) * (double)v[t * stride + i];
        out[i] = (float)(s / sum);
    }
}

static void attention(const cpu_attention *a)
{
    for (size_t head = 0; head < a->n_heads; head++) {
        for (size_t row = 0; row < a->n_queries; row++)
            attend(a, head, row);
    }
}

static void mean(float *out, const float *x, size_t n_rows, size_t d)
{
    for (size_t i = 0; i < d; i++) {
        double sum = 0;
        for (size_t r = 0; r < n_rows; r++)
            sum += (double)x[r * d + i];
        out[i] = (float)(sum / (double)n_rows);
    }
}

static void normalize(float *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)x[i] * (double)x[i];
    if (sum == 0)
        return;
    for (size_t i = 0; i < d; i++)
        x[i] = (float)((double)x[i] / sqrt(sum));
}

static void rms_norm(float *out, const float *x, const float *gain, float eps, size_t n_rows, size_t d)
{
    for (size_t r = 0; r < n_rows; r++) {
        double sum = 0;
        for (size_t i = 0; i < d; i++)
            sum += (double)x[r * d + i] * (double)x[r * d + i];
        double scale = 1 / sqrt(sum / (double)d + (double)eps);
        for (size_t i = 0; i < d; i++)
            out[r * d + i] = (float)((double)x[r * d + i] * scale) * gain[i];
    }
}

static void add(float *x, const float *delta, const float *b, size_t n_rows, size_t n_cols)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t c = 0; c < n_cols; c++)
            x[r * n_cols + c] += delta[r * n_cols + c] + b[c];
    }
}

static void gate(float *x, size_t n_rows, size_t n_cols, cpu_activation activation)
{
    for (size_t r = 0; r < n_rows; r++) {
        const float *from = x + r * 2 * n_cols;
        for (size_t c = 0; c < n_cols; c++)
            x[r * n_cols + c] = activate(from[c], activation) * from[n_cols + c];
    }
}

static void dots(float *out, size_t out_stride, cpu_rows a, cpu_rows b, size_t d)
{
    for (size_t i = 0; i < a.n; i++) {
        for (size_t j = 0; j < b.n; j++) {
            double sum = 0;
            for (size_t c = 0; c < d; c++)
                sum += (double)a.data[i * a.stride + c] * (double)b.data[j * b.stride + c];
            out[i * out_stride + j] = (float)sum;
        }
    }
}

static void combine(float *out, size_t out_stride, cpu_rows weights, cpu_rows rows, size_t d)
{
    for (size_t i = 0; i < weights.n; i++) {
        for (size_t c = 0; c < d; c++) {
            double sum = 0;
            for (size_t r = 0; r < rows.n; r++)
                sum += (double)weights.data[i * weights.stride + r] * (double)rows.data[r * rows.stride + c];
            out[i * out_stride + c] = (float)sum;
        }
    }
}

static void softmax(float *x, float scale, size_t n)
{
    double best = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        best = (double)x[i] > best ? (double)x[i] : best;
    for (size_t i = 0; i < n; i++)
        sum += exp(((double)x[i] - best) * (double)scale);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(exp(((double)x[i] - best) * (double)scale) / sum);
}

const cpu_kernels cpu_kernels_plain = {
    .isa = "plain",
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
    .softmax = softmax,
    .panel_cols = 1, /* W as it is */
    .product = product,
};
