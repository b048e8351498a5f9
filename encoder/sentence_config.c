/*
 * modules.json, the pooling's config, sentence_bert_config.json and config_sentence_transformers.json: see
 * sentence_config.h. Modules are known by the last part of their class name, which outlived moves between packages.
 */
#include "encoder/sentence_config.h"
#include "base/alloc.h"
#include "encoder/json_file.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define POOLING_DIR "1_Pooling"
#define BERT_FILE "sentence_bert_config.json"
#define PROMPTS_FILE "config_sentence_transformers.json"
#define TOKENIZER_FILE "tokenizer_config.json"

enum { NAME_BYTES = 128 };

typedef struct module {
    const char *type; /* last part of the class name */
    const char *path;
} module;

static rrk_status read_module(module *out, const json_t *json, size_t i, rrk_error *err)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    out->path = json_string_value(json_object_get(json, "path"));
    if (!type || !out->path)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: module %zu has no 'type' or no 'path'", ENC_MODULES_FILE, i);
    const char *dot = strrchr(type, '.');
    out->type = dot ? dot + 1 : type;
    return RRK_OK;
}

/* "pooling_mode": "cls", or one flag a mode of which one is true. */
static rrk_status pooling_mode(const json_t *json, const char *file, const char **mode, rrk_error *err)
{
    static const char PREFIX[] = "pooling_mode_";
    *mode = NULL;
    RRK_TRY(enc_json_string(json, file, "pooling_mode", mode, err));
    if (*mode)
        return RRK_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (strncmp(key, PREFIX, sizeof PREFIX - 1) != 0 || !json_is_true(value))
            continue;
        if (*mode)
            return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: two poolings at once, '%s' and '%s'", file, *mode,
                             key + sizeof PREFIX - 1);
        *mode = key + sizeof PREFIX - 1;
    }
    if (!*mode)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: no pooling mode is on", file);
    return RRK_OK;
}

static rrk_status apply_pooling(enc_config *c, const json_t *json, const char *file, rrk_error *err)
{
    const char *mode;
    RRK_TRY(pooling_mode(json, file, &mode, err));
    if (strcmp(mode, "mean_tokens") == 0 || strcmp(mode, "mean") == 0)
        c->pooling = ENC_POOL_MEAN;
    else if (strcmp(mode, "cls_token") == 0 || strcmp(mode, "cls") == 0)
        c->pooling = ENC_POOL_CLS;
    else
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: pooling '%s' (only mean and CLS are known)", file, mode);
    uint32_t dim = c->d_model;
    enc_json_range range = {"word_embedding_dimension", 1, ENC_MAX_D_MODEL, false};
    RRK_TRY(enc_json_uint(json, file, &range, &dim, err));
    if (dim != c->d_model)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'word_embedding_dimension' is %u, the model's hidden_size %u", file,
                         dim, c->d_model);
    bool include_prompt = true;
    RRK_TRY(enc_json_bool(json, file, "include_prompt", &include_prompt, err));
    if (!include_prompt && (*c->query_prompt || *c->passage_prompt))
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: 'include_prompt' false (prompts left out of the pooling)",
                         file);
    return RRK_OK;
}

static rrk_status read_pooling(enc_config *c, const char *dir, const char *path, bool required, rrk_error *err)
{
    if (!enc_is_plain_name(path) || strlen(path) > NAME_BYTES - sizeof "/config.json")
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the path of the Pooling module, '%s', is not a folder's name",
                         ENC_MODULES_FILE, path);
    char file[NAME_BYTES];
    snprintf(file, sizeof file, "%s/config.json", path);
    struct json_t *json RRK_AUTO(enc_json_free) = NULL;
    if (required)
        RRK_TRY(enc_json_read(&json, dir, file, ENC_MAX_CONFIG_BYTES, err));
    else
        RRK_TRY(enc_json_read_optional(&json, dir, file, ENC_MAX_CONFIG_BYTES, err));
    return json ? apply_pooling(c, json, file, err) : RRK_OK;
}

