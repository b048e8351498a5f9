/* config.json and what sentence-transformers puts beside it: defaults, every limit, and every refusal by name. */
#include "encoder/config.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "tests/encoder/folder.h"

#include <criterion/criterion.h>

#define REST                                                                                                           \
    "\"num_hidden_layers\":2,\"hidden_size\":8,\"num_attention_heads\":2,\"intermediate_size\":16,"                    \
    "\"vocab_size\":100,\"max_position_embeddings\":64"
#define BERT "\"architectures\":[\"BertModel\"]," REST
#define CROSS "\"architectures\":[\"BertForSequenceClassification\"]," REST
#define ROBERTA "\"architectures\":[\"XLMRobertaModel\"]," REST

static folder folder_with(const char *config)
{
    folder f = folder_new();
    folder_text(&f, "config.json", config);
    return f;
}

static enc_config read_good(folder *f)
{
    enc_config c;
    rrk_error err = {0};
    cr_assert_eq(enc_config_read(&c, f->dir, &err), RRK_OK, "%s", err.message);
    return c;
}

static void expect_failure(folder *f, rrk_status status, const char *part)
{
    enc_config c;
    rrk_error err = {0};
    rrk_status got = enc_config_read(&c, f->dir, &err);
    cr_expect_eq(got, status, "%s instead of %s: %s", rrk_status_name(got), rrk_status_name(status), err.message);
    cr_expect_not_null(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
    if (got == RRK_OK)
        enc_config_free(&c);
}

Test(config, reads_a_bare_bert_with_defaults)
{
    folder f = folder_with("{" BERT "}");
    enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
    cr_assert_str_eq(c.architecture, "BertModel");
    cr_assert(c.head == RRK_HEAD_EMBEDDING && c.n_layers == 2 && c.d_model == 8 && c.n_heads == 2 && c.d_ff == 16);
    cr_assert(c.n_vocab == 100 && c.n_positions == 64 && c.max_tokens == 64 && c.n_types == 2);
    cr_assert(c.norm_eps == 1e-12f && c.activation == ENC_GELU_ERF && c.pooling == ENC_POOL_MEAN && c.normalize);
    cr_assert_str_empty(c.query_prompt);
    cr_assert_str_empty(c.passage_prompt);
    folder_remove(&f);
}

Test(config, a_missing_config_is_not_found_by_its_path)
{
    folder f = folder_new();
    expect_failure(&f, RRK_E_NOTFOUND, folder_path(&f, "config.json"));
    folder_remove(&f);
}

Test(config, knows_four_activations)
{
    static const struct {
        const char *config;
        enc_activation is;
    } KNOWN[] = {
        {"{" BERT ",\"hidden_act\":\"gelu\"}", ENC_GELU_ERF},
        {"{" BERT ",\"hidden_act\":\"gelu_new\"}", ENC_GELU_TANH},
        {"{" BERT ",\"hidden_act\":\"gelu_pytorch_tanh\"}", ENC_GELU_TANH},
        {"{" BERT ",\"hidden_act\":\"relu\"}", ENC_RELU},
    };
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(KNOWN); i++) {
        folder_text(&f, "config.json", KNOWN[i].config);
        enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
        cr_assert_eq(c.activation, KNOWN[i].is, "case %zu", i);
    }
    folder_remove(&f);
}

Test(config, a_classifier_of_one_label_is_a_cross_encoder)
{
    static const char *const GOOD[] = {
        "{" CROSS ",\"num_labels\":1}",
        "{" CROSS ",\"id2label\":{\"0\":\"LABEL_0\"}}",
    };
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(GOOD); i++) {
        folder_text(&f, "config.json", GOOD[i]);
        enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
        cr_assert_eq(c.head, RRK_HEAD_CROSS);
    }
    folder_remove(&f);
}

