/*
 * The request's body. It is written straight into a buffer: a prompt is tens of kilobytes that a tree of JSON values
 * would copy twice, for hundreds of calls in flight. Pure.
 */
#ifndef RRK_LLM_BODY_H
#define RRK_LLM_BODY_H

#include "llm/llm.h"

/* A body without its prompt's texts is smaller than this; an extra body that is larger is refused. */
#define LLM_MAX_EXTRA_BYTES ((size_t)1 << 20)
#define LLM_MAX_BODY_BYTES ((size_t)1 << 30)

/* What a user adds to each request. */
typedef struct llm_extra {
    char *members; /* `"a":1,"b":2`, in the order of their names; owned */
    char **names;  /* [n_names], those with null included; owned */
    size_t n_names;
} llm_extra;

/*
 * json: an object, NULL or "" for none. A member of a request that it names is taken from it; null leaves that member out.
 * It may not name "messages" and "stream".
 */
rrk_status llm_extra_read(llm_extra *out, const char *json, rrk_error *err);
void llm_extra_free(llm_extra *extra);

typedef struct llm_body_format {
    const char *model;
    const llm_extra *extra;
    bool completion_cap; /* the cap is called max_completion_tokens */
    rrk_llm_grammar grammar;
    int64_t seed; /* -1: none */
    bool stream;
} llm_body_format;

rrk_status llm_body_write(const llm_body_format *format, const llm_prompt *prompt, base_buf *out, rrk_error *err);

/*
 * Names a call for the reply cache: two calls that any endpoint must answer alike have one name. How the answer travels
 * (streamed or not) and how the cap is called have no part in it, nor has the key.
 */
rrk_status llm_cache_key(const char *url, const llm_body_format *format, const llm_prompt *prompt,
                         char out[LLM_CACHE_KEY_SIZE], rrk_error *err);

#endif
