/*
 * The seam between models and machines. A model (bert.c) is written once, as a sequence of the operations here; a
 * device implements them. Operations are coarse and fused, so that a device may keep what lies between two products in
 * cache or registers. Sequences are packed end to end: token t of sequence s is row start[s] + t of every activation,
 * and there is no padding.
 *
 * A device owns weights and a fixed number of sessions. A session owns the activations of one batch and is used by one
 * thread at a time; sessions run independently of each other.
 */
#ifndef RRK_ENCODER_COMPUTE_H
#define RRK_ENCODER_COMPUTE_H

#include "encoder/config.h"
#include "encoder/safetensors.h"
#include <rrk/encoder.h>

typedef struct enc_device enc_device;
typedef struct enc_session enc_session;
typedef struct enc_table enc_table;   /* [n_rows, d] rows to look up */
typedef struct enc_linear enc_linear; /* y = x Wᵀ + b, W [n_out, n_in] */
typedef struct enc_norm enc_norm;     /* layer norm's gain and shift [d], or RMS norm's gain alone */
typedef struct enc_bias enc_bias;     /* what attention adds to a score by the distance of key and query */
typedef struct enc_cross enc_cross;   /* a decoder's keys and values, W [n_heads * d_head, d] each */

/* Tokens of one batch. All arrays are borrowed. */
typedef struct enc_batch {
    const int32_t *ids;        /* [n_tokens] */
    const uint32_t *positions; /* [n_tokens], from 0 in each sequence */
    const uint8_t *types;      /* [n_tokens] */
    const uint32_t *start;     /* [n_seqs + 1], start[n_seqs] = n_tokens */
    size_t n_seqs;
    size_t n_tokens;
    enc_query *const *queries; /* [n_seqs] for the model alone; NULL: it reads no query apart */
} enc_batch;

/* A session's activations. Which is which is the model's business; each has its own row length. */
typedef enum enc_slot {
    ENC_SLOT_X,
    ENC_SLOT_NORMED,
    ENC_SLOT_QKV,
    ENC_SLOT_CONTEXT,
    ENC_SLOT_STATES,
    ENC_SLOT_POOLED,
    ENC_SLOT_HEAD,
    ENC_SLOT_VIEWS,
    ENC_SLOT_VIEW_QUERY,
    ENC_SLOT_VIEW_KEYS,
    ENC_SLOT_KEYS,
    ENC_N_SLOTS
} enc_slot;

/* What a model needs of every session: row lengths by slot, and the widest first layer of a feed-forward. */
typedef struct enc_shape {
    size_t n_cols[ENC_N_SLOTS]; /* 0: slot not used */
    size_t d_ff;
} enc_shape;

typedef struct enc_attention {
    size_t n_heads; /* heads share the columns of out */
    float scale;    /* of q kᵀ */
    const enc_bias *bias;
} enc_attention;

/*
 * What the queries of a decoder step look at: each has rows [d] of its own. Either they are on the host, as many for
 * each query, or they are a slot's rows start[q] .. start[q + 1], as an earlier batch left them.
 */
typedef struct enc_keys {
    const float *host; /* [n_rows, host_stride], of which n_queries times d are the queries'; NULL: slot holds */
    size_t host_stride;
    size_t n_rows;
    enc_slot slot;
    const uint32_t *start; /* [n_queries + 1] */
} enc_keys;

/* Rows of tokens on the host, as many floats a row as the slot beside them. */
typedef struct enc_kept {
    const float *rows;
    size_t n_rows;
} enc_kept;

/*
 * What the views of a sequence look at: themselves, what was kept of their query, and their passage. A view's keys and
 * values lie side by side; a token's do from column `first` on.
 */
typedef struct enc_seen {
    enc_slot views;
    const enc_kept *queries; /* [n_seqs] */
    enc_slot passages;
    const uint32_t *start; /* [n_seqs + 1] rows of the slot passages, as an earlier batch left them */
    size_t first;
} enc_seen;