Test(config, reads_roberta_and_its_heads)
{
    static const struct {
        const char *architecture, *model_type;
        rrk_encoder_head head;
    } KNOWN[] = {
        {"XLMRobertaModel", "xlm-roberta", RRK_HEAD_EMBEDDING},
        {"XLMRobertaForSequenceClassification", "xlm-roberta", RRK_HEAD_CROSS},
        {"RobertaModel", "roberta", RRK_HEAD_EMBEDDING},
        {"RobertaForSequenceClassification", "roberta", RRK_HEAD_CROSS},
    };
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(KNOWN); i++) {
        char config[512];
        snprintf(config, sizeof config,
                 "{\"architectures\":[\"%s\"],\"model_type\":\"%s\",\"type_vocab_size\":1,\"layer_norm_eps\":1e-5,"
                 "\"num_labels\":1," REST "}",
                 KNOWN[i].architecture, KNOWN[i].model_type);
        folder_text(&f, "config.json", config);
        enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
        cr_assert(c.family == ENC_FAMILY_ROBERTA && c.head == KNOWN[i].head && c.n_types == 1);
        cr_assert(c.first_position == 2 && c.n_positions == 62 && c.max_tokens == 62 && c.norm_eps == 1e-5f);
        cr_assert_str_eq(c.architecture, KNOWN[i].architecture);
    }
    folder_remove(&f);
}

Test(config, robertas_positions_begin_behind_the_padding_token)
{
    static const struct {
        const char *pad;
        unsigned n_rows, n_positions; /* 0: refused */
    } CASES[] = {{"1", 514, 512},
                 {"1", 2 + ENC_MIN_TOKENS, ENC_MIN_TOKENS},
                 {"1", 1 + ENC_MIN_TOKENS, 0},
                 {"0", 64, 63},
                 {"null", 8194, 8192},
                 {"64", 65 + ENC_MIN_TOKENS, ENC_MIN_TOKENS},
                 {"64", 64, 0},
                 {"1", ENC_MAX_POSITIONS, ENC_MAX_POSITIONS - 2}};
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        char config[512];
        snprintf(config, sizeof config, "{" ROBERTA ",\"pad_token_id\":%s,\"max_position_embeddings\":%u}",
                 CASES[i].pad, CASES[i].n_rows);
        folder_text(&f, "config.json", config);
        if (CASES[i].n_positions == 0) {
            expect_failure(&f, RRK_E_FORMAT, "'max_position_embeddings'");
            continue;
        }
        enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
        cr_assert_eq(c.n_positions, CASES[i].n_positions, "case %zu", i);
        cr_assert_eq(c.first_position + c.n_positions, CASES[i].n_rows, "case %zu", i);
    }
    folder_remove(&f);
}

