/*
 * Matrix products by oneDNN, and the only place that knows it: its API changed in 3.0, so both are spoken here. A weight
 * is packed once into whatever layout oneDNN likes best; a product runs on the calling thread alone, which is what makes
 * one thread a batch work (see doc/adr/0003).
 */
#ifndef RRK_ENCODER_CPU_GEMM_H
#define RRK_ENCODER_CPU_GEMM_H

#include "base/error.h"

/* A product takes a multiple of CPU_GEMM_ROW_STEP rows, at most CPU_GEMM_MAX_ROWS: few shapes, so few kernels. */
#define CPU_GEMM_ROW_STEP 16
#define CPU_GEMM_MAX_ROWS 96

typedef struct cpu_gemm cpu_gemm;               /* the engine */
typedef struct cpu_gemm_weight cpu_gemm_weight; /* W [n_out, n_in], packed */
typedef struct cpu_gemm_lane cpu_gemm_lane;     /* what one thread needs */

rrk_status cpu_gemm_open(cpu_gemm **out, rrk_error *err);
void cpu_gemm_close(cpu_gemm *gemm);

/* w is [n_out, n_in], row-major; it is copied. */
rrk_status cpu_gemm_pack(cpu_gemm *gemm, const float *w, size_t n_out, size_t n_in, cpu_gemm_weight **out,
                         rrk_error *err);
void cpu_gemm_weight_free(cpu_gemm_weight *weight);

rrk_status cpu_gemm_lane_new(cpu_gemm *gemm, cpu_gemm_lane **out, rrk_error *err);
void cpu_gemm_lane_free(cpu_gemm_lane *lane);

/* y [n_rows, n_out] = x [n_rows, n_in] Wᵀ; both have room for n_rows rounded up to the step, and y's are written. */
rrk_status cpu_gemm_run(cpu_gemm_lane *lane, const cpu_gemm_weight *weight, const float *x, size_t n_rows, float *y,
                        rrk_error *err);

#endif
