/*
 * The JSON files that describe a model. The first byte picks the file that the rest is; the others are good ones, so
 * that what lies behind them is reached. Numbers of an accepted configuration are within the limits that sizes rely
 * on.
 *
 * Parser: encoder/config.c encoder/sentence_config.c encoder/json_file.c
 */
#include "encoder/config.h"
#include "fuzz.h"

#include <string.h>

static const struct {
    const char *name, *good;
} FILES[] = {
    {"config.json",
     "{\"architectures\":[\"BertModel\"],\"model_type\":\"bert\",\"num_hidden_layers\":2,\"hidden_size\":64,"
     "\"num_attention_heads\":4,\"intermediate_size\":128,\"vocab_size\":100,\"max_position_embeddings\":64}"},
    {"modules.json",
     "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},{\"idx\":1,"
     "\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}]"},
    {"1_Pooling/config.json", "{\"word_embedding_dimension\":64,\"pooling_mode_mean_tokens\":true}"},
    {"sentence_bert_config.json", "{\"max_seq_length\":32}"},
    {"config_sentence_transformers.json",
     "{\"prompts\":{\"query\":\"query: \",\"document\":\"passage: \"},\"default_prompt_name\":\"query\"}"},
    {"tokenizer_config.json", "{\"model_max_length\":64}"},
};

static void check(const enc_config *c)
{
    FUZZ_CHECK(memchr(c->architecture, '\0', sizeof c->architecture));
    FUZZ_CHECK(c->n_layers >= 1 && c->n_layers <= ENC_MAX_LAYERS);
    FUZZ_CHECK(c->d_model >= 1 && c->d_model <= ENC_MAX_D_MODEL);
    FUZZ_CHECK(c->n_heads >= 1 && c->n_heads <= ENC_MAX_HEADS && c->d_model % c->n_heads == 0);
    FUZZ_CHECK(c->d_ff >= 1 && c->d_ff <= ENC_MAX_D_FF);
    FUZZ_CHECK(c->n_vocab >= 1 && c->n_vocab <= ENC_MAX_VOCAB);
    FUZZ_CHECK(c->n_positions >= ENC_MIN_TOKENS && c->n_positions <= ENC_MAX_POSITIONS);
    FUZZ_CHECK(c->n_types >= 1 && c->n_types <= ENC_MAX_TYPES);
    FUZZ_CHECK(c->max_tokens >= ENC_MIN_TOKENS && c->max_tokens <= c->n_positions);
    FUZZ_CHECK(c->norm_eps > 0 && c->norm_eps <= 1);
    FUZZ_CHECK(c->query_prompt && strlen(c->query_prompt) <= ENC_MAX_PROMPT_BYTES);
    FUZZ_CHECK(c->passage_prompt && strlen(c->passage_prompt) <= ENC_MAX_PROMPT_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t which = fuzz_take(&data, &size, 1) % RRK_COUNT(FILES);
    for (size_t i = 0; i < RRK_COUNT(FILES); i++) {
        if (i == which)
            fuzz_file(FILES[i].name, data, size);
        else
            fuzz_file(FILES[i].name, FILES[i].good, strlen(FILES[i].good));
    }
    /* Without modules.json the model is a plain one. */
    if (which == 0 && size % 2)
        fuzz_remove("modules.json");
    enc_config config;
    rrk_error err = {0};
    rrk_status status = enc_config_read(&config, fuzz_dir(), &err);
    fuzz_check_error(status, &err);
    if (status != RRK_OK)
        return 0;
    check(&config);
    enc_config_free(&config);
    return 0;
}
