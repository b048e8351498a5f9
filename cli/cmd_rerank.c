/* rrk rerank: many queries' candidates put in order by a model, as a TREC run with a note of how it came about. */
#include "cli/cli.h"
#include "cli/source.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "eval/run_line.h"

#include <jansson.h>
#include <time.h>

typedef struct rerank_values {
    int strategy;
    const char *model;
    size_t threads;
    const char *candidates;
    const char *store;
    const char *run;
    const char *queries;
    const char *output;
    const char *tag;
    size_t top_n;
    size_t max_passage_tokens;
    size_t max_query_tokens;
    int long_passage;
    size_t timeout_ms;
    bool provenance;
    bool json;
} rerank_values;

#define AT(field) offsetof(rerank_values, field)
static const cli_option options[] = {
    {"strategy", 'S', CLI_CHOICE, AT(strategy), "embedding|cross", "how to rank", 0, 0, true, 0},
    CLI_NEEDED_ROW("model", 'm', AT(model), "DIR", "a model in Hugging Face's layout"),
    CLI_COUNT_ROW("threads", 't', AT(threads), "worker threads (0: one a processor)", 0, RRK_ENCODER_MAX_THREADS),
    CLI_TEXT_ROW("candidates", 'c', AT(candidates), "FILE", "queries with their candidates, a JSON object a line"),
    CLI_TEXT_ROW("store", 's', AT(store), "FILE", "the store that has the passages of --run"),
    CLI_TEXT_ROW("run", 0, AT(run), "FILE", "the TREC run to rerank"),
    CLI_TEXT_ROW("queries", 'q', AT(queries), "FILE", "the queries of --run"),
    CLI_TEXT_ROW("output", 'o', AT(output), "FILE", "where the run goes (-: standard output)"),
    CLI_TEXT_ROW("tag", 0, AT(tag), "NAME", "the run's last column (the strategy's name)"),
    CLI_COUNT_ROW("top-n", 'n', AT(top_n), "lines a query (0: all)", 0, RRK_RERANK_MAX_PASSAGES),
    CLI_COUNT_ROW("max-passage-tokens", 0, AT(max_passage_tokens), "tokens of a passage that are read (0: all)", 0,
                  1e6),
    CLI_COUNT_ROW("max-query-tokens", 0, AT(max_query_tokens), "tokens of a query that are read (0: all that fit)", 0,
                  1e6),
    CLI_CHOICE_ROW("long", 0, AT(long_passage), "truncate|chunk", "what becomes of long passages (truncate)"),
    CLI_COUNT_ROW("timeout", 0, AT(timeout_ms), "give up after so many milliseconds a query", 0, 1e9),
    CLI_FLAG_ROW("provenance", 0, AT(provenance), "write FILE.json beside the run: model, options, counts"),
    CLI_FLAG_ROW("json", 0, AT(json), "print the statistics as JSON on standard error"),
};
static const cli_verb verb = {
    .name = "rerank",
    .usage = "--strategy NAME --model DIR (--candidates FILE | --store FILE --run FILE --queries FILE) [OPTION...]",
    .about = "Puts the candidates of every query in order and writes a TREC run. Candidates come with their texts in "
             "one file,\n"
             "or as a run over a store's passages.",
    .options = options,
    .n_options = RRK_COUNT(options),
};
static const char *const strategy_names[] = {"embedding", "cross"};
static const char *const long_names[] = {"truncate", "chunk"};

typedef struct totals {
    uint64_t n_queries;
    uint64_t n_passages;
    rrk_rank_stats rank;
} totals;

typedef struct job {
    const rerank_values *values;
    rrk_reranker *reranker;
    cli_source *source;
    rrk_hit *hits; /* [cap] */
    size_t cap;
    totals totals;
    FILE *out;
} job;

static void add_stats(totals *sum, const rrk_rank_stats *part, size_t n_passages)
{
    sum->n_queries++;
    sum->n_passages += n_passages;
    sum->rank.n_rows += part->n_rows;
    sum->rank.n_tokens += part->n_tokens;
    sum->rank.n_truncated += part->n_truncated;
    sum->rank.n_chunked += part->n_chunked;
    sum->rank.tokenize_ms += part->tokenize_ms;
    sum->rank.encode_ms += part->encode_ms;
    sum->rank.total_ms += part->total_ms;
}

static rrk_status make_room(job *j, size_t n, rrk_error *err)
{
    if (n <= j->cap)
        return RRK_OK;
    rrk_hit *hits = base_realloc(j->hits, n, sizeof *hits);
    if (!hits)
        return base_fail_nomem(err, n * sizeof *hits);
    j->hits = hits;
    j->cap = n;
    return RRK_OK;
}

