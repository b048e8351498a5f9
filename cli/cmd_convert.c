/* rrk convert: a model with its weights in fewer bits, in a folder of its own. */
#include "cli/compute.h"
#include "cli/convert.h"
#include "cli/model_cache.h"

#include "base/alloc.h"

#include <jansson.h>

typedef struct convert_values {
    int dtype;
    bool force;
    bool json;
} convert_values;

#define DTYPES "int8|bf16|f16|f32"
static const enc_dtype STORED[] = {ENC_I8, ENC_BF16, ENC_F16, ENC_F32};
static const char *const NAMES[] = {"int8", "bf16", "f16", "f32"};

#define AT(field) offsetof(convert_values, field)
static const cli_option options[] = {
    CLI_CHOICE_ROW("dtype", 0, AT(dtype), DTYPES, "what matrices and tables are stored in (int8)"),
    CLI_FLAG_ROW("force", 'f', AT(force), "write into a folder that is not empty"),
    CLI_FLAG_ROW("json", 0, AT(json), "print one JSON object"),
};
static const cli_verb verb = {
    .name = "convert",
    .usage = "[OPTION...] MODEL FOLDER",
    .about = "Makes a model (a folder, or the name of a pulled one) smaller: FOLDER gets its weights in one file, with "
             "matrices and tables in fewer bits and all else in f32, and what else belongs to it. What came out is "
             "opened once as a check.",
    .options = options,
    .n_options = RRK_COUNT(options),
};

static int wrote(void *ctx, uint64_t n_bytes, uint64_t total)
{
    cli_progress_show(ctx, n_bytes >> 20, n_bytes, total);
    return cli_interrupted();
}

static rrk_status tell(const convert_values *values, const char *folder, const enc_convert_stats *stats,
                       const char *compute, rrk_error *err)
{
    char before[CLI_NUMBER_SIZE], after[CLI_NUMBER_SIZE];
    if (!values->json) {
        printf("%-16s %s\n%-16s %zu, %zu of them %s\n", "folder", folder, "tensors", stats->n_tensors,
               stats->n_narrowed, NAMES[values->dtype]);
        printf("%-16s %s, before %s\n", "weights", cli_format_bytes(after, stats->bytes_after),
               cli_format_bytes(before, stats->bytes_before));
        printf("%-16s %.2g%s%s\n%-16s %s\n", "largest error", stats->worst_error, *stats->worst_tensor ? " of " : "",
               stats->worst_tensor, "compute", compute);
        return RRK_OK;
    }
    json_t *json RRK_AUTO(json_decrefp) =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:s, s:s}", "folder", folder, "dtype", NAMES[values->dtype],
                  "tensors", (json_int_t)stats->n_tensors, "narrowed", (json_int_t)stats->n_narrowed, "bytes_before",
                  (json_int_t)stats->bytes_before, "bytes_after", (json_int_t)stats->bytes_after, "largest_error",
                  stats->worst_error, "largest_error_tensor", stats->worst_tensor, "compute", compute);
    if (!json)
        return base_fail_nomem(err, sizeof *json);
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    return RRK_OK;
}

/* What was written must be a model. */
static rrk_status open_result(const char *folder, rrk_encoder_info *info, rrk_error *err)
{
    rrk_encoder *encoder RRK_AUTO(cli_close_encoder) = NULL;
    rrk_status status = cli_open_encoder(&encoder, folder, &(cli_compute_values){.check = true}, err);
    if (status != RRK_OK)
        base_error_prefix(err, "what was written to '%s' cannot be opened", folder);
    RRK_TRY(status);
    return rrk_encoder_get_info(encoder, info, err);
}

static rrk_status convert(const convert_values *values, const char *model, const char *folder, rrk_error *err)
{
    char *from RRK_AUTO(base_free_ptr) = NULL;
    cli_progress progress;
    enc_convert_watch watch = {wrote, &progress};
    enc_convert_stats stats;
    rrk_encoder_info info = {.size = sizeof info};
    RRK_TRY(cli_model_folder(model, &from, err));
    cli_conversion order = {from, folder, STORED[values->dtype], values->force, &watch};
    cli_progress_begin(&progress, verb.name, "MB");
    rrk_status status = cli_convert_model(&order, &stats, err);
    cli_progress_end(&progress);
    RRK_TRY(status);
    RRK_TRY(open_result(folder, &info, err));
    return tell(values, folder, &stats, info.compute, err);
}

int cli_convert(int argc, char **argv)
{
    convert_values values = {0};
    rrk_error err = {0};
    int first;
    int code = cli_parse(&verb, argc, argv, &values, &first);
    if (code != CLI_GO_ON)
        return code;
    if (argc - first != 2)
        return cli_usage_error(&verb, "%s", argc - first < 2 ? "a MODEL and a FOLDER are needed" : "too many operands");
    return convert(&values, argv[first], argv[first + 1], &err) == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
