/* A comparison for programs: every figure there is, null where there is none. */
#include "eval/comparison.h"

#include <jansson.h>
#include <math.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cuts_json(const eval_system *system, json_t *(*at)(const eval_system *system, size_t cut))
{
    static const char *const NAMES[EVAL_N_CUTS] = {"1", "5", "10"};
    json_t *object = json_object();
    for (size_t cut = 0; cut < EVAL_N_CUTS; cut++)
        json_object_set_new(object, NAMES[cut], at(system, cut));
    return object;
}

static json_t *ndcg_at(const eval_system *system, size_t cut)
{
    return number(system->ndcg[cut]);
}

static json_t *difference_at(const eval_system *system, size_t cut)
{
    const eval_difference *d = &system->against_first[cut];
    if (isnan(d->mean))
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "difference", number(d->mean), "p_t_test", number(d->p_t), "p_random",
                     number(d->p_fisher));
}

static json_t *effort_json(const eval_effort *effort)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "calls", (json_int_t)effort->n_calls,
                     "cached_calls", (json_int_t)effort->n_cached, "tokens_in", (json_int_t)effort->tokens_in,
                     "tokens_out", (json_int_t)effort->tokens_out, "estimated_calls", (json_int_t)effort->n_estimated,
                     "malformed_replies", (json_int_t)effort->n_malformed, "failed_queries",
                     (json_int_t)effort->n_failed, "seconds", number(effort->seconds), "median_query_seconds",
                     number(effort->median_s), "cost", number(effort->cost));
}

static json_t *reversed_json(const eval_system *system)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "ndcg_10", number(system->reversed_ndcg_10), "tau", number(system->tau),
                     "same_top_10", number(system->same_top), "effort", effort_json(&system->reversed_effort));
}

static json_t *system_json(const eval_system *system)
{
    return json_pack("{s:s, s:s?, s:o, s:o, s:o, s:o}", "name", system->name, "about", system->about, "ndcg",
                     cuts_json(system, ndcg_at), "against_first", cuts_json(system, difference_at), "effort",
                     system->ran ? effort_json(&system->effort) : json_null(), "reversed",
                     system->ran_reversed ? reversed_json(system) : json_null());
}

rrk_status eval_comparison_json(FILE *out, const eval_comparison_report *report, rrk_error *err)
{
    json_t *systems = json_array();
    rrk_status status = RRK_OK;
    for (size_t i = 0; i < report->n_systems && status == RRK_OK; i++)
        if (json_array_append_new(systems, system_json(&report->systems[i])) != 0)
            status = base_fail(err, RRK_E_FORMAT, 0, "the name of system %zu is not UTF-8", i + 1);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:O}", "rrk", report->version, "candidates", report->candidates,
                  "qrels", report->qrels, "currency", report->currency, "queries", (json_int_t)report->n_queries,
                  "unjudged_queries", (json_int_t)report->n_unjudged, "systems", systems);
    json_decref(systems);
    if (!root && status == RRK_OK)
        status = base_fail(err, RRK_E_FORMAT, 0, "a file's name is not UTF-8");
    if (status == RRK_OK &&
        (json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0 || fputc('\n', out) < 0))
        status = base_fail(err, RRK_E_IO, 0, "the report could not be written");
    json_decref(root);
    return status;
}
