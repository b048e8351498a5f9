/* Prompts as they are sent: the two built-in shapes, what they cost, and that no text can speak as the template. */
#include "rerank/prompt.h"
#include "base/alloc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 100 };

static rank_template *open_template(const char *name)
{
    rank_template *wording;
    rrk_error err;
    cr_assert_eq(rank_template_open(&wording, name, &err), RRK_OK, "%s", err.message);
    return wording;
}

static rank_prompt build(const char *name, const char *query, const char *const *texts, size_t n, size_t n_wanted)
{
    rank_template *wording = open_template(name);
    rrk_text passages[MOST];
    for (size_t i = 0; i < n; i++)
        passages[i] = rrk_text_of(texts[i]);
    rank_prompt prompt;
    cr_assert_eq(rank_prompt_build(&prompt, wording, rrk_text_of(query), passages, n, n_wanted, NULL), RRK_OK);
    rank_template_free(wording);
    return prompt;
}

/* All messages, one after the other, each behind its role. */
static char *transcript(const rank_prompt *prompt)
{
    base_buf all = {.max = 1 << 20};
    for (size_t i = 0; i < prompt->n; i++) {
        const rrk_llm_message *m = &prompt->messages[i];
        cr_assert_eq(base_buf_printf(&all, NULL, "<%s>%.*s\n", m->role, (int)m->content.len, m->content.data), RRK_OK);
    }
    return all.data;
}

static size_t occurrences(const char *haystack, const char *needle)
{
    size_t n = 0;
    for (const char *at = haystack; (at = strstr(at, needle)); at += strlen(needle))
        n++;
    return n;
}

static const char *const TEXTS[] = {"alpha beta", "{query} {rank} {0} %s {{", "gamma"};

Test(prompt, one_turn_has_each_passage_on_its_own_line_and_the_query_before_and_behind)
{
    rank_prompt prompt = build("one-turn", "why {num}?", TEXTS, 3, 3);
    cr_assert_eq(prompt.n, 2);
    char *all = transcript(&prompt);
    cr_assert_eq(strncmp(all, "<system>", 8), 0);
    cr_assert(strstr(all, "\n<user>"));
    cr_assert(strstr(all, "\n[1] alpha beta\n[2] {query} {rank} {0} %s {{\n[3] gamma\n"));
    cr_assert_eq(occurrences(all, "why {num}?"), 2);
    cr_assert(strstr(all, "why {num}?") < strstr(all, "[1] ") && strstr(strstr(all, "[3] gamma"), "why {num}?"));
    cr_assert(strstr(all, "all 3 passages") && strstr(all, "[2] > [1] > [3]"));
    base_free(all);
    rank_prompt_free(&prompt);
    rank_prompt_free(&prompt);
}

Test(prompt, chat_has_a_turn_a_passage_and_roles_alternate)
{
    for (size_t n = 0; n <= 3; n++) {
        rank_prompt prompt = build("chat", "why?", TEXTS, n, n);
        cr_assert_eq(prompt.n, 3 + 2 * n + 1);
        cr_assert_str_eq(prompt.messages[0].role, "system");
        for (size_t i = 1; i < prompt.n; i++)
            cr_assert_str_eq(prompt.messages[i].role, i % 2 ? "user" : "assistant");
        for (size_t i = 0; i < n; i++) {
            char expected[64];
            int len = snprintf(expected, sizeof expected, "[%zu] %s", i + 1, TEXTS[i]);
            rrk_text got = prompt.messages[3 + 2 * i].content;
            cr_assert(got.len == (size_t)len && memcmp(got.data, expected, got.len) == 0);
        }
        rank_prompt_free(&prompt);
    }
}

