/* rrk info: what this rrk is, what a model folder holds, what a store holds. */
#include "cli/compute.h"
#include "cli/model_cache.h"
#include "cli/model_facts.h"
#include "cli/strategy.h"
#include "encoder/compute.h"
#include "encoder/cpu/kernels.h"
#include "store/reply.h"

#include "base/alloc.h"

#include <jansson.h>
#include <sys/stat.h>

typedef struct info_values {
    bool json;
    cli_compute_values compute;
} info_values;

static const cli_option options[] = {
    CLI_VIEWS_ROW(offsetof(info_values, compute.views)),
    CLI_FLAG_ROW("json", 0, offsetof(info_values, json), "print one JSON object"),
};
static const cli_verb verb = {
    .name = "info",
    .usage = "[OPTION...] [MODEL|STORE]",
    .about = "Describes a model (a folder, or the name of a pulled one) or a store; without an operand, rrk itself and "
             "the machine as rrk sees it.",
    .options = options,
    .n_options = RRK_COUNT(options),
    .shared = {{&cli_compute_table, offsetof(info_values, compute)}},
};

static void print_scalar(const char *key, const json_t *value)
{
    char number[CLI_NUMBER_SIZE];
    size_t len = strlen(key), unit = strlen("_bytes");
    if (!json_is_integer(value))
        printf("%-16s %s\n", key, json_string_value(value));
    else if (len > unit && strcmp(key + len - unit, "_bytes") == 0)
        printf("%-16.*s %s\n", (int)(len - unit), key, cli_format_bytes(number, (uint64_t)json_integer_value(value)));
    else
        printf("%-16s %s\n", key, cli_format_count(number, (uint64_t)json_integer_value(value)));
}

/* Takes the object. People get its members as lines. */
static rrk_status print(json_t *json, bool as_json, rrk_error *err)
{
    const char *key;
    json_t *value;
    if (!json)
        return base_fail(err, RRK_E_NOMEM, 0, "the description does not fit into memory");
    if (as_json) {
        json_dumpf(json, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        json_object_foreach(json, key, value) print_scalar(key, value);
    }
    json_decref(json);
    return RRK_OK;
}

static void close_device(enc_device **device)
{
    if (*device)
        (*device)->ops->close(*device);
}

/* What --device takes, the best first. */
static void list_devices(char *out, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; cpu_kernels_at(i) && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%scpu:%s", i ? " " : "", cpu_kernels_at(i)->isa);
}

static rrk_status show_self(const info_values *values, rrk_error *err)
{
    enc_device *device RRK_AUTO(close_device) = NULL;
    char devices[128];
    list_devices(devices, sizeof devices);
    RRK_TRY(enc_cpu_open(&device, NULL, err));
    return print(json_pack("{s:s, s:i, s:s, s:s, s:s}", "version", rrk_version_string(), "processors",
                           rrk_processor_count(), "compute", device->ops->describe(device), "devices", devices,
                           "strategies", "bm25" RANK_STRATEGIES(CLI_STRATEGY_WORD)),
                 values->json, err);
}

static const char *head_name(rrk_encoder_head head)
{
    static const char *const NAMES[] = {[RRK_HEAD_EMBEDDING] = "embedding",
                                        [RRK_HEAD_CROSS] = "cross",
                                        [RRK_HEAD_VIEWS] = "views",
                                        [RRK_HEAD_SEQ2SEQ] = "seq2seq"};
    return (size_t)head < RRK_COUNT(NAMES) ? NAMES[head] : "other";
}

/* What it takes in memory, as it was opened and as it could be. */
static json_t *describe_running(const rrk_encoder_info *info, const cli_model_facts *facts)
{
    json_int_t scratch = (json_int_t)facts->scratch_bytes, weights[RRK_COUNT(facts->weights_bytes)];
    for (size_t i = 0; i < RRK_COUNT(weights); i++)
        weights[i] = (json_int_t)facts->weights_bytes[i];
    return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "compute", info->compute, "threads",
                     info->n_threads, "file_bytes", (json_int_t)facts->file_bytes, "weights_bytes",
                     weights[info->dtype], "scratch_bytes", scratch, "memory_bytes", weights[info->dtype] + scratch,
                     "memory_f32_bytes", weights[RRK_DTYPE_F32] + scratch, "memory_bf16_bytes",
                     weights[RRK_DTYPE_BF16] + scratch, "memory_int8_bytes", weights[RRK_DTYPE_INT8] + scratch);
}

