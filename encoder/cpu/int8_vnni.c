/*
 * int8 products for processors with AVX-512 VNNI: vpdpbusd adds four products of an unsigned and a signed byte to a
 * 32-bit sum without saturating. Activations are bytes counted from 0, so a sum starts with what that is too much.
 */
#define LANES 16
#define PRODUCT_ROWS 6
#define PRODUCT_VECTORS 4
#define GROUP 4
#define TABLE cpu_int8_vnni
#define ISA_NAME "avx512-vnni"
#include "encoder/cpu/narrow.h"
#include "encoder/cpu/vector.h"

typedef uint8_t x_value;

static inline vi to_ints(vf v)
{
    return (vi)_mm512_cvtps_epi32((__m512)v);
}

static inline void keep(x_value *out, vi q, vi zero)
{
    (void)zero;
    _mm_storeu_si128((__m128i_u *)out, _mm512_cvtusepi32_epi8((__m512i)q));
}

static inline vi weights(const int8_t *w)
{
    return (vi)_mm512_loadu_si512(w);
}

static inline vi dot(vi acc, vi x, vi w)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)x, (__m512i)w);
}

static inline vi start(const cpu_narrow_product *p, size_t row, size_t col)
{
    vi s;
    memcpy(&s, p->w->sums + col, sizeof s);
    return s * -p->x->zeros[row];
}

#include "encoder/cpu/int8_body.h"
