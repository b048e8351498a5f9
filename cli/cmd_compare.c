/* rrk compare: several strategies over the same candidates, in one table, as JSON, or as a page. */
#include "cli/compare.h"

#include "base/alloc.h"
#include "base/file.h"

#include <math.h>

#define DEFAULT_PERMUTATIONS 100000
#define MAX_ABOUT_BYTES ((size_t)1 << 20)

typedef struct compare_values {
    const char *qrels;
    cli_source_values source;
    const char *html;
    bool json;
    bool no_reversed;
    size_t permutations;
    size_t permutation_seed;
    size_t threads;
    cli_setup setup;
} compare_values;

#define AT(field) offsetof(compare_values, field)
static const cli_option options[] = {
    CLI_NEEDED_ROW("qrels", 0, AT(qrels), "FILE", "the judgments; queries that are not judged are left out"),
    CLI_TEXT_ROW("html", 0, AT(html), "FILE", "write a page with the table and two plots, too (-: instead)"),
    CLI_FLAG_ROW("json", 0, AT(json), "print one JSON object"),
    CLI_FLAG_ROW("no-reversed", 0, AT(no_reversed), "do not run each system once more over the reversed candidates"),
    CLI_COUNT_ROW("permutations", 0, AT(permutations), "of the randomisation test (100000)", 1, 100000000),
    CLI_COUNT_ROW("permutation-seed", 0, AT(permutation_seed), "of the randomisation test (1)", 0, 4294967295.0),
    CLI_COUNT_ROW("threads", 't', AT(threads), "an encoder's worker threads (0: one a processor)", 0,
                  RRK_ENCODER_MAX_THREADS),
};
static const cli_verb verb = {
    .name = "compare",
    .usage = "--qrels FILE (--candidates FILE | --store FILE --run FILE --queries FILE) [OPTION...] SYSTEM...",
    .about =
        "Runs several systems over the same candidates and prints one table: nDCG, calls, tokens, time, cost, and\n"
        "how much the order moves when the candidates come in last first. A SYSTEM is a strategy with options of\n"
        "its own, NAME[:option=value,...], a run, run:FILE[,label=NAME], or first-stage, the candidates' own order;\n"
        "the others are tested against the first one. Queries are ranked one at a time unless --in-flight says\n"
        "otherwise, so that times are those of a query that waits for no other. A query that an LLM cannot be had\n"
        "for keeps its order and is counted; --on-error fail stops there.",
    .options = options,
    .n_options = RRK_COUNT(options),
    .shared = {{&cli_source_table, AT(source)},
               {&cli_setup_table, AT(setup)},
               {&cli_llm_table, AT(setup.llm)},
               {&cli_ranking_table, AT(setup.list)}},
};
#undef AT

typedef struct outcome {
    eval_system systems[EVAL_MAX_SYSTEMS];
    eval_ndcg_values values[EVAL_MAX_SYSTEMS];
    char *about[EVAL_MAX_SYSTEMS]; /* owned */
    const char *currency;          /* of costs; borrowed from a system's prices */
    size_t n;
} outcome;

static void outcome_free(outcome *o)
{
    for (size_t i = 0; i < EVAL_MAX_SYSTEMS; i++) {
        eval_ndcg_values_free(&o->values[i]);
        base_free(o->about[i]);
    }
}

/* Which model, where, and what was asked for when a label hides it. */
static rrk_status describe(const cli_system *system, char **out, rrk_error *err)
{
    base_buf text RRK_AUTO(base_buf_free) = {.max = MAX_ABOUT_BYTES};
    const cli_setup *setup = &system->setup;
    RRK_TRY(base_buf_append_string(&text, system->written, err));
    if (system->llm.handle)
        RRK_TRY(base_buf_printf(&text, err, "; %s at %s, prompt %s", system->llm.model, system->llm.endpoint,
                                setup->list.prompt ? setup->list.prompt : "one-turn"));
    if (system->encoder) {
        rrk_encoder_info info = {.size = sizeof info};
        RRK_TRY(rrk_encoder_get_info(system->encoder, &info, err));
        RRK_TRY(base_buf_printf(&text, err, "; %s on %s", info.name, info.compute));
    }
    *out = RRK_STEAL(text.data);
    return RRK_OK;
}

/* A table has one currency, the first. */
static void take_currency(outcome *o, eval_effort *effort, const cli_system *system)
{
    const char *currency = system->llm.price.currency;
    if (isnan(effort->cost))
        return;
    if (!o->currency)
        o->currency = currency;
    if (strcmp(o->currency, currency) == 0)
        return;
    fprintf(stderr, "rrk %s: the cost of '%s' is in %s and is not shown beside %s\n", verb.name,
            cli_system_name(system), currency, o->currency);
    effort->cost = NAN;
}

