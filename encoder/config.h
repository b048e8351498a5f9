/*
 * What a model folder says about its model: config.json, and for sentence-transformers models modules.json,
 * 1_Pooling/config.json, sentence_bert_config.json and config_sentence_transformers.json. Every number is checked
 * against a limit here, so the code that sizes buffers by them need not be afraid.
 */
#ifndef RRK_ENCODER_CONFIG_H
#define RRK_ENCODER_CONFIG_H

#include "base/error.h"
#include <rrk/encoder.h>

typedef enum enc_activation { ENC_GELU_ERF, ENC_GELU_TANH, ENC_RELU } enc_activation;
typedef enum enc_pooling { ENC_POOL_MEAN, ENC_POOL_CLS } enc_pooling;

typedef struct enc_config {
    char architecture[64]; /* "BertModel", "BertForSequenceClassification", ... */
    rrk_encoder_head head;
    uint32_t n_layers;
    uint32_t d_model;
    uint32_t n_heads; /* divides d_model */
    uint32_t d_ff;
    uint32_t n_vocab;
    uint32_t n_positions;
    uint32_t n_types;
    uint32_t max_tokens; /* a row's cap: sentence_bert_config's max_seq_length, at most n_positions */
    float norm_eps;
    enc_activation activation;
    enc_pooling pooling;
    bool normalize;       /* L2, when modules.json has a Normalize step or there is no modules.json */
    char *query_prompt;   /* owned; "" when none */
    char *passage_prompt; /* owned; "" when none */
} enc_config;

rrk_status enc_config_read(enc_config *out, const char *model_dir, rrk_error *err);
void enc_config_free(enc_config *config); /* also for RRK_AUTO */

#endif