static rrk_status show_model(const char *model, const info_values *values, rrk_error *err)
{
    char *folder RRK_AUTO(base_free_ptr) = NULL;
    rrk_encoder *encoder RRK_AUTO(cli_close_encoder) = NULL;
    rrk_encoder_info info = {.size = sizeof info};
    cli_model_facts facts;
    RRK_TRY(cli_model_folder(model, &folder, err));
    RRK_TRY(cli_open_encoder(&encoder, folder, &values->compute, err));
    RRK_TRY(rrk_encoder_get_info(encoder, &info, err));
    RRK_TRY(cli_model_facts_read(&facts, folder, &info, err));
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I}", "model", info.name, "architecture",
                  info.architecture, "head", head_name(info.head), "layers", (json_int_t)info.n_layers, "width",
                  (json_int_t)info.d_model, "heads", (json_int_t)facts.n_heads, "parameters",
                  (json_int_t)info.n_parameters, "dtype", facts.dtypes, "tokenizer", facts.tokenizer, "vocabulary",
                  (json_int_t)info.n_vocab, "max_tokens", (json_int_t)info.max_tokens);
    json_t *running = describe_running(&info, &facts);
    if (json)
        json_object_set_new(json, "fingerprint", json_string(info.fingerprint));
    if (info.n_views && json)
        json_object_set_new(json, "views", json_integer((json_int_t)info.n_views));
    if (info.n_views && json)
        json_object_set_new(json, "calibrated", json_string(info.is_calibrated ? "yes" : "no"));
    if (facts.attention && json)
        json_object_set_new(json, "attention", json_string(facts.attention));
    if (json_object_update(json, running) != 0)
        json_decref(RRK_STEAL(json));
    json_decref(running);
    return print(json, values->json, err);
}

static rrk_status show_store(const char *path, const info_values *values, rrk_error *err)
{
    rrk_store *store RRK_AUTO(cli_close_store) = NULL;
    rrk_store_info info = {.size = sizeof info};
    RRK_TRY(cli_open_store(&store, path, RRK_STORE_READONLY, err));
    uint64_t n_replies;
    RRK_TRY(rrk_store_get_info(store, &info, err));
    RRK_TRY(store_reply_count(store, &n_replies, err));
    json_t *json =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:I}", "store", path, "passages", (json_int_t)info.n_passages,
                  "terms", (json_int_t)info.n_terms, "vectors", (json_int_t)info.n_vectors, "vector_width",
                  (json_int_t)info.vector_dim, "vector_model", info.vector_model, "schema",
                  (json_int_t)info.schema_version, "file_bytes", (json_int_t)info.file_bytes);
    if (json && n_replies > 0)
        json_object_set_new(json, "cached_replies", json_integer((json_int_t)n_replies));
    return print(json, values->json, err);
}

/* A file, or what is not there and could not be a model's name either. */
static bool is_store(const char *operand)
{
    struct stat status;
    cli_model_name name;
    if (stat(operand, &status) == 0)
        return !S_ISDIR(status.st_mode);
    return !cli_model_name_read(operand, &name);
}

int cli_info(int argc, char **argv)
{
    info_values values = {0};
    rrk_error err = {0};
    rrk_status shown;
    int first;
    int code = cli_parse(&verb, argc, argv, &values, &first);
    if (code != CLI_GO_ON)
        return code;
    if (argc - first > 1)
        return cli_usage_error(&verb, "more than one operand given");
    if (first == argc)
        shown = show_self(&values, &err);
    else if (is_store(argv[first]))
        shown = show_store(argv[first], &values, &err);
    else
        shown = show_model(argv[first], &values, &err);
    return shown == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