static rrk_status run_reversed(outcome *o, cli_system *system, const cli_ground *g, const cli_pass *given,
                               eval_system *out, rrk_error *err)
{
    cli_pass reversed RRK_AUTO(cli_pass_free) = {0};
    eval_ndcg_values values RRK_AUTO(eval_ndcg_values_free) = {0};
    RRK_TRY(cli_pass_run(&reversed, system, g, true, err));
    RRK_TRY(eval_ndcg_values_of(&values, g->qrels, g->asked, reversed.run, err));
    out->ran_reversed = true;
    out->reversed_effort = reversed.effort;
    take_currency(o, &out->reversed_effort, system);
    out->reversed_ndcg_10 = eval_ndcg_values_mean(&values, EVAL_AT_10);
    return cli_pass_compare(given, &reversed, &out->tau, &out->same_top, err);
}

static rrk_status run_strategy(outcome *o, cli_system *system, const cli_ground *g, bool with_reversed, rrk_error *err)
{
    cli_pass pass RRK_AUTO(cli_pass_free) = {0};
    eval_system *out = &o->systems[o->n];
    RRK_TRY(describe(system, &o->about[o->n], err));
    RRK_TRY(cli_pass_run(&pass, system, g, false, err));
    RRK_TRY(eval_ndcg_values_of(&o->values[o->n], g->qrels, g->asked, pass.run, err));
    out->about = o->about[o->n];
    out->ran = true;
    out->effort = pass.effort;
    take_currency(o, &out->effort, system);
    return with_reversed ? run_reversed(o, system, g, &pass, out, err) : RRK_OK;
}

static rrk_status run_system(outcome *o, cli_system *system, const cli_ground *g, bool with_reversed, rrk_error *err)
{
    o->systems[o->n] =
        (eval_system){.name = cli_system_name(system), .effort = {.cost = NAN}, .reversed_effort = {.cost = NAN}};
    if (system->reranker)
        return run_strategy(o, system, g, with_reversed, err);
    const rrk_run *run = system->run ? system->run : g->first_stage;
    return eval_ndcg_values_of(&o->values[o->n], g->qrels, g->asked, run, err);
}

/* --- the report --- */

static rrk_status print(const compare_values *values, const eval_comparison_report *report, base_output *page,
                        rrk_error *err)
{
    if (page->stream) {
        eval_comparison_page(page->stream, report);
        RRK_TRY(base_output_commit(page, err));
        if (strcmp(values->html, "-") == 0)
            return RRK_OK;
    }
    if (values->json)
        return eval_comparison_json(stdout, report, err);
    eval_comparison_table(stdout, report, (size_t)cli_columns(stdout));
    return RRK_OK;
}

static rrk_status run(const compare_values *values, cli_systems *systems, rrk_error *err)
{
    cli_ground g RRK_AUTO(cli_ground_close) = {0};
    outcome o RRK_AUTO(outcome_free) = {.n = 0};
    base_output page RRK_AUTO(base_output_abort) = {0};
    RRK_TRY(cli_ground_open(&g, &values->source, values->qrels, err));
    if (values->html)
        RRK_TRY(base_output_open(&page, values->html, err));
    for (; o.n < systems->n; o.n++)
        RRK_TRY(run_system(&o, &systems->items[o.n], &g, !values->no_reversed, err));
    RRK_TRY(eval_comparison_judge(o.systems, o.values, o.n, values->permutation_seed, values->permutations, err));
    eval_comparison_report report = {
        .version = rrk_version_string(),
        .candidates = values->source.candidates ? values->source.candidates : values->source.run,
        .qrels = values->qrels,
        .currency = o.currency,
        .n_queries = o.values[0].n,
        .n_unjudged = g.n_unjudged,
        .systems = o.systems,
        .n_systems = o.n,
    };
    return print(values, &report, &page, err);
}

static int check(const compare_values *values, size_t n_systems)
{
    const char *candidates = values->source.candidates;
    int code = cli_source_check(&verb, &values->source);
    if (code != CLI_GO_ON)
        return code;
    if (candidates && strcmp(candidates, "-") == 0)
        return cli_usage_error(&verb, "candidates are read more than once: they cannot be standard input");
    if (values->html && strcmp(values->html, "-") == 0 && values->json)
        return cli_usage_error(&verb, "--html - and --json both want standard output");
    if (n_systems == 0)
        return cli_usage_error(&verb, "needs a system: a strategy, run:FILE or first-stage");
    return CLI_GO_ON;
}

int cli_compare(int argc, char **argv)
{
    compare_values values = {.permutations = DEFAULT_PERMUTATIONS,
                             .permutation_seed = 1,
                             .setup = {.llm = CLI_LLM_DEFAULTS, .list = {.on_error = CLI_ON_ERROR_KEEP}}};
    cli_systems systems RRK_AUTO(cli_systems_close) = {.n = 0};
    rrk_error err = {0};
    int first, code;
    values.setup.llm.in_flight = 1;
    code = cli_parse(&verb, argc, argv, &values, &first);
    if (code != CLI_GO_ON)
        return code;
    code = check(&values, (size_t)(argc - first));
    if (code != CLI_GO_ON)
        return code;
    code = cli_systems_open(&systems, &verb, &values.setup, values.threads, argv + first, (size_t)(argc - first));
    if (code != CLI_GO_ON)
        return code;
    return run(&values, &systems, &err) == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
