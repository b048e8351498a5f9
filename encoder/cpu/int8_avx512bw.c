/*
 * int8 products for processors with AVX-512 (BW) but without VNNI. vpmaddubsw would saturate, so both operands are 16
 * bits wide and vpmaddwd, whose sums of two products are exact, takes them: weights are widened as they are loaded.
 */
#define LANES 16
#define PRODUCT_ROWS 6
#define PRODUCT_VECTORS 4
#define GROUP 2
#define TABLE cpu_int8_avx512bw
#define ISA_NAME "avx512bw"
#include "encoder/cpu/narrow.h"
#include "encoder/cpu/vector.h"

typedef int16_t x_value;

static inline vi to_ints(vf v)
{
    return (vi)_mm512_cvtps_epi32((__m512)v);
}

static inline void keep(x_value *out, vi q, vi zero)
{
    __m512i top = _mm512_min_epi32((__m512i)q, _mm512_set1_epi32(255));
    _mm256_storeu_si256((__m256i_u *)out, _mm512_cvtepi32_epi16(_mm512_sub_epi32(top, (__m512i)zero)));
}

static inline vi weights(const int8_t *w)
{
    return (vi)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i_u *)w));
}

static inline vi dot(vi acc, vi x, vi w)
{
    return acc + (vi)_mm512_madd_epi16((__m512i)x, (__m512i)w);
}

static inline vi start(const cpu_narrow_product *p, size_t row, size_t col)
{
    (void)p;
    (void)row;
    (void)col;
    return (vi){0};
}

#include "encoder/cpu/int8_body.h"
