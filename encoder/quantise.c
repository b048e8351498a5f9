/* Rounding weights: see quantise.h. */
#include "encoder/quantise.h"

#include <math.h>
#include <string.h>

float enc_row_scale(const float *row, size_t n)
{
    float largest = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(row[i]))
            return NAN;
        largest = fmaxf(largest, fabsf(row[i]));
    }
    return largest / 127;
}

void enc_row_to_int8(const float *row, size_t n, float scale, int8_t *out)
{
    if (!isnormal(scale)) {
        memset(out, 0, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (int8_t)lrintf(row[i] / scale);
}

uint16_t enc_to_f16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float magnitude = fabsf(x);
    /* Below the smallest normal f16 steps are 2^-24 wide; 1024 of them make that number, also in its bits. */
    if (magnitude < 0x1p-14f)
        return (uint16_t)(sign | (uint16_t)lrintf(magnitude * 0x1p24f));
    if (!(magnitude < ENC_F16_END))
        return (uint16_t)(sign | (isnan(x) ? 0x7e00 : 0x7c00));
    bits &= 0x7fffffff;
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | (bits - (112u << 23)) >> 13);
}