/* Transformer, Pooling and perhaps Normalize, in this order, is what rrk computes. */
static rrk_status read_modules(enc_config *c, const char *dir, const json_t *modules, rrk_error *err)
{
    static const char *const KNOWN[] = {"Transformer", "Pooling", "Normalize"};
    size_t n = json_array_size(modules);
    if (!json_is_array(modules) || n == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: not an array of modules", ENC_MODULES_FILE);
    for (size_t i = 0; i < n; i++) {
        module m = {0};
        RRK_TRY(read_module(&m, json_array_get(modules, i), i, err));
        if (i >= RRK_COUNT(KNOWN) || strcmp(m.type, KNOWN[i]) != 0)
            return base_fail(err, RRK_E_UNSUPPORTED, 0,
                             "%s: module %zu is '%s'; rrk knows Transformer, Pooling, Normalize", ENC_MODULES_FILE, i,
                             m.type);
        if (i == 0 && *m.path)
            return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: the Transformer is in '%s', not in the model's own folder",
                             ENC_MODULES_FILE, m.path);
        if (i == 1)
            RRK_TRY(read_pooling(c, dir, m.path, true, err));
    }
    if (n < 2)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: no Pooling module", ENC_MODULES_FILE);
    c->normalize = n == 3;
    return RRK_OK;
}

static rrk_status read_caps(enc_config *c, const char *dir, rrk_error *err)
{
    struct json_t *bert RRK_AUTO(enc_json_free) = NULL, *tokenizer RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read_optional(&bert, dir, BERT_FILE, ENC_MAX_CONFIG_BYTES, err));
    RRK_TRY(enc_json_read_optional(&tokenizer, dir, TOKENIZER_FILE, ENC_MAX_CONFIG_BYTES, err));
    uint32_t cap = c->n_positions;
    enc_json_range range = {"max_seq_length", ENC_MIN_TOKENS, UINT32_MAX, false};
    RRK_TRY(enc_json_uint(bert, BERT_FILE, &range, &cap, err));
    c->max_tokens = RRK_MIN(cap, c->n_positions);
    double longest = c->max_tokens;
    RRK_TRY(enc_json_number(tokenizer, TOKENIZER_FILE, "model_max_length", &longest, err));
    if (!(longest >= ENC_MIN_TOKENS))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'model_max_length' is %g, less than %d", TOKENIZER_FILE, longest,
                         ENC_MIN_TOKENS);
    if (longest < c->max_tokens)
        c->max_tokens = (uint32_t)longest;
    return RRK_OK;
}

/* The first of the names that has a prompt, else the default's. */
static rrk_status take_prompt(char **out, const json_t *prompts, const char *const *names, const char *fallback,
                              rrk_error *err)
{
    const char *name = fallback;
    for (size_t i = 0; names[i]; i++) {
        if (json_object_get(prompts, names[i])) {
            name = names[i];
            break;
        }
    }
    const char *prompt = "";
    if (name)
        RRK_TRY(enc_json_string(prompts, PROMPTS_FILE, name, &prompt, err));
    if (strlen(prompt) > ENC_MAX_PROMPT_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the prompt '%s' is longer than %d bytes", PROMPTS_FILE, name,
                         ENC_MAX_PROMPT_BYTES);
    *out = base_strdup(prompt);
    return *out ? RRK_OK : base_fail_nomem(err, strlen(prompt) + 1);
}

static rrk_status read_prompts(enc_config *c, const char *dir, rrk_error *err)
{
    static const char *const QUERY[] = {"query", NULL}, *const PASSAGE[] = {"document", "passage", "corpus", NULL};
    struct json_t *json RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read_optional(&json, dir, PROMPTS_FILE, ENC_MAX_CONFIG_BYTES, err));
    const json_t *prompts = json_object_get(json, "prompts");
    if (prompts && !json_is_null(prompts) && !json_is_object(prompts))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'prompts' is not an object", PROMPTS_FILE);
    const char *fallback = NULL;
    RRK_TRY(enc_json_string(json, PROMPTS_FILE, "default_prompt_name", &fallback, err));
    if (fallback && !json_object_get(prompts, fallback))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'default_prompt_name' is '%s', which is not in 'prompts'",
                         PROMPTS_FILE, fallback);
    RRK_TRY(take_prompt(&c->query_prompt, prompts, QUERY, fallback, err));
    return take_prompt(&c->passage_prompt, prompts, PASSAGE, fallback, err);
}

rrk_status enc_sentence_config_read(enc_config *c, const char *dir, const json_t *modules, rrk_error *err)
{
    c->pooling = ENC_POOL_MEAN;
    c->normalize = true;
    RRK_TRY(read_caps(c, dir, err));
    RRK_TRY(read_prompts(c, dir, err));
    if (c->head != RRK_HEAD_EMBEDDING)
        return RRK_OK;
    return modules ? read_modules(c, dir, modules, err) : read_pooling(c, dir, POOLING_DIR, false, err);
}
