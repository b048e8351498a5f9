/* The measures: see measures.h and the table in <rrk/eval.h>. */
#include "eval/measures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where a name's cut stands: nowhere, behind the name, or either. */
typedef enum cut_rule { CUT_NEVER, CUT_ALWAYS, CUT_OPTIONAL } cut_rule;

static const struct {
    const char *alias; /* what may be written, without the cut; case does not matter */
    char mark;         /* between name and cut */
    eval_kind kind;
    cut_rule cut;
} ALIASES[] = {
    {"ndcg_cut", '_', EVAL_NDCG, CUT_ALWAYS},
    {"ndcg", '@', EVAL_NDCG, CUT_OPTIONAL},
    {"recip_rank_cut", '_', EVAL_RECIP_RANK, CUT_ALWAYS},
    {"recip_rank", '@', EVAL_RECIP_RANK, CUT_OPTIONAL},
    {"RR", '@', EVAL_RECIP_RANK, CUT_OPTIONAL},
    {"MRR", '@', EVAL_RECIP_RANK, CUT_OPTIONAL},
    {"map", '@', EVAL_MAP, CUT_NEVER},
    {"AP", '@', EVAL_MAP, CUT_NEVER},
    {"P", '_', EVAL_P, CUT_ALWAYS},
    {"P", '@', EVAL_P, CUT_ALWAYS},
    {"recall", '_', EVAL_RECALL, CUT_ALWAYS},
    {"recall", '@', EVAL_RECALL, CUT_ALWAYS},
    {"R", '@', EVAL_RECALL, CUT_ALWAYS},
    {"num_q", '@', EVAL_NUM_Q, CUT_NEVER},
    {"num_ret", '@', EVAL_NUM_RET, CUT_NEVER},
    {"num_rel", '@', EVAL_NUM_REL, CUT_NEVER},
    {"num_rel_ret", '@', EVAL_NUM_REL_RET, CUT_NEVER},
};

/* trec_eval's names, with and without a cut. */
static const char *const NAMES[][2] = {
    [EVAL_NDCG] = {"ndcg_cut_", "ndcg"},
    [EVAL_RECIP_RANK] = {"recip_rank_cut_", "recip_rank"},
    [EVAL_MAP] = {"", "map"},
    [EVAL_P] = {"P_", ""},
    [EVAL_RECALL] = {"recall_", ""},
    [EVAL_NUM_Q] = {"", "num_q"},
    [EVAL_NUM_RET] = {"", "num_ret"},
    [EVAL_NUM_REL] = {"", "num_rel"},
    [EVAL_NUM_REL_RET] = {"", "num_rel_ret"},
};

/* What follows an alias in a name: nothing, or mark and a cut. False when it is something else. */
static bool parse_rest(const char *rest, char mark, cut_rule rule, size_t *cut)
{
    *cut = 0;
    if (*rest == '\0')
        return rule != CUT_ALWAYS;
    if (*rest != mark || rule == CUT_NEVER || rest[1] < '1' || rest[1] > '9')
        return false;
    char *end;
    unsigned long value = strtoul(rest + 1, &end, 10);
    *cut = value;
    return *end == '\0' && value <= RRK_EVAL_MAX_CUT;
}

rrk_status eval_measure_parse(const char *name, eval_measure *out, rrk_error *err)
{
    for (size_t i = 0; i < RRK_COUNT(ALIASES); i++) {
        size_t n = strlen(ALIASES[i].alias), cut;
        if (strncasecmp(name, ALIASES[i].alias, n) != 0 || !parse_rest(name + n, ALIASES[i].mark, ALIASES[i].cut, &cut))
            continue;
        *out = (eval_measure){.kind = ALIASES[i].kind, .cut = cut};
        if (cut)
            snprintf(out->name, sizeof out->name, "%s%zu", NAMES[out->kind][0], cut);
        else
            snprintf(out->name, sizeof out->name, "%s", NAMES[out->kind][1]);
        return RRK_OK;
    }
    return base_fail(
        err, RRK_E_INVALID, 0,
        "unknown measure '%s': known are nDCG@k, RR@k, AP, P@k, Recall@k, num_q, num_ret, num_rel, num_rel_ret", name);
}

bool eval_measure_is_count(const eval_measure *measure)
{
    return measure->kind >= EVAL_NUM_Q;
}

static size_t cut_of(size_t n, size_t cut)
{
    return cut ? RRK_MIN(n, cut) : n;
}

static double dcg(const int32_t *grades, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (grades[i] > 0)
            sum += grades[i] / log2((double)i + 2);
    }
    return sum;
}

static size_t count_relevant(const int32_t *grades, size_t n, int level)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += grades[i] > 0 && grades[i] >= level;
    return count;
}

static double recip_rank(const eval_order *o, size_t cut)
{
    for (size_t i = 0; i < cut_of(o->n, cut); i++) {
        if (count_relevant(&o->grades[i], 1, o->relevance_level))
            return 1 / ((double)i + 1);
    }
    return 0;
}

static double average_precision(const eval_order *o, size_t n_relevant)
{
    double sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < o->n; i++) {
        if (count_relevant(&o->grades[i], 1, o->relevance_level))
            sum += (double)++found / ((double)i + 1);
    }
    return n_relevant ? sum / (double)n_relevant : 0;
}

static double ndcg(const eval_order *o, size_t cut)
{
    double ideal = dcg(o->ideal, cut_of(o->n_ideal, cut));
    return ideal > 0 ? dcg(o->grades, cut_of(o->n, cut)) / ideal : 0;
}

double eval_measure_value(const eval_measure *m, const eval_order *o)
{
    size_t n_relevant = count_relevant(o->ideal, o->n_ideal, o->relevance_level);
    size_t n_found = count_relevant(o->grades, cut_of(o->n, m->cut), o->relevance_level);
    switch (m->kind) {
    case EVAL_NDCG:
        return ndcg(o, m->cut);
    case EVAL_RECIP_RANK:
        return recip_rank(o, m->cut);
    case EVAL_MAP:
        return average_precision(o, n_relevant);
    case EVAL_P:
        return (double)n_found / (double)m->cut;
    case EVAL_RECALL:
        return n_relevant ? (double)n_found / (double)n_relevant : 0;
    case EVAL_NUM_Q:
        return 1;
    case EVAL_NUM_RET:
        return (double)o->n;
    case EVAL_NUM_REL:
        return (double)n_relevant;
    case EVAL_NUM_REL_RET:
        return (double)n_found;
    }
    return 0;
}
