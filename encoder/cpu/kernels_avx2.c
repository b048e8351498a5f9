/* The vector loops for processors with AVX2 and FMA. See kernels_body.h. */
#define LANES 8
#define KEY_VECTORS 3
#define QUERY_ROWS 4
#define PRODUCT_ROWS 6
#define PRODUCT_VECTORS 2
#define TABLE cpu_kernels_avx2
#define ISA_NAME "avx2"
#include "encoder/cpu/kernels_body.h"