static const struct {
    const char *config;
    rrk_status status;
    const char *part;
} BAD[] = {
    {"", RRK_E_FORMAT, "config.json"},
    {"{", RRK_E_FORMAT, "config.json:1: not valid JSON"},
    {"[]", RRK_E_FORMAT, "config.json"},
    {"{}", RRK_E_FORMAT, "'architectures'"},
    {"{\"architectures\":[]}", RRK_E_FORMAT, "'architectures'"},
    {"{\"architectures\":\"BertModel\"}", RRK_E_FORMAT, "'architectures'"},
    {"{\"architectures\":[\"ElectraModel\"]," REST "}", RRK_E_UNSUPPORTED, "'ElectraModel'"},
    {"{\"architectures\":[\"BertForMaskedLM\"]," REST "}", RRK_E_UNSUPPORTED, "'BertForMaskedLM'"},
    {"{\"architectures\":[\"BertForQuestionAnswering\"]," REST "}", RRK_E_UNSUPPORTED, "'BertForQuestionAnswering'"},
    {"{" CROSS "}", RRK_E_UNSUPPORTED, "2 labels"},
    {"{" CROSS ",\"num_labels\":3}", RRK_E_UNSUPPORTED, "3 labels"},
    {"{" CROSS ",\"id2label\":{\"0\":\"a\",\"1\":\"b\"}}", RRK_E_UNSUPPORTED, "2 labels"},
    {"{" CROSS ",\"id2label\":{}}", RRK_E_UNSUPPORTED, "0 labels"},
    {"{" CROSS ",\"id2label\":[]}", RRK_E_FORMAT, "'id2label'"},
    {"{" BERT ",\"hidden_act\":\"silu\"}", RRK_E_UNSUPPORTED, "'silu'"},
    {"{" BERT ",\"hidden_act\":7}", RRK_E_FORMAT, "'hidden_act'"},
    {"{" BERT ",\"position_embedding_type\":\"relative_key\"}", RRK_E_UNSUPPORTED, "'relative_key'"},
    {"{" BERT ",\"model_type\":\"roberta\"}", RRK_E_UNSUPPORTED, "'roberta'"},
    {"{" BERT ",\"model_type\":\"electra\"}", RRK_E_UNSUPPORTED, "'electra'"},
    {"{" ROBERTA ",\"model_type\":\"bert\"}", RRK_E_UNSUPPORTED, "'bert'"},
    {"{\"architectures\":[\"XLMRobertaForMaskedLM\"]," REST "}", RRK_E_UNSUPPORTED, "'XLMRobertaForMaskedLM'"},
    {"{\"architectures\":[\"XLMRobertaForSequenceClassification\"]," REST "}", RRK_E_UNSUPPORTED, "2 labels"},
    {"{" ROBERTA ",\"type_vocab_size\":0}", RRK_E_FORMAT, "'type_vocab_size'"},
    {"{" ROBERTA ",\"pad_token_id\":-1}", RRK_E_FORMAT, "'pad_token_id'"},
    {"{" ROBERTA ",\"pad_token_id\":131073}", RRK_E_FORMAT, "'pad_token_id'"},
    {"{" ROBERTA ",\"pad_token_id\":131072}", RRK_E_FORMAT, "'max_position_embeddings'"},
    {"{" BERT ",\"is_decoder\":true}", RRK_E_UNSUPPORTED, "'is_decoder'"},
    {"{" BERT ",\"is_decoder\":1}", RRK_E_FORMAT, "'is_decoder'"},
    {"{" BERT ",\"add_cross_attention\":true}", RRK_E_UNSUPPORTED, "'add_cross_attention'"},
    {"{" BERT ",\"pruned_heads\":{\"0\":[1]}}", RRK_E_UNSUPPORTED, "'pruned_heads'"},
    {"{" BERT ",\"layer_norm_eps\":0}", RRK_E_FORMAT, "'layer_norm_eps'"},
    {"{" BERT ",\"layer_norm_eps\":-1e-5}", RRK_E_FORMAT, "'layer_norm_eps'"},
    {"{" BERT ",\"layer_norm_eps\":\"tiny\"}", RRK_E_FORMAT, "'layer_norm_eps'"},
    {"{" BERT ",\"hidden_size\":9}", RRK_E_FORMAT, "'num_attention_heads'"},
    {"{" BERT ",\"hidden_size\":8.5}", RRK_E_FORMAT, "'hidden_size'"},
    {"{" BERT ",\"hidden_size\":\"8\"}", RRK_E_FORMAT, "'hidden_size'"},
    {"{" BERT ",\"hidden_size\":null}", RRK_E_FORMAT, "'hidden_size' is missing"},
    {"{" BERT ",\"num_hidden_layers\":1e300}", RRK_E_FORMAT, "'num_hidden_layers'"},
};

Test(config, says_what_it_cannot_run)
{
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        cr_log_info("case %zu", i);
        folder_text(&f, "config.json", BAD[i].config);
        expect_failure(&f, BAD[i].status, BAD[i].part);
        expect_failure(&f, BAD[i].status, "config.json");
    }
    folder_remove(&f);
}

static const struct {
    const char *key;
    long low, high;
    const char *also; /* what keeps the rest consistent */
} LIMITS[] = {
    {"num_hidden_layers", 1, ENC_MAX_LAYERS, ""},
    {"hidden_size", 1, ENC_MAX_D_MODEL, ",\"num_attention_heads\":1"},
    {"num_attention_heads", 1, ENC_MAX_HEADS, ",\"hidden_size\":256"},
    {"intermediate_size", 1, ENC_MAX_D_FF, ""},
    {"vocab_size", 1, ENC_MAX_VOCAB, ""},
    {"max_position_embeddings", ENC_MIN_TOKENS, ENC_MAX_POSITIONS, ""},
    {"type_vocab_size", 1, ENC_MAX_TYPES, ""},
};

