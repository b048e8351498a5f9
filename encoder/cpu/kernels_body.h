/*
 * The vector loops, written once over the compiler's vector type. Included by one file an instruction set, which defines
 * LANES (floats a vector), KEY_VECTORS and QUERY_ROWS (the register block of attention), TABLE and ISA_NAME, and is
 * compiled with that set's flags.
 */
#include "encoder/cpu/kernels.h"

#include <math.h>
#include <string.h>

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));

static inline vf load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

static inline vf all(float x)
{
    return x - (vf){0};
}

static inline vf pick(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

static inline vf larger(vf a, vf b)
{
    return pick(a > b, a, b);
}

static inline float sum_of(vf v)
{
    float s = 0;
    for (int i = 0; i < LANES; i++)
        s += v[i];
    return s;
}

static inline float max_of(vf v)
{
    float m = v[0];
    for (int i = 1; i < LANES; i++)
        m = v[i] > m ? v[i] : m;
    return m;
}

/*
 * e^x to about 1e-7 relative: x = n ln 2 + r, a polynomial in r, and n added to the exponent. Below -87 it is 0, above
 * 88 it stays at e^88.
 */
static inline vf vexp(vf x)
{
    const vf magic = all(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    vi under = x < all(-87.0f);
    x = pick(x > all(88.0f), all(88.0f), pick(under, all(-87.0f), x));
    vf shifted = x * all(1.44269504088896341f) + magic;
    vf n = shifted - magic;
    vf r = x - n * all(0.693359375f);
    r = r - n * all(-2.12194440e-4f);
    vf p = all(1.9875691500e-4f);
    p = p * r + all(1.3981999507e-3f);
    p = p * r + all(8.3334519073e-3f);
    p = p * r + all(4.1665795894e-2f);
    p = p * r + all(1.6666665459e-1f);
    p = p * r + all(5.0000001201e-1f);
    p = p * (r * r) + r + all(1.0f);
    vi scale = ((vi)shifted - (vi)magic + 127) << 23;
    return pick(under, all(0), p * (vf)scale);
}

/* erf to 1.5e-7 absolute (Abramowitz and Stegun 7.1.26), folded into x * (1 + erf(x / sqrt 2)) / 2. */
static inline vf act_gelu_erf(vf x)
{
    vf z = x * all(0.70710678118654752f);
    vf a = pick(z < all(0), -z, z);
    vf t = all(1.0f) / (all(1.0f) + all(0.3275911f) * a);
    vf p = all(1.061405429f);
    p = p * t + all(-1.453152027f);
    p = p * t + all(1.421413741f);
    p = p * t + all(-0.284496736f);
    p = p * t + all(0.254829592f);
    vf e = all(1.0f) - p * t * vexp(-a * a);
    e = pick(z < all(0), -e, e);
    return all(0.5f) * x * (all(1.0f) + e);
}

static inline vf vtanh(vf x)
{
    vf e = vexp(all(2.0f) * pick(x > all(20.0f), all(20.0f), pick(x < all(-20.0f), all(-20.0f), x)));
    return (e - all(1.0f)) / (e + all(1.0f));
}

/* (e - 1) / (e + 1) cancels near 0, which the product with x hides in GELU but a bare tanh would show. */
static inline vf act_tanh(vf x)
{
    vf x2 = x * x;
    vf series = x * (all(1.0f) + x2 * (all(-0.33333333f) + x2 * (all(0.13333333f) + x2 * all(-0.053968254f))));
    return pick(x2 < all(0.01f), series, vtanh(x));
}

static inline vf act_gelu_tanh(vf x)
{
    vf inner = all(0.7978845608028654f) * (x + all(0.044715f) * x * x * x);
    return all(0.5f) * x * (all(1.0f) + vtanh(inner));
}

static inline vf act_relu(vf x)
{
    return larger(x, all(0));
}

static inline vf act_none(vf x)
{
    return x;
}

/* A row's tail goes through the same vector code by way of a zeroed vector. */
#define DEFINE_BIAS(name, act)                                                                                         \
    static void name(float *x, const float *b, size_t n_rows, size_t n_cols)                                           \
    {                                                                                                                  \
        for (size_t r = 0; r < n_rows; r++) {                                                                          \
            float *row = x + r * n_cols;                                                                               \
            size_t c = 0;                                                                                              \
            for (; c + LANES <= n_cols; c += LANES)                                                                    \
                store(row + c, act(load(row + c) + load(b + c)));                                                      \
            if (c < n_cols) {                                                                                          \
                vf v = {0}, w = {0};                                                                                   \
                memcpy(&v, row + c, (n_cols - c) * sizeof *row);                                                       \
                memcpy(&w, b + c, (n_cols - c) * sizeof *b);                                                           \
                v = act(v + w);                                                                                        \
                memcpy(row + c, &v, (n_cols - c) * sizeof *row);                                                       \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_BIAS(bias_none, act_none)
DEFINE_BIAS(bias_relu, act_relu)
DEFINE_BIAS(bias_gelu_erf, act_gelu_erf)
DEFINE_BIAS(bias_gelu_tanh, act_gelu_tanh)
DEFINE_BIAS(bias_tanh, act_tanh)

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

/* --- attention --- */

/* A head's operands, packed: keys transposed so that a vector holds LANES keys, everything padded with zeros. */
typedef struct head {
    float *kt;     /* [width, n_keys] */
    float *v;      /* [n_tokens, width] */
    float *q;      /* [QUERY_ROWS, width], scaled */
    float *scores; /* [QUERY_ROWS, n_keys] */
    size_t width;  /* d_head rounded up to LANES */
    size_t n_keys; /* n_tokens rounded up to KEY_VECTORS * LANES */
} head;

enum { KEY_BLOCK = KEY_VECTORS * LANES };

static void pack_head(const cpu_attention *a, size_t h, head *out)
{
    size_t d_head = a->d / a->n_heads, stride = 3 * a->d;
    const float *k = a->qkv + a->d + h * d_head, *v = k + a->d;
    for (size_t t = 0; t < out->n_keys; t++) {
        for (size_t i = 0; i < d_head; i++)
            out->kt[i * out->n_keys + t] = t < a->n_tokens ? k[t * stride + i] : 0;
    }
    for (size_t i = d_head; i < out->width; i++)
        memset(out->kt + i * out->n_keys, 0, out->n_keys * sizeof *out->kt);
    for (size_t t = 0; t < a->n_tokens; t++) {
        memcpy(out->v + t * out->width, v + t * stride, d_head * sizeof *v);
        memset(out->v + t * out->width + d_head, 0, (out->width - d_head) * sizeof *v);
    }
}

static void pack_queries(const cpu_attention *a, size_t h, size_t row, head *out)
{
    size_t d_head = a->d / a->n_heads;
    for (size_t r = 0; r < QUERY_ROWS; r++) {
        float *q = out->q + r * out->width;
        memset(q, 0, out->width * sizeof *q);
        if (row + r >= a->n_tokens)
            continue;
        const float *from = a->qkv + (row + r) * 3 * a->d + h * d_head;
        for (size_t i = 0; i < d_head; i++)
            q[i] = from[i] * a->scale;
    }
}

/* QUERY_ROWS x KEY_BLOCK scores at a time, held in registers. */
static void score_block(const head *h, size_t d_head, size_t key)
{
    vf acc[QUERY_ROWS][KEY_VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < QUERY_ROWS; r++)
#pragma GCC unroll 16
        for (int c = 0; c < KEY_VECTORS; c++)
            acc[r][c] = all(0);
    for (size_t i = 0; i < d_head; i++) {
        const float *kt = h->kt + i * h->n_keys + key;
        vf k[KEY_VECTORS];
#pragma GCC unroll 16
        for (int c = 0; c < KEY_VECTORS; c++)
            k[c] = load(kt + c * LANES);
#pragma GCC unroll 16
        for (int r = 0; r < QUERY_ROWS; r++) {
            vf q = all(h->q[(size_t)r * h->width + i]);
#pragma GCC unroll 16
            for (int c = 0; c < KEY_VECTORS; c++)
                acc[r][c] += q * k[c];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < QUERY_ROWS; r++)
#pragma GCC unroll 16
        for (int c = 0; c < KEY_VECTORS; c++)
            store(h->scores + (size_t)r * h->n_keys + key + (size_t)c * LANES, acc[r][c]);
}

/* In place; the padded keys get weight 0. Returns what the weights have to be divided by. */
static float softmax_row(float *scores, size_t n_tokens, size_t n_keys)
{
    for (size_t t = n_tokens; t < n_keys; t++)
        scores[t] = -INFINITY;
    vf top = load(scores);
    for (size_t t = LANES; t < n_keys; t += LANES)
        top = larger(top, load(scores + t));
    vf best = all(max_of(top)), sums = {0};
    for (size_t t = 0; t < n_keys; t += LANES) {
        vf e = vexp(load(scores + t) - best);
        store(scores + t, e);
        sums += e;
    }
    return sum_of(sums);
}

/* One vector of LANES values of each of QUERY_ROWS outputs. */
static void weigh_vector(const head *h, size_t n_tokens, size_t i, vf out[QUERY_ROWS])
{
    vf acc[QUERY_ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < QUERY_ROWS; r++)
        acc[r] = all(0);
    for (size_t t = 0; t < n_tokens; t++) {
        vf v = load(h->v + t * h->width + i);
#pragma GCC unroll 16
        for (int r = 0; r < QUERY_ROWS; r++)
            acc[r] += all(h->scores[(size_t)r * h->n_keys + t]) * v;
    }
#pragma GCC unroll 16
    for (int r = 0; r < QUERY_ROWS; r++)
        out[r] = acc[r];
}

/* Two vectors at once share the broadcasts. */
static void weigh_two(const head *h, size_t n_tokens, size_t i, vf out0[QUERY_ROWS], vf out1[QUERY_ROWS])
{
    vf acc0[QUERY_ROWS], acc1[QUERY_ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < QUERY_ROWS; r++)
        acc0[r] = acc1[r] = all(0);
    for (size_t t = 0; t < n_tokens; t++) {
        vf v0 = load(h->v + t * h->width + i), v1 = load(h->v + t * h->width + i + LANES);
#pragma GCC unroll 16
        for (int r = 0; r < QUERY_ROWS; r++) {
            vf p = all(h->scores[(size_t)r * h->n_keys + t]);
            acc0[r] += p * v0;
            acc1[r] += p * v1;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < QUERY_ROWS; r++) {
        out0[r] = acc0[r];
        out1[r] = acc1[r];
    }
}

static void put(float *out, vf v, size_t n)
{
    if (n >= LANES)
        store(out, v);
    else
        memcpy(out, &v, n * sizeof *out);
}

static void weigh_block(const cpu_attention *a, size_t h_index, size_t row, const head *h, const float *sums)
{
    size_t d_head = a->d / a->n_heads, n_rows = a->n_tokens - row < QUERY_ROWS ? a->n_tokens - row : QUERY_ROWS;
    float *out = a->out + row * a->d + h_index * d_head;
    for (size_t i = 0; i < h->width; i += 2 * LANES) {
        vf acc[2][QUERY_ROWS];
        size_t n_vectors = i + LANES < h->width ? 2 : 1;
        if (n_vectors == 2)
            weigh_two(h, a->n_tokens, i, acc[0], acc[1]);
        else
            weigh_vector(h, a->n_tokens, i, acc[0]);
        for (size_t r = 0; r < n_rows; r++) {
            for (size_t j = 0; j < n_vectors; j++)
                put(out + r * a->d + i + j * LANES, acc[j][r] / all(sums[r]), d_head - i - j * LANES);
        }
    }
}

static void attend_head(const cpu_attention *a, size_t h_index, head *h)
{
    size_t d_head = a->d / a->n_heads;
    float sums[QUERY_ROWS];
    pack_head(a, h_index, h);
    for (size_t row = 0; row < a->n_tokens; row += QUERY_ROWS) {
        pack_queries(a, h_index, row, h);
        for (size_t key = 0; key < h->n_keys; key += KEY_BLOCK)
            score_block(h, d_head, key);
        for (size_t r = 0; r < QUERY_ROWS; r++)
            sums[r] = softmax_row(h->scores + r * h->n_keys, a->n_tokens, h->n_keys);
        weigh_block(a, h_index, row, h, sums);
    }
}

static void attention(const cpu_attention *a)
{
    head h = {
        .width = (a->d / a->n_heads + LANES - 1) / LANES * LANES,
        .n_keys = (a->n_tokens + KEY_BLOCK - 1) / KEY_BLOCK * KEY_BLOCK,
    };
    h.kt = a->scratch;
    h.v = h.kt + h.width * h.n_keys;
    h.q = h.v + h.width * h.n_keys;
    h.scores = h.q + QUERY_ROWS * h.width;
    for (size_t i = 0; i < a->n_heads; i++)
        attend_head(a, i, &h);
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

const cpu_kernels TABLE = {
    .isa = ISA_NAME,
    .bias = bias_none,
    .bias_relu = bias_relu,
    .bias_gelu_erf = bias_gelu_erf,
    .bias_gelu_tanh = bias_gelu_tanh,
    .bias_tanh = bias_tanh,
    .add_norm = add_norm,
    .attention = attention,
    .mean = mean,
    .normalize = normalize,
};
