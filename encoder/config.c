/*
 * config.json of BERT's and RoBERTa's families, checked number by number: see config.h. T5's is read in config_t5.c, the
 * multi-view head's in config_mvp.c, what sentence-transformers adds beside it in sentence_config.c.
 */
#include "base/alloc.h"
#include "encoder/config_parts.h"
#include "encoder/json_file.h"
#include "encoder/sentence_config.h"

#include <float.h>
#include <jansson.h>
#include <string.h>

#define FILE_NAME ENC_CONFIG_FILE

enum { DEFAULT_TYPES = 2, DEFAULT_LABELS = 2, DEFAULT_ROBERTA_PAD = 1 };

static const double DEFAULT_NORM_EPS = 1e-12;

/* Which head an architecture brings. A masked language model counts when sentence-transformers files say how to pool. */
static const struct {
    const char *name;
    enc_family family;
    rrk_encoder_head head;
    bool needs_modules;
} ARCHITECTURES[] = {
    {"BertModel", ENC_FAMILY_BERT, RRK_HEAD_EMBEDDING, false},
    {"BertForMaskedLM", ENC_FAMILY_BERT, RRK_HEAD_EMBEDDING, true},
    {"BertForSequenceClassification", ENC_FAMILY_BERT, RRK_HEAD_CROSS, false},
    {"RrkMvpBert", ENC_FAMILY_BERT, RRK_HEAD_VIEWS, false},
    {"XLMRobertaModel", ENC_FAMILY_ROBERTA, RRK_HEAD_EMBEDDING, false},
    {"XLMRobertaForMaskedLM", ENC_FAMILY_ROBERTA, RRK_HEAD_EMBEDDING, true},
    {"XLMRobertaForSequenceClassification", ENC_FAMILY_ROBERTA, RRK_HEAD_CROSS, false},
    {"RobertaModel", ENC_FAMILY_ROBERTA, RRK_HEAD_EMBEDDING, false},
    {"RobertaForMaskedLM", ENC_FAMILY_ROBERTA, RRK_HEAD_EMBEDDING, true},
    {"RobertaForSequenceClassification", ENC_FAMILY_ROBERTA, RRK_HEAD_CROSS, false},
};

/* What model_type may say beside an architecture. */
static const struct {
    const char *name;
    enc_family family;
} MODEL_TYPES[] = {
    {"bert", ENC_FAMILY_BERT},
    {"xlm-roberta", ENC_FAMILY_ROBERTA},
    {"roberta", ENC_FAMILY_ROBERTA},
};

static const struct {
    const char *name;
    enc_activation activation;
} ACTIVATIONS[] = {
    {"gelu", ENC_GELU_ERF},
    {"gelu_new", ENC_GELU_TANH},
    {"gelu_pytorch_tanh", ENC_GELU_TANH},
    {"relu", ENC_RELU},
};

static rrk_status read_architecture(enc_config *c, const json_t *json, bool has_modules, rrk_error *err)
{
    const char *name = json_string_value(json_array_get(json_object_get(json, "architectures"), 0));
    if (!name)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'architectures' names none", FILE_NAME);
    for (size_t i = 0; i < RRK_COUNT(ARCHITECTURES); i++) {
        if (strcmp(name, ARCHITECTURES[i].name) != 0)
            continue;
        if (ARCHITECTURES[i].needs_modules && !has_modules)
            return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: '%s' without modules.json neither embeds nor scores",
                             FILE_NAME, name);
        c->family = ARCHITECTURES[i].family;
        c->head = ARCHITECTURES[i].head;
        memcpy(c->architecture, name, strlen(name) + 1);
        return RRK_OK;
    }
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: rrk does not know the architecture '%s'", FILE_NAME, name);
}

rrk_status enc_config_activation(enc_config *c, const char *name, const char *key, rrk_error *err)
{
    for (size_t i = 0; i < RRK_COUNT(ACTIVATIONS); i++) {
        if (strcmp(name, ACTIVATIONS[i].name) == 0) {
            c->activation = ACTIVATIONS[i].activation;
            return RRK_OK;
        }
    }
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: rrk does not know the activation '%s' (%s)", FILE_NAME, name, key);
}

