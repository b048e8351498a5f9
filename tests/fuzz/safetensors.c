/*
 * model.safetensors as it may come from anywhere. What is accepted must be readable to the last byte, so every tensor
 * is summed up; a first byte of 1 makes the rest a shards' index over a file of one tensor.
 *
 * Parser: encoder/safetensors.c
 * Parser: encoder/widen.c
 * Parser: encoder/finite.c
 */
#include "encoder/safetensors.h"
#include "base/alloc.h"
#include "fuzz.h"

#include <string.h>

static const char SHARD[] = "\x36\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
                            "\0\0\x80\x3f\0\0\0\x40";

static void read_weight(const enc_weight *weight)
{
    FUZZ_CHECK(weight->n_dims <= ENC_MAX_DIMS);
    unsigned sum = 0;
    for (size_t i = 0; i < weight->bytes; i++)
        sum += ((const unsigned char *)weight->data)[i];
    float *values = base_alloc(weight->n_values + 1, sizeof *values);
    rrk_error err = {0};
    if (values)
        fuzz_check_error(enc_weight_to_f32(weight, values, &err), &err);
    if (values && weight->n_dims == 2 && weight->shape[0] > 0) {
        enc_weight last = enc_weight_rows(weight, weight->shape[0] - 1, 1);
        rrk_error of_rows = {0};
        fuzz_check_error(enc_weight_to_f32(&last, values, &of_rows), &of_rows);
    }
    base_free(values);
    FUZZ_CHECK(sum < UINT32_MAX);
}

static void read_weights(const enc_weights *weights)
{
    static const char *const NAMES[] = {"w", "a", "b", "wi.weight", ""};
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++) {
        const enc_weight *weight = enc_weights_find(weights, NAMES[i]);
        const size_t shape[] = {2};
        rrk_error err = {0};
        if (weight)
            read_weight(weight);
        fuzz_check_error(enc_weights_require(weights, NAMES[i], 1, shape, &weight, &err), &err);
    }
    rrk_error not_finite = {0};
    fuzz_check_error(enc_weights_check_finite(weights, &not_finite), &not_finite);
    enc_weights_n_parameters(weights);
    enc_weights_hash(weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool is_index = fuzz_take(&data, &size, 1) == 1;
    fuzz_file(is_index ? "a.safetensors" : "model.safetensors", is_index ? (const void *)SHARD : data,
              is_index ? sizeof SHARD - 1 : size);
    fuzz_remove(is_index ? "model.safetensors" : "model.safetensors.index.json");
    if (is_index)
        fuzz_file("model.safetensors.index.json", data, size);
    enc_weights *weights = NULL;
    rrk_error err = {0};
    rrk_status status = enc_weights_open(&weights, fuzz_dir(), &err);
    fuzz_check_error(status, &err);
    if (status == RRK_OK)
        read_weights(weights);
    enc_weights_close(weights);
    return 0;
}
