/*
 * What the files of the CPU device share: its weights, and what one thread computes a batch with. device.c owns both
 * and has the operations of BERT; table.c has look-ups; prenorm.c, step.c and views.c have those that T5, decoders and
 * views add.
 */
#ifndef RRK_ENCODER_CPU_SESSION_H
#define RRK_ENCODER_CPU_SESSION_H

#include "encoder/cpu/linear.h"

struct enc_table {
    struct enc_table *next;
    const float *rows;   /* [n_rows, d]: in the mapping, or copy; NULL: bytes serve */
    float *copy;         /* owned; NULL when the file's own numbers serve */
    const int8_t *bytes; /* [n_rows, d]: in the mapping */
    float *scales;       /* [n_rows], of bytes; owned */
    size_t n_rows;
    size_t d;
};

struct enc_bias {
    struct enc_bias *next;
    float *by_distance; /* [n_heads, 2 * reach + 1]; owned */
    size_t n_heads;
    size_t reach;
};

struct enc_cross {
    struct enc_cross *next;
    float *keys;       /* [d_inner, d]; owned, like the next two */
    float *values;     /* [d_inner, d] */
    float *value_bias; /* [d_inner], zeros when the model has none */
    size_t d_inner;
    size_t d;
};

typedef struct cpu_device {
    enc_device device;
    cpu_gemm *gemm;
    const cpu_kernels *kernels;
    const cpu_narrow *narrow; /* of linear layers; NULL: f32 */
    char description[64];
    enc_table *tables;
    enc_linear *linears;
    enc_norm *norms;
    enc_bias *biases;
    enc_cross *crosses;
} cpu_device;

typedef struct cpu_slot {
    float *data; /* [n_rows rounded up to the product's step, n_cols], aligned; owned */
    size_t n_cols;
    size_t cap_rows;
} cpu_slot;

/* Floats that grow with what is asked of them and are never read before they are written. */
typedef struct cpu_scratch {
    float *data; /* aligned; owned */
    size_t n;
} cpu_scratch;

struct enc_session {
    cpu_device *device;
    cpu_worker worker;
    enc_batch batch;
    uint32_t *narrow_start;       /* the batch's start after narrow(); owned */
    const uint32_t *start_before; /* the one before, the caller's; NULL: not narrowed */
    size_t first_read;            /* a sequence's first row that narrow() left */
    cpu_slot slots[ENC_N_SLOTS];
    float *delta;         /* [CPU_BLOCK_ROWS, widest slot]; owned, lent to worker */
    float *normed;        /* like delta; owned */
    float *hidden;        /* [CPU_BLOCK_ROWS, d_ff]; owned */
    cpu_narrow_rows rows; /* lent to worker */
    cpu_scratch attention;
    cpu_scratch step;
    cpu_scratch views;
    cpu_scratch bias;        /* [n_heads, bias_floats]: bias_of, spread out for sequences of bias_tokens */
    const enc_bias *bias_of; /* NULL: none */
    size_t bias_tokens;
};

rrk_status cpu_alloc_floats(float **out, size_t n_rows, size_t n_cols, rrk_error *err); /* zeroed */
rrk_status cpu_scratch_reserve(cpu_scratch *scratch, size_t n, rrk_error *err);
/* A weight's values as f32. */
rrk_status cpu_widen(const enc_weight *weight, float **out, rrk_error *err);
cpu_activation cpu_activation_of(enc_activation activation);

/* table.c */
rrk_status cpu_add_table(enc_device *device, const enc_weight *weight, enc_table **out, rrk_error *err);
rrk_status cpu_embed(enc_session *session, enc_slot x, const enc_table *words, const enc_table *positions,
                     const enc_table *types, const enc_norm *norm, rrk_error *err);

/* prenorm.c */
rrk_status cpu_add_bias(enc_device *device, const float *by_distance, size_t n_heads, size_t reach, enc_bias **out,
                        rrk_error *err);
rrk_status cpu_apply_norm(enc_session *session, const enc_norm *norm, enc_slot in, enc_slot out, rrk_error *err);
rrk_status cpu_project_add(enc_session *session, const enc_linear *w, enc_slot in, enc_slot x, rrk_error *err);
rrk_status cpu_norm_feed_forward(enc_session *session, const enc_norm *norm, const enc_linear *w1,
                                 enc_activation activation, const enc_linear *w2, enc_slot x, rrk_error *err);
rrk_status cpu_narrow_batch(enc_session *session, size_t first, size_t count, const enc_slot *slots, size_t n_slots,
                            rrk_error *err);
rrk_status cpu_download_tokens(enc_session *session, enc_slot slot, float *out, rrk_error *err);
/* The bias of distance 0 of head 0, for sequences of up to n_tokens; heads are cpu_bias_stride() floats apart. */
rrk_status cpu_spread_bias(enc_session *session, const enc_bias *bias, size_t n_tokens, const float **out,
                           rrk_error *err);
size_t cpu_bias_stride(size_t n_tokens);

/* step.c */
rrk_status cpu_add_cross(enc_device *device, const enc_weight *keys, const enc_weight *values,
                         const enc_weight *value_bias, enc_cross **out, rrk_error *err);
rrk_status cpu_cross_attention(enc_session *session, const enc_cross *w, size_t n_heads, float scale,
                               const enc_keys *keys, enc_slot q, enc_slot out, rrk_error *err);
rrk_status cpu_dot_keys(enc_session *session, const enc_keys *keys, enc_slot slot, float *out, rrk_error *err);

/* views.c */
rrk_status cpu_view_attention(enc_session *session, const enc_attention *options, const enc_seen *seen, enc_slot q,
                              enc_slot out, rrk_error *err);

#endif
