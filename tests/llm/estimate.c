/* The token estimate against real tokenizers: golden counts of public passages, and samples of other kinds of text. */
#include "base/buf.h"
#include "llm/llm.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t estimate(const char *text)
{
    return llm_estimate_tokens(rrk_text_of(text));
}

/* The highest count of golden/count_tokens.py's tokenizers. */
static const struct {
    const char *text;
    uint64_t highest;
} SAMPLES[] = {
    {"The quick brown fox jumps over the lazy dog.", 13},
    {"[12] > [3] > [45]", 13},
    {"THE FEDERAL RESERVE BOARD ANNOUNCED NEW RULES.", 17},
    {"1234567890", 10},
};

Test(estimate, of_samples_is_near_the_tokenizer_that_needs_most)
{
    for (size_t i = 0; i < RRK_COUNT(SAMPLES); i++) {
        cr_assert_geq(estimate(SAMPLES[i].text) * 10, SAMPLES[i].highest * 9, "%s: %d", SAMPLES[i].text,
                      (int)estimate(SAMPLES[i].text));
        cr_assert_leq(estimate(SAMPLES[i].text), SAMPLES[i].highest * 3 / 2, "%s: %d", SAMPLES[i].text,
                      (int)estimate(SAMPLES[i].text));
    }
}

Test(estimate, of_nothing_is_nothing_and_of_bad_bytes_ends)
{
    cr_assert_eq(llm_estimate_tokens((rrk_text){NULL, 0}), 0);
    cr_assert_eq(estimate(" "), 0);
    cr_assert_eq(estimate("a"), 2, "rounded up");
    cr_assert_gt(estimate("\xff\xfe\x80"), 3);
    cr_assert_lt(estimate("----------------------------------------"), 20, "a ruled line is cheap");
    cr_assert_gt(estimate("\xe6\x9d\xb1\xe4\xba\xac"), 1);
}

Test(estimate, of_a_chat_counts_its_turns)
{
    rrk_llm_message messages[] = {{"system", rrk_text_of("a")}, {"user", rrk_text_of("b")}};
    uint64_t one = llm_estimate_chat_tokens(messages, 1), two = llm_estimate_chat_tokens(messages, 2);
    cr_assert_gt(one, estimate("a"));
    cr_assert_gt(two - one, estimate("b"));
}

static uint64_t estimate_line(const char *line, char qid[32])
{
    json_t *root = json_loads(line, 0, NULL);
    json_t *candidates = json_object_get(root, "candidates");
    uint64_t sum = 0;
    cr_assert_gt(json_array_size(candidates), 0);
    snprintf(qid, 32, "%s", json_string_value(json_object_get(root, "qid")));
    for (size_t i = 0; i < json_array_size(candidates); i++) {
        const json_t *text = json_object_get(json_array_get(candidates, i), "text");
        sum += llm_estimate_tokens((rrk_text){json_string_value(text), json_string_length(text)});
    }
    json_decref(root);
    return sum;
}

static FILE *open_in(const char *variable, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv(variable) ? getenv(variable) : "", name);
    return fopen(path, "r");
}

Test(estimate, of_dl19_is_between_1_and_1_5_of_real_tokenizers)
{
    FILE *passages = open_in("RRK_TEST_DATA", "dl19/candidates.bm25.jsonl");
    if (!passages)
        cr_skip_test("no dl19/candidates.bm25.jsonl in RRK_TEST_DATA");
    FILE *counts = open_in("RRK_TEST_SOURCE", "tests/llm/golden/dl19_tokens.tsv");
    cr_assert_not_null(counts);
    char *line = NULL, *row = NULL, qid[32];
    size_t line_cap = 0, row_cap = 0;
    double lowest = 9, highest = 0;
    cr_assert_gt(getline(&row, &row_cap, counts), 0, "a header");
    while (getline(&line, &line_cap, passages) > 0) {
        double estimated = (double)estimate_line(line, qid);
        cr_assert_gt(getline(&row, &row_cap, counts), 0);
        char *rest = row;
        cr_assert_str_eq(strsep(&rest, "\t"), qid);
        for (const char *count; (count = strsep(&rest, "\t\n")) != NULL && count[0];) {
            double ratio = estimated / strtod(count, NULL);
            cr_assert(ratio >= 1.0 && ratio <= 1.5, "query %s: %.3f of %s", qid, ratio, count);
            lowest = RRK_MIN(lowest, ratio);
            highest = RRK_MAX(highest, ratio);
        }
    }
    printf("between %.2f and %.2f of real tokenizers\n", lowest, highest);
    free(line);
    free(row);
    fclose(passages);
    fclose(counts);
}
