/*
 * What an endpoint says when it refuses, in one line fit for an error message. Every server has a form of its own:
 * {"error": {"message"}}, {"error": "..."}, {"message"}, {"detail"} as a text or as a list of fields, a list around one of
 * these, a page of HTML, plain text. The text is a stranger's: control characters go, and so does the key, should it be
 * quoted. Pure.
 */
#ifndef RRK_LLM_REFUSAL_H
#define RRK_LLM_REFUSAL_H

#include "base/error.h"

struct json_t;

#define LLM_REFUSAL_SIZE 200 /* with the NUL */

/* body's message; "" when it says nothing. hidden (may be NULL) is replaced wherever it occurs. */
void llm_refusal_read(rrk_text body, const char *hidden, char out[LLM_REFUSAL_SIZE]);

/* The same for a body that is parsed already. */
void llm_refusal_of_json(const struct json_t *root, const char *hidden, char out[LLM_REFUSAL_SIZE]);

/* The number in a body's "error": {"code"} or "status" if it is an HTTP error's, 0 otherwise. */
long llm_refusal_code(const struct json_t *root);

#endif
