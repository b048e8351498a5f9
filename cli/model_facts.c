/* Facts about a model folder: see model_facts.h. */
#include "cli/model_facts.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "encoder/config.h"
#include "encoder/role.h"
#include "encoder/safetensors.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_TOKENIZER_BYTES ((size_t)128 << 20)
#define PRODUCT_ROWS 96 /* that pass through the widest layer at a time */

static const char *const DTYPES[] = {[ENC_F32] = "f32", [ENC_F16] = "f16", [ENC_BF16] = "bf16",  [ENC_I8] = "int8",
                                     [ENC_I32] = "i32", [ENC_I64] = "i64", [ENC_OTHER] = "other"};

static void join_dtypes(const uint64_t counts[RRK_COUNT(DTYPES)], char *out, size_t size)
{
    bool is_told[RRK_COUNT(DTYPES)] = {false};
    size_t at = 0;
    for (size_t told = 0; told < RRK_COUNT(DTYPES); told++) {
        size_t most = RRK_COUNT(DTYPES);
        for (size_t i = 0; i < RRK_COUNT(DTYPES); i++)
            if (!is_told[i] && counts[i] > 0 && (most == RRK_COUNT(DTYPES) || counts[i] > counts[most]))
                most = i;
        if (most == RRK_COUNT(DTYPES))
            return;
        is_told[most] = true;
        at += (size_t)snprintf(out + at, size - at, "%s%s", told ? ", " : "", DTYPES[most]);
    }
}

static bool is_float(const enc_weight *weight)
{
    return weight->dtype == ENC_F32 || weight->dtype == ENC_F16 || weight->dtype == ENC_BF16;
}

/* Matrices are packed in what they are computed in; tables stay where they are mapped, but halves are widened. */
static uint64_t bytes_in_memory(const enc_weight *weight, rrk_dtype dtype)
{
    enum { SCALE_AND_SUM = 8 };
    static const uint64_t SIZES[] = {[RRK_DTYPE_F32] = 4, [RRK_DTYPE_BF16] = 2, [RRK_DTYPE_INT8] = 1};
    uint64_t as_f32 = weight->n_values * sizeof(float);
    if (!is_float(weight) && !weight->scales)
        return 0;
    switch (enc_role_of(weight)) {
    case ENC_ROLE_MATRIX:
        return weight->n_values * SIZES[dtype] + (dtype == RRK_DTYPE_INT8 ? weight->shape[0] * SCALE_AND_SUM : 0);
    case ENC_ROLE_TABLE:
        return weight->scales ? weight->bytes : as_f32;
    case ENC_ROLE_OTHER:
        break;
    }
    return as_f32;
}

static rrk_status read_weights(cli_model_facts *out, const char *folder, rrk_error *err)
{
    enc_weights *weights RRK_AUTO(enc_weights_close_ptr) = NULL;
    uint64_t counts[RRK_COUNT(DTYPES)] = {0};
    RRK_TRY(enc_weights_open(&weights, folder, err));
    for (size_t i = 0; i < enc_weights_n_tensors(weights); i++) {
        const enc_weight *weight = enc_weights_at(weights, i);
        counts[weight->dtype] += weight->n_values;
        out->file_bytes += weight->bytes;
        for (int dtype = RRK_DTYPE_F32; dtype <= RRK_DTYPE_INT8; dtype++)
            out->weights_bytes[dtype] += bytes_in_memory(weight, (rrk_dtype)dtype);
    }
    counts[ENC_I32] = counts[ENC_I64] = 0; /* positions and the like, which nothing is computed with */
    join_dtypes(counts, out->dtypes, sizeof out->dtypes);
    return RRK_OK;
}

/* The kind that tokenizer.json tells. */
static rrk_status read_kind(const char *path, char *out, size_t size, rrk_error *err)
{
    char *text RRK_AUTO(base_free_ptr) = NULL;
    const char *kind = NULL;
    size_t len;
    RRK_TRY(base_file_read(path, MAX_TOKENIZER_BYTES, &text, &len, err));
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(text, len, 0, NULL);
    kind = json_string_value(json_object_get(json_object_get(json, "model"), "type"));
    snprintf(out, size, "%.32s (tokenizer.json)", kind ? kind : "WordPiece");
    return RRK_OK;
}

/* In the order in which the encoder looks for them. */
static rrk_status read_tokenizer(cli_model_facts *out, const char *folder, rrk_error *err)
{
    static const struct {
        const char *file, *kind;
    } FILES[] = {{"tokenizer.json", NULL},
                 {"spiece.model", "sentencepiece"},
                 {"sentencepiece.bpe.model", "sentencepiece"},
                 {"vocab.txt", "WordPiece"}};
    for (size_t i = 0; i < RRK_COUNT(FILES); i++) {
        base_buf path RRK_AUTO(base_buf_free) = {.max = 1u << 16};
        RRK_TRY(base_buf_printf(&path, err, "%s/%s", folder, FILES[i].file));
        if (access(path.data, F_OK) != 0)
            continue;
        if (!FILES[i].kind)
            return read_kind(path.data, out->tokenizer, sizeof out->tokenizer, err);
        snprintf(out->tokenizer, sizeof out->tokenizer, "%s (%s)", FILES[i].kind, FILES[i].file);
        return RRK_OK;
    }
    snprintf(out->tokenizer, sizeof out->tokenizer, "none");
    return RRK_OK;
}

/* Floats of the views of a batch in the block layout: their states, queries, keys and values, and tokens' keys for them. */
static uint64_t view_floats(const enc_config *config, const rrk_encoder_info *info, uint64_t n_tokens)
{
    enum { PASSAGE_TOKENS = 128, ROWS_A_VIEW = 4, ROWS_A_TOKEN = 2 }; /* a passage's tokens: about */
    if (!config->mvp.is_block)
        return 0;
    uint64_t n_views = n_tokens / PASSAGE_TOKENS * info->n_views;
    return (n_views * ROWS_A_VIEW + (config->mvp.shares_keys ? 0 : n_tokens * ROWS_A_TOKEN)) * config->d_model;
}

/*
 * A thread's activations: five rows of the model's width for each token of a batch (a state, its query, key and value,
 * and what attention makes of them), and a block of rows in the feed-forward's width.
 */
static uint64_t scratch_of(const enc_config *config, const rrk_encoder_info *info)
{
    uint64_t n_tokens = RRK_MAX((uint64_t)info->batch_tokens, (uint64_t)info->max_tokens);
    uint64_t batch = n_tokens * 5 * config->d_model + view_floats(config, info, n_tokens);
    uint64_t block = (uint64_t)PRODUCT_ROWS * (3 * (uint64_t)config->d_model + config->d_ff);
    return (uint64_t)info->n_threads * (batch + block) * sizeof(float);
}

rrk_status cli_model_facts_read(cli_model_facts *out, const char *folder, const rrk_encoder_info *info, rrk_error *err)
{
    enc_config config RRK_AUTO(enc_config_free) = {0};
    *out = (cli_model_facts){0};
    RRK_TRY(enc_config_read(&config, folder, err));
    out->n_heads = config.n_heads;
    if (config.head == RRK_HEAD_VIEWS && config.family == ENC_FAMILY_BERT)
        out->attention = config.mvp.is_block ? "block" : "joint";
    out->scratch_bytes = scratch_of(&config, info);
    RRK_TRY(read_tokenizer(out, folder, err));
    return read_weights(out, folder, err);
}
