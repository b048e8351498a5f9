/*
 * Linear layers on the CPU. Which product computes one is decided when its weights are loaded: a narrow one (narrow.h),
 * where that is asked for, or ours in f32 (product_body.h), where the instruction set has one and the layer is whole
 * panels wide, and otherwise oneDNN's (gemm.h).
 */
#ifndef RRK_ENCODER_CPU_LINEAR_H
#define RRK_ENCODER_CPU_LINEAR_H

#include "encoder/compute.h"
#include "encoder/cpu/gemm.h"
#include "encoder/cpu/kernels.h"
#include "encoder/cpu/narrow.h"

/* Rows that go through a product at a time: its operands and results then share a core's cache. */
#define CPU_BLOCK_ROWS CPU_GEMM_MAX_ROWS

struct enc_linear {
    struct enc_linear *next;
    cpu_narrow_weight narrow; /* its table is NULL: one of the others serves */
    float *panels;            /* owned; NULL: narrow or weight serves */
    cpu_gemm_weight *weight;  /* owned; NULL: narrow or panels serve */
    float *bias;              /* [n_out padded for vectors], zeros when the model has none; owned */
    size_t n_out;
    size_t n_in;
};

struct enc_norm {
    struct enc_norm *next;
    float *gain;  /* [d]; owned */
    float *shift; /* [d]; owned; NULL: RMS norm */
    float eps;
    size_t d;
};

/* What one thread computes with. delta has room for CPU_BLOCK_ROWS rows of the widest layer. */
typedef struct cpu_worker {
    const cpu_kernels *kernels;
    cpu_gemm_lane *lane;
    float *delta;
    const cpu_narrow_rows *rows; /* room for CPU_BLOCK_ROWS rows of the widest input; NULL: no layer is narrow */
} cpu_worker;

/* What weights may be packed for. */
typedef struct cpu_packing {
    cpu_gemm *gemm;
    const cpu_kernels *kernels;
    const cpu_narrow *narrow; /* NULL: f32 */
} cpu_packing;

/* Packs the stacked parts into linear, whose shape is set; what it allocates is linear's, also when it fails. */
rrk_status cpu_linear_pack(enc_linear *linear, const enc_weight *const *parts, const enc_weight *const *biases,
                           size_t n_parts, const cpu_packing *packing, rrk_error *err);
void cpu_linear_clear(enc_linear *linear);

/*
 * y [n_rows, n_out] = act(x [n_rows, n_in] Wᵀ + b), at most CPU_BLOCK_ROWS rows. Both have room for n_rows rounded up to
 * CPU_GEMM_ROW_STEP, and y's may be written.
 */
rrk_status cpu_linear_run(const cpu_worker *worker, const enc_linear *w, const float *x, size_t n_rows,
                          cpu_activation activation, float *y, rrk_error *err);
/* x = norm(x + in Wᵀ + b), on the same terms. */
rrk_status cpu_linear_add_norm(const cpu_worker *worker, const enc_linear *w, const enc_norm *norm, const float *in,
                               size_t n_rows, float *x, rrk_error *err);
/* x += in Wᵀ + b, on the same terms. */
rrk_status cpu_linear_add(const cpu_worker *worker, const enc_linear *w, const float *in, size_t n_rows, float *x,
                          rrk_error *err);

#endif
