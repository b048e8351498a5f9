/* Counts, money and time of a verb that ranked many queries: see report.h. */
#include "cli/report.h"

#include "base/file.h"
#include "cli/cli.h"

#include <jansson.h>
#include <time.h>

typedef struct count_row {
    const char *name;
    size_t offset;
    bool of_encoder;
    bool of_llm;
} count_row;

#define ROW(name, field, of_encoder, of_llm)                                                                           \
    {                                                                                                                  \
        name, offsetof(rrk_rank_stats, field), of_encoder, of_llm                                                      \
    }
static const count_row rows[] = {
    ROW("rows", n_rows, true, false),
    ROW("tokens", n_tokens, true, false),
    ROW("truncated", n_truncated, true, true),
    ROW("chunked", n_chunked, true, false),
    ROW("calls", n_calls, false, true),
    ROW("cached", n_cached, false, true),
    ROW("failed_calls", n_failed_calls, false, true),
    ROW("retries", n_retries, false, true),
    ROW("prompt_tokens", prompt_tokens, false, true),
    ROW("completion_tokens", completion_tokens, false, true),
    ROW("thinking_tokens", thinking_tokens, false, true),
    ROW("estimated_calls", n_estimated, false, true),
    ROW("stopped", n_stopped, false, true),
    ROW("tokens_saved", tokens_saved, false, true),
    ROW("ok", n_ok, false, true),
    ROW("malformed", n_malformed, false, true),
    ROW("repeated", n_repeated, false, true),
    ROW("missing", n_missing, false, true),
    ROW("out_of_range", n_out_of_range, false, true),
    ROW("thinking", n_thinking, false, true),
    ROW("cut", n_cut, false, true),
};

static uint64_t *count_at(rrk_rank_stats *stats, const count_row *row)
{
    return (uint64_t *)(void *)((char *)stats + row->offset);
}

static uint64_t count_of(const rrk_rank_stats *stats, const count_row *row)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + row->offset, sizeof value);
    return value;
}

void cli_totals_init(cli_totals *totals)
{
    *totals = (cli_totals){0};
    rrk_rank_stats_init(&totals->rank);
}

void cli_stats_add(rrk_rank_stats *sum, const rrk_rank_stats *part)
{
    for (size_t i = 0; i < RRK_COUNT(rows); i++)
        *count_at(sum, &rows[i]) += count_of(part, &rows[i]);
    sum->tokenize_ms += part->tokenize_ms;
    sum->encode_ms += part->encode_ms;
    sum->total_ms += part->total_ms;
    sum->llm_ms += part->llm_ms;
}

rrk_status cli_stats_to_json(const rrk_rank_stats *stats, base_buf *out, rrk_error *err)
{
    const char *separator = "";
    RRK_TRY(base_buf_append_char(out, '{', err));
    for (size_t i = 0; i < RRK_COUNT(rows); i++) {
        uint64_t count = count_of(stats, &rows[i]);
        if (count == 0)
            continue;
        RRK_TRY(base_buf_printf(out, err, "%s\"%s\":%llu", separator, rows[i].name, (unsigned long long)count));
        separator = ",";
    }
    return base_buf_append_char(out, '}', err);
}

rrk_status cli_stats_from_json(rrk_rank_stats *stats, rrk_text text, rrk_error *err)
{
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(text.data, text.len, 0, NULL);
    const json_t *counts = json_object_get(json, "counts");
    if (!json_is_object(counts))
        return base_fail(err, RRK_E_FORMAT, 0, "there are no counts");
    rrk_rank_stats_init(stats);
    for (size_t i = 0; i < RRK_COUNT(rows); i++)
        *count_at(stats, &rows[i]) = (uint64_t)json_integer_value(json_object_get(counts, rows[i].name));
    return RRK_OK;
}

static json_t *json_counts(const cli_report *report)
{
    const cli_totals *totals = report->totals;
    json_t *json =
        json_pack("{s:I, s:I}", "queries", (json_int_t)totals->n_queries, "passages", (json_int_t)totals->n_passages);
    if (report->endpoint) {
        json_object_set_new(json, "failed", json_integer((json_int_t)totals->n_failed));
        json_object_set_new(json, "resumed", json_integer((json_int_t)totals->n_resumed));
    }
    for (size_t i = 0; i < RRK_COUNT(rows); i++)
        if (report->endpoint ? rows[i].of_llm : rows[i].of_encoder)
            json_object_set_new(json, rows[i].name, json_integer((json_int_t)count_of(&totals->rank, &rows[i])));
    return json;
}

