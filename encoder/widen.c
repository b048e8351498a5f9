/*
 * Stored numbers to f32. Every f16 and bf16 value, subnormals, infinities and NaN payloads included, has an f32 of its
 * own; a quantised one is a byte times its row's scale. Loads go through memcpy because nothing promises that a tensor is aligned in its file.
 */
#include "encoder/safetensors.h"

#include <math.h>
#include <string.h>

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float widen_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
    if (exponent == 0x1f)
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {
        /* fraction * 2^-24: exact in f32, where it is a normal number. */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static float scale_at(const void *scales, size_t row)
{
    float scale;
    memcpy(&scale, (const char *)scales + row * sizeof scale, sizeof scale);
    return scale;
}

static rrk_status widen_int8(const enc_weight *weight, float *out, rrk_error *err)
{
    const int8_t *bytes = weight->data;
    if (!weight->scales)
        return base_fail(err, RRK_E_FORMAT, 0,
                         "tensor '%s' is int8, and its scales, '%s" ENC_SCALE_SUFFIX "', are missing", weight->name,
                         weight->name);
    for (size_t r = 0; r < weight->shape[0]; r++) {
        float scale = scale_at(weight->scales, r);
        for (size_t i = r * weight->shape[1]; i < (r + 1) * weight->shape[1]; i++)
            out[i] = (float)bytes[i] * scale;
    }
    return RRK_OK;
}

enc_weight enc_weight_rows(const enc_weight *weight, size_t first, size_t n_rows)
{
    enc_weight rows = *weight;
    size_t row_bytes = weight->shape[0] ? weight->bytes / weight->shape[0] : 0;
    rows.shape[0] = n_rows;
    rows.n_values = n_rows * weight->shape[1];
    rows.bytes = n_rows * row_bytes;
    rows.data = (const char *)weight->data + first * row_bytes;
    if (weight->scales)
        rows.scales = (const char *)weight->scales + first * sizeof(float);
    return rows;
}

rrk_status enc_weight_take_scales(enc_weight *weight, const enc_weight *scales, rrk_error *err)
{
    size_t n_rows = weight->shape[0];
    if (weight->n_dims != 2)
        return base_fail(err, RRK_E_FORMAT, 0, "tensor '%s' has scales, but is no matrix", weight->name);
    if (scales->dtype != ENC_F32)
        return base_fail(err, RRK_E_FORMAT, 0, "tensor '%s' is %s, expected F32", scales->name, scales->dtype_name);
    bool is_column = scales->n_dims == 2 && scales->shape[1] == 1;
    if ((scales->n_dims != 1 && !is_column) || scales->shape[0] != n_rows)
        return base_fail(err, RRK_E_FORMAT, 0,
                         "tensor '%s' has %zu values in %u dimensions, expected a scale for each of %zu rows",
                         scales->name, scales->n_values, scales->n_dims, n_rows);
    for (size_t r = 0; r < n_rows; r++) {
        float scale = scale_at(scales->data, r);
        if (!(scale >= 0 && scale <= ENC_MAX_SCALE))
            return base_fail(err, RRK_E_FORMAT, 0, "tensor '%s' has the scale %g in row %zu", scales->name,
                             (double)scale, r);
    }
    weight->scales = scales->data;
    return RRK_OK;
}

rrk_status enc_weight_to_f32(const enc_weight *weight, float *out, rrk_error *err)
{
    const char *data = weight->data;
    uint16_t half;
    switch (weight->dtype) {
    case ENC_F32:
        if (weight->bytes)
            memcpy(out, data, weight->bytes);
        return RRK_OK;
    case ENC_F16:
        for (size_t i = 0; i < weight->n_values; i++) {
            memcpy(&half, data + 2 * i, sizeof half);
            out[i] = widen_f16(half);
        }
        return RRK_OK;
    case ENC_BF16:
        for (size_t i = 0; i < weight->n_values; i++) {
            memcpy(&half, data + 2 * i, sizeof half);
            out[i] = from_bits((uint32_t)half << 16);
        }
        return RRK_OK;
    case ENC_I8:
        return widen_int8(weight, out, err);
    default:
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "tensor '%s' is not f32, f16, bf16 or int8", weight->name);
    }
}
