/*
 * From an endpoint's reply, whole or as a stream's events, to the answer in it. Thinking is kept apart: what a model put
 * into "reasoning" or "reasoning_content", and what stands up to the last "</think>" of its text, is never an answer. An
 * error that came with a 200 is a failure, and so is a stream that broke off. Pure.
 */
#ifndef RRK_LLM_ANSWER_H
#define RRK_LLM_ANSWER_H

#include "base/buf.h"

typedef struct llm_answer {
    base_buf text;  /* content as it came, thinking between tags included; UTF-8 */
    size_t start;   /* the answer begins here */
    size_t scanned; /* tags before it have been seen */
    bool open;      /* a "<think>" after start was not closed: there is no answer */
    bool had_thinking;
    uint64_t thinking_bytes; /* that came in fields of their own */
    bool has_ended;          /* a finish_reason came, or "[DONE]" */
    bool was_cut;            /* by the output cap */
    bool has_prompt_tokens;
    bool has_completion_tokens;
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
    uint64_t thinking_tokens;
    long error_code;    /* of a failure: the HTTP status that it stands for, 0 when none was told */
    const char *hidden; /* never shown in a failure's message; borrowed, may be NULL */
} llm_answer;

/* max_bytes bounds the text. */
void llm_answer_init(llm_answer *answer, size_t max_bytes, const char *hidden);
void llm_answer_clear(llm_answer *answer); /* ready for another reply */
void llm_answer_free(llm_answer *answer);

/* A whole reply's body. RRK_E_UPSTREAM: it is an error, or no chat completion at all. */
rrk_status llm_answer_read(llm_answer *answer, rrk_text body, rrk_error *err);

/* One event of a stream, in turn; after the last one, llm_answer_end() tells whether all of it came. */
rrk_status llm_answer_read_event(llm_answer *answer, rrk_text data, rrk_error *err);
rrk_status llm_answer_end(const llm_answer *answer, rrk_error *err);

/* Text that comes from elsewhere than an endpoint. */
rrk_status llm_answer_add(llm_answer *answer, const char *data, size_t len, rrk_error *err);

/* What has come of the answer; valid until more is read. */
rrk_text llm_answer_text(const llm_answer *answer);

#endif
