/*
 * int8 products for processors with AVX-512 VNNI: vpdpbusd adds four products of an unsigned and a signed byte to a
 * 32-bit sum without saturating.
 */
#define LANES 16
#define PRODUCT_ROWS 6
#define PRODUCT_VECTORS 4
#define GROUP 4
#define STEP_GROUPS 1
#define SHARED 0
#define SHARED_MOST 0
#define TABLE cpu_int8_vnni
#define ISA_NAME "avx512-vnni"
#include "encoder/cpu/narrow.h"
#include "encoder/cpu/vector.h"

typedef uint8_t x_value;

#include "encoder/cpu/int8_keep512.h"

static inline vi dot(vi acc, const vi *x, const vi *w)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)*x, (__m512i)*w);
}

#include "encoder/cpu/int8_body.h"
