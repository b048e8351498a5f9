/* Grammars for identifiers: see shape.h. */
#include "llm/shape.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DIGITS = 10 }; /* of a 32-bit identifier */

rrk_status llm_shape_check(const llm_prompt *prompt, rrk_error *err)
{
    if (prompt->shape == LLM_SHAPE_FREE)
        return RRK_OK;
    if (prompt->n_admitted == 0 || prompt->n_admitted > LLM_SHAPE_MAX_IDS)
        return base_fail(err, RRK_E_INVALID, 0, "a reply is to be held to %zu identifiers: 1 to %d can be admitted",
                         prompt->n_admitted, LLM_SHAPE_MAX_IDS);
    if (prompt->shape == LLM_SHAPE_LIST && (prompt->n_wanted == 0 || prompt->n_wanted > prompt->n_admitted))
        return base_fail(err, RRK_E_INVALID, 0, "a reply is to hold %zu of %zu identifiers", prompt->n_wanted,
                         prompt->n_admitted);
    if (prompt->shape == LLM_SHAPE_ONE && !prompt->admitted)
        return base_fail(err, RRK_E_INVALID, 0, "a reply is to be held to one identifier of an empty set");
    return RRK_OK;
}

const char *llm_shape_member(rrk_llm_grammar grammar)
{
    static const char *const MEMBERS[] = {
        [RRK_LLM_GRAMMAR_GBNF] = "grammar",
        [RRK_LLM_GRAMMAR_REGEX] = "structured_outputs",
        [RRK_LLM_GRAMMAR_GUIDED_REGEX] = "guided_regex",
        [RRK_LLM_GRAMMAR_JSON_SCHEMA] = "response_format",
    };
    return MEMBERS[grammar];
}

/* "[3-7]", or "[3]"; a class of its own in both dialects, which differ in what stands between classes. */
static rrk_status add_digits(base_buf *out, int from, int to, size_t times, const char *gap, rrk_error *err)
{
    for (size_t i = 0; i < times; i++) {
        RRK_TRY(from == to ? base_buf_printf(out, err, "[%d]", from) : base_buf_printf(out, err, "[%d-%d]", from, to));
        RRK_TRY(base_buf_append_string(out, gap, err));
    }
    return RRK_OK;
}

/* Numbers as long as n that share its first `same` digits and are then smaller. */
static rrk_status add_smaller(base_buf *out, const char *n, size_t same, const char *gap, rrk_error *err)
{
    int lowest = same ? 0 : 1, here = n[same] - '0';
    if (here == lowest)
        return RRK_OK;
    RRK_TRY(base_buf_append_string(out, "|", err));
    for (size_t i = 0; i < same; i++)
        RRK_TRY(add_digits(out, n[i] - '0', n[i] - '0', 1, gap, err));
    RRK_TRY(add_digits(out, lowest, here - 1, 1, gap, err));
    return add_digits(out, 0, 9, strlen(n) - same - 1, gap, err);
}

/* Alternatives for 1..n: those with fewer digits by their length, those with as many by the first digit that differs. */
static rrk_status add_range(base_buf *out, size_t n, const char *gap, rrk_error *err)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", n);
    size_t len = strlen(digits);
    for (size_t i = 0; i < len; i++)
        RRK_TRY(add_digits(out, digits[i] - '0', digits[i] - '0', 1, gap, err));
    for (size_t i = 1; i < len; i++) {
        RRK_TRY(base_buf_append_string(out, "|", err));
        RRK_TRY(add_digits(out, 1, 9, 1, gap, err));
        RRK_TRY(add_digits(out, 0, 9, i - 1, gap, err));
    }
    for (size_t i = 0; i < len; i++)
        RRK_TRY(add_smaller(out, digits, i, gap, err));
    return RRK_OK;
}

/* quote is what stands around a literal: GBNF's double quote, nothing in a regular expression. */
static rrk_status add_set(base_buf *out, const llm_prompt *prompt, const char *quote, rrk_error *err)
{
    for (size_t i = 0; i < prompt->n_admitted; i++)
        RRK_TRY(base_buf_printf(out, err, "%s%s%u%s", i ? "|" : "", quote, (unsigned)prompt->admitted[i], quote));
    return RRK_OK;
}

