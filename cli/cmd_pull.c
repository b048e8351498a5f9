/* rrk pull: fetches a model from a Hugging Face compatible endpoint into the cache, and says what is there. */
#include "cli/cli.h"
#include "cli/llm_options.h"
#include "cli/pull.h"

#include "base/alloc.h"

#include <jansson.h>

#define DEFAULT_ENDPOINT "https://huggingface.co"
#define SHORT_COMMIT 12

typedef struct pull_values {
    const char *endpoint;
    const char *token_env;
    const char *token_file;
    const char *cache;
    const char *proxy;
    const char *ca_file;
    bool list;
    bool json;
} pull_values;

#define AT(field) offsetof(pull_values, field)
static const cli_option options[] = {
    CLI_TEXT_ROW("endpoint", 0, AT(endpoint), "URL", "where models come from (" DEFAULT_ENDPOINT ")"),
    CLI_TEXT_ROW("token-env", 0, AT(token_env), "VAR", "the environment variable with the endpoint's token"),
    CLI_TEXT_ROW("token-file", 0, AT(token_file), "FILE", "the file with the endpoint's token"),
    CLI_TEXT_ROW("cache", 0, AT(cache), "DIR",
                 "where models go ($RRK_MODELS, or rrk/models in $XDG_CACHE_HOME or ~/.cache)"),
    CLI_TEXT_ROW("proxy", 0, AT(proxy), "URL", "go through this proxy (none, whatever the environment says)"),
    CLI_TEXT_ROW("ca-file", 0, AT(ca_file), "FILE", "the authorities to trust, in PEM (the system's)"),
    CLI_FLAG_ROW("list", 'l', AT(list), "show what was pulled; nothing is fetched"),
    CLI_FLAG_ROW("json", 0, AT(json), "print JSON"),
};
static const cli_verb verb = {
    .name = "pull",
    .usage = "[OPTION...] NAME[@REVISION] | --list",
    .about = "Fetches the files of a model that rrk needs: configuration, tokenizer and safetensors, never code or "
             "pickles. Sizes and SHA-256 are checked where the endpoint tells them. An interrupted pull goes on where "
             "it stopped when it is started again. Afterwards --model NAME finds the model, without a network.",
    .options = options,
    .n_options = RRK_COUNT(options),
};

/* --- the list --- */

static rrk_status show_line(void *ctx, const cli_cached *model, rrk_error *err)
{
    char size[CLI_NUMBER_SIZE];
    int *n_shown = ctx;
    if ((*n_shown)++ == 0)
        printf("%-48s %-12s %-12s %10s\n", "model", "revision", "commit", "size");
    printf("%-48s %-12.*s %-12.*s %10s\n", model->name, *model->commit ? 64 : SHORT_COMMIT, model->version,
           SHORT_COMMIT, model->commit, model->is_whole ? cli_format_bytes(size, model->n_bytes) : "unfinished");
    return RRK_OK;
}

static rrk_status add_to_array(void *ctx, const cli_cached *model, rrk_error *err)
{
    json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b}", "model", model->name, "revision", model->version,
                              "commit", model->commit, "folder", model->folder, "bytes", (json_int_t)model->n_bytes,
                              "whole", model->is_whole);
    return json_array_append_new(ctx, entry) == 0 ? RRK_OK : base_fail_nomem(err, sizeof *entry);
}

static rrk_status list_models(const char *root, bool as_json, rrk_error *err)
{
    json_t *models RRK_AUTO(json_decrefp) = json_array();
    int n_shown = 0;
    if (!as_json) {
        RRK_TRY(cli_cache_list(root, show_line, &n_shown, err));
        if (n_shown == 0)
            printf("nothing was pulled into %s\n", root);
        return RRK_OK;
    }
    RRK_TRY(cli_cache_list(root, add_to_array, models, err));
    json_dumpf(models, stdout, JSON_INDENT(2));
    putchar('\n');
    return RRK_OK;
}

/* --- one model --- */

