/* What config.json says of the multi-view head on BERT: doc/mvp-bert.md has the keys. */
#include "encoder/config_parts.h"
#include "encoder/json_file.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define FILE_NAME ENC_CONFIG_FILE

enum { DEFAULT_DECODER_LAYERS = 1 };

static const double LARGEST_SCALE = 1 / (double)FLT_EPSILON;

static bool is_given(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return value && !json_is_null(value);
}

static rrk_status read_scale(const json_t *json, const char *key, double fallback, double least, float *out,
                             rrk_error *err)
{
    double scale = fallback;
    RRK_TRY(enc_json_number(json, FILE_NAME, key, &scale, err));
    if (!(scale >= least && scale <= LARGEST_SCALE))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is %g, outside %g..%g", FILE_NAME, key, scale, least,
                         LARGEST_SCALE);
    *out = (float)scale;
    return RRK_OK;
}

/* One of two words, the first being the default. */
static rrk_status read_choice(const json_t *json, const char *key, const char *const words[2], bool *is_second,
                              rrk_error *err)
{
    const char *word = words[0];
    RRK_TRY(enc_json_string(json, FILE_NAME, key, &word, err));
    *is_second = strcmp(word, words[1]) == 0;
    if (!*is_second && strcmp(word, words[0]) != 0)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: %s '%s' (known are '%s' and '%s')", FILE_NAME, key, word,
                         words[0], words[1]);
    return RRK_OK;
}

static rrk_status refuse_block_keys(const json_t *json, rrk_error *err)
{
    static const char *const KEYS[] = {"mvp_cosine_scale", "mvp_view_from", "mvp_view_kv", "mvp_maxsim_scale",
                                       "mvp_maxsim_layer"};
    for (size_t i = 0; i < RRK_COUNT(KEYS); i++) {
        if (is_given(json, KEYS[i]))
            return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' without \"mvp_attention\": \"block\"", FILE_NAME, KEYS[i]);
    }
    return RRK_OK;
}

static rrk_status read_block(enc_config *c, const json_t *json, rrk_error *err)
{
    static const char *const KV[] = {"own", "backbone"};
    enc_json_range from = {"mvp_view_from", 0, c->n_layers - 1, false},
                   maxsim = {"mvp_maxsim_layer", 0, c->n_layers, false};
    c->mvp.maxsim_layer = c->n_layers;
    RRK_TRY(enc_json_uint(json, FILE_NAME, &from, &c->mvp.view_from, err));
    RRK_TRY(enc_json_uint(json, FILE_NAME, &maxsim, &c->mvp.maxsim_layer, err));
    RRK_TRY(read_scale(json, "mvp_maxsim_scale", 0, 0, &c->mvp.maxsim_scale, err));
    RRK_TRY(read_choice(json, "mvp_view_kv", KV, &c->mvp.shares_keys, err));
    return read_scale(json, "mvp_cosine_scale", 1, 0, &c->mvp.cosine_scale, err);
}

rrk_status enc_config_read_calibration(enc_config *c, const json_t *json, rrk_error *err)
{
    static const char KEY[] = "mvp_calibration";
    if (!is_given(json, KEY))
        return RRK_OK;
    const json_t *pair = json_object_get(json, KEY);
    double slope = json_number_value(json_array_get(pair, 0)), intercept = json_number_value(json_array_get(pair, 1));
    if (json_array_size(pair) != 2 || !json_is_number(json_array_get(pair, 0)) ||
        !json_is_number(json_array_get(pair, 1)))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is not a list of two numbers", FILE_NAME, KEY);
    if (!(slope > 0 && slope <= LARGEST_SCALE && fabs(intercept) <= LARGEST_SCALE))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: '%s' is [%g, %g]: the slope is more than 0, neither beyond %g",
                         FILE_NAME, KEY, slope, intercept, LARGEST_SCALE);
    c->calibration = (enc_calibration){true, slope, intercept};
    return RRK_OK;
}

rrk_status enc_config_read_mvp(enc_config *c, const json_t *json, rrk_error *err)
{
    static const char *const ATTENTION[] = {"joint", "block"};
    enc_json_range views = {"n_views", 1, ENC_MAX_VIEWS, true},
                   layers = {"mvp_decoder_layers", 1, ENC_MAX_LAYERS, false};
    c->mvp.n_decoder_layers = DEFAULT_DECODER_LAYERS;
    RRK_TRY(enc_json_uint(json, FILE_NAME, &views, &c->n_views, err));
    RRK_TRY(enc_json_uint(json, FILE_NAME, &layers, &c->mvp.n_decoder_layers, err));
    RRK_TRY(read_scale(json, "mvp_score_scale", 1 / sqrt(c->d_model), (double)FLT_MIN, &c->mvp.score_scale, err));
    RRK_TRY(read_choice(json, "mvp_attention", ATTENTION, &c->mvp.is_block, err));
    RRK_TRY(c->mvp.is_block ? read_block(c, json, err) : refuse_block_keys(json, err));
    return enc_config_read_calibration(c, json, err);
}
