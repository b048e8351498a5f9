/*
 * rrk label: complete listwise labels for training, by an LLM that ranks until every place is earned. Apart from rerank
 * because a label is all or nothing and its file is appended to, query by query.
 */
#include "cli/batch.h"
#include "cli/label_file.h"
#include "cli/llm_options.h"

#include "base/clock.h"

#include <jansson.h>

typedef struct label_values {
    const char *output;
    size_t timeout_ms;
    bool dry_run;
    bool provenance;
    bool json;
    cli_source_values source;
    cli_llm_values llm;
    cli_list_values list;
} label_values;

#define AT(field) offsetof(label_values, field)
static const cli_option options[] = {
    CLI_TEXT_ROW("output", 'o', AT(output), "FILE", "labels are appended to it, its queries not asked (-: to stdout)"),
    CLI_COUNT_ROW("timeout", 0, AT(timeout_ms), "give up after so many milliseconds a query", 0, 1e9),
    CLI_FLAG_ROW("dry-run", 0, AT(dry_run), "print the calls, tokens and price to expect, ask nothing"),
    CLI_FLAG_ROW("provenance", 0, AT(provenance), "write FILE.json beside the labels: model, options, counts"),
    CLI_FLAG_ROW("json", 0, AT(json), "print the statistics as JSON on standard error"),
};
static const cli_verb verb = {
    .name = "label",
    .usage = "--llm URL --llm-model NAME (--candidates FILE | --store FILE --run FILE --queries FILE) [OPTION...]",
    .about =
        "Lets an LLM put every query's candidates in a complete order, as labels to train rerankers with. A sliding\n"
        "window settles the best of the list, then the best of the rest, until nothing is left: 45 calls for 100\n"
        "candidates. A label is a line {\"qid\", \"initial_list\", \"final_list\"}. The same command goes on where an\n"
        "interrupted one stopped.",
    .options = options,
    .n_options = RRK_COUNT(options),
    .shared = {{&cli_source_table, AT(source)}, {&cli_llm_table, AT(llm)}, {&cli_labelling_table, AT(list)}},
};

typedef struct labelling {
    const label_values *values;
    cli_llm llm;
    cli_label_file file;
    cli_batch batch;
    char prompt_hash[65];
    base_buf options; /* a JSON object */
} labelling;

static void labelling_free(labelling *l)
{
    cli_label_close(&l->file, NULL);
    cli_source_free(l->batch.source);
    rrk_reranker_close(l->batch.reranker);
    cli_llm_close(&l->llm);
    base_buf_free(&l->options);
}

static rrk_status open_reranker(labelling *l, rrk_error *err)
{
    const label_values *values = l->values;
    rrk_reranker_options given;
    cli_llm_values llm = values->dry_run ? cli_llm_for_prediction(&values->llm) : values->llm;
    RRK_TRY(cli_llm_open(&l->llm, &llm, values->source.store, err));
    rrk_reranker_options_init(&given);
    cli_llm_fill(&l->llm, &values->list, &given);
    given.complete = 1;
    return cli_reranker_open(&l->batch.reranker, "sliding", &given, err);
}

/* What labels depend on. */
static rrk_status describe(labelling *l, rrk_error *err)
{
    const cli_source_values *source = &l->values->source;
    base_buf llm RRK_AUTO(base_buf_free) = {.max = SIZE_MAX / 2};
    RRK_TRY(cli_prompt_hash(&l->values->list, l->prompt_hash, err));
    RRK_TRY(cli_llm_describe(&l->values->llm, &l->values->list, true, &llm, err));
    json_t *json RRK_AUTO(json_decrefp) = json_loads(llm.data, 0, NULL);
    json_t *more RRK_AUTO(json_decrefp) =
        json_pack("{s:I, s:s*, s:s*, s:s*, s:s*}", "timeout_ms", (json_int_t)l->values->timeout_ms, "candidates",
                  source->candidates, "store", source->store, "run", source->run, "queries", source->queries);
    char *text = more && json_object_update(json, more) == 0 ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text)
        return base_fail_nomem(err, llm.len);
    l->options.max = SIZE_MAX / 2;
    rrk_status status = base_buf_append_string(&l->options, text, err);
    free(text);
    return status;
}

static bool is_labelled(void *ctx, rrk_text qid)
{
    return cli_label_has(&((labelling *)ctx)->file, qid);
}

static rrk_status add_label(void *ctx, const cli_ranked *ranked, rrk_error *err)
{
    labelling *l = ctx;
    const cli_list *list = &ranked->list;
    cli_label_record record = {list->qid, list->passages, ranked->hits, list->n_passages};
    if (ranked->status != RRK_OK)
        return RRK_OK;
    return cli_label_add(&l->file, &record, err);
}

static void fill_batch(labelling *l)
{
    cli_batch *batch = &l->batch;
    batch->verb = &verb;
    batch->in_flight = l->values->llm.in_flight;
    batch->skip = is_labelled;
    batch->ended = add_label;
    batch->ctx = l;
    rrk_rank_options_init(&batch->rank);
    batch->rank.request_timeout_ms = (int64_t)l->values->timeout_ms;
}

static rrk_status run(labelling *l, rrk_error *err)
{
    const label_values *values = l->values;
    cli_report report = {.verb = verb.name, .strategy = "sliding", .model = values->llm.model};
    RRK_TRY(cli_source_open(&l->batch.source, &values->source, err));
    RRK_TRY(open_reranker(l, err));
    RRK_TRY(describe(l, err));
    RRK_TRY(cli_label_open(&l->file, values->output, values->dry_run, err));
    fill_batch(l);
    report.endpoint = l->llm.endpoint;
    report.price = &l->llm.price;
    report.totals = &l->batch.totals;
    report.options = l->options.data;
    report.prompt_hash = l->prompt_hash;
    if (values->dry_run) {
        RRK_TRY(cli_batch_predict(&l->batch, err));
        cli_report_predict(&report, values->json, stdout);
        return RRK_OK;
    }
    int64_t started = base_now_ns();
    RRK_TRY(cli_batch_run(&l->batch, err));
    report.elapsed_s = base_ms_since(started) / 1000;
    RRK_TRY(cli_label_close(&l->file, err));
    cli_report_print(&report, values->json, stderr);
    return values->provenance ? cli_report_write(&report, values->output, err) : RRK_OK;
}

int cli_label(int argc, char **argv)
{
    label_values values = {.output = "-", .llm = CLI_LLM_DEFAULTS};
    labelling l RRK_AUTO(labelling_free) = {.values = &values};
    rrk_error err = {0};
    int code = cli_parse(&verb, argc, argv, &values, NULL);
    if (code != CLI_GO_ON)
        return code;
    if (values.provenance && strcmp(values.output, "-") == 0)
        return cli_usage_error(&verb, "--provenance needs --output FILE");
    if ((code = cli_source_check(&verb, &values.source)) != CLI_GO_ON ||
        (code = cli_llm_check(&verb, &values.llm, values.source.store)) != CLI_GO_ON ||
        (code = cli_list_check(&verb, &values.list, true)) != CLI_GO_ON)
        return code;
    if (run(&l, &err) != RRK_OK)
        return cli_failed(&verb, &err);
    return l.batch.totals.n_failed > 0 ? CLI_FAILED : CLI_DONE;
}
