/*
 * rrk rerank: many queries' candidates put in order by a model, as a TREC run with a note of how it came about. How
 * queries go through the reranker is batch.c's matter, what survives an interruption partial.c's.
 */
#include "cli/batch.h"
#include "cli/compute.h"
#include "cli/explain.h"
#include "cli/llm_options.h"
#include "cli/partial.h"
#include "cli/strategy.h"

#include "base/clock.h"
#include "base/file.h"
#include "eval/run_line.h"

#include <jansson.h>
#include <unistd.h>

enum { RANK_STRATEGIES(CLI_STRATEGY_ID) };
static const char *const strategy_names[] = {RANK_STRATEGIES(CLI_STRATEGY_NAME)};
static const char *const dtype_names[] = {"f32", "bf16", "int8"};
static const char *const long_names[] = {"truncate", "chunk"};

typedef struct rerank_values {
    int strategy;
    const char *model;
    cli_compute_values compute;
    const char *output;
    const char *tag;
    size_t top_n;
    size_t max_passage_tokens;
    size_t max_query_tokens;
    int long_passage;
    size_t timeout_ms;
    bool resume;
    bool dry_run;
    bool provenance;
    bool explain;
    bool calibrated;
    bool json;
    cli_source_values source;
    cli_llm_values llm;
    cli_list_values list;
} rerank_values;

#define AT(field) offsetof(rerank_values, field)
static const cli_option options[] = {
    {"strategy", 'S', CLI_CHOICE, AT(strategy), &(RANK_STRATEGIES(CLI_STRATEGY_CHOICE))[1], "how to rank", 0, 0, true,
     0},
    CLI_TEXT_ROW("model", 'm', AT(model), "DIR", "a model in Hugging Face's layout; not for full and sliding"),
    CLI_VIEWS_ROW(AT(compute.views)),
    CLI_TEXT_ROW("output", 'o', AT(output), "FILE", "where the run goes (-: standard output)"),
    CLI_TEXT_ROW("tag", 0, AT(tag), "NAME", "the run's last column (the strategy's name)"),
    CLI_COUNT_ROW("top-n", 'n', AT(top_n), "lines a query (0: all)", 0, RRK_RERANK_MAX_PASSAGES),
    CLI_COUNT_ROW("max-passage-tokens", 0, AT(max_passage_tokens), "tokens of a passage that are read (0: all)", 0,
                  1e6),
    CLI_COUNT_ROW("max-query-tokens", 0, AT(max_query_tokens), "tokens of a query that are read (0: all that fit)", 0,
                  1e6),
    CLI_CHOICE_ROW("long", 0, AT(long_passage), "truncate|chunk", "what becomes of long passages (truncate)"),
    CLI_COUNT_ROW("timeout", 0, AT(timeout_ms), "give up after so many milliseconds a query", 0, 1e9),
    CLI_FLAG_ROW("resume", 0, AT(resume), "keep finished queries in OUTPUT.partial and go on from there"),
    CLI_FLAG_ROW("dry-run", 0, AT(dry_run), "print the calls, tokens and price to expect of an LLM, ask nothing"),
    CLI_FLAG_ROW("provenance", 0, AT(provenance), "write FILE.json beside the run: model, options, counts"),
    CLI_FLAG_ROW("calibrated", 0, AT(calibrated), "mvp: scores are probabilities, if the model knows (see rrk info)"),
    CLI_FLAG_ROW("explain", 0, AT(explain), "mvp: not a run, but what each view says of each passage"),
    CLI_FLAG_ROW("json", 0, AT(json), "statistics as JSON on standard error; with --explain that as well"),
};
static const cli_verb verb = {
    .name = "rerank",
    .usage = "--strategy NAME (--model DIR | --llm URL --llm-model NAME)\n"
             "                  (--candidates FILE | --store FILE --run FILE --queries FILE) [OPTION...]",
    .about = "Puts the candidates of every query in order and writes a TREC run. Candidates come with their texts in\n"
             "one file, or as a run over a store's passages. full (all candidates in one prompt) and sliding (a\n"
             "window that moves from the back to the front) need an LLM, the others a model folder.",
    .options = options,
    .n_options = RRK_COUNT(options),
    .shared = {{&cli_source_table, AT(source)},
               {&cli_compute_table, AT(compute)},
               {&cli_llm_table, AT(llm)},
               {&cli_ranking_table, AT(list)}},
};

/* Everything open while queries are ranked. */
typedef struct job {
    const rerank_values *values;
    bool has_llm;
    rrk_encoder *encoder;
    rrk_encoder_info info; /* of the encoder */
    cli_llm llm;
    char prompt_hash[65];
    base_buf options; /* a JSON object */
    cli_partial partial;
    base_output output;
    cli_batch batch;
    double elapsed_s;
} job;

