/*
 * What a tensor is for, by its name and shape. The converter narrows matrices and tables; what decides the most and
 * takes the least room (norms, biases, heads) it leaves in f32, as the encoder does when it computes.
 */
#ifndef RRK_ENCODER_ROLE_H
#define RRK_ENCODER_ROLE_H

#include "encoder/safetensors.h"

typedef enum enc_role {
    ENC_ROLE_MATRIX, /* of a layer that is computed in the encoder's dtype */
    ENC_ROLE_TABLE,  /* rows are looked up in it */
    ENC_ROLE_OTHER
} enc_role;

enc_role enc_role_of(const enc_weight *weight);

#endif
