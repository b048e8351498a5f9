/* Candidates and judgments of a comparison, read whole before anything is ranked: see compare.h. */
#include "base/alloc.h"
#include "cli/compare.h"
#include "eval/table.h"

static rrk_status add_query(cli_ground *g, const cli_list *list, rrk_error *err)
{
    bool existed = false;
    size_t n = list->n_passages;
    if (!eval_table_docs(&g->qrels->table, list->qid)) {
        g->n_unjudged++;
        return RRK_OK;
    }
    RRK_TRY(base_map_put(g->asked, list->qid, 0, &existed, err));
    if (existed)
        return base_fail(err, RRK_E_FORMAT, 0, "the query comes twice");
    rrk_text *ids RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *ids);
    float *scores RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *scores);
    if (!ids || !scores)
        return base_fail_nomem(err, n * sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        ids[i] = list->passages[i].id;
        scores[i] = -(float)i;
    }
    return rrk_run_add(g->first_stage, list->qid, ids, scores, n, err);
}

static void close_source(cli_source **source)
{
    cli_source_free(*source);
}

/* All candidates are read once before anything is ranked, so that a bad line costs no calls. */
static rrk_status survey(cli_ground *g, rrk_error *err)
{
    cli_source *source RRK_AUTO(close_source) = NULL;
    bool more = true;
    RRK_TRY(cli_source_open(&source, g->source, err));
    while (more) {
        cli_list list = {0};
        rrk_status status = cli_source_next(source, &list, &more, err);
        if (status == RRK_OK && more)
            status = add_query(g, &list, err);
        if (status != RRK_OK && list.qid.len)
            base_error_prefix(err, "query '%.*s'", (int)RRK_MIN(list.qid.len, (size_t)64), list.qid.data);
        RRK_TRY(status);
        if (cli_interrupted())
            return base_fail(err, RRK_E_CANCELLED, 0, "interrupted");
    }
    return RRK_OK;
}

rrk_status cli_ground_open(cli_ground *g, const cli_source_values *source, const char *qrels, rrk_error *err)
{
    *g = (cli_ground){.source = source};
    RRK_TRY(rrk_qrels_read(&g->qrels, qrels, err));
    RRK_TRY(base_map_new(&g->asked, rrk_qrels_queries(g->qrels), err));
    RRK_TRY(rrk_run_new(&g->first_stage, err));
    RRK_TRY(survey(g, err));
    if (base_map_len(g->asked) == 0)
        return base_fail(err, RRK_E_NOTFOUND, 0, "no query that has candidates is judged in '%s'", qrels);
    return RRK_OK;
}

void cli_ground_close(cli_ground *g)
{
    rrk_run_free(g->first_stage);
    base_map_free(g->asked);
    rrk_qrels_free(g->qrels);
}