static rrk_status rank_list(job *j, const cli_list *list, rrk_error *err)
{
    const rerank_values *values = j->values;
    rrk_rank_options given;
    rrk_rank_stats stats;
    float previous = EVAL_NO_SCORE;
    size_t n_hits = list->n_passages;
    rrk_rank_options_init(&given);
    rrk_rank_stats_init(&stats);
    given.top_n = values->top_n;
    given.timeout_ms = (int64_t)values->timeout_ms;
    given.cancel = cli_cancel;
    given.max_tokens_per_passage = values->max_passage_tokens;
    given.max_query_tokens = values->max_query_tokens;
    given.long_passage = values->long_passage ? RRK_LONG_CHUNK : RRK_LONG_TRUNCATE;
    given.stats = &stats;
    RRK_TRY(make_room(j, n_hits, err));
    RRK_TRY(
        rrk_reranker_rank(j->reranker, list->query, list->passages, list->n_passages, &given, j->hits, &n_hits, err));
    add_stats(&j->totals, &stats, list->n_passages);
    for (size_t i = 0; i < n_hits; i++) {
        eval_run_line line = {list->qid, list->passages[j->hits[i].index].id, i + 1, j->hits[i].score,
                              values->tag ? values->tag : strategy_names[values->strategy]};
        RRK_TRY(eval_run_put(j->out, &line, &previous, err));
    }
    return RRK_OK;
}

static rrk_status rank_all(job *j, rrk_error *err)
{
    cli_list list = {0};
    cli_progress progress;
    uint64_t done, total;
    bool more = true;
    rrk_status status = RRK_OK;
    cli_progress_begin(&progress, verb.name, "passages");
    while (status == RRK_OK && more) {
        status = cli_source_next(j->source, &list, &more, err);
        if (status == RRK_OK && more)
            status = rank_list(j, &list, err);
        if (status != RRK_OK && list.qid.len)
            base_error_prefix(err, "query '%.*s'", (int)RRK_MIN(list.qid.len, (size_t)64), list.qid.data);
        cli_source_position(j->source, &done, &total);
        cli_progress_show(&progress, j->totals.n_passages, done, total);
    }
    cli_progress_end(&progress);
    if (status == RRK_OK && cli_interrupted())
        return base_fail(err, RRK_E_CANCELLED, 0, "interrupted");
    return status;
}

static json_t *json_counts(const totals *sum)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "queries", (json_int_t)sum->n_queries, "passages",
                     (json_int_t)sum->n_passages, "rows", (json_int_t)sum->rank.n_rows, "tokens",
                     (json_int_t)sum->rank.n_tokens, "truncated", (json_int_t)sum->rank.n_truncated, "chunked",
                     (json_int_t)sum->rank.n_chunked);
}

static json_t *json_times(const totals *sum, double elapsed_s)
{
    return json_pack("{s:f, s:f, s:f}", "elapsed_s", elapsed_s, "tokenize_ms", sum->rank.tokenize_ms, "encode_ms",
                     sum->rank.encode_ms);
}

static void print_stats(const job *j, double elapsed_s)
{
    const totals *sum = &j->totals;
    char passages[CLI_NUMBER_SIZE], rows[CLI_NUMBER_SIZE], tokens[CLI_NUMBER_SIZE], rate[CLI_NUMBER_SIZE];
    double encode_s = sum->rank.encode_ms / 1000;
    if (j->values->json) {
        json_t *json = json_pack("{s:o, s:o}", "counts", json_counts(sum), "times", json_times(sum, elapsed_s));
        json_dumpf(json, stderr, JSON_COMPACT | JSON_REAL_PRECISION(6));
        json_decref(json);
        fputc('\n', stderr);
        return;
    }
    fprintf(stderr, "%llu queries, %s passages, %s rows, %s tokens in %.1f s (%s tokens/s, %.1f ms a query)\n",
            (unsigned long long)sum->n_queries, cli_format_count(passages, sum->n_passages),
            cli_format_count(rows, sum->rank.n_rows), cli_format_count(tokens, sum->rank.n_tokens), elapsed_s,
            cli_format_count(rate, encode_s > 0 ? (uint64_t)((double)sum->rank.n_tokens / encode_s) : 0),
            sum->n_queries ? sum->rank.total_ms / (double)sum->n_queries : 0.0);
}

