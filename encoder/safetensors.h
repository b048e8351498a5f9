/*
 * Weights of a model folder: model.safetensors, or the shards that model.safetensors.index.json names, mapped and
 * checked. A file's header is trusted in nothing: offsets, shapes, overlaps and sizes are verified before the first
 * tensor is handed out.
 */
#ifndef RRK_ENCODER_SAFETENSORS_H
#define RRK_ENCODER_SAFETENSORS_H

#include "base/error.h"

#include <float.h>

#define ENC_MAX_DIMS 4
#define ENC_MAX_HEADER_BYTES ((size_t)100 << 20) /* of one file's header, as the format's own readers have it */
#define ENC_MAX_INDEX_BYTES ((size_t)64 << 20)   /* of model.safetensors.index.json */
#define ENC_MAX_SHARDS 1024

typedef enum enc_dtype { ENC_F32, ENC_F16, ENC_BF16, ENC_I8, ENC_I32, ENC_I64, ENC_OTHER } enc_dtype;

typedef struct enc_weight {
    const char *name;
    enc_dtype dtype;
    uint32_t n_dims;
    size_t shape[ENC_MAX_DIMS];
    size_t n_values;
    const void *data; /* in the mapping; aligned to its type only if the file is */
    size_t bytes;
    const void *scales;     /* of I8 [n_out, n_in]: an f32 a row, aligned as data is; NULL: there are none */
    const char *dtype_name; /* as the file has it: "F32" */
} enc_weight;

/*
 * A quantised checkpoint, in the names that compressed-tensors uses: beside a tensor "x.weight" I8 [n_out, n_in] stands
 * "x.weight_scale" F32 [n_out] or [n_out, 1], and a value is a byte times the scale of its row. A scale is at most this,
 * so that 128 of them are a number.
 */
#define ENC_SCALE_SUFFIX "_scale"
#define ENC_MAX_SCALE (FLT_MAX / 128)

typedef struct enc_weights enc_weights;

/*
 * RRK_E_NOTFOUND without weights or without a shard, RRK_E_FORMAT naming the file and the tensor that lies,
 * RRK_E_UNSUPPORTED for a type or a rank that is not known. The files must not shrink while they are mapped.
 */
rrk_status enc_weights_open(enc_weights **out, const char *model_dir, rrk_error *err);
void enc_weights_close(enc_weights *weights);
static inline void enc_weights_close_ptr(enc_weights **weights)
{
    enc_weights_close(*weights);
}

const enc_weight *enc_weights_find(const enc_weights *weights, const char *name); /* NULL when absent */

/* RRK_E_FORMAT "tensor 'x' is 768x2048, expected 768x3072" or "... is missing". shape is [n_dims]. */
rrk_status enc_weights_require(const enc_weights *weights, const char *name, uint32_t n_dims, const size_t *shape,
                               const enc_weight **out, rrk_error *err);

/*
 * Widens f32, f16, bf16, or int8 by its scales, into out [n_values]; RRK_E_FORMAT for int8 without scales,
 * RRK_E_UNSUPPORTED for other types.
 */
rrk_status enc_weight_to_f32(const enc_weight *weight, float *out, rrk_error *err);

/* Rows first .. first + n_rows of a weight of two dimensions, as a weight of its own. */
enc_weight enc_weight_rows(const enc_weight *weight, size_t first, size_t n_rows);

/* Gives an I8 weight its scales; RRK_E_FORMAT when they are not as described above. */
rrk_status enc_weight_take_scales(enc_weight *weight, const enc_weight *scales, rrk_error *err);

/* RRK_E_FORMAT names the first tensor that holds a NaN or an infinity, and where. Reads every tensor once. */
rrk_status enc_weights_check_finite(const enc_weights *weights, rrk_error *err);

/* All of them, in no order that means anything. */
size_t enc_weights_n_tensors(const enc_weights *weights);
const enc_weight *enc_weights_at(const enc_weights *weights, size_t i);

bool enc_weights_are_int8(const enc_weights *weights); /* some of them have scales */

uint64_t
enc_weights_n_parameters(const enc_weights *weights); /* values of all tensors that are numbers to compute with */
uint64_t
enc_weights_hash(const enc_weights *weights); /* of the headers and a sample of the data: names a model's version */

#endif
