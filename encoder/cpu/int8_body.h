/*
 * What int8 products of all instruction sets share: rows to bytes, and integers back to f32. Activations are bytes
 * counted from 0, so a sum starts with what that is too much. Included with what narrow_body.h wants but start(), and with:
 *   to_ints(v)                  rounds to the nearest, ties to even
 *   keep(out, q)                4 * LANES bytes of integers that may be 256
 */
#include "encoder/cpu/narrow.h"

#include <float.h>

#define DTYPE RRK_DTYPE_INT8

typedef int8_t w_value;
typedef vi sums;

/* Vectors a round of the loops over a row: so many chains of maxima, and what keep() takes. */
enum { ROUND = 4 };

/* The next n floats, zeros beyond. */
static inline void take(const float *x, size_t n, vf v[ROUND])
{
    if (n >= ROUND * LANES) {
        UNROLL
        for (size_t k = 0; k < ROUND; k++)
            v[k] = load(x + k * LANES);
        return;
    }
    for (size_t k = 0; k < ROUND; k++)
        v[k] = k * LANES < n ? load_some(x + k * LANES, n - k * LANES) : all(0);
}

/* The span of a row and 0, its end first; both are not a number where the row has something that is not finite. */
static inline float range_of(const float *x, size_t n, float *minus_low)
{
    vf high[ROUND] = {0}, low[ROUND] = {0}, poison[ROUND] = {0};
    for (size_t i = 0; i < n; i += ROUND * LANES) {
        vf v[ROUND];
        take(x + i, n - i, v);
        UNROLL
        for (size_t k = 0; k < ROUND; k++) {
            high[k] = larger(v[k], high[k]);
            low[k] = larger(-v[k], low[k]);
            poison[k] += v[k] * all(0);
        }
    }
    float bad = sum_of((poison[0] + poison[1]) + (poison[2] + poison[3]));
    *minus_low = max_of(larger(larger(low[0], low[1]), larger(low[2], low[3]))) + bad;
    return max_of(larger(larger(high[0], high[1]), larger(high[2], high[3]))) + bad;
}

static void narrow_row(const float *x, size_t n, x_value *out, float *scale, int32_t *zero)
{
    float minus_low, high = range_of(x, n, &minus_low);
    float step = (high + minus_low) * (1.0f / 255);
    if (!(step >= FLT_MIN)) {
        memset(out, 0, n * sizeof *out);
        *scale = isnan(step) ? NAN : 0;
        *zero = 0;
        return;
    }
    float per_step = 1 / step, at_zero = rintf(minus_low * per_step);
    for (size_t i = 0; i < n; i += ROUND * LANES) {
        vf v[ROUND];
        vi q[ROUND];
        take(x + i, n - i, v);
        UNROLL
        for (size_t k = 0; k < ROUND; k++)
            q[k] = to_ints(v[k] * all(per_step) + all(at_zero));
        keep(out + i, q);
    }
    *scale = step;
    *zero = (int32_t)at_zero;
}

static void narrow(const float *x, size_t n_rows, size_t n_in, const cpu_narrow_rows *rows)
{
    for (size_t r = 0; r < n_rows; r++) {
        x_value *out = (x_value *)rows->values + r * cpu_narrow_width(n_in);
        narrow_row(x + r * n_in, n_in, out, &rows->scales[r], &rows->zeros[r]);
    }
}

static inline vi start(const cpu_narrow_product *p, size_t row, size_t col)
{
    vi s;
    memcpy(&s, p->w->sums + col, sizeof s);
    return s * -p->x->zeros[row];
}

typedef float row_scale;

static inline float scale_of_row(const cpu_narrow_product *p, size_t row)
{
    return p->x->scales[row];
}

static inline vf scale_of_outputs(const float *scales, size_t col)
{
    return load(scales + col);
}

static inline vf to_f32(vi sum, float of_row, vf of_outputs)
{
    return __builtin_convertvector(sum, vf) * (all(of_row) * of_outputs);
}

#include "encoder/cpu/narrow_body.h"
