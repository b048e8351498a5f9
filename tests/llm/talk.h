/* What the tests that talk to a server share: a handle on it, prompts, one reply at a time, and a server's usual words. */
#ifndef RRK_TESTS_LLM_TALK_H
#define RRK_TESTS_LLM_TALK_H

#include "../net/server.h"
#include "llm/llm.h"

#include <criterion/criterion.h>

/* Options for a server: no pause between attempts and no retries unless a test sets some. */
rrk_llm_options talk_options(const char *url);
rrk_llm *talk_open(const rrk_llm_options *options);
llm_session *talk_session(rrk_llm *llm, const llm_cache *cache);

/* One user turn with 64 tokens to answer in; lives for the whole test. */
llm_prompt talk_prompt(const char *content);

void talk_submit(llm_session *session, const llm_prompt *prompt, int64_t deadline_ns, void *tag);
llm_reply *talk_next(llm_session *session, void **tag); /* fails the test when there is none */

/* Handle, session, one call, and everything closed again but for the reply. */
llm_reply *talk_once(const rrk_llm_options *options, const llm_prompt *prompt);

void talk_assert_answer(const llm_reply *reply, const char *want);
void talk_assert_failed(const llm_reply *reply, rrk_status status, int detail, const char *message);

/* A clock for base_clock_replace() that jumps forward by talk_jump_ns (at first 100 ms) each time it is read. */
extern int64_t talk_now_ns, talk_jump_ns;
int64_t talk_jumping_now(void);
void talk_real_time(void); /* for .fini */

/* --- in answers --- */
void talk_say(server_conn *conn, const char *content);   /* a whole reply with usage 11/7 */
void talk_begin_stream(server_conn *conn);               /* header of an event stream that ends with the connection */
bool talk_piece(server_conn *conn, const char *content); /* one event with content, as it stands in JSON */
void talk_end_stream(server_conn *conn, const char *finish); /* finish_reason, usage 11/7, [DONE], closes */
bool talk_is_stream(const server_request *request);          /* whether the body asks for one */

#endif