typedef struct enc_ops {
    /* What it runs on, e.g. "cpu f32 avx512". */
    const char *(*describe)(const enc_device *device);

    /*
     * --- weights: uploaded once, then shared by all sessions; freed with the device ---
     * A weight is of any type that enc_weight_to_f32() takes; one that stays as the file has it is read there later.
     */
    rrk_status (*table)(enc_device *device, const enc_weight *weight, enc_table **out, rrk_error *err);
    /* Parts are stacked along n_out, so that query, key and value become one product. biases[i] belongs to parts[i]. */
    rrk_status (*linear)(enc_device *device, const enc_weight *const *parts, const enc_weight *const *biases,
                         size_t n_parts, enc_linear **out, rrk_error *err);
    /* The same in f32 whatever other layers are computed in: the few rows of a head decide the most. */
    rrk_status (*head_linear)(enc_device *device, const enc_weight *const *parts, const enc_weight *const *biases,
                              size_t n_parts, enc_linear **out, rrk_error *err);
    /* shift NULL: RMS norm, which leaves the mean where it is. */
    rrk_status (*norm)(enc_device *device, const enc_weight *gain, const enc_weight *shift, float eps, enc_norm **out,
                       rrk_error *err);
    /* by_distance [n_heads, 2 * reach + 1] is for key minus query from -reach to reach, and is copied; beyond, its ends
       hold. */
    rrk_status (*bias)(enc_device *device, const float *by_distance, size_t n_heads, size_t reach, enc_bias **out,
                       rrk_error *err);
    /* There is no bias of keys: it adds the same to all scores of a query, which softmax takes out. value_bias may be
       NULL. */
    rrk_status (*cross)(enc_device *device, const enc_weight *keys, const enc_weight *values,
                        const enc_weight *value_bias, enc_cross **out, rrk_error *err);

    /* --- sessions --- */
    rrk_status (*session)(enc_device *device, const enc_shape *shape, enc_session **out, rrk_error *err);
    void (*session_free)(enc_session *session);
    /*
     * Takes a batch: makes room in every slot and remembers it for the operations below. What slots hold stays there if
     * the batch has no more tokens and sequences than the session has seen before.
     */
    rrk_status (*begin)(enc_session *session, const enc_batch *batch, rrk_error *err);

    /* --- operations, each over all tokens of the batch unless it says otherwise --- */
    /* x = norm(words[id] + positions[position] + types[type]); positions, types and norm may be NULL */
    rrk_status (*embed)(enc_session *session, enc_slot x, const enc_table *words, const enc_table *positions,
                        const enc_table *types, const enc_norm *norm, rrk_error *err);
    /* out = in Wᵀ + b */
    rrk_status (*project)(enc_session *session, const enc_linear *w, enc_slot in, enc_slot out, rrk_error *err);
    /* x = norm(x + in Wᵀ + b) */
    rrk_status (*project_add_norm)(enc_session *session, const enc_linear *w, const enc_norm *norm, enc_slot in,
                                   enc_slot x, rrk_error *err);
    /* x = norm(x + W2 act(W1 x + b1) + b2) */
    rrk_status (*feed_forward)(enc_session *session, const enc_linear *w1, enc_activation activation,
                               const enc_linear *w2, const enc_norm *norm, enc_slot x, rrk_error *err);
    /* Per sequence and head: softmax(scale (q kᵀ + bias)) v; qkv holds a token's q, k and v side by side. */
    rrk_status (*attention)(enc_session *session, const enc_attention *options, enc_slot qkv, enc_slot out,
                            rrk_error *err);

    /* Per sequence and head: softmax(scale q kᵀ) v over all that is seen at once; q and out may be one slot. */
    rrk_status (*view_attention)(enc_session *session, const enc_attention *options, const enc_seen *seen, enc_slot q,
                                 enc_slot out, rrk_error *err);

    /* --- of models that have the norm before a layer: the residual is the sum itself --- */
    /* out = norm(in); may be one slot */
    rrk_status (*apply_norm)(enc_session *session, const enc_norm *norm, enc_slot in, enc_slot out, rrk_error *err);
    /* x += in Wᵀ + b */
    rrk_status (*project_add)(enc_session *session, const enc_linear *w, enc_slot in, enc_slot x, rrk_error *err);
    /*
     * x += W2 h + b2, with h = act(W1 norm(x) + b1); where W1 gives twice what W2 takes, h is the activated first half
     * times the second half (a gated layer).
     */
    rrk_status (*norm_feed_forward)(enc_session *session, const enc_norm *norm, const enc_linear *w1,
                                    enc_activation activation, const enc_linear *w2, enc_slot x, rrk_error *err);

    /* --- rows that are read --- */
    /*
     * From here on the batch is rows [first, first + count) of each of its sequences, in these slots; other slots stay
     * as they are. RRK_E_INVALID when a sequence is shorter.
     */
    rrk_status (*narrow)(enc_session *session, size_t first, size_t count, const enc_slot *slots, size_t n_slots,
                         rrk_error *err);
    /*
     * Behind narrow(): as attention(), with the rows that are left for queries, and keys and values of all rows that
     * there were before. kv holds a token's k and v side by side; q and out may be one slot.
     */
    rrk_status (*attention_of_read)(enc_session *session, const enc_attention *options, enc_slot q, enc_slot kv,
                                    enc_slot out, rrk_error *err);
    /* All rows of a slot to the host: [n_tokens, n_cols of the slot]. */
    rrk_status (*download_tokens)(enc_session *session, enc_slot slot, float *out, rrk_error *err);

    /* --- a decoder step: token q of the batch is query q --- */
    /* Per query and head: softmax(scale q kᵀ) v over the query's own keys; q and out may be one slot. */
    rrk_status (*cross_attention)(enc_session *session, const enc_cross *w, size_t n_heads, float scale,
                                  const enc_keys *keys, enc_slot q, enc_slot out, rrk_error *err);
    /* To the host: out [n_rows, n_queries], row i's dot product with query q's row of the slot. keys are the host's. */
    rrk_status (*dot_keys)(enc_session *session, const enc_keys *keys, enc_slot slot, float *out, rrk_error *err);

    /* --- one row a sequence --- */
    /* One row a sequence: the mean of its tokens or its first token; divided by its length if normalize. */
    rrk_status (*pool)(enc_session *session, enc_pooling pooling, bool normalize, enc_slot in, enc_slot out,
                       rrk_error *err);
    /* Over rows that pool made: out = tanh(in Wᵀ + b), or without tanh. */
    rrk_status (*head)(enc_session *session, const enc_linear *w, bool tanh, enc_slot in, enc_slot out, rrk_error *err);
    /* Rows that pool or head made, to the host: [n_seqs, n_cols of the slot]. */
    rrk_status (*download)(enc_session *session, enc_slot slot, float *out, rrk_error *err);

    void (*close)(enc_device *device);
} enc_ops;

/* The first member of every device, so that models find its operations. */
struct enc_device {
    const enc_ops *ops;
    rrk_dtype dtype; /* what linear layers are computed in; never RRK_DTYPE_AUTO */
};

/* cpu/: with the best vector loops that the processor can run, or with those of a table (cpu/kernels.h). */
struct cpu_kernels;
rrk_status enc_cpu_open(enc_device **out, const struct cpu_kernels *kernels, rrk_error *err);
/* With linear layers but heads in a type; where the processor gains nothing by it they are f32, and describe() says so. */
rrk_status enc_cpu_open_as(enc_device **out, const struct cpu_kernels *kernels, rrk_dtype dtype, rrk_error *err);

#endif
