/* Evaluation: which queries count, each one's ranking against its judgements, and the average over them. */
#include "base/alloc.h"
#include "eval/metric.h"
#include "eval/table.h"

#include <math.h>
#include <stdlib.h>

struct rrk_evaluation {
    eval_metric *metrics; /* [n_metrics] */
    size_t n_metrics;
    rrk_text *qids; /* [n_queries], each owned */
    size_t n_queries;
    double *values; /* [n_queries][n_metrics] */
};

void rrk_evaluation_free(rrk_evaluation *evaluation)
{
    if (!evaluation)
        return;
    for (size_t i = 0; evaluation->qids && i < evaluation->n_queries; i++) {
        char *data;
        memcpy(&data, &evaluation->qids[i].data, sizeof data);
        base_free(data);
    }
    base_free(evaluation->qids);
    base_free(evaluation->values);
    base_free(evaluation->metrics);
    base_free(evaluation);
}

static void free_evaluation_ptr(rrk_evaluation **evaluation)
{
    rrk_evaluation_free(*evaluation);
}

static int compare_qids(const void *left, const void *right)
{
    const rrk_text *a = left, *b = right;
    int order = memcmp(a->data, b->data, RRK_MIN(a->len, b->len));
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int descending(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a < *b) - (*a > *b);
}

static rrk_status pick_queries(rrk_evaluation *e, const rrk_qrels *qrels, const rrk_run *run, bool complete,
                               rrk_error *err)
{
    size_t n = rrk_qrels_queries(qrels);
    e->qids = base_calloc(n, sizeof *e->qids);
    if (!e->qids)
        return base_fail_nomem(err, n * sizeof *e->qids);
    for (size_t i = 0; i < n; i++) {
        rrk_text qid = base_map_key(qrels->table.qids, i);
        if (!complete && !eval_table_docs(&run->table, qid))
            continue;
        const char *copy = base_strndup(qid.data, qid.len);
        if (!copy)
            return base_fail_nomem(err, qid.len);
        e->qids[e->n_queries++] = (rrk_text){.data = copy, .len = qid.len};
    }
    if (e->n_queries == 0)
        return base_fail(err, RRK_E_NOTFOUND, 0, "the run has none of the queries of the qrels");
    qsort(e->qids, e->n_queries, sizeof *e->qids, compare_qids);
    return RRK_OK;
}

/* The grades of the run's hits, best first. */
static rrk_status grade_hits(const base_map *judged, const base_map *docs, rrk_text drop, int64_t *grades, size_t *n,
                             rrk_error *err)
{
    eval_hit *hits RRK_AUTO(base_free_ptr) = NULL;
    size_t n_hits;
    RRK_TRY(eval_run_order(docs, &hits, &n_hits, err));
    *n = 0;
    for (size_t i = 0; i < n_hits; i++) {
        if (drop.len && hits[i].docid.len == drop.len && memcmp(hits[i].docid.data, drop.data, drop.len) == 0)
            continue;
        int64_t grade = 0;
        base_map_get(judged, hits[i].docid, &grade);
        grades[(*n)++] = grade;
    }
    return RRK_OK;
}

static void ideal_order(const base_map *judged, int64_t *ideal, eval_ranking *ranking)
{
    for (size_t i = 0; i < base_map_len(judged); i++) {
        int64_t grade = base_map_value(judged, i);
        if (grade > 0)
            ideal[ranking->n_ideal++] = grade;
        ranking->n_rel += grade >= ranking->level;
    }
    qsort(ideal, ranking->n_ideal, sizeof *ideal, descending);
    ranking->ideal = ideal;
}

static rrk_status measure(rrk_evaluation *e, size_t query, const base_map *judged, const base_map *docs,
                          const rrk_evaluate_options *options, rrk_error *err)
{
    size_t n_docs = docs ? base_map_len(docs) : 0;
    size_t n = n_docs + base_map_len(judged);
    int64_t *grades RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *grades);
    if (!grades)
        return base_fail_nomem(err, n * sizeof *grades);
    eval_ranking ranking = {.grades = grades, .level = options->relevance_level};
    if (docs) {
        rrk_text drop = options->drop_self ? e->qids[query] : (rrk_text){0};
        RRK_TRY(grade_hits(judged, docs, drop, grades, &ranking.n_ret, err));
    }
    ideal_order(judged, grades + n_docs, &ranking);
    for (size_t m = 0; m < e->n_metrics; m++)
        e->values[query * e->n_metrics + m] = eval_metric_value(&e->metrics[m], &ranking);
    return RRK_OK;
}

