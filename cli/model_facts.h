/*
 * What rrk info tells about a model beyond rrk_encoder_info: read from the folder a second time, by what the encoder
 * itself reads it with, because nobody else has a use for it. A further fact is a field here and a line in cmd_info.c.
 */
#ifndef RRK_CLI_MODEL_FACTS_H
#define RRK_CLI_MODEL_FACTS_H

#include "base/error.h"
#include <rrk/encoder.h>

typedef struct cli_model_facts {
    uint32_t n_heads;                           /* of attention */
    const char *attention;                      /* of a BERT model with views: "joint" or "block"; otherwise NULL */
    char dtypes[64];                            /* of the weights, the most frequent first: "f32", "f16, f32" */
    char tokenizer[64];                         /* "WordPiece (tokenizer.json)" */
    uint64_t file_bytes;                        /* of the weights as they are stored */
    uint64_t weights_bytes[RRK_DTYPE_INT8 + 1]; /* in memory, by what layers are computed in; about */
    uint64_t scratch_bytes;                     /* of all threads, with batches of the default size; about */
} cli_model_facts;

rrk_status cli_model_facts_read(cli_model_facts *out, const char *folder, const rrk_encoder_info *info, rrk_error *err);

#endif
