/*
 * Weights written anew in narrower numbers: matrices and tables (role.h) in the type that is asked for, everything else
 * in f32, and what are not floating-point numbers as it is. Goes through the tensors one by one with room for a row, so
 * a model of any size can be converted. What comes out is one file, whatever number of shards went in.
 */
#ifndef RRK_ENCODER_CONVERT_H
#define RRK_ENCODER_CONVERT_H

#include "encoder/safetensors.h"
/* Called after each piece; not 0 ends the conversion with RRK_E_CANCELLED. */
typedef struct enc_convert_watch {
    int (*wrote)(void *ctx, uint64_t n_bytes, uint64_t total);
    void *ctx;
} enc_convert_watch;

typedef struct enc_convert_stats {
    size_t n_tensors;  /* of the source */
    size_t n_narrowed; /* in the type asked for */
    uint64_t bytes_before;
    uint64_t bytes_after; /* scales included */
    /* The largest |w - w'| / |w| of a tensor, both Euclidean over all of its values, and whose it is ("": none). */
    double worst_error;
    char worst_tensor[160];
} enc_convert_stats;

/*
 * Writes the file path, which appears when it is whole. to is ENC_F32, ENC_F16, ENC_BF16 or ENC_I8. RRK_E_INVALID when
 * the weights are int8 already or, for ENC_F16, too large; RRK_E_FORMAT as enc_weights_check_finite();
 * RRK_E_UNSUPPORTED for floating-point types that nobody widens; RRK_E_IO with the errno when the file cannot be
 * written. watch may be NULL.
 */
rrk_status enc_weights_convert(const enc_weights *weights, enc_dtype to, const char *path,
                               const enc_convert_watch *watch, enc_convert_stats *stats, rrk_error *err);

#endif