rrk_status enc_config_norm_eps(enc_config *c, const json_t *json, const char *key, double fallback, rrk_error *err)
{
    double eps = fallback;
    RRK_TRY(enc_json_number(json, FILE_NAME, key, &eps, err));
    if (!(eps >= FLT_MIN && eps <= 1))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is %g, outside %g..1", FILE_NAME, key, eps, (double)FLT_MIN);
    c->norm_eps = (float)eps;
    return RRK_OK;
}

static rrk_status read_sizes(enc_config *c, const json_t *json, rrk_error *err)
{
    const struct {
        enc_json_range range;
        uint32_t *out;
    } sizes[] = {
        {{"num_hidden_layers", 1, ENC_MAX_LAYERS, true}, &c->n_layers},
        {{"hidden_size", 1, ENC_MAX_D_MODEL, true}, &c->d_model},
        {{"num_attention_heads", 1, ENC_MAX_HEADS, true}, &c->n_heads},
        {{"intermediate_size", 1, ENC_MAX_D_FF, true}, &c->d_ff},
        {{"vocab_size", 1, ENC_MAX_VOCAB, true}, &c->n_vocab},
        {{"max_position_embeddings", ENC_MIN_TOKENS, ENC_MAX_POSITIONS, true}, &c->n_positions},
        {{"type_vocab_size", 1, ENC_MAX_TYPES, false}, &c->n_types},
    };
    c->n_types = DEFAULT_TYPES;
    for (size_t i = 0; i < RRK_COUNT(sizes); i++)
        RRK_TRY(enc_json_uint(json, FILE_NAME, &sizes[i].range, sizes[i].out, err));
    if (c->d_model % c->n_heads != 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'hidden_size' %u is no multiple of 'num_attention_heads' %u",
                         FILE_NAME, c->d_model, c->n_heads);
    return RRK_OK;
}

/* RoBERTa counts its positions from the padding token's id + 1; the rows of the table before that are never read. */
static rrk_status skip_positions(enc_config *c, const json_t *json, rrk_error *err)
{
    uint32_t pad = DEFAULT_ROBERTA_PAD, n_rows = c->n_positions;
    enc_json_range range = {"pad_token_id", 0, ENC_MAX_POSITIONS, false};
    RRK_TRY(enc_json_uint(json, FILE_NAME, &range, &pad, err));
    c->first_position = pad + 1;
    if (n_rows < c->first_position + ENC_MIN_TOKENS)
        return base_fail(err, RRK_E_FORMAT, 0,
                         "%s: 'max_position_embeddings' is %u, but a row's positions begin at %u ('pad_token_id' + 1) "
                         "and are at least %d",
                         FILE_NAME, n_rows, c->first_position, ENC_MIN_TOKENS);
    c->n_positions = n_rows - c->first_position;
    return RRK_OK;
}

static rrk_status check_model_type(const enc_config *c, const json_t *json, rrk_error *err)
{
    const char *type = NULL;
    RRK_TRY(enc_json_string(json, FILE_NAME, "model_type", &type, err));
    for (size_t i = 0; type && i < RRK_COUNT(MODEL_TYPES); i++) {
        if (strcmp(type, MODEL_TYPES[i].name) == 0 && c->family == MODEL_TYPES[i].family)
            return RRK_OK;
    }
    return type ? base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: model_type '%s' with the architecture '%s'", FILE_NAME,
                            type, c->architecture)
                : RRK_OK;
}

/* Options of the family that change what a layer computes, and that rrk does not compute. */
static rrk_status refuse_variants(const json_t *json, rrk_error *err)
{
    const char *positions = "absolute";
    RRK_TRY(enc_json_string(json, FILE_NAME, "position_embedding_type", &positions, err));
    if (strcmp(positions, "absolute") != 0)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: position_embedding_type '%s' (only 'absolute' is known)",
                         FILE_NAME, positions);
    static const char *const FLAGS[] = {"is_decoder", "add_cross_attention"};
    for (size_t i = 0; i < RRK_COUNT(FLAGS); i++) {
        bool on = false;
        RRK_TRY(enc_json_bool(json, FILE_NAME, FLAGS[i], &on, err));
        if (on)
            return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: '%s' is true; rrk runs encoders only", FILE_NAME,
                             FLAGS[i]);
    }
    if (json_object_size(json_object_get(json, "pruned_heads")) > 0)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: 'pruned_heads' is not empty", FILE_NAME);
    return RRK_OK;
}

