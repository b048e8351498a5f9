/*
 * Every public function that takes an rrk_error gets a poisoned one with arguments that are wrong. Whatever stood in the
 * error before, it must afterwards hold the status that was returned and a message of one line. prototypes.py checks
 * that no function is missing here.
 */
#include <rrk/rrk.h>

#include <criterion/criterion.h>

static void poison(rrk_error *err)
{
    memset(err, 0xa5, sizeof *err);
}

static void check(const char *name, rrk_status status, const rrk_error *err)
{
    cr_assert_neq(status, RRK_OK, "%s", name);
    cr_assert_eq(err->status, (int32_t)status, "%s: status %d, returned %d", name, err->status, status);
    size_t len = strnlen(err->message, sizeof err->message);
    cr_assert(len > 0 && len < sizeof err->message, "%s: no terminated message", name);
    for (size_t i = 0; i < len; i++)
        cr_assert((unsigned char)err->message[i] >= 0x20, "%s: '%s' is more than a line", name, err->message);
}

#define REFUSES(function, ...)                                                                                         \
    do {                                                                                                               \
        rrk_error err;                                                                                                 \
        poison(&err);                                                                                                  \
        rrk_status status = function(__VA_ARGS__, &err);                                                               \
        check(#function, status, &err);                                                                                \
        cr_assert_eq(status, RRK_E_INVALID, "%s: %s", #function, err.message);                                         \
        cr_assert_eq(function(__VA_ARGS__, NULL), status, "%s without an error", #function);                           \
    } while (0)

/* Never looked into: the argument checked before it is the wrong one. */
static char nothing[4096];

Test(contract, store_calls_refuse_null)
{
    rrk_store *store = NULL;
    int64_t row;
    rrk_passage passage = {.id = rrk_text_of("a"), .text = rrk_text_of("b")};
    rrk_passage_list *list;
    rrk_store_info info = {.size = sizeof info};
    REFUSES(rrk_store_open, NULL, "x.db", NULL);
    REFUSES(rrk_store_open, &store, NULL, NULL);
    REFUSES(rrk_store_put, NULL, &passage, 1);
    REFUSES(rrk_store_find, NULL, rrk_text_of("a"), &row);
    REFUSES(rrk_store_fetch, NULL, &row, 1, &list);
    REFUSES(rrk_store_get_info, NULL, &info);
    REFUSES(rrk_store_import, NULL, "-", NULL, NULL);
}

Test(contract, encoder_calls_refuse_null)
{
    rrk_encoder *encoder = NULL;
    rrk_encoder_info info = {.size = sizeof info};
    rrk_text text = rrk_text_of("a");
    float out[4];
    REFUSES(rrk_encoder_open, NULL, "x", NULL);
    REFUSES(rrk_encoder_open, &encoder, NULL, NULL);
    REFUSES(rrk_encoder_get_info, NULL, &info);
    REFUSES(rrk_encoder_embed, NULL, RRK_EMBED_QUERY, &text, 1, out);
}

Test(contract, llm_calls_refuse_null)
{
    rrk_llm *llm = NULL;
    rrk_llm_options options;
    rrk_llm_options_init(&options);
    REFUSES(rrk_llm_open, NULL, &options);
    REFUSES(rrk_llm_open, &llm, NULL);
    REFUSES(rrk_llm_open, &llm, &options);
}

Test(contract, retriever_calls_refuse_null)
{
    rrk_retriever *retriever = NULL;
    rrk_candidate candidate;
    size_t n = 1;
    REFUSES(rrk_retriever_open, NULL, "bm25", (rrk_store *)nothing, NULL);
    REFUSES(rrk_retriever_open, &retriever, NULL, (rrk_store *)nothing, NULL);
    REFUSES(rrk_retriever_open, &retriever, "bm25", NULL, NULL);
    REFUSES(rrk_retriever_retrieve, NULL, rrk_text_of("a"), &candidate, &n);
    REFUSES(rrk_embed_passages, NULL, (rrk_encoder *)nothing, 0, NULL, NULL, NULL);
}

Test(contract, reranker_calls_refuse_null)
{
    rrk_reranker *reranker = NULL;
    rrk_passage passage = {.text = rrk_text_of("b")};
    rrk_hit hit;
    size_t n = 1;
    rrk_rank_request request = {.query = rrk_text_of("a"), .passages = &passage, .n_passages = 1};
    REFUSES(rrk_reranker_open, NULL, "cross", NULL);
    REFUSES(rrk_reranker_open, &reranker, NULL, NULL);
    REFUSES(rrk_reranker_open, &reranker, "no such strategy", NULL);
    REFUSES(rrk_reranker_rank, NULL, rrk_text_of("a"), &passage, 1, NULL, &hit, &n);
    REFUSES(rrk_reranker_rank_many, NULL, &request, 1, NULL);
    REFUSES(rrk_reranker_rank_many, (rrk_reranker *)nothing, NULL, 1, NULL);
    rrk_rank_stats stats = {.size = sizeof stats};
    REFUSES(rrk_reranker_predict, NULL, &request, 1, NULL, &stats);
    REFUSES(rrk_reranker_predict, (rrk_reranker *)nothing, NULL, 1, NULL, &stats);
    REFUSES(rrk_reranker_predict, (rrk_reranker *)nothing, &request, 1, NULL, NULL);
}

Test(contract, pipeline_calls_refuse_null)
{
    rrk_pipeline *pipeline = NULL;
    rrk_search_results *results;
    REFUSES(rrk_pipeline_open, NULL, (rrk_store *)nothing, (rrk_retriever *)nothing, NULL);
    REFUSES(rrk_pipeline_open, &pipeline, NULL, (rrk_retriever *)nothing, NULL);
    REFUSES(rrk_pipeline_open, &pipeline, (rrk_store *)nothing, NULL, NULL);
    REFUSES(rrk_pipeline_search, NULL, rrk_text_of("a"), NULL, &results);
}

Test(contract, eval_calls_refuse_null)
{
    rrk_run *run;
    rrk_qrels *qrels;
    rrk_evaluation *evaluation;
    const char *metrics[] = {"nDCG@10"};
    rrk_text docid = rrk_text_of("d");
    float score = 1;
    REFUSES(rrk_run_read, NULL, "x");
    REFUSES(rrk_run_read, &run, NULL);
    REFUSES(rrk_run_new, NULL);
    REFUSES(rrk_run_add, NULL, rrk_text_of("q"), &docid, &score, 1);
    REFUSES(rrk_run_write, NULL, "x", "tag");
    REFUSES(rrk_qrels_read, NULL, "x");
    REFUSES(rrk_qrels_read, &qrels, NULL);
    REFUSES(rrk_evaluate, NULL, (rrk_qrels *)nothing, (rrk_run *)nothing, metrics, 1, NULL);
    REFUSES(rrk_evaluate, &evaluation, NULL, (rrk_run *)nothing, metrics, 1, NULL);
}

Test(contract, destructors_take_null)
{
    rrk_store_close(NULL);
    rrk_passage_list_free(NULL);
    rrk_encoder_close(NULL);
    rrk_llm_close(NULL);
    rrk_retriever_close(NULL);
    rrk_reranker_close(NULL);
    rrk_pipeline_close(NULL);
    rrk_search_results_free(NULL);
    rrk_run_free(NULL);
    rrk_qrels_free(NULL);
    rrk_evaluation_free(NULL);
}
