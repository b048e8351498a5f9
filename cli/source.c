/* Candidates of one query after the other, from a file or from a run and a store: see source.h. */
#include "cli/source.h"

#include "base/alloc.h"
#include "eval/candidates.h"
#include "eval/table.h"

enum { MAX_ID_IN_MESSAGE = 64 };

struct cli_source {
    eval_candidates *file; /* NULL for a run */
    rrk_run *run;
    rrk_store *store;
    eval_queries queries;
    rrk_passage_list *fetched; /* of the current query */
    size_t at;                 /* the run's next query */
    bool reversed;
    rrk_passage *turned; /* [cap] the current query's passages, last first; owned */
    size_t cap;
};

#define AT(field) offsetof(cli_source_values, field)
static const cli_option options[] = {
    CLI_TEXT_ROW("candidates", 'c', AT(candidates), "FILE", "queries with their candidates, a JSON object a line"),
    CLI_TEXT_ROW("store", 's', AT(store), "FILE", "the store that has the passages of --run"),
    CLI_TEXT_ROW("run", 0, AT(run), "FILE", "the TREC run that names them"),
    CLI_TEXT_ROW("queries", 'q', AT(queries), "FILE", "the queries of --run"),
};
const cli_table cli_source_table = {"the candidates", options, RRK_COUNT(options), 0};

int cli_source_check(const cli_verb *verb, const cli_source_values *values)
{
    if (!values->candidates && !(values->store && values->run && values->queries))
        return cli_usage_error(verb, "needs --candidates, or --store, --run and --queries");
    if (values->candidates && (values->store || values->run || values->queries))
        return cli_usage_error(verb, "--candidates excludes --store, --run and --queries");
    return CLI_GO_ON;
}

void cli_source_free(cli_source *source)
{
    if (!source)
        return;
    base_free(source->turned);
    rrk_passage_list_free(source->fetched);
    rrk_run_free(source->run);
    rrk_store_close(source->store);
    eval_queries_free(&source->queries);
    eval_candidates_close(source->file);
    base_free(source);
}

static void free_ptr(cli_source **source)
{
    cli_source_free(*source);
}

rrk_status cli_source_open(cli_source **out, const cli_source_values *values, rrk_error *err)
{
    cli_source *source RRK_AUTO(free_ptr) = base_calloc(1, sizeof *source);
    if (!source)
        return base_fail_nomem(err, sizeof *source);
    if (values->candidates) {
        RRK_TRY(eval_candidates_open(&source->file, values->candidates, err));
    } else {
        RRK_TRY(cli_open_store(&source->store, values->store, RRK_STORE_READONLY, err));
        RRK_TRY(eval_queries_read(&source->queries, values->queries, err));
        RRK_TRY(rrk_run_read(&source->run, values->run, err));
    }
    *out = RRK_STEAL(source);
    return RRK_OK;
}

/* A run cannot say it, and after hours of an LLM's work is too late to find out. */
static rrk_status check_unique(const eval_candidates_query *query, rrk_error *err)
{
    base_map *ids RRK_AUTO(base_map_free_ptr) = NULL;
    RRK_TRY(base_map_new(&ids, query->n, err));
    for (size_t i = 0; i < query->n; i++) {
        bool existed;
        RRK_TRY(base_map_put(ids, query->passages[i].id, 0, &existed, err));
        if (existed)
            return base_fail(err, RRK_E_FORMAT, 0, "docid '%.*s' comes twice for query '%.*s'",
                             (int)RRK_MIN(query->passages[i].id.len, (size_t)MAX_ID_IN_MESSAGE),
                             query->passages[i].id.data, (int)RRK_MIN(query->qid.len, (size_t)MAX_ID_IN_MESSAGE),
                             query->qid.data);
    }
    return RRK_OK;
}

static rrk_status next_from_file(cli_source *source, cli_list *list, bool *more, rrk_error *err)
{
    eval_candidates_query query;
    RRK_TRY(eval_candidates_next(source->file, &query, more, err));
    if (*more)
        RRK_TRY(eval_at_line(eval_candidates_lines(source->file), check_unique(&query, err), err));
    *list = (cli_list){query.qid, query.query, query.passages, query.n};
    return RRK_OK;
}

static rrk_status fetch_hits(cli_source *source, cli_list *list, const eval_hit *hits, size_t n, rrk_error *err)
{
    int64_t *rows RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *rows);
    if (!rows)
        return base_fail_nomem(err, n * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        RRK_TRY(rrk_store_find(source->store, hits[i].docid, &rows[i], err));
    RRK_TRY(rrk_store_fetch(source->store, rows, n, &source->fetched, err));
    list->passages = rrk_passage_list_items(source->fetched, &list->n_passages);
    return RRK_OK;
}

static rrk_status next_from_run(cli_source *source, cli_list *list, bool *more, rrk_error *err)
{
    eval_hit *hits RRK_AUTO(base_free_ptr) = NULL;
    size_t n;
    *more = source->at < rrk_run_queries(source->run);
    if (!*more)
        return RRK_OK;
    const base_map *docs = source->run->table.docs[source->at];
    list->qid = base_map_key(source->run->table.qids, source->at);
    source->at++;
    if (!eval_queries_find(&source->queries, list->qid, &list->query))
        return base_fail(err, RRK_E_NOTFOUND, 0, "the run's query is not in the queries file");
    RRK_TRY(eval_run_order(docs, &hits, &n, err));
    return fetch_hits(source, list, hits, n, err);
}

void cli_source_reverse(cli_source *source)
{
    source->reversed = true;
}

static rrk_status turn(cli_source *source, cli_list *list, rrk_error *err)
{
    size_t n = list->n_passages;
    if (n > source->cap) {
        rrk_passage *turned = base_realloc(source->turned, n, sizeof *turned);
        if (!turned)
            return base_fail_nomem(err, n * sizeof *turned);
        source->turned = turned;
        source->cap = n;
    }
    for (size_t i = 0; i < n; i++)
        source->turned[i] = list->passages[n - 1 - i];
    list->passages = source->turned;
    return RRK_OK;
}

rrk_status cli_source_next(cli_source *source, cli_list *list, bool *more, rrk_error *err)
{
    *list = (cli_list){0};
    rrk_passage_list_free(RRK_STEAL(source->fetched));
    RRK_TRY(source->file ? next_from_file(source, list, more, err) : next_from_run(source, list, more, err));
    return source->reversed && *more ? turn(source, list, err) : RRK_OK;
}

void cli_source_position(const cli_source *source, uint64_t *done, uint64_t *total)
{
    *done = source->file ? base_lines_bytes(eval_candidates_lines(source->file)) : source->at;
    *total = source->file ? base_lines_total(eval_candidates_lines(source->file)) : rrk_run_queries(source->run);
}
