/*
 * Any bytes as a template file. One that is accepted makes prompts: turns alternate, every passage is in them as it is,
 * braces and all, and so is the query.
 *
 * Parser: rerank/template_yaml.c rerank/template_format.c rerank/template.c rerank/prompt.c
 */
#include "rerank/template.h"
#include "base/sha256.h"
#include "base/text.h"
#include "fuzz.h"

#include <string.h>

static const char QUERY[] = "what {candidate} boils }{ \xc3\xa4?";
static const char *const PASSAGES[] = {"first {query} {num} passage", "second {{ passage }} {", "third {"};

static bool is_in(const rank_prompt *prompt, const char *part)
{
    for (size_t i = 0; i < prompt->n; i++) {
        rrk_text content = prompt->messages[i].content;
        if (content.len && memmem(content.data, content.len, part, strlen(part)))
            return true;
    }
    return false;
}

static void check_turns(const rank_prompt *prompt)
{
    size_t at = prompt->n && strcmp(prompt->messages[0].role, "system") == 0;
    FUZZ_CHECK(prompt->n > at);
    for (size_t i = at; i < prompt->n; i++) {
        FUZZ_CHECK(strcmp(prompt->messages[i].role, (i - at) % 2 ? "assistant" : "user") == 0);
        FUZZ_CHECK(base_text_check(prompt->messages[i].content, "a turn", NULL) == RRK_OK);
    }
    FUZZ_CHECK(strcmp(prompt->messages[prompt->n - 1].role, "user") == 0);
}

static void build(const rank_template *wording, size_t n, size_t n_wanted)
{
    rrk_text passages[RRK_COUNT(PASSAGES)];
    rank_prompt prompt = {0};
    rrk_error err = {0};
    for (size_t i = 0; i < n; i++)
        passages[i] = rrk_text_of(PASSAGES[i]);
    rrk_status status = rank_prompt_build(&prompt, wording, rrk_text_of(QUERY), passages, n, n_wanted, &err);
    fuzz_check_error(status, &err);
    FUZZ_CHECK(status == RRK_OK);
    check_turns(&prompt);
    FUZZ_CHECK(is_in(&prompt, QUERY));
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(is_in(&prompt, PASSAGES[i]));
    rank_prompt_free(&prompt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rank_template *wording = NULL;
    rrk_error err = {0};
    rrk_status status = rank_template_parse(&wording, (rrk_text){(const char *)data, size}, "file.yaml", &err);
    fuzz_check_error(status, &err);
    if (status == RRK_OK) {
        char hash[BASE_SHA256_HEX_SIZE];
        rank_template_hash(wording, hash);
        FUZZ_CHECK(rank_template_query_count(wording) > 0);
        FUZZ_CHECK(rank_template_tokens(wording, RRK_COUNT(PASSAGES)) > 0);
        build(wording, RRK_COUNT(PASSAGES), RRK_COUNT(PASSAGES));
        build(wording, RRK_COUNT(PASSAGES), 1);
        build(wording, 1, 1);
    }
    rank_template_free(wording);
    return 0;
}
