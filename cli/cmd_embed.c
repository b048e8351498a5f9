/* rrk embed: a vector for every passage of a store that has none, so that dense and hybrid retrieval can find it. */
#include "cli/compute.h"

typedef struct embed_values {
    const char *store;
    const char *model;
    cli_compute_values compute;
    bool replace;
} embed_values;

#define AT(field) offsetof(embed_values, field)
static const cli_option options[] = {
    CLI_NEEDED_ROW("store", 's', AT(store), "FILE", "the store"),
    CLI_NEEDED_ROW("model", 'm', AT(model), "DIR", "an embedding model in Hugging Face's layout"),
    CLI_FLAG_ROW("replace", 0, AT(replace), "drop the vectors of another model"),
};
static const cli_verb verb = {
    .name = "embed",
    .usage = "--store FILE --model DIR [OPTION...]",
    .about = "Gives every passage that has none a vector. An interrupted run goes on where it stopped when it is "
             "started again.",
    .options = options,
    .n_options = RRK_COUNT(options),
    .shared = {{&cli_compute_table, AT(compute)}},
};

static int on_progress(const rrk_embed_stats *stats, void *ctx)
{
    cli_progress_show(ctx, stats->n_embedded, stats->n_embedded, stats->n_total);
    return cli_interrupted();
}

int cli_embed(int argc, char **argv)
{
    embed_values values = {0};
    rrk_store *store RRK_AUTO(cli_close_store) = NULL;
    rrk_encoder *encoder RRK_AUTO(cli_close_encoder) = NULL;
    rrk_embed_stats stats = {.size = sizeof stats};
    cli_progress progress;
    rrk_error err = {0};
    char count[CLI_NUMBER_SIZE];
    int code = cli_parse(&verb, argc, argv, &values, NULL);
    if (code != CLI_GO_ON)
        return code;
    if (cli_open_store(&store, values.store, RRK_STORE_READWRITE, &err) != RRK_OK ||
        cli_open_encoder(&encoder, values.model, &values.compute, &err) != RRK_OK)
        return cli_failed(&verb, &err);
    cli_progress_begin(&progress, verb.name, "passages");
    rrk_status status = rrk_embed_passages(store, encoder, values.replace, on_progress, &progress, &stats, &err);
    cli_progress_end(&progress);
    if (status == RRK_OK || stats.n_embedded > 0)
        printf("%s embedded in %.1f s (%.1f passages/s)\n", cli_format_count(count, stats.n_embedded), stats.elapsed_s,
               stats.elapsed_s > 0 ? (double)stats.n_embedded / stats.elapsed_s : 0.0);
    return status == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
