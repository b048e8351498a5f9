/*
 * int8 products for processors with AVX-512 (BW) but without VNNI: as for AVX2 (int8_avx2.c), in vectors twice the size
 * and with registers for a larger tile.
 */
#define LANES 16
#define PRODUCT_ROWS 4
#define PRODUCT_VECTORS 4
#define GROUP 4
#define STEP_GROUPS 2
#define SHARED 2
#define SHARED_MOST (INT16_MAX / UINT8_MAX)
#define TABLE cpu_int8_avx512bw
#define ISA_NAME "avx512bw"
#include "encoder/cpu/narrow.h"
#include "encoder/cpu/vector.h"

typedef uint8_t x_value;

#include "encoder/cpu/int8_keep512.h"

static inline vi dot(vi acc, const vi *x, const vi *w)
{
    __m512i first = _mm512_maddubs_epi16((__m512i)x[0], (__m512i)w[0]);
    __m512i both = _mm512_add_epi16(first, _mm512_maddubs_epi16((__m512i)x[1], (__m512i)w[1]));
    return acc + (vi)_mm512_madd_epi16(both, _mm512_set1_epi16(1));
}

#include "encoder/cpu/int8_body.h"
