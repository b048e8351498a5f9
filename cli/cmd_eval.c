/* rrk eval: runs against judgments, in trec_eval's lines for one run and in a table for several. */
#include "cli/cli.h"

#include "base/alloc.h"

#include <jansson.h>
#include <stdlib.h>

enum { MAX_RUNS = 64 };

typedef struct eval_values {
    const char *measures;
    bool per_query;
    bool complete;
    size_t level;
    bool drop_self;
    bool sets;
    bool compare;
    size_t permutations;
    size_t seed;
    bool json;
} eval_values;

#define SLOT(field) offsetof(eval_values, field)

static const cli_option options[] = {
    CLI_TEXT_ROW("measures", 'm', SLOT(measures), "M,...", "what to measure (default nDCG@10,RR@10,AP,Recall@100)"),
    CLI_FLAG_ROW("per-query", 'q', SLOT(per_query), "print each query's values as well"),
    CLI_FLAG_ROW("complete", 'c', SLOT(complete), "average over all judged queries, missing ones as 0"),
    CLI_COUNT_ROW("level", 'l', SLOT(level), "smallest grade that is relevant, nDCG excepted (default 1)", 1, 1000),
    CLI_FLAG_ROW("drop-self", 0, SLOT(drop_self), "pass over hits whose docid is the qid, as BEIR does"),
    CLI_FLAG_ROW("sets", 0, SLOT(sets), "operands are NAME=QRELS:RUN, one a collection; the table ends with the mean"),
    CLI_FLAG_ROW("compare", 0, SLOT(compare), "test each run against the first: paired t-test and randomisation"),
    CLI_COUNT_ROW("permutations", 0, SLOT(permutations), "of the randomisation test (default 100000)", 1, 100000000),
    CLI_COUNT_ROW("seed", 0, SLOT(seed), "of the randomisation test (default 1)", 0, 4294967295.0),
    CLI_FLAG_ROW("json", 0, SLOT(json), "print one JSON object"),
};
static const cli_verb verb = {
    "eval",
    "[OPTION...] QRELS RUN... | --sets NAME=QRELS:RUN...",
    "Measures runs against judgments as trec_eval does. With several runs, or --sets, prints one table.",
    options,
    RRK_COUNT(options),
};

/* One line of the table. */
typedef struct row {
    char *name; /* owned */
    rrk_evaluation *evaluation;
} row;

typedef struct report {
    const eval_values *values;
    char *measure_text; /* cut in place; owned */
    const char *measures[RRK_EVAL_MAX_MEASURES];
    size_t n_measures;
    row rows[MAX_RUNS];
    size_t n_rows;
} report;

static void free_report(report *r)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        base_free(r->rows[i].name);
        rrk_evaluation_free(r->rows[i].evaluation);
    }
    base_free(r->measure_text);
}

static void free_qrels(rrk_qrels **qrels)
{
    rrk_qrels_free(*qrels);
}

static void free_run(rrk_run **run)
{
    rrk_run_free(*run);
}

static void free_text(char **text)
{
    base_free(*text);
}

static rrk_status split_measures(report *r, rrk_error *err)
{
    const char *list = r->values->measures ? r->values->measures : "nDCG@10,RR@10,AP,Recall@100";
    r->measure_text = base_strdup(list);
    if (!r->measure_text)
        return base_fail(err, RRK_E_NOMEM, 0, "out of memory");
    char *rest = r->measure_text, *word;
    while ((word = strsep(&rest, ",")) != NULL) {
        if (r->n_measures == RRK_EVAL_MAX_MEASURES)
            return base_fail(err, RRK_E_INVALID, 0, "at most %d measures can be asked for", RRK_EVAL_MAX_MEASURES);
        r->measures[r->n_measures++] = word;
    }
    return RRK_OK;
}

static rrk_status add_row(report *r, const char *name, const rrk_qrels *qrels, const char *run_path, rrk_error *err)
{
    rrk_run *run RRK_AUTO(free_run) = NULL;
    rrk_eval_options o;
    rrk_eval_options_init(&o);
    o.relevance_level = (int)r->values->level;
    o.complete = r->values->complete;
    o.drop_self = r->values->drop_self;
    RRK_TRY(rrk_run_read(&run, run_path, err));
    row *added = &r->rows[r->n_rows];
    added->name = base_strdup(name);
    if (!added->name)
        return base_fail(err, RRK_E_NOMEM, 0, "out of memory");
    r->n_rows++;
    return rrk_evaluate(&added->evaluation, qrels, run, r->measures, r->n_measures, &o, err);
}

static rrk_status read_runs(report *r, char **operands, size_t n, rrk_error *err)
{
    rrk_qrels *qrels RRK_AUTO(free_qrels) = NULL;
    RRK_TRY(rrk_qrels_read(&qrels, operands[0], err));
    for (size_t i = 1; i < n; i++)
        RRK_TRY(add_row(r, operands[i], qrels, operands[i], err));
    return RRK_OK;
}

