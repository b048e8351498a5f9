/* rrk search: one question to a store, answered at once; search_print.c shows what this file found. */
#include "cli/compute.h"
#include "cli/llm_options.h"
#include "cli/search.h"
#include "cli/strategy.h"

#include "base/alloc.h"
#include "base/clock.h"

typedef struct search_values {
    const char *store;
    int strategy;
    int retriever;
    const char *model;
    cli_compute_values compute;
    size_t n;
    size_t candidates;
    int long_passage;
    size_t timeout_ms;
    bool calibrated;
    bool compare;
    bool json;
    const char *query;
    cli_llm_values llm;
    cli_list_values list;
} search_values;

#define AT(field) offsetof(search_values, field)
static const cli_option options[] = {
    CLI_NEEDED_ROW("store", 's', AT(store), "FILE", "the store"),
    CLI_CHOICE_ROW("strategy", 'S', AT(strategy), "bm25" RANK_STRATEGIES(CLI_STRATEGY_CHOICE),
                   "who has the last word (what the model can do)"),
    CLI_CHOICE_ROW("retriever", 'r', AT(retriever), "bm25|dense|hybrid", "who finds the candidates (bm25)"),
    CLI_TEXT_ROW("model", 'm', AT(model), "DIR", "a model in Hugging Face's layout"),
    CLI_VIEWS_ROW(AT(compute.views)),
    CLI_COUNT_ROW("results", 'n', AT(n), "results to show (10)", 1, RRK_RERANK_MAX_PASSAGES),
    CLI_COUNT_ROW("candidates", 'c', AT(candidates), "candidates to rank (100)", 1, RRK_RERANK_MAX_PASSAGES),
    CLI_CHOICE_ROW("long", 0, AT(long_passage), "truncate|chunk", "what becomes of long passages (truncate)"),
    CLI_COUNT_ROW("timeout", 0, AT(timeout_ms), "give up ranking after so many milliseconds", 0, 1e9),
    CLI_FLAG_ROW("calibrated", 0, AT(calibrated), "mvp: scores are probabilities, if the model knows (see rrk info)"),
    CLI_FLAG_ROW("compare", 0, AT(compare), "show BM25's order beside the final one"),
    CLI_FLAG_ROW("json", 0, AT(json), "print one JSON object"),
};
static const cli_verb verb = {
    .name = "search",
    .usage = "--store FILE [OPTION...] QUERY",
    .about = "Answers one question: rank, movement against BM25's order, score, title and the part that fits best.\n"
             "Without a model BM25's order stands; with one, the strategy is what the model was made for. full and\n"
             "sliding ask an LLM.",
    .options = options,
    .n_options = RRK_COUNT(options),
    .shared = {{&cli_compute_table, AT(compute)}, {&cli_llm_table, AT(llm)}, {&cli_question_table, AT(list)}},
};
static const char *const strategy_names[] = {"bm25", RANK_STRATEGIES(CLI_STRATEGY_NAME)};
static const char *const retriever_names[] = {"bm25", "dense", "hybrid"};
enum { STRATEGY_UNSET = -1, STRATEGY_BM25, RANK_STRATEGIES(CLI_STRATEGY_ID) };

/* Everything open while a question is answered. */
typedef struct search {
    search_values values;
    rrk_store *store;
    rrk_encoder *encoder;
    cli_llm llm;
    rrk_retriever *retriever;
    rrk_retriever *bm25; /* the same handle when that is the retriever */
    rrk_reranker *reranker;
    rrk_pipeline *pipeline;
    rrk_search_results *results;
    rrk_passage_list *before;
    rrk_candidate *candidates; /* [values.candidates] BM25's order */
    size_t n_candidates;
    size_t *ranks; /* [values.candidates] */
} search;

static void search_close(search *s)
{
    base_free(s->ranks);
    base_free(s->candidates);
    rrk_passage_list_free(s->before);
    rrk_search_results_free(s->results);
    rrk_pipeline_close(s->pipeline);
    rrk_reranker_close(s->reranker);
    if (s->bm25 != s->retriever)
        rrk_retriever_close(s->bm25);
    rrk_retriever_close(s->retriever);
    cli_llm_close(&s->llm);
    rrk_encoder_close(s->encoder);
    rrk_store_close(s->store);
}