static void put_number(folder *f, size_t i, long value)
{
    char config[512];
    snprintf(config, sizeof config, "{" BERT "%s,\"%s\":%ld}", LIMITS[i].also, LIMITS[i].key, value);
    folder_text(f, "config.json", config);
}

Test(config, takes_every_number_at_its_limits_and_none_beyond)
{
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(LIMITS); i++) {
        const long good[] = {LIMITS[i].low, LIMITS[i].high}, bad[] = {LIMITS[i].low - 1, LIMITS[i].high + 1};
        for (int end = 0; end < 2; end++) {
            put_number(&f, i, good[end]);
            enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
            cr_assert_eq(c.head, RRK_HEAD_EMBEDDING);
            put_number(&f, i, bad[end]);
            expect_failure(&f, RRK_E_FORMAT, LIMITS[i].key);
        }
    }
    folder_remove(&f);
}

Test(config, names_each_required_number_that_is_missing)
{
    static const char *const KEYS[] = {"num_hidden_layers", "hidden_size", "num_attention_heads",
                                       "intermediate_size", "vocab_size",  "max_position_embeddings"};
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(KEYS); i++) {
        char config[512], quoted[64], *at;
        snprintf(config, sizeof config, "{" BERT "}");
        snprintf(quoted, sizeof quoted, "\"%s\"", KEYS[i]);
        at = strstr(config, quoted);
        cr_assert_not_null(at);
        at[1] = 'X';
        folder_text(&f, "config.json", config);
        expect_failure(&f, RRK_E_FORMAT, KEYS[i]);
    }
    folder_remove(&f);
}

Test(config, bounds_the_files)
{
    folder f = folder_with("");
    cr_assert_eq(truncate(folder_path(&f, "config.json"), (off_t)ENC_MAX_CONFIG_BYTES), 0);
    expect_failure(&f, RRK_E_FORMAT, "not valid JSON");
    cr_assert_eq(truncate(folder_path(&f, "config.json"), (off_t)ENC_MAX_CONFIG_BYTES + 1), 0);
    expect_failure(&f, RRK_E_INVALID, "more than the limit");
    folder_remove(&f);
}

#define MODULE(type, path) "{\"type\":\"sentence_transformers.models." type "\",\"path\":\"" path "\"}"

static folder sentence_folder(const char *modules, const char *pooling)
{
    folder f = folder_with("{" BERT "}");
    folder_text(&f, "modules.json", modules);
    folder_subfolder(&f, "1_Pooling");
    if (pooling)
        folder_text(&f, "1_Pooling/config.json", pooling);
    return f;
}

#define THREE                                                                                                          \
    "[" MODULE("Transformer", "") "," MODULE("Pooling", "1_Pooling") "," MODULE("Normalize", "2_Normalize") "]"
#define TWO "[" MODULE("Transformer", "") "," MODULE("Pooling", "1_Pooling") "]"
#define MEAN "{\"word_embedding_dimension\":8,\"pooling_mode_cls_token\":false,\"pooling_mode_mean_tokens\":true}"
#define CLS "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":false}"

Test(sentence_config, follows_modules_and_pooling)
{
    static const struct {
        const char *modules, *pooling;
        enc_pooling is;
        bool normalize;
    } GOOD[] = {
        {THREE, MEAN, ENC_POOL_MEAN, true},
        {TWO, CLS, ENC_POOL_CLS, false},
        {TWO, "{\"pooling_mode\":\"cls\"}", ENC_POOL_CLS, false},
        {THREE, "{\"pooling_mode\":\"mean\",\"include_prompt\":false}", ENC_POOL_MEAN, true},
    };
    for (size_t i = 0; i < RRK_COUNT(GOOD); i++) {
        folder f = sentence_folder(GOOD[i].modules, GOOD[i].pooling);
        enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
        cr_assert(c.pooling == GOOD[i].is && c.normalize == GOOD[i].normalize, "case %zu", i);
        folder_remove(&f);
    }
}

