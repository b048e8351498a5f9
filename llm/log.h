/*
 * One line of JSON for each call that ended: what it cost and how it went, for whoever adds up bills or looks for slow
 * ones. Never the key, and nothing of what was asked, answered or refused.
 */
#ifndef RRK_LLM_LOG_H
#define RRK_LLM_LOG_H

#include "base/buf.h"
#include "llm/llm.h"

/* unix_ms: the wall clock's time; http_status: the last one, 0 when there was none. */
rrk_status llm_log_line(const llm_reply *reply, const char *model, long http_status, int64_t unix_ms, base_buf *out,
                        rrk_error *err);

/* Hands the line to the handle's log callback, if it has one. */
void llm_log_reply(const rrk_llm *llm, const llm_reply *reply, long http_status);

#endif