static rrk_status read_set(report *r, const char *operand, rrk_error *err)
{
    char *text RRK_AUTO(free_text) = base_strdup(operand);
    if (!text)
        return base_fail(err, RRK_E_NOMEM, 0, "out of memory");
    char *qrels_path = strchr(text, '='), *run_path = qrels_path ? strchr(qrels_path, ':') : NULL;
    if (!run_path)
        return base_fail(err, RRK_E_INVALID, 0, "'%s' is no set: expected NAME=QRELS:RUN", operand);
    *qrels_path++ = '\0';
    *run_path++ = '\0';
    rrk_qrels *qrels RRK_AUTO(free_qrels) = NULL;
    RRK_TRY(rrk_qrels_read(&qrels, qrels_path, err));
    return add_row(r, text, qrels, run_path, err);
}

/* --- for people --- */

static bool is_count(const rrk_evaluation *e, size_t measure)
{
    return strncmp(rrk_evaluation_measure(e, measure), "num_", 4) == 0;
}

static void print_line(const rrk_evaluation *e, size_t measure, const char *query, double value)
{
    if (is_count(e, measure))
        printf("%-22s\t%s\t%.0f\n", rrk_evaluation_measure(e, measure), query, value);
    else
        printf("%-22s\t%s\t%.4f\n", rrk_evaluation_measure(e, measure), query, value);
}

static void print_trec(const rrk_evaluation *e, bool per_query)
{
    for (size_t q = 0; per_query && q < rrk_evaluation_n_queries(e); q++) {
        for (size_t m = 0; m < rrk_evaluation_n_measures(e); m++)
            print_line(e, m, rrk_evaluation_query(e, q), rrk_evaluation_value(e, q, m));
    }
    for (size_t m = 0; m < rrk_evaluation_n_measures(e); m++)
        print_line(e, m, "all", rrk_evaluation_mean(e, m));
}

static void print_cells(const rrk_evaluation *shape, const double *values)
{
    for (size_t m = 0; m < rrk_evaluation_n_measures(shape); m++) {
        int width = (int)strlen(rrk_evaluation_measure(shape, m));
        printf("  %*.*f", RRK_MAX(width, 8), is_count(shape, m) ? 0 : 4, values[m]);
    }
    putchar('\n');
}

static void print_table(const report *r)
{
    int width = 4;
    const rrk_evaluation *shape = r->rows[0].evaluation;
    double mean[RRK_EVAL_MAX_MEASURES] = {0}, values[RRK_EVAL_MAX_MEASURES];
    for (size_t i = 0; i < r->n_rows; i++)
        width = RRK_MAX(width, (int)strlen(r->rows[i].name));
    printf("%-*s", width, "");
    for (size_t m = 0; m < r->n_measures; m++)
        printf("  %8s", rrk_evaluation_measure(shape, m));
    putchar('\n');
    for (size_t i = 0; i < r->n_rows; i++) {
        for (size_t m = 0; m < r->n_measures; m++) {
            values[m] = rrk_evaluation_mean(r->rows[i].evaluation, m);
            mean[m] += values[m] / (double)r->n_rows;
        }
        printf("%-*s", width, r->rows[i].name);
        print_cells(shape, values);
    }
    if (r->values->sets && r->n_rows > 1) {
        printf("%-*s", width, "mean");
        print_cells(shape, mean);
    }
}

/* --- comparisons: each run with the first, corrected for how many there are --- */

typedef struct comparisons {
    rrk_comparison items[MAX_RUNS];
    double p_t_test[MAX_RUNS]; /* corrected */
    double p_random[MAX_RUNS];
    size_t n;
} comparisons;

static rrk_status compare_runs(const report *r, size_t measure, comparisons *out, rrk_error *err)
{
    out->n = r->n_rows - 1;
    for (size_t i = 0; i < out->n; i++) {
        out->items[i] = (rrk_comparison){.size = sizeof out->items[i]};
        RRK_TRY(rrk_compare(r->rows[0].evaluation, r->rows[i + 1].evaluation, measure, r->values->permutations,
                            r->values->seed, &out->items[i], err));
        out->p_t_test[i] = out->items[i].p_t_test;
        out->p_random[i] = out->items[i].p_random;
    }
    rrk_holm(out->p_t_test, out->n);
    rrk_holm(out->p_random, out->n);
    return RRK_OK;
}

