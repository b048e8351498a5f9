/* config.json of T5's family and of MVP on BERT: defaults, every limit, and every refusal by name. */
#include "base/macros.h"
#include "encoder/config.h"
#include "tests/encoder/folder.h"

#define T5(architecture, more)                                                                                         \
    "{\"architectures\":[\"" architecture "\"],\"model_type\":\"t5\",\"num_layers\":2,\"d_model\":8,\"num_heads\":2,"  \
    "\"d_ff\":16,\"vocab_size\":32128" more "}"
#define PLAIN(more) T5("T5ForConditionalGeneration", more)
#define MVP_BERT(more)                                                                                                 \
    "{\"architectures\":[\"RrkMvpBert\"],\"num_hidden_layers\":2,\"hidden_size\":16,\"num_attention_heads\":2,"        \
    "\"intermediate_size\":16,\"vocab_size\":100,\"max_position_embeddings\":64" more "}"
#define BLOCK(more) MVP_BERT(",\"n_views\":1,\"mvp_attention\":\"block\"" more)

static rrk_status read_config(const char *json, enc_config *out, rrk_error *err)
{
    folder f = folder_new();
    folder_text(&f, "config.json", json);
    *err = (rrk_error){0};
    rrk_status status = enc_config_read(out, f.dir, err);
    folder_remove(&f);
    return status;
}

static enc_config read_good(const char *json)
{
    enc_config c;
    rrk_error err;
    cr_assert_eq(read_config(json, &c, &err), RRK_OK, "%s: %s", json, err.message);
    return c;
}

Test(config_t5, reads_a_bare_t5_with_the_defaults_of_its_first_version)
{
    enc_config c RRK_AUTO(enc_config_free) = read_good(PLAIN(""));
    cr_assert(c.family == ENC_FAMILY_T5 && c.head == RRK_HEAD_SEQ2SEQ && c.n_views == 0);
    cr_assert(c.n_layers == 2 && c.d_model == 8 && c.n_heads == 2 && c.d_ff == 16 && c.n_vocab == 32128);
    cr_assert(c.t5.d_head == 64 && c.t5.n_buckets == 32 && c.t5.max_distance == 128 && c.t5.n_decoder_layers == 2);
    cr_assert(!c.t5.is_gated && c.t5.is_tied && c.t5.start_id == 0 && c.activation == ENC_RELU);
    cr_assert(c.norm_eps == 1e-6f && c.max_tokens == 512 && c.cap_tokens == ENC_MAX_T5_TOKENS);
    cr_assert_eq(c.t5.answer_ids[ENC_ANSWER_TRUE], 1176);
    cr_assert_eq(c.t5.answer_ids[ENC_ANSWER_SCORE], 32089);
}

Test(config_t5, reads_the_second_version_and_the_views)
{
    enc_config c RRK_AUTO(enc_config_free) =
        read_good(PLAIN(",\"feed_forward_proj\":\"gated-gelu\",\"tie_word_embeddings\":false,\"d_kv\":5,"
                        "\"num_decoder_layers\":3,\"n_views\":6,\"decoder_start_token_id\":7"));
    cr_assert(c.t5.is_gated && !c.t5.is_tied && c.activation == ENC_GELU_TANH && c.t5.d_head == 5);
    cr_assert(c.t5.n_decoder_layers == 3 && c.t5.start_id == 7 && c.head == RRK_HEAD_VIEWS && c.n_views == 6);
    enc_config encoder RRK_AUTO(enc_config_free) = read_good(T5("T5EncoderModel", ""));
    cr_assert_eq(encoder.head, RRK_HEAD_EMBEDDING);
    enc_config other RRK_AUTO(enc_config_free) = read_good(T5("SomebodysT5", ",\"n_views\":null"));
    cr_assert_eq(other.head, RRK_HEAD_SEQ2SEQ);
}

