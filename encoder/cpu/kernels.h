/*
 * The CPU's own vector loops: everything between two matrix products. One table an instruction set, all made from one
 * source (kernels_body.h) compiled with different flags, and a plain C twin that says what each loop means. The best
 * table that the processor can run is chosen once.
 */
#ifndef RRK_ENCODER_CPU_KERNELS_H
#define RRK_ENCODER_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One sequence's attention: of all its tokens, or of n_queries of them from the first_query-th on. */
typedef struct cpu_attention {
    const float *q;  /* [n_queries, d], rows q_stride apart */
    const float *kv; /* [n_tokens, 2 * d], rows kv_stride apart: k and v side by side */
    float *out;      /* [n_queries, d]; may be q when q_stride is d */
    size_t q_stride;
    size_t kv_stride;
    size_t first_query;
    size_t n_queries;
    size_t n_tokens;
    size_t d;
    size_t n_heads;
    float scale;
    /* Of distance 0 of head 0, or NULL: bias[h * bias_stride + key - query] is added to a score before it is scaled. It
       may be read for keys that are not there, up to CPU_BIAS_PAD beyond the last. */
    const float *bias;
    size_t bias_stride;
    float *scratch; /* cpu_attention_scratch() floats, aligned to 64 bytes */
} cpu_attention;

size_t cpu_attention_scratch(size_t max_tokens, size_t d_head);
enum { CPU_BIAS_PAD = 16 };

/* n rows [d], stride floats apart. */
typedef struct cpu_rows {
    const float *data;
    size_t stride;
    size_t n;
} cpu_rows;

typedef enum cpu_activation { CPU_IDENTITY, CPU_RELU, CPU_GELU_ERF, CPU_GELU_TANH, CPU_TANH } cpu_activation;

/* y = act(x Wᵀ + b); or, with add and without an activation, y += x Wᵀ + b. Nothing but y's n_rows is written. */
typedef struct cpu_product {
    const float *x;      /* [n_rows, n_in] */
    const float *panels; /* W by cpu_pack_panels() with the table's panel_cols, aligned to 64 bytes */
    const float *bias;   /* [n_out] */
    float *y;            /* [n_rows, n_out] */
    size_t n_rows;
    size_t n_in;
    size_t n_out; /* a multiple of panel_cols */
    bool add;
    cpu_activation activation;
} cpu_product;

/* W [n_out, n_in] as panels of panel_cols outputs, each [n_in, panel_cols]. */
void cpu_pack_panels(const float *w, size_t n_out, size_t n_in, size_t panel_cols, float *panels);

typedef struct cpu_kernels cpu_kernels;

struct cpu_kernels {
    const char *isa;
    /* x [n_rows, n_cols] = act(x + bias [n_cols]) */
    void (*bias)(float *x, const float *bias, size_t n_rows, size_t n_cols, cpu_activation activation);
    /* x [n_rows, d] = norm(x + delta + bias); delta and bias may be NULL together. */
    void (*add_norm)(float *x, const float *delta, const float *bias, const float *gain, const float *shift, float eps,
                     size_t n_rows, size_t d);
    void (*attention)(const cpu_attention *a);
    /* out [d] = the mean of x [n_rows, d] */
    void (*mean)(float *out, const float *x, size_t n_rows, size_t d);
    /* x [d] scaled to length 1; a zero vector stays. */
    void (*normalize)(float *x, size_t d);
    /* out [n_rows, d] = x gain / sqrt(mean of x² + eps); out may be x */
    void (*rms_norm)(float *out, const float *x, const float *gain, float eps, size_t n_rows, size_t d);
    /* x [n_rows, n_cols] += delta + bias [n_cols] */
    void (*add)(float *x, const float *delta, const float *bias, size_t n_rows, size_t n_cols);
    /* x [n_rows, 2 * n_cols] becomes [n_rows, n_cols], its rows moved together: act(first half) * second half */
    void (*gate)(float *x, size_t n_rows, size_t n_cols, cpu_activation activation);
    /* out [a.n, b.n], rows out_stride apart: the dot products of a's rows with b's */
    void (*dots)(float *out, size_t out_stride, cpu_rows a, cpu_rows b, size_t d);
    /* out [weights.n, d], rows out_stride apart: row i is the sum of rows, each times its weight in row i of weights */
    void (*combine)(float *out, size_t out_stride, cpu_rows weights, cpu_rows rows, size_t d);
    /* x [n], at least one: softmax(scale x) */
    void (*softmax)(float *x, float scale, size_t n);
    size_t panel_cols;
    void (*product)(const cpu_product *p); /* NULL: none that is faster than oneDNN's */
};

extern const cpu_kernels cpu_kernels_plain, cpu_kernels_baseline;
#if defined(__x86_64__)
extern const cpu_kernels cpu_kernels_avx2, cpu_kernels_avx512;
#endif

/* Every table this processor can run, the best first; NULL beyond the last. */
const cpu_kernels *cpu_kernels_at(size_t i);

/* The best one. */
const cpu_kernels *cpu_kernels_best(void);

#endif
