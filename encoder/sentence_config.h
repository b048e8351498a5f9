/*
 * What sentence-transformers writes beside config.json: how token vectors become one vector, how long a row may be, and
 * which prompts a model wants.
 */
#ifndef RRK_ENCODER_SENTENCE_CONFIG_H
#define RRK_ENCODER_SENTENCE_CONFIG_H

#include "encoder/config.h"

struct json_t;

#define ENC_MODULES_FILE "modules.json"

/* Fills pooling, normalize, max_tokens and the prompts; modules is modules.json's tree or NULL. */
rrk_status enc_sentence_config_read(enc_config *config, const char *model_dir, const struct json_t *modules,
                                    rrk_error *err);

#endif
