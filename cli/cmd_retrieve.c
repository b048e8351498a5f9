/* rrk retrieve: the candidates of many queries as a TREC run. */
#include "cli/compute.h"

#include "base/alloc.h"
#include "base/file.h"
#include "eval/queries.h"
#include "eval/run_line.h"
#include "eval/table.h"

typedef struct retrieve_values {
    const char *store;
    const char *queries;
    size_t k;
    int retriever;
    const char *model;
    cli_compute_values compute;
    double k1;
    double b;
    const char *output;
    const char *tag;
    const char *qrels;
    bool drop_self;
} retrieve_values;

#define AT(field) offsetof(retrieve_values, field)
static const cli_option options[] = {
    CLI_NEEDED_ROW("store", 's', AT(store), "FILE", "the store"),
    CLI_NEEDED_ROW("queries", 'q', AT(queries), "FILE", "queries: BEIR's JSON lines or qid TAB text"),
    CLI_COUNT_ROW("top-k", 'k', AT(k), "candidates a query (100)", 1, RRK_RETRIEVER_MAX_TOP_K - 1),
    CLI_CHOICE_ROW("retriever", 'r', AT(retriever), "bm25|dense|hybrid", "how to find them (bm25)"),
    CLI_TEXT_ROW("model", 'm', AT(model), "DIR", "the model that made the store's vectors; for dense and hybrid"),
    CLI_NUMBER_ROW("k1", 0, AT(k1), "BM25's term saturation (0.9)", 0, 1000),
    CLI_NUMBER_ROW("b", 0, AT(b), "BM25's length normalisation (0.4)", 0, 1),
    CLI_TEXT_ROW("output", 'o', AT(output), "FILE", "where the run goes (-: standard output)"),
    CLI_TEXT_ROW("tag", 0, AT(tag), "NAME", "the run's last column (the retriever's name)"),
    CLI_TEXT_ROW("qrels", 0, AT(qrels), "FILE", "only queries that are judged in this file"),
    CLI_FLAG_ROW("drop-self", 0, AT(drop_self), "drop a passage whose id is the query's own"),
};
static const cli_verb verb = {
    .name = "retrieve",
    .usage = "--store FILE --queries FILE [OPTION...]",
    .about = "Finds the best passages for every query and writes a TREC run.",
    .options = options,
    .n_options = RRK_COUNT(options),
    .shared = {{&cli_compute_table, AT(compute)}},
};
static const char *const retriever_names[] = {"bm25", "dense", "hybrid"};

typedef struct retrieval {
    const retrieve_values *values;
    rrk_store *store;
    rrk_retriever *retriever;
    rrk_candidate *candidates; /* [capacity] */
    int64_t *rows;             /* [capacity] */
    size_t capacity;
    const char *tag;
    FILE *out;
} retrieval;

static rrk_status write_hits(retrieval *r, rrk_text qid, size_t n, rrk_error *err)
{
    rrk_passage_list *list RRK_AUTO(cli_free_list) = NULL;
    float previous = EVAL_NO_SCORE;
    size_t rank = 0, n_items;
    for (size_t i = 0; i < n; i++)
        r->rows[i] = r->candidates[i].row;
    RRK_TRY(rrk_store_fetch(r->store, r->rows, n, &list, err));
    const rrk_passage *items = rrk_passage_list_items(list, &n_items);
    for (size_t i = 0; i < n_items && rank < r->values->k; i++) {
        rrk_text id = items[i].id;
        if (r->values->drop_self && id.len == qid.len && memcmp(id.data, qid.data, id.len) == 0)
            continue;
        eval_run_line line = {qid, id, ++rank, r->candidates[i].score, r->tag};
        RRK_TRY(eval_run_put(r->out, &line, &previous, err));
    }
    return RRK_OK;
}

