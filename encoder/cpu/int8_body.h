/*
 * What int8 products of all instruction sets share: rows to bytes, and integers back to f32. Included with what
 * narrow_body.h wants but start(), and with:
 *   to_ints(v)                  rounds to the nearest, ties to even
 *   keep(out, q, zero)          LANES activations from bytes q, which may be 256
 */
#include "encoder/cpu/narrow.h"

#include <float.h>

#define DTYPE RRK_DTYPE_INT8

typedef int8_t w_value;
typedef vi sums;

static inline vf some(const float *p, size_t n)
{
    return n >= LANES ? load(p) : load_some(p, n);
}

/* The span of a row and 0, its end first; both are not a number where the row has something that is not finite. */
static inline float range_of(const float *x, size_t n, float *minus_low)
{
    vf high = all(0), low = all(0), poison = all(0);
    for (size_t i = 0; i < n; i += LANES) {
        vf v = some(x + i, n - i);
        high = larger(v, high);
        low = larger(-v, low);
        poison += v * all(0);
    }
    float bad = sum_of(poison);
    *minus_low = max_of(low) + bad;
    return max_of(high) + bad;
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
    float per_step = 1 / step;
    int32_t at_zero = (int32_t)lrintf(minus_low * per_step);
    vi shift = at_zero - (vi){0};
    for (size_t i = 0; i < n; i += LANES)
        keep(out + i, to_ints(some(x + i, n - i) * all(per_step)) + shift, shift);
    *scale = step;
    *zero = at_zero;
}

static void narrow(const float *x, size_t n_rows, size_t n_in, const cpu_narrow_rows *rows)
{
    for (size_t r = 0; r < n_rows; r++) {
        x_value *out = (x_value *)rows->values + r * cpu_narrow_width(n_in);
        narrow_row(x + r * n_in, n_in, out, &rows->scales[r], &rows->zeros[r]);
    }
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