/* What is right at a limit and wrong one further. */
static const struct {
    const char *good, *bad, *part;
} LIMITS[] = {
    {PLAIN(",\"n_views\":1"), PLAIN(",\"n_views\":0"), "n_views"},
    {PLAIN(",\"n_views\":99"), PLAIN(",\"n_views\":100"), "n_views"},
    {PLAIN(",\"d_kv\":1024"), PLAIN(",\"d_kv\":1025"), "d_kv"},
    {PLAIN(",\"d_kv\":1"), PLAIN(",\"d_kv\":0"), "d_kv"},
    {PLAIN(",\"num_decoder_layers\":256"), PLAIN(",\"num_decoder_layers\":257"), "num_decoder_layers"},
    {PLAIN(",\"relative_attention_num_buckets\":4"), PLAIN(",\"relative_attention_num_buckets\":3"), "buckets"},
    {PLAIN(",\"relative_attention_num_buckets\":36"), PLAIN(",\"relative_attention_num_buckets\":34"), "multiple"},
    {PLAIN(",\"relative_attention_max_distance\":9"), PLAIN(",\"relative_attention_max_distance\":8"), "distance"},
    {PLAIN(",\"relative_attention_max_distance\":65536"), PLAIN(",\"relative_attention_max_distance\":65537"),
     "distance"},
    {PLAIN(",\"n_positions\":16384"), PLAIN(",\"n_positions\":16385"), "n_positions"},
    {PLAIN(",\"decoder_start_token_id\":32127"), PLAIN(",\"decoder_start_token_id\":32128"), "decoder_start_token_id"},
    {MVP_BERT(",\"n_views\":99"), MVP_BERT(",\"n_views\":100"), "n_views"},
    {MVP_BERT(",\"n_views\":1"), MVP_BERT(""), "n_views"},
    {MVP_BERT(",\"n_views\":1,\"mvp_decoder_layers\":256"), MVP_BERT(",\"n_views\":1,\"mvp_decoder_layers\":0"),
     "mvp_decoder_layers"},
    {MVP_BERT(",\"n_views\":1,\"mvp_score_scale\":0.01"), MVP_BERT(",\"n_views\":1,\"mvp_score_scale\":0"),
     "mvp_score_scale"},
    {BLOCK(",\"mvp_view_from\":1"), BLOCK(",\"mvp_view_from\":2"), "mvp_view_from"},
    {BLOCK(",\"mvp_cosine_scale\":0"), BLOCK(",\"mvp_cosine_scale\":-0.01"), "mvp_cosine_scale"},
    {BLOCK(",\"mvp_cosine_scale\":8388608"), BLOCK(",\"mvp_cosine_scale\":8388609"), "mvp_cosine_scale"},
    {BLOCK(",\"mvp_maxsim_scale\":0"), BLOCK(",\"mvp_maxsim_scale\":-0.01"), "mvp_maxsim_scale"},
    {BLOCK(",\"mvp_maxsim_layer\":2"), BLOCK(",\"mvp_maxsim_layer\":3"), "mvp_maxsim_layer"},
    {BLOCK(",\"mvp_maxsim_scale\":1"), MVP_BERT(",\"n_views\":1,\"mvp_maxsim_scale\":1"), "mvp_maxsim_scale"},
    {BLOCK(",\"mvp_view_kv\":\"own\""), MVP_BERT(",\"n_views\":1,\"mvp_view_kv\":\"own\""), "mvp_view_kv"},
    {BLOCK(""), MVP_BERT(",\"n_views\":1,\"mvp_view_from\":0"), "mvp_view_from"},
    {BLOCK(",\"mvp_calibration\":[1e-9,0]"), BLOCK(",\"mvp_calibration\":[0,0]"), "mvp_calibration"},
    {BLOCK(",\"mvp_calibration\":[8388608,-8388608]"), BLOCK(",\"mvp_calibration\":[8388609,0]"), "mvp_calibration"},
    {BLOCK(",\"mvp_calibration\":null"), BLOCK(",\"mvp_calibration\":[1,8388609]"), "mvp_calibration"},
    {BLOCK(",\"mvp_calibration\":[1,2]"), BLOCK(",\"mvp_calibration\":[1]"), "two numbers"},
    {BLOCK(""), BLOCK(",\"mvp_calibration\":[1,\"2\"]"), "two numbers"},
    {BLOCK(""), BLOCK(",\"mvp_calibration\":3"), "two numbers"},
    {PLAIN(",\"n_views\":1,\"mvp_calibration\":[1,2]"), PLAIN(",\"n_views\":1,\"mvp_calibration\":[-1,2]"),
     "mvp_calibration"},
};

