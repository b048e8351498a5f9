/*
 * Listwise prompts: templates (rrk's own wording in two shapes, or a file in RankLLM's YAML format), and texts made
 * ready for them. Placeholders are replaced in the template alone: a brace in a passage is text, and an identifier in a
 * passage or query is defused ("[12]" becomes "(12)"), so that no text can speak as the prompt. Pure but for reading
 * the file.
 */
#ifndef RRK_RERANK_PROMPT_H
#define RRK_RERANK_PROMPT_H

#include "base/buf.h"
#include "llm/llm.h"
#include <rrk/text.h>

#define RANK_TEMPLATE_MAX_BYTES ((size_t)1 << 20)
#define RANK_PROMPT_MAX_BYTES ((size_t)256 << 20)

typedef struct rank_template rank_template;

/* name: "one-turn", "chat", or the path of a YAML file with method singleturn_listwise or multiturn_listwise. */
rrk_status rank_template_open(rank_template **out, const char *name, rrk_error *err);

/*
 * Such a file's text, in RankLLM's format: one mapping of scalars, without anchors, aliases or tags. Its keys are
 *   method: singleturn_listwise, body, and optionally system_message, prefix, suffix; or
 *   method: multiturn_listwise, body_user, and optionally system_message, prefix_user, prefix_assistant,
 *     body_assistant, suffix_user: one of the assistant's parts at least, an answer to prefix_user if it is there, and
 *     suffix_user behind a body_assistant;
 *   output_validation_regex, output_extraction_regex: required by the format and not used, rrk reads replies its way.
 * {rank} and {candidate} must be in the body, {query} must be before or behind it, {num} may be; "{{" and "}}" are
 * braces, except in system_message, which is taken as it is. name stands in messages, "name:line: what".
 * RRK_E_UNSUPPORTED for another method, RRK_E_INVALID above RANK_TEMPLATE_MAX_BYTES, RRK_E_FORMAT for what is wrong.
 */
rrk_status rank_template_parse(rank_template **out, rrk_text text, const char *name, rrk_error *err);

void rank_template_free(rank_template *wording); /* NULL is fine */

/* SHA-256 in hex of all wording, for provenance. */
void rank_template_hash(const rank_template *wording, char out[65]);

/* A chat ready to be sent; owns its texts. */
typedef struct rank_prompt {
    rrk_llm_message *messages; /* [n] */
    size_t n;
    char *memory;
} rank_prompt;

/*
 * query and passages are ready texts, see below. n_wanted is how many of the best are asked for: n means all. A
 * template file has no words for fewer; then a sentence of rrk's own follows its suffix.
 */
rrk_status rank_prompt_build(rank_prompt *out, const rank_template *wording, rrk_text query, const rrk_text *passages,
                             size_t n, size_t n_wanted, rrk_error *err);
void rank_prompt_free(rank_prompt *prompt); /* also for RRK_AUTO */

/*
 * Appends title and text as a prompt shows them: title first, white space and control characters (Unicode's, U+2028 and
 * NUL among them) folded to one blank, and identifiers defused: "[12]", "[ 12 ]" and the full-width form of brackets
 * and digits get round brackets. Bidirectional embeddings, overrides and isolates are dropped, which could show a
 * prompt in another order than it is read; marks (U+200E, U+200F, U+061C) stay. Other bytes than UTF-8 become U+FFFD.
 * Cut after max_words words and after what max_tokens are estimated to hold (0: no cap). A cut never splits a word,
 * unless the word alone is longer than the token cap: then between characters. *was_cut says whether text was lost to a
 * cap.
 */
rrk_status rank_ready_text(rrk_text title, rrk_text text, size_t max_words, size_t max_tokens, base_buf *out,
                           bool *was_cut, rrk_error *err);

/* How often the query is in a prompt of this template. */
size_t rank_template_query_count(const rank_template *wording);

/* Tokens that the template itself and its identifiers are estimated to cost for n passages. */
uint64_t rank_template_tokens(const rank_template *wording, size_t n);

/* Completion tokens that n_wanted of the identifiers 1..n cost at most ("[12] > " with one token a digit). */
uint64_t rank_answer_tokens(size_t n, size_t n_wanted);

#endif