static rrk_status check_labels(const json_t *json, rrk_error *err)
{
    uint32_t n_labels = DEFAULT_LABELS;
    enc_json_range range = {"num_labels", 1, UINT32_MAX, false};
    RRK_TRY(enc_json_uint(json, FILE_NAME, &range, &n_labels, err));
    size_t n = n_labels;
    const json_t *names = json_object_get(json, "id2label");
    if (names && !json_is_null(names)) {
        if (!json_is_object(names))
            return base_fail(err, RRK_E_FORMAT, 0, "%s: 'id2label' is not an object", FILE_NAME);
        n = json_object_size(names);
    }
    if (n != 1)
        return base_fail(err, RRK_E_UNSUPPORTED, 0,
                         "%s: a classifier of %zu labels (id2label, num_labels); a cross-encoder has 1", FILE_NAME, n);
    return RRK_OK;
}

static rrk_status read_bert(enc_config *c, const json_t *json, bool has_modules, rrk_error *err)
{
    RRK_TRY(read_architecture(c, json, has_modules, err));
    RRK_TRY(check_model_type(c, json, err));
    RRK_TRY(refuse_variants(json, err));
    RRK_TRY(read_sizes(c, json, err));
    if (c->family == ENC_FAMILY_ROBERTA)
        RRK_TRY(skip_positions(c, json, err));
    const char *activation = ACTIVATIONS[0].name;
    RRK_TRY(enc_json_string(json, FILE_NAME, "hidden_act", &activation, err));
    RRK_TRY(enc_config_activation(c, activation, "hidden_act", err));
    RRK_TRY(enc_config_norm_eps(c, json, "layer_norm_eps", DEFAULT_NORM_EPS, err));
    if (c->head == RRK_HEAD_CROSS)
        RRK_TRY(check_labels(json, err));
    return c->head == RRK_HEAD_VIEWS ? enc_config_read_mvp(c, json, err) : RRK_OK;
}

static rrk_status read_all(enc_config *c, const char *dir, rrk_error *err)
{
    struct json_t *json RRK_AUTO(enc_json_free) = NULL, *modules RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read(&json, dir, FILE_NAME, ENC_MAX_CONFIG_BYTES, err));
    RRK_TRY(enc_json_read_optional(&modules, dir, ENC_MODULES_FILE, ENC_MAX_CONFIG_BYTES, err));
    const char *type = NULL;
    RRK_TRY(enc_json_string(json, FILE_NAME, "model_type", &type, err));
    if (type && strcmp(type, "t5") == 0)
        RRK_TRY(enc_config_read_t5(c, json, err));
    else
        RRK_TRY(read_bert(c, json, modules != NULL, err));
    RRK_TRY(enc_sentence_config_read(c, dir, modules, err));
    c->cap_tokens = c->family == ENC_FAMILY_T5 ? ENC_MAX_T5_TOKENS : c->max_tokens;
    return RRK_OK;
}

rrk_status enc_config_read(enc_config *out, const char *model_dir, rrk_error *err)
{
    enc_config config RRK_AUTO(enc_config_free) = {0};
    *out = config;
    RRK_TRY(read_all(&config, model_dir, err));
    *out = config;
    config = (enc_config){0};
    return RRK_OK;
}

rrk_status enc_config_set_views(enc_config *c, size_t n_views, rrk_error *err)
{
    if (c->head != RRK_HEAD_VIEWS && c->head != RRK_HEAD_SEQ2SEQ)
        return base_fail(err, RRK_E_INVALID, 0, "n_views is %zu, but a model of architecture '%s' has no views",
                         n_views, c->architecture);
    if (c->mvp.is_block && n_views != c->n_views)
        return base_fail(err, RRK_E_INVALID, 0, "n_views is %zu, but the model's own views are %u", n_views,
                         c->n_views);
    if (n_views < 1 || n_views > ENC_MAX_VIEWS)
        return base_fail(err, RRK_E_INVALID, 0, "n_views is %zu, expected 1 to %d", n_views, ENC_MAX_VIEWS);
    c->head = RRK_HEAD_VIEWS;
    c->n_views = (uint32_t)n_views;
    return RRK_OK;
}

void enc_config_free(enc_config *config)
{
    base_free(config->query_prompt);
    base_free(config->passage_prompt);
    *config = (enc_config){0};
}