static rrk_status check_arguments(const rrk_qrels *qrels, const rrk_run *run, const char *const *metrics,
                                  size_t n_metrics, rrk_error *err)
{
    if (!qrels || !run || !metrics)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !qrels ? "qrels" : !run ? "run" : "metrics");
    RRK_TRY(base_owner_check(&qrels->owner, "qrels", err));
    RRK_TRY(base_owner_check(&run->owner, "run", err));
    if (n_metrics == 0 || n_metrics > RRK_EVAL_MAX_METRICS)
        return base_fail(err, RRK_E_INVALID, 0, "%zu metrics: from 1 to %d are possible", n_metrics,
                         RRK_EVAL_MAX_METRICS);
    for (size_t i = 0; i < n_metrics; i++)
        if (!metrics[i])
            return base_fail(err, RRK_E_INVALID, 0, "metrics[%zu] is NULL", i);
    return RRK_OK;
}

rrk_status rrk_evaluate(rrk_evaluation **out, const rrk_qrels *qrels, const rrk_run *run, const char *const *metrics,
                        size_t n_metrics, const rrk_evaluate_options *given, rrk_error *err)
{
    base_error_clear(err);
    if (!out)
        return base_fail(err, RRK_E_INVALID, 0, "out is NULL");
    *out = NULL;
    RRK_TRY(check_arguments(qrels, run, metrics, n_metrics, err));
    rrk_evaluate_options options;
    rrk_evaluate_options_init(&options);
    BASE_TAKE_OPTIONS(&options, given);
    if (options.relevance_level < 1)
        return base_fail(err, RRK_E_INVALID, 0, "relevance_level is %d: 1 is the least", options.relevance_level);
    rrk_evaluation *e RRK_AUTO(free_evaluation_ptr) = base_calloc(1, sizeof *e);
    if (!e || !(e->metrics = base_calloc(n_metrics, sizeof *e->metrics)))
        return base_fail_nomem(err, n_metrics * sizeof(eval_metric));
    for (; e->n_metrics < n_metrics; e->n_metrics++)
        RRK_TRY(eval_metric_parse(metrics[e->n_metrics], &e->metrics[e->n_metrics], err));
    RRK_TRY(pick_queries(e, qrels, run, options.complete, err));
    e->values = base_calloc(e->n_queries, n_metrics * sizeof *e->values);
    if (!e->values)
        return base_fail_nomem(err, e->n_queries * n_metrics * sizeof *e->values);
    for (size_t i = 0; i < e->n_queries; i++)
        RRK_TRY(measure(e, i, eval_table_docs(&qrels->table, e->qids[i]), eval_table_docs(&run->table, e->qids[i]),
                        &options, err));
    *out = RRK_STEAL(e);
    return RRK_OK;
}

size_t rrk_evaluation_queries(const rrk_evaluation *evaluation)
{
    return evaluation ? evaluation->n_queries : 0;
}

rrk_text rrk_evaluation_qid(const rrk_evaluation *evaluation, size_t query)
{
    return query < rrk_evaluation_queries(evaluation) ? evaluation->qids[query] : (rrk_text){0};
}

const char *rrk_evaluation_metric(const rrk_evaluation *evaluation, size_t metric)
{
    return evaluation && metric < evaluation->n_metrics ? evaluation->metrics[metric].name : NULL;
}

double rrk_evaluation_value(const rrk_evaluation *evaluation, size_t metric, size_t query)
{
    if (query >= rrk_evaluation_queries(evaluation) || metric >= evaluation->n_metrics)
        return NAN;
    return evaluation->values[query * evaluation->n_metrics + metric];
}

double rrk_evaluation_mean(const rrk_evaluation *evaluation, size_t metric)
{
    if (!rrk_evaluation_metric(evaluation, metric))
        return NAN;
    double sum = 0;
    for (size_t i = 0; i < evaluation->n_queries; i++)
        sum += rrk_evaluation_value(evaluation, metric, i);
    return eval_metric_is_count(&evaluation->metrics[metric]) ? sum : sum / (double)evaluation->n_queries;
}
