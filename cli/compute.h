/*
 * What verbs with a model of their own have in common: the options that say how its layers are computed, and its way
 * into the library. Apart from the verbs so that an option means the same in each of them, as with llm_options.h:
 *
 *     typedef struct my_values { ...; cli_compute_values compute; } my_values;
 *     .shared = {{&cli_compute_table, offsetof(my_values, compute)}}
 */
#ifndef RRK_CLI_COMPUTE_H
#define RRK_CLI_COMPUTE_H

#include "cli/cli.h"
#include "encoder/config.h"

/* Zero stands for the library's default. */
typedef struct cli_compute_values {
    size_t threads;
    int dtype; /* an rrk_dtype */
    const char *device;
    bool check;
    size_t max_tokens;
    size_t views;      /* in a row of its own: not every verb has a use for it */
    const char *given; /* the first of the table's options on the command line; NULL: none */
} cli_compute_values;

extern const cli_table cli_compute_table; /* for a cli_compute_values */

#define CLI_VIEWS_ROW(slot)                                                                                            \
    CLI_COUNT_ROW("views", 0, slot, "view tokens of an MVP model (what its folder says)", 1, ENC_MAX_VIEWS)

/* model is a folder or the name of a pulled one. */
rrk_status cli_open_encoder(rrk_encoder **out, const char *model, const cli_compute_values *values, rrk_error *err);

/* RRK_E_UNSUPPORTED when --calibrated asks for what the model does not know. */
rrk_status cli_check_calibrated(const rrk_encoder_info *info, rrk_error *err);

#endif