static rrk_status add_numbers(base_buf *out, const llm_prompt *prompt, const char *gap, const char *quote,
                              rrk_error *err)
{
    return prompt->shape == LLM_SHAPE_ONE ? add_set(out, prompt, quote, err)
                                          : add_range(out, prompt->n_admitted, gap, err);
}

static size_t n_repeats(const llm_prompt *prompt)
{
    return prompt->shape == LLM_SHAPE_ONE ? 0 : prompt->n_wanted - 1;
}

static rrk_status write_gbnf(const llm_prompt *prompt, base_buf *out, rrk_error *err)
{
    size_t repeats = n_repeats(prompt);
    RRK_TRY(base_buf_append_string(out, "root ::= id", err));
    if (repeats)
        RRK_TRY(base_buf_printf(out, err, " (\" > \" id){%zu}", repeats));
    RRK_TRY(base_buf_append_string(out, "\nid ::= \"[\" (", err));
    RRK_TRY(add_numbers(out, prompt, " ", "\"", err));
    return base_buf_append_string(out, ") \"]\"\n", err);
}

static rrk_status write_regex(const llm_prompt *prompt, base_buf *out, rrk_error *err)
{
    size_t repeats = n_repeats(prompt);
    RRK_TRY(base_buf_append_string(out, "\\[(", err));
    RRK_TRY(add_numbers(out, prompt, "", "", err));
    RRK_TRY(base_buf_append_string(out, ")\\]", err));
    if (!repeats)
        return RRK_OK;
    RRK_TRY(base_buf_append_string(out, "( > \\[(", err));
    RRK_TRY(add_numbers(out, prompt, "", "", err));
    return base_buf_printf(out, err, ")\\]){%zu}", repeats);
}

/* Hosted endpoints want an object at the top; the identifiers in it keep their brackets, so that replies read alike. */
static rrk_status write_schema(const llm_prompt *prompt, base_buf *out, rrk_error *err)
{
    size_t n = n_repeats(prompt) + 1;
    RRK_TRY(base_buf_append_string(out,
                                   "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"ranking\",\"strict\":true,"
                                   "\"schema\":{\"type\":\"object\",\"properties\":{\"ranking\":{\"type\":\"array\","
                                   "\"items\":{\"type\":\"string\",\"enum\":[",
                                   err));
    for (size_t i = 0; i < prompt->n_admitted; i++)
        RRK_TRY(base_buf_printf(out, err, "%s\"[%zu]\"", i ? "," : "",
                                prompt->shape == LLM_SHAPE_ONE ? (size_t)prompt->admitted[i] : i + 1));
    return base_buf_printf(out, err,
                           "]},\"minItems\":%zu,\"maxItems\":%zu}},\"required\":[\"ranking\"],"
                           "\"additionalProperties\":false}}}",
                           n, n);
}

rrk_status llm_shape_write(const llm_prompt *prompt, rrk_llm_grammar grammar, base_buf *out, rrk_error *err)
{
    if (grammar == RRK_LLM_GRAMMAR_JSON_SCHEMA)
        return write_schema(prompt, out, err);
    base_buf text RRK_AUTO(base_buf_free) = {.max = (size_t)(LLM_SHAPE_MAX_IDS + 100) * (MAX_DIGITS + 3)};
    RRK_TRY(grammar == RRK_LLM_GRAMMAR_GBNF ? write_gbnf(prompt, &text, err) : write_regex(prompt, &text, err));
    if (grammar == RRK_LLM_GRAMMAR_REGEX)
        RRK_TRY(base_buf_append_string(out, "{\"regex\":", err));
    RRK_TRY(base_buf_append_json(out, (rrk_text){text.data, text.len}, err));
    return grammar == RRK_LLM_GRAMMAR_REGEX ? base_buf_append_char(out, '}', err) : RRK_OK;
}
