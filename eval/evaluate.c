/* A run against judgments, query by query. */
#include "base/alloc.h"
#include "base/text.h"
#include "eval/files.h"
#include "eval/measures.h"

#include <stdlib.h>
#include <string.h>

struct rrk_evaluation {
    eval_measure *measures; /* [n_measures] */
    size_t n_measures;
    char **queries; /* [n_queries], sorted; each owned */
    double *values; /* [n_queries, n_measures] */
    size_t n_queries;
};

/* Room for one query's grades, kept from query to query. */
typedef struct grades {
    int32_t *of_run;
    int32_t *ideal;
    size_t cap_run, cap_ideal;
    base_buf key;
} grades;

static void free_grades(grades *g)
{
    base_free(g->of_run);
    base_free(g->ideal);
    base_buf_free(&g->key);
}

static void free_ptr(rrk_evaluation **evaluation)
{
    rrk_evaluation_free(*evaluation);
}

static rrk_status reserve(int32_t **array, size_t *cap, size_t n, rrk_error *err)
{
    if (n <= *cap)
        return RRK_OK;
    int32_t *grown = base_realloc(*array, n, sizeof *grown);
    if (!grown)
        return base_fail_nomem(err, n * sizeof *grown);
    *array = grown;
    *cap = n;
    return RRK_OK;
}

/* The run's entries of a query; none when the run does not have it. */
static const eval_entry *hits_of(const rrk_run *run, rrk_text qid, size_t *n)
{
    int64_t query;
    *n = 0;
    if (!base_map_get(run->table.queries, qid, &query))
        return NULL;
    *n = run->table.first[query + 1] - run->table.first[query];
    return run->table.entries + run->table.first[query];
}

static rrk_status grade_hits(const rrk_qrels *qrels, rrk_text qid, const eval_entry *hits, size_t n_hits,
                             bool drop_self, grades *g, size_t *n, rrk_error *err)
{
    RRK_TRY(reserve(&g->of_run, &g->cap_run, n_hits, err));
    *n = 0;
    for (size_t i = 0; i < n_hits; i++) {
        if (drop_self && base_text_equals(hits[i].docid, qid))
            continue;
        int32_t grade = 0;
        RRK_TRY(eval_pair_key(qid, hits[i].docid, &g->key, err));
        eval_grade(qrels, (rrk_text){g->key.data, g->key.len}, &grade);
        g->of_run[(*n)++] = grade;
    }
    return RRK_OK;
}

static rrk_status ideal_grades(const rrk_qrels *qrels, size_t query, grades *g, size_t *n, rrk_error *err)
{
    const eval_table *t = &qrels->table;
    *n = t->first[query + 1] - t->first[query];
    RRK_TRY(reserve(&g->ideal, &g->cap_ideal, *n, err));
    for (size_t i = 0; i < *n; i++)
        g->ideal[i] = t->entries[t->first[query] + i].grade;
    return RRK_OK;
}

static rrk_status evaluate_query(rrk_evaluation *e, const rrk_qrels *qrels, const rrk_run *run, size_t query,
                                 const rrk_eval_options *options, grades *g, rrk_error *err)
{
    rrk_text qid = base_map_key(qrels->table.queries, query);
    size_t n_hits;
    const eval_entry *hits = hits_of(run, qid, &n_hits);
    if (!hits && !options->complete)
        return RRK_OK;
    eval_order order = {.relevance_level = options->relevance_level};
    RRK_TRY(grade_hits(qrels, qid, hits, n_hits, options->drop_self != 0, g, &order.n, err));
    RRK_TRY(ideal_grades(qrels, query, g, &order.n_ideal, err));
    order.grades = g->of_run;
    order.ideal = g->ideal;
    e->queries[e->n_queries] = base_strndup(qid.data, qid.len);
    if (!e->queries[e->n_queries])
        return base_fail_nomem(err, qid.len);
    for (size_t m = 0; m < e->n_measures; m++)
        e->values[e->n_queries * e->n_measures + m] = eval_measure_value(&e->measures[m], &order);
    e->n_queries++;
    return RRK_OK;
}

typedef struct named {
    const char *name;
    size_t query;
} named;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

