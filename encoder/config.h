/*
 * What a model folder says about its model: config.json, and for sentence-transformers models modules.json,
 * 1_Pooling/config.json, sentence_bert_config.json and config_sentence_transformers.json. Every number is checked
 * against a limit here, so the code that sizes buffers by them need not be afraid.
 */
#ifndef RRK_ENCODER_CONFIG_H
#define RRK_ENCODER_CONFIG_H

#include "encoder/encoder.h"

#define ENC_MAX_CONFIG_BYTES ((size_t)4 << 20) /* of each of these files */
#define ENC_MAX_LAYERS 256
#define ENC_MAX_D_MODEL 16384
#define ENC_MAX_HEADS 256
#define ENC_MAX_D_FF 131072
#define ENC_MAX_VOCAB 2000000
#define ENC_MAX_POSITIONS 131072
#define ENC_MAX_TYPES 16
#define ENC_MIN_TOKENS 3 /* a row: [CLS], one token, [SEP] */
#define ENC_MAX_PROMPT_BYTES 4096
#define ENC_MAX_D_HEAD 1024
#define ENC_MAX_BUCKETS 1024 /* of T5's position bias */
#define ENC_MAX_BIAS_DISTANCE 65536
#define ENC_MAX_VIEWS 99        /* BERT's [unused1] to [unused99]; T5 has a hundred sentinels */
#define ENC_MAX_T5_TOKENS 16384 /* a row's; T5 itself has no limit */

typedef enum enc_activation { ENC_GELU_ERF, ENC_GELU_TANH, ENC_RELU } enc_activation;
typedef enum enc_pooling { ENC_POOL_MEAN, ENC_POOL_CLS } enc_pooling;

/* RoBERTa and XLM-RoBERTa are BERT with other positions, another classifier and one token type. */
typedef enum enc_family { ENC_FAMILY_BERT, ENC_FAMILY_ROBERTA, ENC_FAMILY_T5 } enc_family;

typedef struct enc_t5_config {
    uint32_t d_head; /* n_heads * d_head need not be d_model */
    uint32_t n_decoder_layers;
    uint32_t n_buckets; /* of the position bias, an even number */
    uint32_t max_distance;
    uint32_t start_id; /* what a decoder begins with */
    bool is_gated;
    bool is_tied;                      /* the head is the embedding table, behind a factor of 1/sqrt(d_model) */
    int32_t answer_ids[ENC_N_ANSWERS]; /* "▁true", "▁false" and "<extra_id_10>" in T5's vocabulary, or -1 */
} enc_t5_config;

/* The multi-view head on BERT; on T5 it is the decoder that the checkpoint brings. */
typedef struct enc_mvp_config {
    uint32_t n_decoder_layers;
    float score_scale;
    /* Of the block layout; without is_block the others are zeros. */
    bool is_block;
    bool shares_keys;   /* views look at the backbone's keys and values of tokens, not at some of their own */
    uint32_t view_from; /* the backbone's layer beside which the first view layer stands */
    float cosine_scale;
    float maxsim_scale;    /* 0: no such term */
    uint32_t maxsim_layer; /* the states that enter this layer, or with n_layers the last ones */
} enc_mvp_config;

typedef struct enc_config {
    char architecture[64]; /* "BertModel", "BertForSequenceClassification", ... */
    enc_family family;
    rrk_encoder_head head;
    uint32_t n_layers;
    uint32_t d_model;
    uint32_t n_heads; /* divides d_model in BERT */
    uint32_t d_ff;
    uint32_t n_vocab;
    uint32_t n_positions;    /* that a row can use */
    uint32_t first_position; /* the row of the table that a row's first token takes: behind RoBERTa's padding token */
    uint32_t n_types;
    uint32_t max_tokens; /* a row's cap: sentence_bert_config's max_seq_length, at most n_positions and, where
                            tokenizer_config.json gives one, model_max_length */
    uint32_t cap_tokens; /* what a caller may ask for instead */
    uint32_t n_views;    /* of RRK_HEAD_VIEWS, otherwise 0 */
    enc_t5_config t5;    /* of the family T5 */
    enc_mvp_config mvp;  /* of RRK_HEAD_VIEWS in the family BERT */
    enc_calibration calibration;
    float norm_eps;
    enc_activation activation;
    enc_pooling pooling;
    bool normalize;       /* L2, when modules.json has a Normalize step or there is no modules.json */
    char *query_prompt;   /* owned; "" when none */
    char *passage_prompt; /* owned; "" when none */
} enc_config;

/*
 * RRK_E_NOTFOUND gives the path of a config.json that is not there (the other files are optional), RRK_E_FORMAT the
 * file and the key that is wrong, RRK_E_UNSUPPORTED an architecture, activation, module or pooling that rrk does not
 * know. On failure *out holds nothing.
 */
rrk_status enc_config_read(enc_config *out, const char *model_dir, rrk_error *err);
void enc_config_free(enc_config *config); /* also for RRK_AUTO */

/* Gives the model n_views views; RRK_E_INVALID when it is of a kind that cannot have any, or that many. */
rrk_status enc_config_set_views(enc_config *config, size_t n_views, rrk_error *err);

#endif
