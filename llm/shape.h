/*
 * Grammars that hold a reply to identifiers, in the dialects endpoints understand: llama.cpp's GBNF, regular expressions
 * (vLLM), a JSON schema (hosted endpoints). All are small for any n: numbers are written as ranges of digits, because a
 * hundred alternatives slow down each token. Pure.
 */
#ifndef RRK_LLM_SHAPE_H
#define RRK_LLM_SHAPE_H

#include "llm/llm.h"

#define LLM_SHAPE_MAX_IDS 10000 /* admitted, or asked for */

/* RRK_E_INVALID when nothing could be answered: no identifier admitted or wanted, or more than LLM_SHAPE_MAX_IDS. */
rrk_status llm_shape_check(const llm_prompt *prompt, rrk_error *err);

/* The request's member that carries the grammar. */
const char *llm_shape_member(rrk_llm_grammar grammar);

/* Appends that member's value, JSON. */
rrk_status llm_shape_write(const llm_prompt *prompt, rrk_llm_grammar grammar, base_buf *out, rrk_error *err);

#endif
