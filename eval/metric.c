/* The arithmetic of the metrics: see metric.h. */
#include "eval/metric.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef enum cut_rule { CUT_NEVER, CUT_MUST } cut_rule;

typedef struct spelling {
    const char *prefix; /* what stands before the number, or the whole name */
    eval_metric_kind kind;
    cut_rule cut;
    const char *canonical;
} spelling;

static const spelling spellings[] = {
    {"ndcg_cut_", EVAL_NDCG, CUT_MUST, "ndcg_cut_"},
    {"nDCG@", EVAL_NDCG, CUT_MUST, "ndcg_cut_"},
    {"ndcg", EVAL_NDCG, CUT_NEVER, "ndcg"},
    {"recip_rank_cut_", EVAL_RR, CUT_MUST, "recip_rank_cut_"},
    {"RR@", EVAL_RR, CUT_MUST, "recip_rank_cut_"},
    {"MRR@", EVAL_RR, CUT_MUST, "recip_rank_cut_"},
    {"recip_rank", EVAL_RR, CUT_NEVER, "recip_rank"},
    {"RR", EVAL_RR, CUT_NEVER, "recip_rank"},
    {"MRR", EVAL_RR, CUT_NEVER, "recip_rank"},
    {"map", EVAL_AP, CUT_NEVER, "map"},
    {"AP", EVAL_AP, CUT_NEVER, "map"},
    {"P_", EVAL_PRECISION, CUT_MUST, "P_"},
    {"P@", EVAL_PRECISION, CUT_MUST, "P_"},
    {"recall_", EVAL_RECALL, CUT_MUST, "recall_"},
    {"Recall@", EVAL_RECALL, CUT_MUST, "recall_"},
    {"R@", EVAL_RECALL, CUT_MUST, "recall_"},
    {"num_q", EVAL_NUM_Q, CUT_NEVER, "num_q"},
    {"num_ret", EVAL_NUM_RET, CUT_NEVER, "num_ret"},
    {"num_rel", EVAL_NUM_REL, CUT_NEVER, "num_rel"},
    {"num_rel_ret", EVAL_NUM_REL_RET, CUT_NEVER, "num_rel_ret"},
};

static bool parse_cut(const char *digits, size_t *cut)
{
    char *end;
    if (!isdigit((unsigned char)digits[0]))
        return false;
    unsigned long long value = strtoull(digits, &end, 10);
    *cut = (size_t)value;
    return *end == '\0' && value >= 1 && value <= RRK_EVAL_MAX_CUT;
}

static bool matches(const spelling *s, const char *name, size_t *cut)
{
    *cut = SIZE_MAX;
    if (s->cut == CUT_NEVER)
        return strcasecmp(name, s->prefix) == 0;
    size_t len = strlen(s->prefix);
    return strncasecmp(name, s->prefix, len) == 0 && parse_cut(name + len, cut);
}

rrk_status eval_metric_parse(const char *name, eval_metric *out, rrk_error *err)
{
    for (size_t i = 0; i < RRK_COUNT(spellings); i++) {
        const spelling *s = &spellings[i];
        if (!matches(s, name, &out->cut))
            continue;
        out->kind = s->kind;
        if (s->cut == CUT_MUST)
            snprintf(out->name, sizeof out->name, "%s%zu", s->canonical, out->cut);
        else
            snprintf(out->name, sizeof out->name, "%s", s->canonical);
        return RRK_OK;
    }
    return base_fail(err, RRK_E_INVALID, 0,
                     "unknown metric '%.64s': there are ndcg_cut_K, recip_rank, RR@K, map, P_K, recall_K (K from 1 to "
                     "%d), num_q, num_ret, num_rel, num_rel_ret",
                     name, RRK_EVAL_MAX_CUT);
}

static double gain_sum(const int64_t *grades, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (grades[i] > 0)
            sum += (double)grades[i] / log2((double)i + 2);
    return sum;
}

static double ndcg(const eval_ranking *r, size_t cut)
{
    double ideal = gain_sum(r->ideal, RRK_MIN(cut, r->n_ideal));
    return ideal > 0 ? gain_sum(r->grades, RRK_MIN(cut, r->n_ret)) / ideal : 0;
}

static size_t relevant_within(const eval_ranking *r, size_t cut)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_ret && i < cut; i++)
        n += r->grades[i] >= r->level;
    return n;
}

static double reciprocal_rank(const eval_ranking *r, size_t cut)
{
    for (size_t i = 0; i < r->n_ret && i < cut; i++)
        if (r->grades[i] >= r->level)
            return 1.0 / (double)(i + 1);
    return 0;
}

static double average_precision(const eval_ranking *r)
{
    double sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < r->n_ret; i++)
        if (r->grades[i] >= r->level)
            sum += (double)++found / (double)(i + 1);
    return r->n_rel ? sum / (double)r->n_rel : 0;
}

double eval_metric_value(const eval_metric *metric, const eval_ranking *r)
{
    switch (metric->kind) {
    case EVAL_NDCG:
        return ndcg(r, metric->cut);
    case EVAL_RR:
        return reciprocal_rank(r, metric->cut);
    case EVAL_AP:
        return average_precision(r);
    case EVAL_PRECISION:
        return (double)relevant_within(r, metric->cut) / (double)metric->cut;
    case EVAL_RECALL:
        return r->n_rel ? (double)relevant_within(r, metric->cut) / (double)r->n_rel : 0;
    case EVAL_NUM_Q:
        return 1;
    case EVAL_NUM_RET:
        return (double)r->n_ret;
    case EVAL_NUM_REL:
        return (double)r->n_rel;
    case EVAL_NUM_REL_RET:
        return (double)relevant_within(r, SIZE_MAX);
    }
    return NAN;
}

bool eval_metric_is_count(const eval_metric *metric)
{
    return metric->kind >= EVAL_NUM_Q;
}
