/*
 * Looks for numbers that are none. Apart from widening, because it goes by bits and needs no room: a model of any size
 * is read where it is mapped.
 */
#include "encoder/safetensors.h"

#include <string.h>

/* A number whose exponent is all ones is an infinity or a NaN. */
typedef struct pattern {
    enc_dtype dtype;
    size_t size;
    uint32_t exponent;
} pattern;

static const pattern PATTERNS[] = {{ENC_F32, 4, 0x7f800000}, {ENC_F16, 2, 0x7c00}, {ENC_BF16, 2, 0x7f80}};

/* The first one, or n_values. */
static size_t find_bad(const enc_weight *weight, const pattern *p)
{
    const char *data = weight->data;
    for (size_t i = 0; i < weight->n_values; i++) {
        uint32_t bits = 0; /* as on any machine that reads the format's little-endian numbers as its own */
        memcpy(&bits, data + i * p->size, p->size);
        if ((bits & p->exponent) == p->exponent)
            return i;
    }
    return weight->n_values;
}

rrk_status enc_weights_check_finite(const enc_weights *weights, rrk_error *err)
{
    for (size_t i = 0; i < enc_weights_n_tensors(weights); i++) {
        const enc_weight *weight = enc_weights_at(weights, i);
        for (size_t p = 0; p < RRK_COUNT(PATTERNS); p++) {
            size_t at = weight->dtype == PATTERNS[p].dtype ? find_bad(weight, &PATTERNS[p]) : weight->n_values;
            if (at < weight->n_values)
                return base_fail(err, RRK_E_FORMAT, 0,
                                 "tensor '%s' has a value that is not a finite number, at index %zu", weight->name, at);
        }
    }
    return RRK_OK;
}