static rrk_status report(const cli_pull_order *order, const cli_pulled *pulled, bool as_json, rrk_error *err)
{
    char size[CLI_NUMBER_SIZE];
    if (!as_json) {
        printf("%s@%s, commit %.*s: %zu files, %s, %zu of them checked by SHA-256%s\n%s\n", order->model.name,
               order->model.revision, SHORT_COMMIT, pulled->commit, pulled->n_files,
               cli_format_bytes(size, pulled->n_bytes), pulled->n_checked,
               pulled->n_fetched ? "" : "; all was there already", pulled->folder);
        return RRK_OK;
    }
    json_t *json RRK_AUTO(json_decrefp) =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "model", order->model.name, "revision",
                  order->model.revision, "commit", pulled->commit, "folder", pulled->folder, "files",
                  (json_int_t)pulled->n_files, "sha256_checked", (json_int_t)pulled->n_checked, "bytes",
                  (json_int_t)pulled->n_bytes, "fetched_bytes", (json_int_t)pulled->n_fetched);
    if (!json)
        return base_fail_nomem(err, sizeof *json);
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    return RRK_OK;
}

/* A token must not cross a network in the clear; to this machine itself it does not. */
static bool is_private(const char *endpoint)
{
    static const char *const LOCAL[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    for (size_t i = 0; i < RRK_COUNT(LOCAL); i++) {
        size_t len = strlen(LOCAL[i]);
        if (strncasecmp(endpoint, LOCAL[i], len) == 0 && strchr(":/", endpoint[len]))
            return true;
    }
    return strncasecmp(endpoint, "https://", 8) == 0;
}

static rrk_status fetch_model(const pull_values *values, const char *root, const char *endpoint,
                              const cli_model_name *model, rrk_error *err)
{
    char *token RRK_AUTO(cli_free_key) = NULL;
    cli_pull_order order = {
        .endpoint = endpoint, .root = root, .model = *model, .proxy = values->proxy, .ca_file = values->ca_file};
    cli_pulled pulled = {0};
    RRK_TRY(cli_read_key(values->token_env, values->token_file, &token, err));
    order.token = token;
    rrk_status status = cli_pull_model(&order, &pulled, err);
    if (status == RRK_OK)
        status = report(&order, &pulled, values->json, err);
    base_free(pulled.folder);
    return status;
}

/* Without the slashes at its end. CLI_GO_ON, or a usage error. */
static int take_endpoint(const pull_values *values, char **out)
{
    const char *url = values->endpoint ? values->endpoint : DEFAULT_ENDPOINT;
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return cli_usage_error(&verb, "--endpoint is no URL that begins with http:// or https://");
    if (strpbrk(url, "@?#"))
        return cli_usage_error(&verb, "--endpoint has a user, a query or a fragment in it");
    if ((values->token_env || values->token_file) && !is_private(url))
        return cli_usage_error(&verb, "a token is not sent over http: --endpoint has to begin with https://");
    *out = base_strndup(url, len);
    return *out ? CLI_GO_ON : CLI_FAILED;
}

static int check_operands(const pull_values *values, int n, char **operands, cli_model_name *model)
{
    if (values->list)
        return n > 0 ? cli_usage_error(&verb, "--list takes no NAME") : CLI_GO_ON;
    if (n == 0)
        return cli_usage_error(&verb, "no NAME given");
    if (n > 1)
        return cli_usage_error(&verb, "more than one NAME given");
    if (!cli_model_name_read(operands[0], model))
        return cli_usage_error(&verb, "'%s' is no name of a model, as in owner/name or owner/name@revision",
                               operands[0]);
    if (values->token_env && values->token_file)
        return cli_usage_error(&verb, "--token-env and --token-file exclude each other");
    return CLI_GO_ON;
}

int cli_pull(int argc, char **argv)
{
    pull_values values = {0};
    cli_model_name model = {0};
    char *root RRK_AUTO(base_free_ptr) = NULL;
    char *endpoint RRK_AUTO(base_free_ptr) = NULL;
    rrk_error err = {0};
    int first;
    int code = cli_parse(&verb, argc, argv, &values, &first);
    if (code == CLI_GO_ON)
        code = check_operands(&values, argc - first, argv + first, &model);
    if (code == CLI_GO_ON)
        code = take_endpoint(&values, &endpoint);
    if (code != CLI_GO_ON)
        return code;
    rrk_status status = cli_cache_root(values.cache, &root, &err);
    if (status == RRK_OK)
        status =
            values.list ? list_models(root, values.json, &err) : fetch_model(&values, root, endpoint, &model, &err);
    return status == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
