/* What the readers of config.json share: config.c, config_mvp.c and config_t5.c. */
#ifndef RRK_ENCODER_CONFIG_PARTS_H
#define RRK_ENCODER_CONFIG_PARTS_H

#include "encoder/config.h"

struct json_t;

#define ENC_CONFIG_FILE "config.json"

/* Sets the activation by its name; key is for the message. */
rrk_status enc_config_activation(enc_config *config, const char *name, const char *key, rrk_error *err);
rrk_status enc_config_norm_eps(enc_config *config, const struct json_t *json, const char *key, double fallback,
                               rrk_error *err);

/* T5's whole config.json. */
rrk_status enc_config_read_t5(enc_config *config, const struct json_t *json, rrk_error *err);

/* The keys of the multi-view head on BERT, and what any model with views may say of its scores. */
rrk_status enc_config_read_mvp(enc_config *config, const struct json_t *json, rrk_error *err);
rrk_status enc_config_read_calibration(enc_config *config, const struct json_t *json, rrk_error *err);

#endif