/* The numbers of the judged queries in the order of their ids. */
static rrk_status sorted_queries(const rrk_qrels *qrels, named **out, char **memory, rrk_error *err)
{
    size_t n = base_map_len(qrels->table.queries), bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += base_map_key(qrels->table.queries, i).len + 1;
    *out = base_alloc(n, sizeof **out);
    *memory = base_alloc(bytes, 1);
    if (!*out || !*memory)
        return base_fail_nomem(err, bytes + n * sizeof **out);
    char *at = *memory;
    for (size_t i = 0; i < n; i++) {
        rrk_text qid = base_map_key(qrels->table.queries, i);
        memcpy(at, qid.data, qid.len);
        at[qid.len] = '\0';
        (*out)[i] = (named){at, i};
        at += qid.len + 1;
    }
    qsort(*out, n, sizeof **out, by_name);
    return RRK_OK;
}

static rrk_status evaluate(rrk_evaluation *e, const rrk_qrels *qrels, const rrk_run *run,
                           const rrk_eval_options *options, rrk_error *err)
{
    size_t n = base_map_len(qrels->table.queries);
    named *order RRK_AUTO(base_free_ptr) = NULL;
    char *memory RRK_AUTO(base_free_ptr) = NULL;
    RRK_TRY(sorted_queries(qrels, &order, &memory, err));
    e->queries = base_calloc(n, sizeof *e->queries);
    e->values = base_calloc(n, e->n_measures * sizeof *e->values);
    if (!e->queries || !e->values)
        return base_fail_nomem(err, n * e->n_measures * sizeof *e->values);
    grades g RRK_AUTO(free_grades) = {.key.max = 2 * RRK_EVAL_MAX_LINE_BYTES};
    for (size_t i = 0; i < n; i++)
        RRK_TRY(evaluate_query(e, qrels, run, order[i].query, options, &g, err));
    return RRK_OK;
}

static rrk_status parse_measures(rrk_evaluation *e, const char *const *names, size_t n, rrk_error *err)
{
    if (n == 0 || n > RRK_EVAL_MAX_MEASURES)
        return base_fail(err, RRK_E_INVALID, 0, "%zu measures are asked for, expected 1 to %d", n,
                         RRK_EVAL_MAX_MEASURES);
    e->measures = base_calloc(n, sizeof *e->measures);
    if (!e->measures)
        return base_fail_nomem(err, n * sizeof *e->measures);
    for (e->n_measures = 0; e->n_measures < n; e->n_measures++)
        RRK_TRY(eval_measure_parse(names[e->n_measures], &e->measures[e->n_measures], err));
    return RRK_OK;
}

rrk_status rrk_evaluate(rrk_evaluation **out, const rrk_qrels *qrels, const rrk_run *run, const char *const *measures,
                        size_t n_measures, const rrk_eval_options *options, rrk_error *err)
{
    base_error_clear(err);
    if (!out || !qrels || !run || !measures)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL",
                         !out     ? "out"
                         : !qrels ? "qrels"
                         : !run   ? "run"
                                  : "measures");
    *out = NULL;
    rrk_eval_options taken;
    rrk_eval_options_init(&taken);
    BASE_TAKE_OPTIONS(&taken, options);
    rrk_evaluation *e RRK_AUTO(free_ptr) = base_calloc(1, sizeof *e);
    if (!e)
        return base_fail_nomem(err, sizeof *e);
    RRK_TRY(parse_measures(e, measures, n_measures, err));
    RRK_TRY(evaluate(e, qrels, run, &taken, err));
    *out = RRK_STEAL(e);
    return RRK_OK;
}

void rrk_evaluation_free(rrk_evaluation *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_queries; i++)
        base_free(e->queries[i]);
    base_free(e->queries);
    base_free(e->values);
    base_free(e->measures);
    base_free(e);
}

size_t rrk_evaluation_n_queries(const rrk_evaluation *e)
{
    return e ? e->n_queries : 0;
}

size_t rrk_evaluation_n_measures(const rrk_evaluation *e)
{
    return e ? e->n_measures : 0;
}

const char *rrk_evaluation_measure(const rrk_evaluation *e, size_t measure)
{
    return e && measure < e->n_measures ? e->measures[measure].name : NULL;
}

const char *rrk_evaluation_query(const rrk_evaluation *e, size_t query)
{
    return e && query < e->n_queries ? e->queries[query] : NULL;
}

double rrk_evaluation_value(const rrk_evaluation *e, size_t query, size_t measure)
{
    return e && query < e->n_queries && measure < e->n_measures ? e->values[query * e->n_measures + measure] : 0;
}

double rrk_evaluation_mean(const rrk_evaluation *e, size_t measure)
{
    double sum = 0;
    size_t n = rrk_evaluation_n_queries(e);
    for (size_t q = 0; q < n; q++)
        sum += rrk_evaluation_value(e, q, measure);
    return n && measure < e->n_measures && !eval_measure_is_count(&e->measures[measure]) ? sum / (double)n : sum;
}
