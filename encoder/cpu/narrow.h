/*
 * Linear layers in numbers narrower than f32. int8: a weight is a signed byte times a scale of its output, an activation
 * an unsigned byte with a scale and a zero of its row, and sums are exact 32-bit integers, so every instruction set gives
 * the same ones. bf16: both are rounded, sums are f32. What follows a sum (scales, bias, residual, activation) is f32.
 *
 * Without VNNI products of bytes are summed in 16 bits first, which must not overflow. There an output's scale is as much
 * larger as keeps the weights that share such a sum within what 16 bits hold beside any activation: sums are exact still,
 * and an output whose weights are spread as usual loses less than a bit. Every table packs by its own rule (shared,
 * shared_most) from f32, or from what bytes and scales of a file are worth.
 *
 * One table an instruction set, as for the f32 loops (kernels.h), and a plain twin. An instruction set without a table
 * that is faster than f32 has none.
 */
#ifndef RRK_ENCODER_CPU_NARROW_H
#define RRK_ENCODER_CPU_NARROW_H

#include "base/error.h"
#include "encoder/cpu/kernels.h"
#include <rrk/encoder.h>

/* Beyond this many inputs sums of 255 * 128 could leave 32 bits; such a layer stays in f32. */
#define CPU_INT8_MAX_IN ((size_t)65536)

/* Outputs of a weight are padded to this many, so that a vector of what belongs to outputs can always be read. */
#define CPU_NARROW_PAD 64

typedef struct cpu_narrow cpu_narrow;

typedef struct cpu_narrow_weight {
    const cpu_narrow *table; /* NULL: not packed */
    void *panels;            /* of table->panel_cols outputs each: [n_groups, panel_cols, group]; owned */
    float *scales;           /* int8: [n_out padded]; owned; NULL in bf16 */
    int32_t *sums;           /* int8: of an output's weights, [n_out padded]; owned; NULL in bf16 */
    size_t n_out;
    size_t n_in;
    size_t n_groups; /* n_in in groups, whole steps of them, filled up with zeros */
} cpu_narrow_weight;

/* Rows of activations as a product wants them. */
typedef struct cpu_narrow_rows {
    void *values;   /* rows of cpu_narrow_width() values; owned */
    float *scales;  /* a row; owned */
    int32_t *zeros; /* a row: the byte that stands for 0; owned. bf16 leaves both alone */
} cpu_narrow_rows;

/* y = act(x Wᵀ + b); or, with add and without an activation, y += x Wᵀ + b. */
typedef struct cpu_narrow_product {
    const cpu_narrow_rows *x;
    const cpu_narrow_weight *w;
    const float *bias; /* [n_out padded] */
    float *y;          /* [n_rows, n_out] */
    size_t n_rows;
    bool add;
    cpu_activation activation;
} cpu_narrow_product;

struct cpu_narrow {
    const char *isa;
    rrk_dtype dtype;
    size_t panel_cols;
    size_t group; /* inputs that lie side by side in a panel */
    size_t step_groups;
    /* Inputs of each group, this many side by side, whose products a step adds up in 16 bits; 0: in 32 bits. Their
       weights of one sign come to at most shared_most. */
    size_t shared;
    int32_t shared_most;
    size_t x_bytes;
    /* x [n_rows, n_in] into rows. A row with anything that is not finite gives a row of y that is not a number. */
    void (*narrow)(const float *x, size_t n_rows, size_t n_in, const cpu_narrow_rows *rows);
    void (*product)(const cpu_narrow_product *p);
};

extern const cpu_narrow cpu_int8_plain, cpu_bf16_plain;
#if defined(__x86_64__)
extern const cpu_narrow cpu_int8_avx2, cpu_int8_avx512bw, cpu_int8_vnni, cpu_bf16_avx512;
#endif

/* Every table this processor can run, of a type the best first; NULL beyond the last. */
const cpu_narrow *cpu_narrow_at(size_t i);

/* The best one of a type that goes with the f32 loops' instruction set and its extensions; NULL: f32 is faster. */
const cpu_narrow *cpu_narrow_for(const cpu_kernels *kernels, rrk_dtype dtype);

/* Values between two rows: whole vectors of the widest table. */
static inline size_t cpu_narrow_width(size_t n_in)
{
    return (n_in + CPU_NARROW_PAD - 1) / CPU_NARROW_PAD * CPU_NARROW_PAD;
}

/* w is [n_out, n_in]; what this allocates is out's, also when it fails. */
rrk_status cpu_narrow_pack(const cpu_narrow *table, const float *w, size_t n_out, size_t n_in, cpu_narrow_weight *out,
                           rrk_error *err);
/*
 * The same from weights that were quantised before, for a table of int8 that takes any byte (shared is 0): w [n_out, n_in]
 * as it is, scales [n_out].
 */
rrk_status cpu_narrow_pack_int8(const cpu_narrow *table, const int8_t *w, const float *scales, size_t n_out,
                                size_t n_in, cpu_narrow_weight *out, rrk_error *err);
void cpu_narrow_weight_clear(cpu_narrow_weight *weight);

/* Room for n_rows of at most max_in inputs. */
rrk_status cpu_narrow_rows_new(const cpu_narrow *table, size_t n_rows, size_t max_in, cpu_narrow_rows *out,
                               rrk_error *err);
void cpu_narrow_rows_clear(cpu_narrow_rows *rows);

uint16_t cpu_to_bf16(float x); /* the nearest, ties to even */

#endif