Test(sentence_config, a_masked_language_model_with_modules_embeds)
{
    folder f = sentence_folder(TWO, MEAN);
    static const char *const CONFIGS[] = {"{\"architectures\":[\"BertForMaskedLM\"]," REST "}",
                                          "{\"architectures\":[\"XLMRobertaForMaskedLM\"]," REST "}",
                                          "{\"architectures\":[\"RobertaForMaskedLM\"]," REST "}"};
    for (size_t i = 0; i < RRK_COUNT(CONFIGS); i++) {
        folder_text(&f, "config.json", CONFIGS[i]);
        enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
        cr_assert_eq(c.head, RRK_HEAD_EMBEDDING);
    }
    folder_remove(&f);
}

Test(sentence_config, reads_the_pooling_folder_without_modules_too)
{
    folder f = sentence_folder("", CLS);
    unlink(folder_path(&f, "modules.json"));
    enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
    cr_assert(c.pooling == ENC_POOL_CLS && c.normalize);
    folder_remove(&f);
}

Test(sentence_config, says_what_it_cannot_run)
{
    static const struct {
        const char *modules, *pooling;
        rrk_status status;
        const char *part;
    } CASES[] = {
        {"{}", MEAN, RRK_E_FORMAT, "modules.json"},
        {"[]", MEAN, RRK_E_FORMAT, "modules.json"},
        {"[{}]", MEAN, RRK_E_FORMAT, "modules.json: module 0"},
        {"[{\"type\":\"Transformer\",\"path\":1}]", MEAN, RRK_E_FORMAT, "modules.json: module 0"},
        {"[" MODULE("Transformer", "") "]", MEAN, RRK_E_UNSUPPORTED, "no Pooling"},
        {"[" MODULE("WordEmbeddings", "") "]", MEAN, RRK_E_UNSUPPORTED, "'WordEmbeddings'"},
        {"[" MODULE("Transformer", "0_Transformer") "]", MEAN, RRK_E_UNSUPPORTED, "'0_Transformer'"},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "1_Pooling") "," MODULE("Dense", "2_Dense") "]", MEAN,
         RRK_E_UNSUPPORTED, "'Dense'"},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "../x") "]", MEAN, RRK_E_FORMAT, "'../x'"},
        {TWO, NULL, RRK_E_NOTFOUND, "1_Pooling/config.json"},
        {TWO, "[", RRK_E_FORMAT, "1_Pooling/config.json"},
        {TWO, "{}", RRK_E_UNSUPPORTED, "no pooling mode"},
        {TWO, "{\"pooling_mode_max_tokens\":true}", RRK_E_UNSUPPORTED, "'max_tokens'"},
        {TWO, "{\"pooling_mode\":\"lasttoken\"}", RRK_E_UNSUPPORTED, "'lasttoken'"},
        {TWO, "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true}", RRK_E_UNSUPPORTED, "two poolings"},
        {TWO, "{\"word_embedding_dimension\":9,\"pooling_mode_mean_tokens\":true}", RRK_E_FORMAT,
         "'word_embedding_dimension'"},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        cr_log_info("case %zu", i);
        folder f = sentence_folder(CASES[i].modules, CASES[i].pooling);
        expect_failure(&f, CASES[i].status, CASES[i].part);
        folder_remove(&f);
    }
}

static uint32_t cap_with(const char *bert, const char *tokenizer)
{
    folder f = folder_with("{" BERT "}");
    if (bert)
        folder_text(&f, "sentence_bert_config.json", bert);
    if (tokenizer)
        folder_text(&f, "tokenizer_config.json", tokenizer);
    enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
    folder_remove(&f);
    return c.max_tokens;
}

Test(sentence_config, the_cap_is_the_smallest_that_any_file_says)
{
    cr_assert_eq(cap_with("{\"max_seq_length\":32,\"do_lower_case\":false}", NULL), 32);
    cr_assert_eq(cap_with("{\"max_seq_length\":null}", NULL), 64);
    cr_assert_eq(cap_with("{\"max_seq_length\":512}", NULL), 64);
    cr_assert_eq(cap_with("{\"max_seq_length\":32}", "{\"model_max_length\":16}"), 16);
    cr_assert_eq(cap_with(NULL, "{\"model_max_length\":1000000000000000019884624838656}"), 64);
    cr_assert_eq(cap_with("{\"max_seq_length\":3}", NULL), ENC_MIN_TOKENS);
}

