/*
 * int8 products for processors with AVX2: vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits, where
 * two such sums are added before vpmaddwd widens them. Three multiplications for 64 products, where widening bytes first
 * takes four and widening every sum four, too; what makes room in 16 bits is the rule of packing (narrow.h).
 */
#define LANES 8
#define PRODUCT_ROWS 4
#define PRODUCT_VECTORS 2
#define GROUP 4
#define STEP_GROUPS 2
#define SHARED 2
#define SHARED_MOST (INT16_MAX / UINT8_MAX)
#define TABLE cpu_int8_avx2
#define ISA_NAME "avx2"
#include "encoder/cpu/narrow.h"
#include "encoder/cpu/vector.h"

typedef uint8_t x_value;

static inline vi to_ints(vf v)
{
    return (vi)_mm256_cvtps_epi32((__m256)v);
}

/* Halves of vectors are packed apart, so their fours of bytes are put in order afterwards. */
static inline void keep(x_value *out, const vi q[4])
{
    __m256i low = _mm256_packs_epi32((__m256i)q[0], (__m256i)q[1]);
    __m256i high = _mm256_packs_epi32((__m256i)q[2], (__m256i)q[3]);
    __m256i fours = _mm256_packus_epi16(low, high);
    _mm256_storeu_si256((__m256i_u *)out,
                        _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

static inline vi weights(const int8_t *w)
{
    return (vi)_mm256_loadu_si256((const __m256i_u *)w);
}

static inline vi dot(vi acc, const vi *x, const vi *w)
{
    __m256i first = _mm256_maddubs_epi16((__m256i)x[0], (__m256i)w[0]);
    __m256i both = _mm256_add_epi16(first, _mm256_maddubs_epi16((__m256i)x[1], (__m256i)w[1]));
    return acc + (vi)_mm256_madd_epi16(both, _mm256_set1_epi16(1));
}

#include "encoder/cpu/int8_body.h"