/* What a model is for when nobody says. Pairs through a T5 are monoT5's far more often than RankT5's. */
static int usual_strategy(rrk_encoder_head head)
{
    switch (head) {
    case RRK_HEAD_CROSS:
        return STRATEGY_CROSS;
    case RRK_HEAD_VIEWS:
        return STRATEGY_MVP;
    case RRK_HEAD_SEQ2SEQ:
        return STRATEGY_MONOT5;
    case RRK_HEAD_EMBEDDING:
        break;
    }
    return STRATEGY_EMBEDDING;
}

static rrk_status open_model(search *s, rrk_error *err)
{
    rrk_encoder_info info = {.size = sizeof info};
    if (!s->values.model) {
        s->values.strategy = RRK_MAX(s->values.strategy, (int)STRATEGY_BM25);
        return RRK_OK;
    }
    RRK_TRY(cli_open_encoder(&s->encoder, s->values.model, &s->values.compute, err));
    RRK_TRY(rrk_encoder_get_info(s->encoder, &info, err));
    if (s->values.strategy == STRATEGY_UNSET)
        s->values.strategy = usual_strategy(info.head);
    return s->values.calibrated ? cli_check_calibrated(&info, err) : RRK_OK;
}

static rrk_status open_parts(search *s, rrk_error *err)
{
    rrk_retriever_options retriever;
    rrk_reranker_options reranker;
    RRK_TRY(cli_open_store(&s->store, s->values.store, RRK_STORE_READONLY, err));
    RRK_TRY(open_model(s, err));
    rrk_retriever_options_init(&retriever);
    retriever.encoder = s->encoder;
    RRK_TRY(rrk_retriever_open(&s->retriever, retriever_names[s->values.retriever], s->store, &retriever, err));
    s->bm25 = s->retriever;
    if (s->values.retriever > 0) {
        s->bm25 = NULL;
        RRK_TRY(rrk_retriever_open(&s->bm25, "bm25", s->store, NULL, err));
    }
    rrk_reranker_options_init(&reranker);
    reranker.encoder = s->encoder;
    if (s->values.strategy >= STRATEGY_FULL) {
        RRK_TRY(cli_llm_open(&s->llm, &s->values.llm, s->values.store, err));
        cli_llm_fill(&s->llm, &s->values.list, &reranker);
    }
    if (s->values.strategy != STRATEGY_BM25)
        RRK_TRY(cli_reranker_open(&s->reranker, strategy_names[s->values.strategy], &reranker, err));
    return rrk_pipeline_open(&s->pipeline, s->store, s->retriever, s->reranker, err);
}

static rrk_status ask(search *s, rrk_error *err)
{
    rrk_search_options given;
    rrk_rank_options rank;
    rrk_search_options_init(&given);
    rrk_rank_options_init(&rank);
    rank.top_n = s->values.n;
    rank.timeout_ms = (int64_t)s->values.timeout_ms;
    rank.cancel = cli_cancel;
    rank.calibrated = s->values.calibrated;
    rank.long_passage = s->values.long_passage ? RRK_LONG_CHUNK : RRK_LONG_TRUNCATE;
    given.n_candidates = RRK_MAX(s->values.candidates, s->values.n);
    given.rank = &rank;
    return rrk_pipeline_search(s->pipeline, rrk_text_of(s->values.query), &given, &s->results, err);
}

/* BM25's own order, to show beside the final one or to reckon the movement against. */
static rrk_status ask_bm25(search *s, double *bm25_ms, rrk_error *err)
{
    size_t capacity = RRK_MAX(s->values.candidates, s->values.n);
    int64_t started = base_now_ns();
    s->candidates = base_alloc(capacity, sizeof *s->candidates);
    if (!s->candidates)
        return base_fail_nomem(err, capacity * sizeof *s->candidates);
    s->n_candidates = capacity;
    RRK_TRY(rrk_retriever_retrieve(s->bm25, rrk_text_of(s->values.query), s->candidates, &s->n_candidates, err));
    *bm25_ms = base_ms_since(started);
    return RRK_OK;
}