static rrk_status retrieve_all(retrieval *r, const eval_queries *queries, const rrk_qrels *judged, rrk_error *err)
{
    cli_progress progress;
    rrk_status status = RRK_OK;
    size_t n_queries = eval_queries_len(queries);
    cli_progress_begin(&progress, verb.name, "queries");
    if (cli_interrupted())
        status = base_fail(err, RRK_E_CANCELLED, 0, "interrupted");
    for (size_t i = 0; i < n_queries && status == RRK_OK; i++) {
        rrk_text qid = eval_queries_id(queries, i);
        size_t n = r->capacity;
        if (cli_interrupted())
            status = base_fail(err, RRK_E_CANCELLED, 0, "interrupted");
        else if (!judged || eval_table_docs(&judged->table, qid))
            status = rrk_retriever_retrieve(r->retriever, eval_queries_text(queries, i), r->candidates, &n, err);
        else
            n = 0;
        if (status != RRK_OK)
            base_error_prefix(err, "query '%.*s'", (int)RRK_MIN(qid.len, (size_t)64), qid.data);
        else if (n > 0)
            status = write_hits(r, qid, n, err);
        cli_progress_show(&progress, i + 1, i + 1, n_queries);
    }
    cli_progress_end(&progress);
    return status;
}

static rrk_status open_retriever(rrk_retriever **out, const retrieval *r, rrk_encoder *encoder, rrk_error *err)
{
    rrk_retriever_options given;
    rrk_retriever_options_init(&given);
    given.encoder = encoder;
    given.bm25_k1 = r->values->k1;
    given.bm25_b = r->values->b;
    return rrk_retriever_open(out, retriever_names[r->values->retriever], r->store, &given, err);
}

static rrk_status run(const retrieve_values *values, rrk_error *err)
{
    eval_queries queries RRK_AUTO(eval_queries_free) = {0};
    rrk_qrels *judged RRK_AUTO(cli_free_qrels) = NULL;
    rrk_store *store RRK_AUTO(cli_close_store) = NULL;
    rrk_encoder *encoder RRK_AUTO(cli_close_encoder) = NULL;
    rrk_retriever *retriever RRK_AUTO(cli_close_retriever) = NULL;
    base_output output RRK_AUTO(base_output_abort) = {0};
    retrieval r = {.values = values, .capacity = values->k + values->drop_self};
    RRK_TRY(cli_open_store(&store, values->store, RRK_STORE_READONLY, err));
    RRK_TRY(eval_queries_read(&queries, values->queries, err));
    if (values->qrels)
        RRK_TRY(rrk_qrels_read(&judged, values->qrels, err));
    if (values->model)
        RRK_TRY(cli_open_encoder(&encoder, values->model, &values->compute, err));
    r.store = store;
    r.tag = values->tag ? values->tag : retriever_names[values->retriever];
    RRK_TRY(open_retriever(&retriever, &r, encoder, err));
    r.retriever = retriever;
    rrk_candidate *candidates RRK_AUTO(base_free_ptr) = base_alloc(r.capacity, sizeof *candidates);
    int64_t *rows RRK_AUTO(base_free_ptr) = base_alloc(r.capacity, sizeof *rows);
    if (!candidates || !rows)
        return base_fail_nomem(err, r.capacity * sizeof *candidates);
    r.candidates = candidates;
    r.rows = rows;
    RRK_TRY(base_output_open(&output, values->output, err));
    r.out = output.stream;
    RRK_TRY(retrieve_all(&r, &queries, judged, err));
    return base_output_commit(&output, err);
}

int cli_retrieve(int argc, char **argv)
{
    retrieve_values values = {
        .k = RRK_RETRIEVER_DEFAULT_TOP_K, .k1 = RRK_BM25_DEFAULT_K1, .b = RRK_BM25_DEFAULT_B, .output = "-"};
    rrk_error err = {0};
    int code = cli_parse(&verb, argc, argv, &values, NULL);
    if (code != CLI_GO_ON)
        return code;
    if (values.retriever > 0 && !values.model)
        return cli_usage_error(&verb, "--retriever %s needs --model", retriever_names[values.retriever]);
    if (values.tag && strpbrk(values.tag, " \t\n"))
        return cli_usage_error(&verb, "--tag '%s' has a blank in it", values.tag);
    return run(&values, &err) == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
