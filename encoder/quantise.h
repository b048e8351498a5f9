/*
 * f32 to the narrower numbers that weights are stored and packed in. A quantised row is signed bytes times one scale,
 * symmetric around 0: the same bytes and scales whether a model was quantised when it was loaded or by `rrk convert`.
 */
#ifndef RRK_ENCODER_QUANTISE_H
#define RRK_ENCODER_QUANTISE_H

#include <stddef.h>
#include <stdint.h>

/* The largest magnitude over 127; not a number where a weight is not finite, so that results show it. */
float enc_row_scale(const float *row, size_t n);

/* To the nearest, ties to even; zeros where the scale is not a normal number, which has no inverse to go by. */
void enc_row_to_int8(const float *row, size_t n, float scale, int8_t *out);

/* To the nearest, ties to even. What is below ENC_F16_END in magnitude has a finite f16. */
#define ENC_F16_END 65520.0f
uint16_t enc_to_f16(float x);

#endif
