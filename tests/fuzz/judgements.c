/*
 * Lines of qrels, runs and query files, as the first byte says. A run that was read is written and read again: the
 * same queries must come back.
 *
 * Parser: eval/qrels.c eval/run.c eval/queries.c eval/table.c
 */
#include "eval/queries.h"
#include "fuzz.h"
#include <rrk/eval.h>

#include <stdio.h>
#include <string.h>

static void read_qrels(const char *path)
{
    rrk_qrels *qrels = NULL;
    rrk_error err = {0};
    rrk_status status = rrk_qrels_read(&qrels, path, &err);
    fuzz_check_error(status, &err);
    FUZZ_CHECK((status == RRK_OK) == (qrels != NULL));
    FUZZ_CHECK(!qrels || rrk_qrels_queries(qrels) > 0);
    rrk_qrels_free(qrels);
}

static void write_and_read_again(const rrk_run *run)
{
    char path[128];
    rrk_run *again = NULL;
    rrk_error err = {0};
    snprintf(path, sizeof path, "%s/again", fuzz_dir());
    if (rrk_run_write(run, path, "tag", &err) != RRK_OK)
        return;
    FUZZ_CHECK(rrk_run_read(&again, path, &err) == RRK_OK);
    FUZZ_CHECK(rrk_run_queries(again) == rrk_run_queries(run));
    rrk_run_free(again);
}

static void read_run(const char *path)
{
    rrk_run *run = NULL;
    rrk_error err = {0};
    rrk_status status = rrk_run_read(&run, path, &err);
    fuzz_check_error(status, &err);
    FUZZ_CHECK((status == RRK_OK) == (run != NULL));
    if (run)
        write_and_read_again(run);
    rrk_run_free(run);
}

static void read_queries(const char *path)
{
    eval_queries queries = {0};
    rrk_error err = {0};
    rrk_status status = eval_queries_read(&queries, path, &err);
    fuzz_check_error(status, &err);
    for (size_t i = 0; status == RRK_OK && i < eval_queries_len(&queries); i++) {
        rrk_text text;
        FUZZ_CHECK(eval_queries_find(&queries, eval_queries_id(&queries, i), &text));
        FUZZ_CHECK(text.data == eval_queries_text(&queries, i).data);
    }
    eval_queries_free(&queries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned what = fuzz_take(&data, &size, 1) % 3;
    const char *path = fuzz_file("input", data, size);
    if (what == 0)
        read_qrels(path);
    else if (what == 1)
        read_run(path);
    else
        read_queries(path);
    return 0;
}
