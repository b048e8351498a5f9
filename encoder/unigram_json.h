/* The parts of a unigram tokenizer.json that say what happens to a text before its words are cut into pieces. */
#ifndef RRK_ENCODER_UNIGRAM_JSON_H
#define RRK_ENCODER_UNIGRAM_JSON_H

#include "encoder/unigram.h"

struct json_t;

/* "normalizer": null, one step, or a Sequence. *out begins empty; what it holds on failure is the caller's to free. */
rrk_status enc_unigram_json_normalizer(enc_normalizer *out, const struct json_t *json, rrk_error *err);

/* "pre_tokenizer": Metaspace, alone or after WhitespaceSplit. */
rrk_status enc_unigram_json_splitter(enc_unigram_options *out, const struct json_t *json, rrk_error *err);

#endif
