/*
 * Candidate files in any of their shapes. Every text that comes out is UTF-8 without a hole, every candidate has an id.
 *
 * Parser: eval/candidates.c
 */
#include "eval/candidates.h"
#include "base/text.h"
#include "fuzz.h"

static void check(const eval_candidates_query *query)
{
    FUZZ_CHECK(query->qid.len > 0);
    FUZZ_CHECK(base_text_check(query->query, "the query", NULL) == RRK_OK);
    for (size_t i = 0; i < query->n; i++) {
        FUZZ_CHECK(query->passages[i].id.len > 0);
        FUZZ_CHECK(base_text_check(query->passages[i].title, "the title", NULL) == RRK_OK);
        FUZZ_CHECK(base_text_check(query->passages[i].text, "the text", NULL) == RRK_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eval_candidates *file = NULL;
    rrk_error err = {0};
    const char *path = fuzz_file("candidates.jsonl", data, size);
    FUZZ_CHECK(eval_candidates_open(&file, path, &err) == RRK_OK);
    for (bool more = true; more;) {
        eval_candidates_query query;
        rrk_status status = eval_candidates_next(file, &query, &more, &err);
        fuzz_check_error(status, &err);
        if (status != RRK_OK)
            break;
        if (more)
            check(&query);
    }
    eval_candidates_close(file);
    return 0;
}
