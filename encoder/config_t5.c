/*
 * config.json of T5's family: v1.0 and v1.1 (Flan), and the rerankers trained from them. Which of these a checkpoint
 * is, its architecture does not tell: one with "n_views" is an MVP model, and an encoder can be opened as one.
 */
#include "encoder/config_parts.h"
#include "encoder/json_file.h"

#include <jansson.h>
#include <string.h>

#define FILE_NAME ENC_CONFIG_FILE

enum {
    DEFAULT_D_HEAD = 64,
    DEFAULT_BUCKETS = 32,
    DEFAULT_MAX_DISTANCE = 128,
    DEFAULT_TOKENS = 512,
    ID_TRUE = 1176,
    ID_FALSE = 6136,
    ID_EXTRA_10 = 32089
};

static const double DEFAULT_NORM_EPS = 1e-6;

/* An encoder alone embeds; everything else has a decoder, whatever it is called. */
static rrk_status read_architecture(enc_config *c, const json_t *json, rrk_error *err)
{
    const char *name = json_string_value(json_array_get(json_object_get(json, "architectures"), 0));
    if (!name)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'architectures' names none", FILE_NAME);
    if (strlen(name) >= sizeof c->architecture)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: an architecture's name has more than %zu bytes", FILE_NAME,
                         sizeof c->architecture - 1);
    memcpy(c->architecture, name, strlen(name) + 1);
    c->head = strcmp(name, "T5EncoderModel") == 0 ? RRK_HEAD_EMBEDDING : RRK_HEAD_SEQ2SEQ;
    return RRK_OK;
}

static rrk_status read_sizes(enc_config *c, const json_t *json, rrk_error *err)
{
    const struct {
        enc_json_range range;
        uint32_t *out;
    } sizes[] = {
        {{"num_layers", 1, ENC_MAX_LAYERS, true}, &c->n_layers},
        {{"d_model", 1, ENC_MAX_D_MODEL, true}, &c->d_model},
        {{"num_heads", 1, ENC_MAX_HEADS, true}, &c->n_heads},
        {{"d_ff", 1, ENC_MAX_D_FF, true}, &c->d_ff},
        {{"d_kv", 1, ENC_MAX_D_HEAD, false}, &c->t5.d_head},
        {{"vocab_size", 1, ENC_MAX_VOCAB, true}, &c->n_vocab},
        {{"n_positions", ENC_MIN_TOKENS, ENC_MAX_T5_TOKENS, false}, &c->n_positions},
        {{"relative_attention_num_buckets", 4, ENC_MAX_BUCKETS, false}, &c->t5.n_buckets},
        {{"relative_attention_max_distance", 1, ENC_MAX_BIAS_DISTANCE, false}, &c->t5.max_distance},
    };
    c->t5.d_head = DEFAULT_D_HEAD;
    c->n_positions = DEFAULT_TOKENS;
    c->t5.n_buckets = DEFAULT_BUCKETS;
    c->t5.max_distance = DEFAULT_MAX_DISTANCE;
    for (size_t i = 0; i < RRK_COUNT(sizes); i++)
        RRK_TRY(enc_json_uint(json, FILE_NAME, &sizes[i].range, sizes[i].out, err));
    if (c->t5.n_buckets % 4 != 0 || c->t5.max_distance <= c->t5.n_buckets / 4)
        return base_fail(err, RRK_E_FORMAT, 0,
                         "%s: %u position buckets up to distance %u; expected a multiple of 4, a quarter of it less "
                         "than the distance",
                         FILE_NAME, c->t5.n_buckets, c->t5.max_distance);
    return RRK_OK;
}

static rrk_status read_decoder(enc_config *c, const json_t *json, rrk_error *err)
{
    enc_json_range layers = {"num_decoder_layers", 1, ENC_MAX_LAYERS, false},
                   start = {"decoder_start_token_id", 0, c->n_vocab - 1, false};
    c->t5.n_decoder_layers = c->n_layers;
    c->t5.is_tied = true;
    RRK_TRY(enc_json_uint(json, FILE_NAME, &layers, &c->t5.n_decoder_layers, err));
    RRK_TRY(enc_json_uint(json, FILE_NAME, &start, &c->t5.start_id, err));
    static const int32_t ANSWERS[ENC_N_ANSWERS] = {ID_TRUE, ID_FALSE, ID_EXTRA_10};
    for (size_t i = 0; i < ENC_N_ANSWERS; i++)
        c->t5.answer_ids[i] = (uint32_t)ANSWERS[i] < c->n_vocab ? ANSWERS[i] : -1;
    return enc_json_bool(json, FILE_NAME, "tie_word_embeddings", &c->t5.is_tied, err);
}

/* "relu", or with a gate "gated-gelu", which means the approximation by tanh. */
static rrk_status read_feed_forward(enc_config *c, const json_t *json, rrk_error *err)
{
    static const char KEY[] = "feed_forward_proj", GATED[] = "gated-";
    const char *name = "relu";
    RRK_TRY(enc_json_string(json, FILE_NAME, KEY, &name, err));
    c->t5.is_gated = strncmp(name, GATED, sizeof GATED - 1) == 0;
    if (strcmp(name, "gated-gelu") == 0)
        name = "gelu_new";
    else if (c->t5.is_gated)
        name += sizeof GATED - 1;
    return enc_config_activation(c, name, KEY, err);
}

rrk_status enc_config_read_t5(enc_config *c, const json_t *json, rrk_error *err)
{
    c->family = ENC_FAMILY_T5;
    RRK_TRY(read_architecture(c, json, err));
    RRK_TRY(read_sizes(c, json, err));
    RRK_TRY(read_feed_forward(c, json, err));
    RRK_TRY(enc_config_norm_eps(c, json, "layer_norm_epsilon", DEFAULT_NORM_EPS, err));
    if (c->head == RRK_HEAD_EMBEDDING)
        return RRK_OK;
    RRK_TRY(read_decoder(c, json, err));
    if (json_is_null(json_object_get(json, "n_views")) || !json_object_get(json, "n_views"))
        return RRK_OK;
    enc_json_range views = {"n_views", 1, ENC_MAX_VIEWS, true};
    c->head = RRK_HEAD_VIEWS;
    RRK_TRY(enc_json_uint(json, FILE_NAME, &views, &c->n_views, err));
    return enc_config_read_calibration(c, json, err);
}