Test(sentence_config, caps_too_small_for_a_row_are_refused)
{
    folder f = folder_with("{" BERT "}");
    folder_text(&f, "sentence_bert_config.json", "{\"max_seq_length\":2}");
    expect_failure(&f, RRK_E_FORMAT, "sentence_bert_config.json: 'max_seq_length'");
    folder_text(&f, "sentence_bert_config.json", "{}");
    folder_text(&f, "tokenizer_config.json", "{\"model_max_length\":2}");
    expect_failure(&f, RRK_E_FORMAT, "tokenizer_config.json: 'model_max_length'");
    folder_remove(&f);
}

#define PROMPTS_FILE "config_sentence_transformers.json"

Test(sentence_config, finds_the_prompts_of_queries_and_passages)
{
    static const struct {
        const char *json, *query, *passage;
    } CASES[] = {
        {"{\"__version__\":{}}", "", ""},
        {"{\"prompts\":null,\"default_prompt_name\":null}", "", ""},
        {"{\"prompts\":{\"query\":\"q: \",\"document\":\"d: \",\"passage\":\"p: \"}}", "q: ", "d: "},
        {"{\"prompts\":{\"query\":\"q: \",\"passage\":\"p: \"}}", "q: ", "p: "},
        {"{\"prompts\":{\"query\":\"q: \",\"all\":\"x \"},\"default_prompt_name\":\"all\"}", "q: ", "x "},
        {"{\"prompts\":{\"query\":\"q: \"}}", "q: ", ""},
    };
    folder f = folder_with("{" BERT "}");
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        folder_text(&f, PROMPTS_FILE, CASES[i].json);
        enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
        cr_assert_str_eq(c.query_prompt, CASES[i].query, "case %zu", i);
        cr_assert_str_eq(c.passage_prompt, CASES[i].passage, "case %zu", i);
    }
    folder_remove(&f);
}

Test(sentence_config, says_what_is_wrong_with_prompts)
{
    static const struct {
        const char *json, *part;
    } CASES[] = {
        {"{", PROMPTS_FILE},
        {"{\"prompts\":[]}", "'prompts'"},
        {"{\"prompts\":{\"query\":3}}", "'query'"},
        {"{\"prompts\":{\"query\":\"\"},\"default_prompt_name\":3}", "'default_prompt_name'"},
        {"{\"prompts\":{\"query\":\"\"},\"default_prompt_name\":\"all\"}", "'all'"},
    };
    folder f = folder_with("{" BERT "}");
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        folder_text(&f, PROMPTS_FILE, CASES[i].json);
        expect_failure(&f, RRK_E_FORMAT, CASES[i].part);
    }
    folder_remove(&f);
}

Test(sentence_config, prompts_left_out_of_the_pooling_are_refused)
{
    folder f = sentence_folder(TWO, "{\"pooling_mode\":\"mean\",\"include_prompt\":false}");
    folder_text(&f, PROMPTS_FILE, "{\"prompts\":{\"query\":\"q: \"}}");
    expect_failure(&f, RRK_E_UNSUPPORTED, "include_prompt");
    folder_remove(&f);
}

Test(sentence_config, bounds_a_prompt)
{
    folder f = folder_with("{" BERT "}");
    for (int extra = 0; extra < 2; extra++) {
        base_buf b RRK_AUTO(base_buf_free) = {.max = 1 << 20};
        base_buf_append_string(&b, "{\"prompts\":{\"query\":\"", NULL);
        for (int i = 0; i < ENC_MAX_PROMPT_BYTES + extra; i++)
            base_buf_append_char(&b, 'q', NULL);
        base_buf_append_string(&b, "\"}}", NULL);
        folder_text(&f, PROMPTS_FILE, b.data);
        if (extra) {
            expect_failure(&f, RRK_E_FORMAT, "the prompt 'query'");
        } else {
            enc_config c RRK_AUTO(enc_config_free) = read_good(&f);
            cr_assert_eq(strlen(c.query_prompt), ENC_MAX_PROMPT_BYTES);
        }
    }
    folder_remove(&f);
}
