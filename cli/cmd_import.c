/* rrk import: files, folders or standard input into a store, with a line of progress and one of summary. */
#include "cli/cli.h"

typedef struct import_values {
    const char *store;
    int format;
    bool skip_bad;
    size_t batch;
} import_values;

#define AT(field) offsetof(import_values, field)
static const cli_option options[] = {
    CLI_NEEDED_ROW("store", 's', AT(store), "FILE", "the store; made when absent"),
    CLI_CHOICE_ROW("format", 0, AT(format), "auto|beir|msmarco|text",
                   "how to read the input (auto: by name and content)"),
    CLI_FLAG_ROW("skip-bad", 0, AT(skip_bad), "count and pass over what cannot be stored"),
    CLI_COUNT_ROW("batch", 0, AT(batch), "passages a transaction (2000)", 1, 1e6),
};
static const cli_verb verb = {
    .name = "import",
    .usage = "--store FILE [OPTION...] PATH...",
    .about = "Puts passages into a store: BEIR's corpus.jsonl, MS MARCO's collection.tsv, text and Markdown files or a "
             "folder\n"
             "of them; - is standard input. Importing the same input again changes nothing; passages whose content "
             "changed are\n"
             "replaced. What is committed stays when the import is interrupted.",
    .options = options,
    .n_options = RRK_COUNT(options),
};

/* The order of --format's alternatives is rrk_import_format's. */
_Static_assert(RRK_IMPORT_AUTO == 0 && RRK_IMPORT_BEIR == 1 && RRK_IMPORT_MSMARCO == 2 && RRK_IMPORT_TEXT == 3,
               "order");

static int on_progress(const rrk_import_stats *stats, void *ctx)
{
    cli_progress_show(ctx, stats->n_read, stats->bytes_read, stats->bytes_total);
    return cli_interrupted();
}

static void add_stats(rrk_import_stats *sum, const rrk_import_stats *part)
{
    sum->n_read += part->n_read;
    sum->n_added += part->n_added;
    sum->n_updated += part->n_updated;
    sum->n_unchanged += part->n_unchanged;
    sum->n_skipped += part->n_skipped;
    sum->n_removed += part->n_removed;
    sum->elapsed_s += part->elapsed_s;
}

static rrk_status import_path(rrk_store *store, const char *path, const import_values *values, rrk_import_stats *sum,
                              rrk_error *err)
{
    cli_progress progress;
    rrk_import_options given;
    rrk_import_stats stats = {.size = sizeof stats};
    rrk_import_options_init(&given);
    given.format = (rrk_import_format)values->format;
    given.skip_bad = values->skip_bad;
    given.batch_passages = values->batch;
    given.progress = on_progress;
    given.progress_ctx = &progress;
    cli_progress_begin(&progress, verb.name, "passages");
    rrk_status status = rrk_store_import(store, path, &given, &stats, err);
    cli_progress_end(&progress);
    add_stats(sum, &stats);
    return status;
}

static void print_summary(const rrk_import_stats *sum)
{
    char added[CLI_NUMBER_SIZE], updated[CLI_NUMBER_SIZE], unchanged[CLI_NUMBER_SIZE], skipped[CLI_NUMBER_SIZE];
    char removed[CLI_NUMBER_SIZE], rate[CLI_NUMBER_SIZE];
    double per_s = sum->elapsed_s > 0 ? (double)sum->n_read / sum->elapsed_s : 0;
    printf("%s added, %s updated, %s unchanged, %s skipped, %s removed in %.1f s (%s passages/s)\n",
           cli_format_count(added, sum->n_added), cli_format_count(updated, sum->n_updated),
           cli_format_count(unchanged, sum->n_unchanged), cli_format_count(skipped, sum->n_skipped),
           cli_format_count(removed, sum->n_removed), sum->elapsed_s, cli_format_count(rate, (uint64_t)per_s));
}

int cli_import(int argc, char **argv)
{
    import_values values = {.batch = RRK_IMPORT_DEFAULT_BATCH_PASSAGES};
    rrk_import_stats sum = {.size = sizeof sum};
    rrk_store *store RRK_AUTO(cli_close_store) = NULL;
    rrk_error err = {0};
    int first;
    int code = cli_parse(&verb, argc, argv, &values, &first);
    if (code != CLI_GO_ON)
        return code;
    if (first == argc)
        return cli_usage_error(&verb, "no PATH given");
    rrk_status status = cli_open_store(&store, values.store, RRK_STORE_CREATE, &err);
    for (int i = first; i < argc && status == RRK_OK; i++)
        status = import_path(store, argv[i], &values, &sum, &err);
    if (status != RRK_OK && sum.n_read == 0)
        return cli_failed(&verb, &err);
    print_summary(&sum);
    return status == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