static void job_free(job *j)
{
    base_output_abort(&j->output);
    cli_partial_close(&j->partial);
    cli_source_free(j->batch.source);
    rrk_reranker_close(j->batch.reranker);
    cli_llm_close(&j->llm);
    rrk_encoder_close(j->encoder);
    base_buf_free(&j->options);
}

static rrk_status open_model(job *j, rrk_reranker_options *given, rrk_error *err)
{
    const rerank_values *values = j->values;
    if (!j->has_llm) {
        RRK_TRY(cli_open_encoder(&j->encoder, values->model, &values->compute, err));
        j->info.size = sizeof j->info;
        RRK_TRY(rrk_encoder_get_info(j->encoder, &j->info, err));
        given->encoder = j->encoder;
        return values->calibrated ? cli_check_calibrated(&j->info, err) : RRK_OK;
    }
    cli_llm_values llm = values->dry_run ? cli_llm_for_prediction(&values->llm) : values->llm;
    RRK_TRY(cli_llm_open(&j->llm, &llm, values->source.store, err));
    RRK_TRY(cli_prompt_hash(&values->list, j->prompt_hash, err));
    cli_llm_fill(&j->llm, &values->list, given);
    return RRK_OK;
}

/* What the order depends on, for provenance and for --resume. */
static rrk_status describe(job *j, rrk_error *err)
{
    const rerank_values *values = j->values;
    base_buf llm RRK_AUTO(base_buf_free) = {.max = SIZE_MAX / 2};
    RRK_TRY(base_buf_append_string(&llm, j->has_llm ? "" : "{}", err));
    if (j->has_llm)
        RRK_TRY(cli_llm_describe(&values->llm, &values->list, values->strategy == STRATEGY_SLIDING, &llm, err));
    json_t *json RRK_AUTO(json_decrefp) =
        json_pack("{s:I, s:I, s:I, s:s, s:I, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "top_n", (json_int_t)values->top_n,
                  "max_passage_tokens", (json_int_t)values->max_passage_tokens, "max_query_tokens",
                  (json_int_t)values->max_query_tokens, "long", long_names[values->long_passage], "timeout_ms",
                  (json_int_t)values->timeout_ms, "candidates", values->source.candidates, "store",
                  values->source.store, "run", values->source.run, "queries", values->source.queries, "dtype",
                  j->has_llm ? NULL : dtype_names[values->compute.dtype], "device", values->compute.device);
    if (values->compute.max_tokens)
        json_object_set_new(json, "max_tokens", json_integer((json_int_t)values->compute.max_tokens));
    if (values->calibrated)
        json_object_set_new(json, "calibrated", json_true());
    if (values->compute.views)
        json_object_set_new(json, "views", json_integer((json_int_t)values->compute.views));
    json_t *more RRK_AUTO(json_decrefp) = json_loads(llm.data, 0, NULL);
    if (!json || json_object_update(json, more) != 0)
        return base_fail_nomem(err, llm.len);
    char *text = json_dumps(json, JSON_COMPACT);
    j->options.max = SIZE_MAX / 2;
    rrk_status status = text ? base_buf_append_string(&j->options, text, err) : base_fail_nomem(err, sizeof *values);
    free(text);
    return status;
}

/* A prediction looks at what is kept, but begins nothing. */
static bool wants_partial(const job *j)
{
    char path[4096];
    if (!j->values->resume || !j->values->dry_run)
        return j->values->resume;
    snprintf(path, sizeof path, "%s.partial", j->values->output);
    return access(path, F_OK) == 0;
}

static rrk_status open_partial(job *j, rrk_error *err)
{
    const rerank_values *values = j->values;
    if (!wants_partial(j))
        return RRK_OK;
    json_t *json RRK_AUTO(json_decrefp) =
        json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:s*}", "strategy", strategy_names[values->strategy], "model",
                  j->has_llm ? j->llm.model : NULL, "model_fingerprint", j->has_llm ? NULL : j->info.fingerprint,
                  "endpoint", j->llm.endpoint, "prompt_sha256", j->has_llm ? j->prompt_hash : NULL, "tag", values->tag);
    json_t *more RRK_AUTO(json_decrefp) = json_loads(j->options.data, 0, NULL);
    if (!json || json_object_update(json, more) != 0)
        return base_fail_nomem(err, j->options.len);
    json_object_del(json, "timeout_ms"); /* an answer does not depend on how long it might have taken */
    char *text = json_dumps(json, JSON_COMPACT);
    if (!text)
        return base_fail_nomem(err, j->options.len);
    rrk_status status = cli_partial_open(&j->partial, values->output, text, err);
    free(text);
    return status;
}

