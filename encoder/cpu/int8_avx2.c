/*
 * int8 products for processors with AVX2: as for AVX-512 without VNNI (int8_avx512bw.c), in vectors of half the size.
 * vpmaddubsw with activations of 7 bits would need as many multiplications, because its 16-bit sums have to be widened
 * by a second one.
 */
#define LANES 8
#define PRODUCT_ROWS 6
#define PRODUCT_VECTORS 2
#define GROUP 2
#define TABLE cpu_int8_avx2
#define ISA_NAME "avx2"
#include "encoder/cpu/narrow.h"
#include "encoder/cpu/vector.h"

typedef int16_t x_value;

static inline vi to_ints(vf v)
{
    return (vi)_mm256_cvtps_epi32((__m256)v);
}

static inline void keep(x_value *out, vi q, vi zero)
{
    __m256i v = _mm256_sub_epi32(_mm256_min_epi32((__m256i)q, _mm256_set1_epi32(255)), (__m256i)zero);
    __m128i low = _mm256_castsi256_si128(v), high = _mm256_extracti128_si256(v, 1);
    _mm_storeu_si128((__m128i_u *)out, _mm_packs_epi32(low, high));
}

static inline vi weights(const int8_t *w)
{
    return (vi)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)w));
}

static inline vi dot(vi acc, vi x, vi w)
{
    return acc + (vi)_mm256_madd_epi16((__m256i)x, (__m256i)w);
}

static inline vi start(const cpu_narrow_product *p, size_t row, size_t col)
{
    (void)p;
    (void)row;
    (void)col;
    return (vi){0};
}

#include "encoder/cpu/int8_body.h"
