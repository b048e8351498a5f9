/* Replies as session.c hands them out, and the form in which the cache keeps them. */
#ifndef RRK_LLM_REPLY_H
#define RRK_LLM_REPLY_H

#include "llm/answer.h"
#include "llm/llm.h"

/* A reply with nothing in it yet. */
rrk_status llm_reply_new(llm_reply **out, rrk_error *err);

/* Moves the answer over; tokens that the endpoint did not count are estimated. */
void llm_reply_take(llm_reply *reply, llm_answer *answer, const llm_prompt *prompt);

/* As a JSON object, and back: false when it is none, and then reply is unchanged. Outcome and times are not part of it. */
rrk_status llm_reply_write(const llm_reply *reply, base_buf *out, rrk_error *err);
bool llm_reply_read(llm_reply *reply, rrk_text json);

#endif