static rrk_status put_lines(const job *j, const cli_ranked *ranked, FILE *out, rrk_error *err)
{
    const rerank_values *values = j->values;
    float previous = EVAL_NO_SCORE;
    for (size_t i = 0; i < ranked->n_hits; i++) {
        const rrk_hit *hit = &ranked->hits[i];
        eval_run_line line = {ranked->list.qid, ranked->list.passages[hit->index].id, i + 1, hit->score,
                              values->tag ? values->tag : strategy_names[values->strategy]};
        RRK_TRY(eval_run_put(out, &line, &previous, err));
    }
    return RRK_OK;
}

static bool is_finished(void *ctx, rrk_text qid)
{
    return cli_partial_find(&((job *)ctx)->partial, qid) != NULL;
}

static rrk_status keep_query(void *ctx, const cli_ranked *ranked, rrk_error *err)
{
    job *j = ctx;
    char *text = NULL;
    size_t len = 0;
    if (!j->partial.stream || ranked->status != RRK_OK)
        return RRK_OK;
    FILE *memory = open_memstream(&text, &len);
    if (!memory)
        return base_fail_nomem(err, sizeof(FILE));
    rrk_status status = put_lines(j, ranked, memory, err);
    if (fclose(memory) != 0 && status == RRK_OK)
        status = base_fail_nomem(err, len);
    if (status == RRK_OK)
        status = cli_partial_add(&j->partial, &ranked->list, (rrk_text){text, len}, &ranked->stats, err);
    free(text);
    return status;
}

static rrk_status put_query(void *ctx, const cli_ranked *ranked, rrk_error *err)
{
    job *j = ctx;
    if (j->values->explain)
        return cli_explain(ranked, j->values->json, j->output.stream, err);
    if (!ranked->skipped)
        return put_lines(j, ranked, j->output.stream, err);
    const cli_finished *finished = cli_partial_find(&j->partial, ranked->list.qid);
    RRK_TRY(cli_partial_check(&j->partial, finished, &ranked->list, err));
    fwrite(finished->lines.data, 1, finished->lines.len, j->output.stream);
    cli_stats_add(&j->batch.totals.rank, &finished->stats);
    return RRK_OK;
}

static cli_report report_of(const job *j)
{
    return (cli_report){.verb = verb.name,
                        .strategy = strategy_names[j->values->strategy],
                        .model = j->has_llm ? j->llm.model : j->info.name,
                        .compute = j->has_llm ? NULL : j->info.compute,
                        .endpoint = j->llm.endpoint,
                        .prompt_hash = j->has_llm ? j->prompt_hash : NULL,
                        .options = j->options.data,
                        .price = &j->llm.price,
                        .totals = &j->batch.totals,
                        .elapsed_s = j->elapsed_s};
}

/* What was kept goes once all is in the output; a query without an answer is asked for the next time. */
static rrk_status finish(job *j, rrk_error *err)
{
    const cli_totals *totals = &j->batch.totals;
    cli_report report = report_of(j);
    if (totals->n_failed > 0 && totals->n_failed == totals->n_queries && !j->batch.keep)
        return totals->n_queries == 1 ? base_fail(err, RRK_E_UPSTREAM, 0, "the query was not ranked")
                                      : base_fail(err, RRK_E_UPSTREAM, 0, "none of %llu queries was ranked",
                                                  (unsigned long long)totals->n_queries);
    RRK_TRY(base_output_commit(&j->output, err));
    if (j->partial.stream && totals->n_failed == 0)
        RRK_TRY(cli_partial_remove(&j->partial, err));
    cli_report_print(&report, j->values->json, stderr);
    return j->values->provenance ? cli_report_write(&report, j->values->output, err) : RRK_OK;
}

static void fill_batch(job *j)
{
    const rerank_values *values = j->values;
    cli_batch *batch = &j->batch;
    batch->verb = &verb;
    batch->in_flight = j->has_llm ? values->llm.in_flight : 0;
    batch->n_views = values->explain ? j->info.n_views : 0;
    batch->keep = values->list.on_error == CLI_ON_ERROR_KEEP;
    batch->skip = is_finished;
    batch->ended = keep_query;
    batch->put = put_query;
    batch->ctx = j;
    rrk_rank_options_init(&batch->rank);
    batch->rank.top_n = values->top_n;
    *(j->has_llm ? &batch->rank.request_timeout_ms : &batch->rank.timeout_ms) = (int64_t)values->timeout_ms;
    batch->rank.max_tokens_per_passage = values->max_passage_tokens;
    batch->rank.max_query_tokens = values->max_query_tokens;
    batch->rank.calibrated = values->calibrated;
    batch->rank.long_passage = values->long_passage ? RRK_LONG_CHUNK : RRK_LONG_TRUNCATE;
}

