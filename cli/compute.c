/* How a model's layers are computed: see compute.h. */
#include "cli/compute.h"

#include "base/alloc.h"
#include "cli/llm_options.h"
#include "cli/model_cache.h"

#define AT(field) offsetof(cli_compute_values, field)
static const cli_option options[] = {
    CLI_COUNT_ROW("threads", 't', AT(threads), "worker threads (0: one a processor)", 0, RRK_ENCODER_MAX_THREADS),
    CLI_CHOICE_ROW("dtype", 0, AT(dtype), "auto|f32|bf16|int8",
                   "what the layers are computed in (auto: int8 for weights stored as int8, otherwise f32)"),
    CLI_COUNT_ROW("max-tokens", 0, AT(max_tokens), "tokens of a row, special ones included (what the model can take)",
                  1, 1e6),
    CLI_TEXT_ROW("device", 0, AT(device), "NAME", "cpu, or one of those that rrk info lists (the best one)"),
    CLI_FLAG_ROW("check", 0, AT(check), "look at every weight first: one that is not a finite number is an error"),
};
const cli_table cli_compute_table = {"a model of its own", options, RRK_COUNT(options), AT(given)};

rrk_status cli_check_calibrated(const rrk_encoder_info *info, rrk_error *err)
{
    if (info->is_calibrated)
        return RRK_OK;
    return base_fail(err, RRK_E_UNSUPPORTED, 0,
                     "model '%s' has no calibrated scores: its config.json lacks 'mvp_calibration'", info->name);
}

rrk_status cli_open_encoder(rrk_encoder **out, const char *model, const cli_compute_values *values, rrk_error *err)
{
    char *folder RRK_AUTO(base_free_ptr) = NULL;
    rrk_encoder_options given;
    RRK_TRY(cli_model_folder(model, &folder, err));
    rrk_encoder_options_init(&given);
    given.n_threads = (int)values->threads;
    given.dtype = (rrk_dtype)values->dtype;
    given.check = values->check;
    given.device = values->device;
    given.max_tokens = values->max_tokens;
    given.n_views = values->views;
    rrk_status status = rrk_encoder_open(out, folder, &given, err);
    if (status != RRK_OK && values->views)
        cli_name_options(err);
    return status;
}
