/* rrk eval: runs against judgments, in trec_eval's lines for one run and in a table for several. */
#include "cli/cli.h"

#include "base/alloc.h"
#include "eval/compare.h"
#include "eval/report.h"

#include <jansson.h>
#include <stdlib.h>

enum { MAX_RUNS = 64, DEFAULT_PERMUTATIONS = 100000 };

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
    .name = "eval",
    .usage = "[OPTION...] QRELS RUN... | --sets NAME=QRELS:RUN...",
    .about = "Measures runs against judgments as trec_eval does. With several runs, or --sets, prints one table.",
    .options = options,
    .n_options = RRK_COUNT(options),
};

/* One line of the table. */
typedef struct row {
    char *name; /* owned */
    rrk_evaluation *evaluation;
} row;

typedef struct report {
    const eval_values *values;
    char *measure_text; /* cut in place; owned */
    const char *measures[RRK_EVAL_MAX_METRICS];
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
        if (r->n_measures == RRK_EVAL_MAX_METRICS)
            return base_fail(err, RRK_E_INVALID, 0, "at most %d measures can be asked for", RRK_EVAL_MAX_METRICS);
        r->measures[r->n_measures++] = word;
    }
    return RRK_OK;
}

static rrk_status add_row(report *r, const char *name, const rrk_qrels *qrels, const char *run_path, rrk_error *err)
{
    rrk_run *run RRK_AUTO(cli_free_run) = NULL;
    rrk_evaluate_options o;
    rrk_evaluate_options_init(&o);
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
    rrk_qrels *qrels RRK_AUTO(cli_free_qrels) = NULL;
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
    rrk_qrels *qrels RRK_AUTO(cli_free_qrels) = NULL;
    RRK_TRY(rrk_qrels_read(&qrels, qrels_path, err));
    return add_row(r, text, qrels, run_path, err);
}

/* --- for people --- */

static bool is_count(const rrk_evaluation *e, size_t measure)
{
    return strncmp(rrk_evaluation_metric(e, measure), "num_", 4) == 0;
}

static void print_table(const report *r)
{
    eval_report_row rows[MAX_RUNS];
    for (size_t i = 0; i < r->n_rows; i++)
        rows[i] = (eval_report_row){r->rows[i].name, r->rows[i].evaluation};
    eval_report_table(stdout, rows, r->n_rows, r->n_measures, r->values->sets && r->n_rows > 1);
}

/* --- comparisons: each run with the first, corrected for how many there are --- */

typedef struct comparisons {
    eval_comparison items[MAX_RUNS];
    double p_t[MAX_RUNS]; /* corrected */
    double p_fisher[MAX_RUNS];
    size_t n_queries[MAX_RUNS];
    size_t n;
} comparisons;

/* The values of the queries that both have; both are sorted by qid. */
static size_t pair_up(const rrk_evaluation *a, const rrk_evaluation *b, size_t measure, double *of_a, double *of_b)
{
    size_t n = 0, i = 0, j = 0;
    while (i < rrk_evaluation_queries(a) && j < rrk_evaluation_queries(b)) {
        rrk_text x = rrk_evaluation_qid(a, i), y = rrk_evaluation_qid(b, j);
        int order = memcmp(x.data, y.data, RRK_MIN(x.len, y.len));
        order = order ? order : (x.len > y.len) - (x.len < y.len);
        if (order == 0) {
            of_a[n] = rrk_evaluation_value(a, measure, i);
            of_b[n++] = rrk_evaluation_value(b, measure, j);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return n;
}

static rrk_status compare_pair(const report *r, size_t measure, size_t i, comparisons *out, rrk_error *err)
{
    const rrk_evaluation *a = r->rows[0].evaluation, *b = r->rows[i + 1].evaluation;
    size_t room = rrk_evaluation_queries(a);
    double *values RRK_AUTO(base_free_ptr) = base_alloc(2 * room, sizeof *values);
    if (!values)
        return base_fail(err, RRK_E_NOMEM, 0, "out of memory");
    size_t n = out->n_queries[i] = pair_up(a, b, measure, values, values + room);
    if (n < 2)
        return base_fail(err, RRK_E_INVALID, 0, "'%s' and '%s' share %zu queries, a test needs two", r->rows[0].name,
                         r->rows[i + 1].name, n);
    RRK_TRY(eval_compare(values, values + room, n, r->values->seed, r->values->permutations, &out->items[i], err));
    out->p_t[i] = out->items[i].p_t;
    out->p_fisher[i] = out->items[i].p_fisher;
    return RRK_OK;
}

static rrk_status compare_runs(const report *r, size_t measure, comparisons *out, rrk_error *err)
{
    out->n = r->n_rows - 1;
    for (size_t i = 0; i < out->n; i++)
        RRK_TRY(compare_pair(r, measure, i, out, err));
    RRK_TRY(eval_holm(out->p_t, out->n, err));
    return eval_holm(out->p_fisher, out->n, err);
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
                   c.items[i].difference, c.p_t[i], c.p_fisher[i], c.n_queries[i], r->rows[i + 1].name);
    }
    return RRK_OK;
}

/* --- for programs --- */

static json_t *values_json(const rrk_evaluation *e, size_t n_measures, size_t query, bool mean)
{
    json_t *object = json_object();
    for (size_t m = 0; m < n_measures; m++)
        json_object_set_new(object, rrk_evaluation_metric(e, m),
                            json_real(mean ? rrk_evaluation_mean(e, m) : rrk_evaluation_value(e, m, query)));
    return object;
}

static json_t *row_json(const row *from, size_t n_measures, bool per_query)
{
    json_t *object =
        json_pack("{s:s, s:I, s:o}", "run", from->name, "queries", (json_int_t)rrk_evaluation_queries(from->evaluation),
                  "measures", values_json(from->evaluation, n_measures, 0, true));
    if (!per_query)
        return object;
    json_t *queries = json_object();
    for (size_t q = 0; q < rrk_evaluation_queries(from->evaluation); q++) {
        rrk_text qid = rrk_evaluation_qid(from->evaluation, q);
        char *name RRK_AUTO(free_text) = base_strndup(qid.data, qid.len);
        json_object_set_new(queries, name ? name : "", values_json(from->evaluation, n_measures, q, false));
    }
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
                                                 rrk_evaluation_metric(r->rows[0].evaluation, m), "base",
                                                 r->rows[0].name, "run", r->rows[i + 1].name, "difference",
                                                 c.items[i].difference, "p_t_test", c.p_t[i], "p_random", c.p_fisher[i],
                                                 "queries", (json_int_t)c.n_queries[i]));
    }
    return RRK_OK;
}

static rrk_status print_json(const report *r, rrk_error *err)
{
    json_t *runs = json_array(), *root = json_pack("{s:o}", "runs", runs);
    for (size_t i = 0; i < r->n_rows; i++)
        json_array_append_new(runs, row_json(&r->rows[i], r->n_measures, r->values->per_query));
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
        eval_report_lines(stdout, r->rows[0].evaluation, r->n_measures, r->values->per_query);
    else
        print_table(r);
    return r->values->compare ? print_comparisons(r, err) : RRK_OK;
}

int cli_eval(int argc, char **argv)
{
    eval_values values = {.level = 1, .seed = 1, .permutations = DEFAULT_PERMUTATIONS};
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
