/*
 * Reading JSON that somebody else wrote. Endpoints cut characters in two when they stream, and escape halves of
 * surrogate pairs: such places become U+FFFD, because one odd character is no reason to lose an answer.
 */
#ifndef RRK_LLM_JSON_H
#define RRK_LLM_JSON_H

#include "base/error.h"

struct json_t;

/* NULL: not JSON, or no memory. To be released with json_decref(). */
struct json_t *llm_json_load(rrk_text text);

/* A string member's text; empty where there is none. */
rrk_text llm_json_text(const struct json_t *object, const char *name);

#endif
