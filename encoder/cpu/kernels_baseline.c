/* The vector loops for whatever the compiler takes for granted. See kernels_body.h. */
#define LANES 4
#define KEY_VECTORS 3
#define QUERY_ROWS 4
#define TABLE cpu_kernels_baseline
#define ISA_NAME "baseline"
#include "encoder/cpu/kernels_body.h"
