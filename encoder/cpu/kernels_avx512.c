/* The vector loops for processors with AVX-512 (F, VL, DQ). See kernels_body.h. */
#define LANES 16
#define KEY_VECTORS 4
#define QUERY_ROWS 6
#define PRODUCT_ROWS 6
#define PRODUCT_VECTORS 4
#define TABLE cpu_kernels_avx512
#define ISA_NAME "avx512"
#include "encoder/cpu/kernels_body.h"
