/*
 * Stored numbers to f32, exactly: every f16 and bf16 value, subnormals, infinities and NaN payloads included, has an f32
 * of its own. Loads go through memcpy because nothing promises that a tensor is aligned in its file.
 */
#include "encoder/safetensors.h"

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
    default:
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "tensor '%s' is not f32, f16 or bf16", weight->name);
    }
}