static rrk_status print_comparisons(const report *r, rrk_error *err)
{
    printf("\nagainst %s; p-values two-sided, Holm-corrected over %zu run%s\n", r->rows[0].name, r->n_rows - 1,
           r->n_rows == 2 ? "" : "s");
    for (size_t m = 0; m < r->n_measures; m++) {
        if (is_count(r->rows[0].evaluation, m))
            continue;
        comparisons c;
        RRK_TRY(compare_runs(r, m, &c, err));
        for (size_t i = 0; i < c.n; i++)
            printf("%-22s  %+.4f  t-test p %.4g  randomisation p %.4g  (%zu queries)  %s\n", r->measures[m],
                   c.items[i].difference, c.p_t_test[i], c.p_random[i], c.items[i].n_queries, r->rows[i + 1].name);
    }
    return RRK_OK;
}

/* --- for programs --- */

static json_t *values_json(const rrk_evaluation *e, size_t query, bool mean)
{
    json_t *object = json_object();
    for (size_t m = 0; m < rrk_evaluation_n_measures(e); m++)
        json_object_set_new(object, rrk_evaluation_measure(e, m),
                            json_real(mean ? rrk_evaluation_mean(e, m) : rrk_evaluation_value(e, query, m)));
    return object;
}

static json_t *row_json(const row *from, bool per_query)
{
    json_t *object = json_pack("{s:s, s:I, s:o}", "run", from->name, "queries",
                               (json_int_t)rrk_evaluation_n_queries(from->evaluation), "measures",
                               values_json(from->evaluation, 0, true));
    if (!per_query)
        return object;
    json_t *queries = json_object();
    for (size_t q = 0; q < rrk_evaluation_n_queries(from->evaluation); q++)
        json_object_set_new(queries, rrk_evaluation_query(from->evaluation, q),
                            values_json(from->evaluation, q, false));
    json_object_set_new(object, "per_query", queries);
    return object;
}

static rrk_status comparisons_json(const report *r, json_t *out, rrk_error *err)
{
    for (size_t m = 0; m < r->n_measures; m++) {
        comparisons c;
        RRK_TRY(compare_runs(r, m, &c, err));
        for (size_t i = 0; i < c.n; i++)
            json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:I}", "measure",
                                                 rrk_evaluation_measure(r->rows[0].evaluation, m), "base",
                                                 r->rows[0].name, "run", r->rows[i + 1].name, "difference",
                                                 c.items[i].difference, "p_t_test", c.p_t_test[i], "p_random",
                                                 c.p_random[i], "queries", (json_int_t)c.items[i].n_queries));
    }
    return RRK_OK;
}

static rrk_status print_json(const report *r, rrk_error *err)
{
    json_t *runs = json_array(), *root = json_pack("{s:o}", "runs", runs);
    for (size_t i = 0; i < r->n_rows; i++)
        json_array_append_new(runs, row_json(&r->rows[i], r->values->per_query));
    rrk_status status = RRK_OK;
    if (r->values->compare) {
        json_t *list = json_array();
        status = comparisons_json(r, list, err);
        json_object_set_new(root, "comparisons", list);
    }
    if (status == RRK_OK && (json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || putchar('\n') == EOF))
        status = base_fail(err, RRK_E_IO, 0, "cannot write to standard output");
    json_decref(root);
    return status;
}

static rrk_status run_eval(report *r, char **operands, size_t n, rrk_error *err)
{
    RRK_TRY(split_measures(r, err));
    if (!r->values->sets)
        RRK_TRY(read_runs(r, operands, n, err));
    for (size_t i = 0; r->values->sets && i < n; i++)
        RRK_TRY(read_set(r, operands[i], err));
    if (r->values->json)
        return print_json(r, err);
    if (r->n_rows == 1)
        print_trec(r->rows[0].evaluation, r->values->per_query);
    else
        print_table(r);
    return r->values->compare ? print_comparisons(r, err) : RRK_OK;
}

int cli_eval(int argc, char **argv)
{
    eval_values values = {.level = 1, .seed = 1, .permutations = RRK_COMPARE_DEFAULT_PERMUTATIONS};
    int first, code = cli_parse(&verb, argc, argv, &values, &first);
    if (code != CLI_GO_ON)
        return code;
    size_t n = (size_t)(argc - first), n_runs = values.sets ? n : n - (n > 0);
    if (n_runs < 1)
        return cli_usage_error(&verb, values.sets ? "needs at least one NAME=QRELS:RUN" : "needs QRELS and a RUN");
    if (n_runs > MAX_RUNS)
        return cli_usage_error(&verb, "takes at most %d runs", MAX_RUNS);
    if (values.compare && (values.sets || n_runs < 2))
        return cli_usage_error(&verb, "--compare needs two runs of one collection");
    rrk_error err = {0};
    report r RRK_AUTO(free_report) = {.values = &values};
    if (run_eval(&r, argv + first, n, &err) != RRK_OK)
        return cli_failed(&verb, &err);
    return CLI_DONE;
}