Test(prompt, for_fewer_asks_for_as_many_and_its_example_is_no_longer)
{
    static const char *const NAMES[] = {"one-turn", "chat"};
    for (size_t i = 0; i < 2; i++) {
        rank_prompt prompt = build(NAMES[i], "why?", TEXTS, 3, 2);
        char *all = transcript(&prompt);
        cr_assert(strstr(all, "choose the 2 of these 3 passages") && strstr(all, "those 2 passages"));
        cr_assert_not(strstr(all, "all 3 passages"));
        cr_assert(strstr(all, "as in [2] > [1]. "));
        cr_assert_eq(occurrences(all, "why?"), 2);
        base_free(all);
        rank_prompt_free(&prompt);
        prompt = build(NAMES[i], "why?", TEXTS, 3, 1);
        all = transcript(&prompt);
        cr_assert(strstr(all, "as in [2]. "));
        base_free(all);
        rank_prompt_free(&prompt);
        prompt = build(NAMES[i], "why?", TEXTS, 2, 2);
        all = transcript(&prompt);
        cr_assert(strstr(all, "as in [2] > [1]. "), "no identifier that no passage has");
        base_free(all);
        rank_prompt_free(&prompt);
    }
}

Test(prompt, templates_have_different_and_lasting_hashes)
{
    char one[65], again[65], chat[65];
    rank_template *wording = open_template("one-turn");
    rank_template_hash(wording, one);
    rank_template_free(wording);
    wording = open_template("one-turn");
    rank_template_hash(wording, again);
    rank_template_free(wording);
    wording = open_template("chat");
    rank_template_hash(wording, chat);
    rank_template_free(wording);
    rank_template_free(NULL);
    cr_assert_str_eq(one, again);
    cr_assert_str_neq(one, chat);
    cr_assert_eq(strspn(one, "0123456789abcdef"), 64);
}

/* With a token a byte the estimate must hold what is really sent, and not be far off. */
Test(prompt, of_a_template_costs_about_what_is_told)
{
    static const char *const NAMES[] = {"one-turn", "chat"};
    static const size_t SIZES[] = {2, 9, 20, 100};
    const char *empty[MOST];
    for (size_t i = 0; i < MOST; i++)
        empty[i] = "";
    for (size_t i = 0; i < 2; i++) {
        rank_template *wording = open_template(NAMES[i]);
        for (size_t k = 0; k < 4; k++) {
            rank_prompt prompt = build(NAMES[i], "", empty, SIZES[k], SIZES[k]);
            uint64_t real = llm_estimate_chat_tokens(prompt.messages, prompt.n);
            uint64_t told = rank_template_tokens(wording, SIZES[k]);
            cr_assert(told >= real && told < real + 40 * SIZES[k] + 200, "%s, %zu: %d of %d", NAMES[i], SIZES[k],
                      (int)told, (int)real);
            rank_prompt_free(&prompt);
        }
        cr_assert_eq(rank_template_query_count(wording), 2);
        rank_template_free(wording);
    }
}

Test(prompt, answers_cost_a_token_a_digit_and_three_an_identifier)
{
    cr_assert_eq(rank_answer_tokens(100, 100), 492);
    cr_assert_eq(rank_answer_tokens(20, 20), 9 * 4 + 11 * 5);
    cr_assert_eq(rank_answer_tokens(100, 10), 6 + 9 * 5);
    cr_assert_eq(rank_answer_tokens(100, 1), 6);
    cr_assert_eq(rank_answer_tokens(9, 99), 36);
    cr_assert_eq(rank_answer_tokens(0, 0), 0);
    cr_assert_eq(rank_answer_tokens(1000, 1000), 9 * 4 + 90 * 5 + 900 * 6 + 7);
}

Test(prompt, beyond_the_limit_is_refused_by_name, .timeout = 60)
{
    size_t half = RANK_PROMPT_MAX_BYTES / 2;
    char *large = base_calloc(half, 1);
    cr_assert(large);
    memset(large, 'x', half);
    rrk_text passages[2] = {{large, half}, {large, half}};
    rank_template *wording = open_template("chat");
    rank_prompt prompt;
    rrk_error err = {0};
    cr_assert_eq(rank_prompt_build(&prompt, wording, rrk_text_of("q"), passages, 2, 2, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "a prompt of 2 passages: a buffer would grow beyond its limit of 268435456 bytes");
    cr_assert(prompt.n == 0 && !prompt.memory);
    rank_template_free(wording);
    base_free(large);
}