static rrk_status fetch_before(search *s, rrk_error *err)
{
    size_t n = RRK_MIN(s->n_candidates, s->values.n);
    int64_t *rows RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *rows);
    if (!rows)
        return base_fail_nomem(err, n * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = s->candidates[i].row;
    return rrk_store_fetch(s->store, rows, n, &s->before, err);
}

static rrk_status find_ranks(search *s, const rrk_search_result *items, size_t n_items, rrk_error *err)
{
    s->ranks = base_calloc(n_items, sizeof *s->ranks);
    if (!s->ranks)
        return base_fail_nomem(err, n_items * sizeof *s->ranks);
    for (size_t i = 0; i < n_items; i++)
        for (size_t j = 0; j < s->n_candidates && s->ranks[i] == 0; j++)
            if (s->candidates[j].row == items[i].row)
                s->ranks[i] = j + 1;
    return RRK_OK;
}

static rrk_status print(search *s, cli_answer *answer, rrk_error *err)
{
    if (s->values.json)
        return cli_answer_json(answer, stdout, err);
    RRK_TRY(ask_bm25(s, &answer->bm25_ms, err));
    RRK_TRY(find_ranks(s, answer->items, answer->n_items, err));
    answer->bm25_ranks = s->ranks;
    if (!s->values.compare)
        return cli_answer_table(answer, stdout, err);
    RRK_TRY(fetch_before(s, err));
    answer->before = rrk_passage_list_items(s->before, &answer->n_before);
    cli_answer_compare(answer, stdout);
    return RRK_OK;
}

static rrk_status run(search *s, rrk_error *err)
{
    cli_answer answer = {.query = rrk_text_of(s->values.query)};
    RRK_TRY(open_parts(s, err));
    RRK_TRY(ask(s, err));
    answer.strategy = strategy_names[s->values.strategy];
    answer.retriever = retriever_names[s->values.retriever];
    answer.items = rrk_search_results_items(s->results, &answer.n_items);
    rrk_search_results_times(s->results, &answer.retrieve_ms, &answer.rerank_ms);
    return print(s, &answer, err);
}

static int check_strategy(const search_values *values)
{
    bool asks = values->strategy >= STRATEGY_FULL;
    if (values->calibrated && (!values->model || (values->strategy >= 0 && values->strategy != STRATEGY_MVP)))
        return cli_usage_error(&verb, "--calibrated is for --strategy mvp and needs --model");
    if (!asks && (values->llm.url || values->llm.model))
        return cli_usage_error(&verb, "--llm and --llm-model are for --strategy full and sliding");
    if (!asks && values->strategy > STRATEGY_BM25 && !values->model)
        return cli_usage_error(&verb, "--strategy %s needs --model", strategy_names[values->strategy]);
    if (!asks)
        return cli_llm_refuse(&verb, &values->llm, &values->list);
    if (!values->llm.url)
        return cli_usage_error(&verb, "--strategy %s needs --llm", strategy_names[values->strategy]);
    int code = cli_llm_check(&verb, &values->llm, values->store);
    return code == CLI_GO_ON ? cli_list_check(&verb, &values->list, values->strategy == STRATEGY_SLIDING) : code;
}

int cli_search(int argc, char **argv)
{
    search s RRK_AUTO(search_close) = {
        .values = {.strategy = STRATEGY_UNSET, .n = 10, .candidates = 100, .llm = CLI_LLM_DEFAULTS}};
    search_values *values = &s.values;
    rrk_error err = {0};
    int first;
    int code = cli_parse(&verb, argc, argv, values, &first);
    if (code != CLI_GO_ON)
        return code;
    if (argc - first != 1)
        return cli_usage_error(&verb, argc == first ? "no QUERY given" : "more than one QUERY given (quote it)");
    code = check_strategy(values);
    if (code != CLI_GO_ON)
        return code;
    if (!values->model && values->retriever > 0)
        return cli_usage_error(&verb, "--retriever %s needs --model", retriever_names[values->retriever]);
    if (values->json && values->compare)
        return cli_usage_error(&verb, "--json and --compare exclude each other");
    values->query = argv[first];
    return run(&s, &err) == RRK_OK ? CLI_DONE : cli_failed(&verb, &err);
}
