/*
 * bf16 products for processors with AVX512_BF16: vdpbf16ps adds two products to an f32 sum and takes numbers below the
 * smallest normal one as 0.
 */
#define LANES 16
#define PRODUCT_ROWS 6
#define PRODUCT_VECTORS 4
#define GROUP 2
#define STEP_GROUPS 1
#define SHARED 0
#define SHARED_MOST 0
#define TABLE cpu_bf16_avx512
#define ISA_NAME "avx512-bf16"
#define DTYPE RRK_DTYPE_BF16
#include "encoder/cpu/narrow.h"
#include "encoder/cpu/vector.h"

typedef uint16_t x_value;
typedef uint16_t w_value;
typedef vf sums;

static void narrow(const float *x, size_t n_rows, size_t n_in, const cpu_narrow_rows *rows)
{
    for (size_t r = 0; r < n_rows; r++) {
        uint16_t *out = (uint16_t *)rows->values + r * cpu_narrow_width(n_in);
        const float *row = x + r * n_in;
        for (size_t i = 0; i < n_in; i += LANES) {
            vf v = n_in - i >= LANES ? load(row + i) : load_some(row + i, n_in - i);
            __m256bh half = _mm512_cvtneps_pbh((__m512)v);
            memcpy(out + i, &half, sizeof half);
        }
    }
}

static inline vi weights(const uint16_t *w)
{
    return (vi)_mm512_loadu_si512(w);
}

static inline vf dot(vf acc, const vi *x, const vi *w)
{
    return (vf)_mm512_dpbf16_ps((__m512)acc, (__m512bh)*x, (__m512bh)*w);
}

static inline vf start(const cpu_narrow_product *p, size_t row, size_t col)
{
    (void)p;
    (void)row;
    (void)col;
    return all(0);
}

typedef float row_scale;

static inline float scale_of_row(const cpu_narrow_product *p, size_t row)
{
    (void)p;
    (void)row;
    return 1;
}

static inline vf scale_of_outputs(const float *scales, size_t col)
{
    (void)scales;
    (void)col;
    return all(1);
}

static inline vf to_f32(vf sum, float of_row, vf of_outputs)
{
    (void)of_row;
    (void)of_outputs;
    return sum;
}

#include "encoder/cpu/narrow_body.h"
