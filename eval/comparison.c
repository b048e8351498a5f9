/* The figures of a comparison: nDCG over the queries that count, and tests against the first system. */
#include "eval/comparison.h"
#include "base/alloc.h"
#include "eval/compare.h"

#include <math.h>

const size_t eval_cuts[EVAL_N_CUTS] = {1, 5, 10};
static const char *const METRICS[EVAL_N_CUTS] = {"ndcg_cut_1", "ndcg_cut_5", "ndcg_cut_10"};

static void free_evaluation_ptr(rrk_evaluation **evaluation)
{
    rrk_evaluation_free(*evaluation);
}

rrk_status eval_ndcg_values_of(eval_ndcg_values *out, const rrk_qrels *qrels, const base_map *asked, const rrk_run *run,
                               rrk_error *err)
{
    rrk_evaluation *e RRK_AUTO(free_evaluation_ptr) = NULL;
    rrk_evaluate_options options;
    rrk_evaluate_options_init(&options);
    options.complete = 1;
    *out = (eval_ndcg_values){0};
    RRK_TRY(rrk_evaluate(&e, qrels, run, METRICS, EVAL_N_CUTS, &options, err));
    size_t room = rrk_evaluation_queries(e);
    out->at[0] = base_alloc(room, EVAL_N_CUTS * sizeof *out->at[0]);
    if (!out->at[0])
        return base_fail_nomem(err, room * EVAL_N_CUTS * sizeof *out->at[0]);
    for (size_t cut = 1; cut < EVAL_N_CUTS; cut++)
        out->at[cut] = out->at[cut - 1] + room;
    for (size_t q = 0; q < room; q++) {
        int64_t unused;
        if (!base_map_get(asked, rrk_evaluation_qid(e, q), &unused))
            continue;
        for (size_t cut = 0; cut < EVAL_N_CUTS; cut++)
            out->at[cut][out->n] = rrk_evaluation_value(e, cut, q);
        out->n++;
    }
    return RRK_OK;
}

void eval_ndcg_values_free(eval_ndcg_values *values)
{
    base_free(values->at[0]);
    *values = (eval_ndcg_values){0};
}

double eval_ndcg_values_mean(const eval_ndcg_values *values, size_t cut)
{
    double sum = 0;
    for (size_t i = 0; i < values->n; i++)
        sum += values->at[cut][i];
    return values->n ? sum / (double)values->n : NAN;
}

static rrk_status test_at(eval_system *systems, const eval_ndcg_values *values, size_t n, size_t cut, uint64_t seed,
                          uint64_t rounds, rrk_error *err)
{
    double p_t[EVAL_MAX_SYSTEMS], p_fisher[EVAL_MAX_SYSTEMS];
    for (size_t i = 1; i < n; i++) {
        eval_comparison c;
        RRK_TRY(eval_compare(values[0].at[cut], values[i].at[cut], values[0].n, seed, rounds, &c, err));
        systems[i].against_first[cut].mean = c.difference;
        p_t[i] = c.p_t;
        p_fisher[i] = c.p_fisher;
    }
    RRK_TRY(eval_holm(p_t + 1, n - 1, err));
    RRK_TRY(eval_holm(p_fisher + 1, n - 1, err));
    for (size_t i = 1; i < n; i++) {
        systems[i].against_first[cut].p_t = p_t[i];
        systems[i].against_first[cut].p_fisher = p_fisher[i];
    }
    return RRK_OK;
}

rrk_status eval_comparison_judge(eval_system *systems, const eval_ndcg_values *values, size_t n, uint64_t seed,
                                 uint64_t rounds, rrk_error *err)
{
    if (n == 0 || n > EVAL_MAX_SYSTEMS)
        return base_fail(err, RRK_E_INVALID, 0, "%zu systems: from 1 to %d can be compared", n, EVAL_MAX_SYSTEMS);
    for (size_t i = 1; i < n; i++)
        if (values[i].n != values[0].n)
            return base_fail(err, RRK_E_INVALID, 0, "'%s' has values for %zu queries, '%s' for %zu", systems[i].name,
                             values[i].n, systems[0].name, values[0].n);
    for (size_t cut = 0; cut < EVAL_N_CUTS; cut++) {
        for (size_t i = 0; i < n; i++) {
            systems[i].ndcg[cut] = eval_ndcg_values_mean(&values[i], cut);
            systems[i].against_first[cut] = (eval_difference){NAN, NAN, NAN};
        }
        /* One query is no sample; its figures stand without a test. */
        if (values[0].n > 1)
            RRK_TRY(test_at(systems, values, n, cut, seed, rounds, err));
    }
    return RRK_OK;
}
