/*
 * A model folder made from another one: weights in narrower numbers, and copies of what else a loader reads. Apart from
 * the verb, which only asks and tells.
 */
#ifndef RRK_CLI_CONVERT_H
#define RRK_CLI_CONVERT_H

#include "encoder/convert.h"

typedef struct cli_conversion {
    const char *from; /* a folder */
    const char *to;   /* another one, which is made */
    enc_dtype dtype;
    bool force; /* write into a folder that is not empty */
    const enc_convert_watch *watch;
} cli_conversion;

/*
 * config.json is written last: a folder without it is no model yet. On failure nothing half-written is left, nor a
 * folder that was made.
 */
rrk_status cli_convert_model(const cli_conversion *order, enc_convert_stats *stats, rrk_error *err);

#endif