static json_t *json_times(const cli_report *report)
{
    const rrk_rank_stats *rank = &report->totals->rank;
    if (report->endpoint)
        return json_pack("{s:f, s:f}", "elapsed_s", report->elapsed_s, "llm_ms", rank->llm_ms);
    return json_pack("{s:f, s:f, s:f}", "elapsed_s", report->elapsed_s, "tokenize_ms", rank->tokenize_ms, "encode_ms",
                     rank->encode_ms);
}

static double cost(const cli_report *report)
{
    return cli_price_of(report->price, report->totals->rank.prompt_tokens, report->totals->rank.completion_tokens);
}

/* null without a price: 0 would be a figure. */
static json_t *json_cost(const cli_report *report)
{
    if (!report->price || !report->price->known)
        return json_null();
    return json_pack("{s:f, s:s}", "amount", cost(report), "currency", report->price->currency);
}

static json_t *json_statistics(const cli_report *report)
{
    json_t *json = json_pack("{s:o, s:o}", "counts", json_counts(report), "times", json_times(report));
    if (json && report->endpoint)
        json_object_set_new(json, "cost", json_cost(report));
    return json;
}

static void put_json(json_t *json, FILE *out)
{
    json_dumpf(json, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(json);
    fputc('\n', out);
}

static void put_cost(const cli_report *report, FILE *out)
{
    char money[CLI_MONEY_SIZE];
    if (report->price && report->price->known)
        fprintf(out, ", %s", cli_format_money(money, report->price, cost(report)));
}

static void put_tokens(const rrk_rank_stats *rank, const char *about, FILE *out)
{
    char prompt[CLI_NUMBER_SIZE], completion[CLI_NUMBER_SIZE];
    fprintf(out, "%s%s prompt and %s completion tokens", about, cli_format_count(prompt, rank->prompt_tokens),
            cli_format_count(completion, rank->completion_tokens));
}

/* "387 calls (12 repetitions, 3 failed), 40 from the cache, " */
static void put_calls(const rrk_rank_stats *rank, FILE *out)
{
    char calls[CLI_THINGS_SIZE], repetitions[CLI_THINGS_SIZE], cached[CLI_NUMBER_SIZE];
    fputs(cli_format_things(calls, rank->n_calls, "call", "calls"), out);
    if (rank->n_retries || rank->n_failed_calls)
        fprintf(out, " (%s, %llu failed)", cli_format_things(repetitions, rank->n_retries, "repetition", "repetitions"),
                (unsigned long long)rank->n_failed_calls);
    if (rank->n_cached)
        fprintf(out, ", %s answered from the cache", cli_format_count(cached, rank->n_cached));
    fputs(", ", out);
}

/* What is worth a second line: answers that had to be mended, thinking, and what early stopping saved. */
static void put_replies(const rrk_rank_stats *rank, FILE *out)
{
    char ok[CLI_THINGS_SIZE], saved[CLI_NUMBER_SIZE], thinking[CLI_NUMBER_SIZE];
    fprintf(out, "%s in order, %llu mended", cli_format_things(ok, rank->n_ok, "answer", "answers"),
            (unsigned long long)rank->n_malformed);
    if (rank->n_malformed)
        fprintf(out, " (identifiers: %llu repeated, %llu missing, %llu out of range)",
                (unsigned long long)rank->n_repeated, (unsigned long long)rank->n_missing,
                (unsigned long long)rank->n_out_of_range);
    if (rank->n_cut)
        fprintf(out, ", %llu cut by the cap", (unsigned long long)rank->n_cut);
    if (rank->n_thinking)
        fprintf(out, ", %llu with thinking (%s tokens)", (unsigned long long)rank->n_thinking,
                cli_format_count(thinking, rank->thinking_tokens));
    if (rank->n_stopped)
        fprintf(out, ", %llu ended early (about %s tokens saved)", (unsigned long long)rank->n_stopped,
                cli_format_count(saved, rank->tokens_saved));
    fputc('\n', out);
}

static void put_queries(const cli_totals *totals, FILE *out)
{
    char queries[CLI_THINGS_SIZE], passages[CLI_THINGS_SIZE], shortened[CLI_NUMBER_SIZE];
    fputs(cli_format_things(queries, totals->n_queries, "query", "queries"), out);
    if (totals->n_resumed)
        fprintf(out, ", %llu of them finished before", (unsigned long long)totals->n_resumed);
    if (totals->n_failed)
        fprintf(out, ", %llu without an answer", (unsigned long long)totals->n_failed);
    fprintf(out, ", %s", cli_format_things(passages, totals->n_passages, "passage", "passages"));
    if (totals->rank.n_truncated)
        fprintf(out, " (%s shortened)", cli_format_count(shortened, totals->rank.n_truncated));
}

static void print_llm(const cli_report *report, FILE *out)
{
    const rrk_rank_stats *rank = &report->totals->rank;
    put_queries(report->totals, out);
    fprintf(out, " in %.1f s: ", report->elapsed_s);
    put_calls(rank, out);
    put_tokens(rank, rank->n_estimated ? "about " : "", out);
    put_cost(report, out);
    fputc('\n', out);
    if (rank->n_ok + rank->n_malformed)
        put_replies(rank, out);
}

static void print_encoder(const cli_report *report, FILE *out)
{
    const cli_totals *totals = report->totals;
    char rows_text[CLI_NUMBER_SIZE], tokens[CLI_NUMBER_SIZE], rate[CLI_NUMBER_SIZE];
    double encode_s = totals->rank.encode_ms / 1000;
    put_queries(totals, out);
    fprintf(out, ", %s rows, %s tokens in %.1f s (%s tokens/s, %.1f ms a query)\n",
            cli_format_count(rows_text, totals->rank.n_rows), cli_format_count(tokens, totals->rank.n_tokens),
            report->elapsed_s,
            cli_format_count(rate, encode_s > 0 ? (uint64_t)((double)totals->rank.n_tokens / encode_s) : 0),
            totals->n_queries ? totals->rank.total_ms / (double)totals->n_queries : 0.0);
}

void cli_report_print(const cli_report *report, bool json, FILE *out)
{
    if (json)
        put_json(json_statistics(report), out);
    else if (report->endpoint)
        print_llm(report, out);
    else
        print_encoder(report, out);
}

void cli_report_predict(const cli_report *report, bool json, FILE *out)
{
    char calls[CLI_THINGS_SIZE];
    if (json) {
        put_json(json_pack("{s:o, s:o}", "predicted", json_counts(report), "cost", json_cost(report)), out);
        return;
    }
    put_queries(report->totals, out);
    fprintf(out, ": %s, ", cli_format_things(calls, report->totals->rank.n_calls, "call", "calls"));
    put_tokens(&report->totals->rank, "about ", out);
    put_cost(report, out);
    fputs("; nothing was asked\n", out);
}

/* The members that say how the output came about; those that a strategy lacks are left out. */
static json_t *json_origin(const cli_report *report)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:o*}", "rrk", rrk_version_string(), "verb", report->verb,
                     "strategy", report->strategy, "model", report->model, "compute", report->compute, "endpoint",
                     report->endpoint, "prompt_sha256", report->prompt_hash, "options",
                     json_loads(report->options, 0, NULL));
}

rrk_status cli_report_write(const cli_report *report, const char *output_path, rrk_error *err)
{
    base_output output RRK_AUTO(base_output_abort) = {0};
    base_buf path RRK_AUTO(base_buf_free) = {.max = 1u << 16};
    char when[32];
    struct tm utc;
    time_t now = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    RRK_TRY(base_buf_printf(&path, err, "%s.json", output_path));
    RRK_TRY(base_output_open(&output, path.data, err));
    json_t *json RRK_AUTO(json_decrefp) = json_origin(report),
                 *statistics RRK_AUTO(json_decrefp) = json_statistics(report);
    if (!json || json_object_update(json, statistics) != 0 ||
        json_object_set_new(json, "written", json_string(when)) != 0 ||
        json_dumpf(json, output.stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0)
        return base_fail(err, RRK_E_IO, 0, "cannot write '%s'", path.data);
    fputc('\n', output.stream);
    return base_output_commit(&output, err);
}