static rrk_status run(job *j, rrk_error *err)
{
    rrk_reranker_options given;
    rrk_reranker_options_init(&given);
    RRK_TRY(cli_source_open(&j->batch.source, &j->values->source, err));
    RRK_TRY(open_model(j, &given, err));
    RRK_TRY(cli_reranker_open(&j->batch.reranker, strategy_names[j->values->strategy], &given, err));
    RRK_TRY(describe(j, err));
    RRK_TRY(open_partial(j, err));
    fill_batch(j);
    if (j->values->dry_run) {
        RRK_TRY(cli_batch_predict(&j->batch, err));
        cli_report report = report_of(j);
        cli_report_predict(&report, j->values->json, stdout);
        return RRK_OK;
    }
    RRK_TRY(base_output_open(&j->output, j->values->output, err));
    int64_t started = base_now_ns();
    RRK_TRY(cli_batch_run(&j->batch, err));
    j->elapsed_s = base_ms_since(started) / 1000;
    return finish(j, err);
}

static int check_strategy(const rerank_values *values)
{
    const char *name = strategy_names[values->strategy];
    if (values->strategy != STRATEGY_MVP && (values->explain || values->compute.views))
        return cli_usage_error(&verb, "--%s is for --strategy mvp: %s has no views",
                               values->explain ? "explain" : "views", name);
    if (values->strategy != STRATEGY_MVP && values->calibrated)
        return cli_usage_error(&verb, "--calibrated is for --strategy mvp: %s has no calibrated scores", name);
    if (values->strategy < STRATEGY_FULL) {
        if (!values->model)
            return cli_usage_error(&verb, "--strategy %s needs --model", name);
        if (values->llm.url || values->llm.model)
            return cli_usage_error(&verb, "--strategy %s excludes --llm and --llm-model", name);
        if (values->dry_run)
            return cli_usage_error(&verb, "--dry-run is for full and sliding");
        return cli_llm_refuse(&verb, &values->llm, &values->list);
    }
    if (values->compute.given)
        return cli_usage_error(&verb, "--%s is for strategies with a model of their own", values->compute.given);
    if (values->long_passage)
        return cli_usage_error(&verb, "--long chunk is for strategies with a model of their own");
    if (values->model)
        return cli_usage_error(&verb, "--strategy %s excludes --model (the LLM's name is --llm-model)", name);
    if (!values->llm.url)
        return cli_usage_error(&verb, "--strategy %s needs --llm", name);
    int code = cli_llm_check(&verb, &values->llm, values->source.store);
    if (code != CLI_GO_ON)
        return code;
    return cli_list_check(&verb, &values->list, values->strategy == STRATEGY_SLIDING);
}

static int check(const rerank_values *values)
{
    int code = cli_source_check(&verb, &values->source);
    if (code != CLI_GO_ON)
        return code;
    if (strcmp(values->output, "-") == 0 && (values->provenance || values->resume))
        return cli_usage_error(&verb, "--%s needs --output FILE", values->provenance ? "provenance" : "resume");
    if (values->explain && (values->resume || values->tag || values->calibrated))
        return cli_usage_error(&verb, "--explain excludes --%s",
                               values->resume ? "resume"
                               : values->tag  ? "tag"
                                              : "calibrated");
    if (values->tag && strpbrk(values->tag, " \t\n"))
        return cli_usage_error(&verb, "--tag '%s' has a blank in it", values->tag);
    return check_strategy(values);
}

int cli_rerank(int argc, char **argv)
{
    rerank_values values = {.output = "-", .llm = CLI_LLM_DEFAULTS};
    job j RRK_AUTO(job_free) = {.values = &values};
    rrk_error err = {0};
    int code = cli_parse(&verb, argc, argv, &values, NULL);
    if (code != CLI_GO_ON)
        return code;
    code = check(&values);
    if (code != CLI_GO_ON)
        return code;
    j.has_llm = values.strategy >= STRATEGY_FULL;
    if (run(&j, &err) != RRK_OK) {
        if (cli_interrupted() && j.partial.stream)
            fprintf(stderr, "rrk rerank: what is finished is in '%s'; the same command goes on\n", j.partial.path);
        return cli_failed(&verb, &err);
    }
    return j.batch.totals.n_failed > 0 && !j.batch.keep ? CLI_FAILED : CLI_DONE;
}