static json_t *json_options(const rerank_values *values)
{
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:s, s:I}", "top_n", (json_int_t)values->top_n, "max_passage_tokens",
                  (json_int_t)values->max_passage_tokens, "max_query_tokens", (json_int_t)values->max_query_tokens,
                  "long", long_names[values->long_passage], "timeout_ms", (json_int_t)values->timeout_ms);
    if (json && values->candidates)
        json_object_set_new(json, "candidates", json_string(values->candidates));
    if (json && values->run)
        json_object_set_new(json, "run", json_string(values->run));
    return json;
}

static rrk_status write_provenance(const job *j, rrk_encoder *encoder, double elapsed_s, rrk_error *err)
{
    base_output output RRK_AUTO(base_output_abort) = {0};
    base_buf path RRK_AUTO(base_buf_free) = {.max = 1u << 16};
    rrk_encoder_info info = {.size = sizeof info};
    char when[32];
    struct tm utc;
    time_t now = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    RRK_TRY(rrk_encoder_get_info(encoder, &info, err));
    RRK_TRY(base_buf_printf(&path, err, "%s.json", j->values->output));
    RRK_TRY(base_output_open(&output, path.data, err));
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "rrk", rrk_version_string(), "verb",
                             verb.name, "strategy", strategy_names[j->values->strategy], "model", info.name, "compute",
                             info.compute, "options", json_options(j->values), "counts", json_counts(&j->totals),
                             "times", json_times(&j->totals, elapsed_s), "written", when);
    int failed = !json || json_dumpf(json, output.stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0;
    json_decref(json);
    if (failed)
        return base_fail(err, RRK_E_IO, 0, "cannot write '%s'", path.data);
    fputc('\n', output.stream);
    return base_output_commit(&output, err);
}

static rrk_status open_source(job *j, rrk_store **store, eval_queries *queries, rrk_error *err)
{
    const rerank_values *values = j->values;
    if (values->candidates)
        return cli_source_of_file(&j->source, values->candidates, err);
    RRK_TRY(cli_open_store(store, values->store, RRK_STORE_READONLY, err));
    RRK_TRY(eval_queries_read(queries, values->queries, err));
    return cli_source_of_run(&j->source, values->run, *store, queries, err);
}

static void job_free(job *j)
{
    cli_source_free(j->source);
    rrk_reranker_close(j->reranker);
    base_free(j->hits);
}

static rrk_status run(const rerank_values *values, rrk_error *err)
{
    rrk_store *store RRK_AUTO(cli_close_store) = NULL;
    eval_queries queries RRK_AUTO(eval_queries_free) = {0};
    rrk_encoder *encoder RRK_AUTO(cli_close_encoder) = NULL;
    base_output output RRK_AUTO(base_output_abort) = {0};
    job j RRK_AUTO(job_free) = {.values = values};
    rrk_reranker_options given;
    RRK_TRY(open_source(&j, &store, &queries, err));
    RRK_TRY(cli_open_encoder(&encoder, values->model, values->threads, err));
    rrk_reranker_options_init(&given);
    given.encoder = encoder;
    RRK_TRY(rrk_reranker_open(&j.reranker, strategy_names[values->strategy], &given, err));
    RRK_TRY(base_output_open(&output, values->output, err));
    j.out = output.stream;
    int64_t started = base_now_ns();
    RRK_TRY(rank_all(&j, err));
    double elapsed_s = base_ms_since(started) / 1000;
    RRK_TRY(base_output_commit(&output, err));
    print_stats(&j, elapsed_s);
    return values->provenance ? write_provenance(&j, encoder, elapsed_s, err) : RRK_OK;
}

static int check(const rerank_values *values)
{
    bool any_run = values->store || values->run || values->queries;
    if (!values->candidates && !(values->store && values->run && values->queries))
        return cli_usage_error(&verb, "needs --candidates, or --store, --run and --queries");
    if (values->candidates && any_run)
        return cli_usage_error(&verb, "--candidates excludes --store, --run and --queries");
    if (values->provenance && strcmp(values->output, "-") == 0)
        return cli_usage_error(&verb, "--provenance needs --output FILE");
    if (values->tag && strpbrk(values->tag, " \t\n"))
        return cli_usage_error(&verb, "--tag '%s' has a blank in it", values->tag);
    return CLI_GO_ON;
}

int cli_rerank(int argc, char **argv)
{
    rerank_values values = {.output = "-"};
    rrk_error err = {0};
    int first;
    int code = cli_parse(&verb, argc, argv, &values, &first);
    if (code != CLI_GO_ON)
        return code;
    if (first < argc)
        return cli_usage_error(&verb, "unexpected operand '%s'", argv[first]);
    code = check(&values);
    if (code != CLI_GO_ON)
        return code;
    return run(&values, &err) == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