Test(config_t5, limits_hold)
{
    for (size_t i = 0; i < RRK_COUNT(LIMITS); i++) {
        enc_config c;
        rrk_error err;
        cr_expect_eq(read_config(LIMITS[i].good, &c, &err), RRK_OK, "%s: %s", LIMITS[i].good, err.message);
        enc_config_free(&c);
        cr_expect_eq(read_config(LIMITS[i].bad, &c, &err), RRK_E_FORMAT, "%s", LIMITS[i].bad);
        cr_expect(strstr(err.message, LIMITS[i].part), "'%s' lacks '%s'", err.message, LIMITS[i].part);
    }
}

Test(config_t5, what_is_not_known_is_refused_by_name)
{
    static const struct {
        const char *json, *part;
    } CASES[] = {
        {PLAIN(",\"feed_forward_proj\":\"gated-silu\""), "silu"},
        {PLAIN(",\"feed_forward_proj\":\"swish\""), "swish"},
        {MVP_BERT(",\"n_views\":4,\"mvp_attention\":\"sparse\""), "sparse"},
        {BLOCK(",\"mvp_view_kv\":\"both\""), "both"},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        enc_config c;
        rrk_error err;
        cr_expect_eq(read_config(CASES[i].json, &c, &err), RRK_E_UNSUPPORTED, "%s", CASES[i].json);
        cr_expect(strstr(err.message, CASES[i].part), "%s", err.message);
    }
}

Test(config_t5, the_multi_view_head_on_bert_has_defaults)
{
    enc_config c RRK_AUTO(enc_config_free) = read_good(MVP_BERT(",\"n_views\":4"));
    cr_assert(c.family == ENC_FAMILY_BERT && c.head == RRK_HEAD_VIEWS && c.n_views == 4);
    cr_assert(c.mvp.n_decoder_layers == 1 && c.mvp.score_scale == 0.25f);
    cr_assert(!c.mvp.is_block && !c.calibration.is_known);
}

Test(config_t5, the_block_layout_has_defaults_and_keys)
{
    enc_config plain RRK_AUTO(enc_config_free) = read_good(BLOCK(""));
    cr_assert(plain.mvp.is_block && !plain.mvp.shares_keys && plain.mvp.view_from == 0 && plain.mvp.cosine_scale == 1);
    cr_assert(plain.mvp.maxsim_scale == 0 && plain.mvp.maxsim_layer == 2);
    enc_config c RRK_AUTO(enc_config_free) = read_good(
        BLOCK(",\"mvp_view_from\":1,\"mvp_view_kv\":\"backbone\",\"mvp_cosine_scale\":2,\"mvp_calibration\":[3,-4]"));
    cr_assert(c.mvp.shares_keys && c.mvp.view_from == 1 && c.mvp.cosine_scale == 2);
    cr_assert(c.calibration.is_known && c.calibration.slope == 3 && c.calibration.intercept == -4);
}

Test(config_t5, views_can_be_set_where_there_is_a_decoder)
{
    enc_config c RRK_AUTO(enc_config_free) = read_good(PLAIN(""));
    rrk_error err = {0};
    cr_assert_eq(enc_config_set_views(&c, 100, &err), RRK_E_INVALID);
    cr_assert_eq(c.head, RRK_HEAD_SEQ2SEQ);
    cr_assert_eq(enc_config_set_views(&c, 99, &err), RRK_OK);
    cr_assert(c.head == RRK_HEAD_VIEWS && c.n_views == 99);
    enc_config encoder RRK_AUTO(enc_config_free) = read_good(T5("T5EncoderModel", ""));
    err = (rrk_error){0};
    cr_assert_eq(enc_config_set_views(&encoder, 4, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "T5EncoderModel"), "%s", err.message);
}
