/* From texts to runs and answers through the built command, on a few sentences of our own. */
#include "child.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static child result;

static const char corpus[] =
    "{\"_id\": \"d1\", \"title\": \"Kettles\", \"text\": \"A kettle boils water for tea.\", \"metadata\": {\"shelf\": "
    "3}}\n"
    "{\"_id\": \"d2\", \"title\": \"Bicycles\", \"text\": \"A bicycle has two wheels and a chain.\"}\n"
    "{\"_id\": \"d3\", \"title\": \"\", \"text\": \"The chain \\u001b[31m of a bicycle wants oil.\"}\n";

static const char *make_store(void)
{
    const char *store = child_path("passages.db");
    RUN(result, corpus, "import", "--store", store, "--format", "beir", "-");
    cr_assert_eq(result.code, 0, "%s", result.err);
    return store;
}

Test(runs, import_from_standard_input_is_summed_up)
{
    const char *store = make_store();
    cr_assert_not_null(strstr(result.out, "3 added, 0 updated, 0 unchanged, 0 skipped"), "%s", result.out);
    RUN(result, corpus, "import", "--store", store, "--format", "beir", "-");
    cr_assert_not_null(strstr(result.out, "0 added, 0 updated, 3 unchanged"), "%s", result.out);
}

Test(runs, search_as_json_is_one_object)
{
    const char *store = make_store();
    const char *id, *strategy;
    int rank, first_rank, shelf;
    double score;
    RUN(result, NULL, "search", "--store", store, "--json", "kettle for water");
    cr_assert_eq(result.code, 0, "%s", result.err);
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_not_null(json, "%s", result.out);
    cr_assert_eq(json_unpack(json, "{s:s, s:{s:F}, s:[{s:s, s:i, s:i, s:F, s:{s:i}}]}", "strategy", &strategy, "times",
                             "retrieve_ms", &score, "results", "id", &id, "rank", &rank, "first_stage_rank",
                             &first_rank, "score", &score, "metadata", "shelf", &shelf),
                 0, "%s", result.out);
    cr_assert_str_eq(id, "d1");
    cr_assert_str_eq(strategy, "bm25");
    cr_assert(rank == 1 && first_rank == 1 && shelf == 3 && score > 0);
    json_decref(json);
}

Test(runs, no_escape_bytes_leave_for_a_pipe)
{
    const char *store = make_store();
    RUN(result, NULL, "search", "--store", store, "bicycle chain oil");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_not_null(strstr(result.out, "d3"), "%s", result.out);
    cr_assert_null(strchr(result.out, '\033'), "an escape of the passage or of ours came through");
    RUN(result, NULL, "search", "--store", store, "--compare", "bicycle chain oil");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_null(strchr(result.out, '\033'));
}

Test(runs, finding_nothing_is_no_failure)
{
    const char *store = make_store();
    RUN(result, NULL, "search", "--store", store, "zeppelin");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_not_null(strstr(result.out, "nothing found"));
}

Test(runs, retrieve_writes_a_run_to_a_file_or_to_standard_output)
{
    const char *store = make_store(), *queries = child_path("queries.tsv"), *run = child_path("run.txt");
    child_write(queries, "q1\tbicycle chain\nd1\tkettle\n");
    RUN(result, NULL, "retrieve", "--store", store, "--queries", queries, "--tag", "mine", "-o", "-");
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_eq(strncmp(result.out, "q1 Q0 d", 7), 0, "%s", result.out);
    cr_assert_not_null(strstr(result.out, "\nd1 Q0 d1 1 "), "%s", result.out);
    cr_assert_not_null(strstr(result.out, " mine\n"));
    RUN(result, NULL, "retrieve", "--store", store, "--queries", queries, "--drop-self", "-o", run);
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_str_empty(result.out);
    cr_assert(child_exists(run));
}

Test(runs, only_judged_queries_are_retrieved_when_asked)
{
    const char *store = make_store(), *queries = child_path("queries.jsonl"), *qrels = child_path("test.tsv");
    child_write(queries, "{\"_id\": \"q1\", \"text\": \"bicycle\"}\n{\"_id\": \"q2\", \"text\": \"kettle\"}\n");
    child_write(qrels, "query-id\tcorpus-id\tscore\nq2\td1\t1\n");
    RUN(result, NULL, "retrieve", "--store", store, "--queries", queries, "--qrels", qrels);
    cr_assert_eq(result.code, 0, "%s", result.err);
    cr_assert_null(strstr(result.out, "q1 "));
    cr_assert_not_null(strstr(result.out, "q2 Q0 d1 1 "));
}

Test(runs, a_bad_query_line_is_named)
{
    const char *store = make_store(), *queries = child_path("queries.tsv");
    child_write(queries, "q1\tbicycle\nnothing here\n");
    RUN(result, NULL, "retrieve", "--store", store, "--queries", queries);
    cr_assert_eq(result.code, 1);
    cr_assert_not_null(strstr(result.err, "queries.tsv:2: "), "%s", result.err);
}
