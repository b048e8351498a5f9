/*
 * Calls that a callback of the program answers instead of an endpoint. One at a time, on the caller's thread; no retries,
 * because a model in the process does not recover by being asked again.
 */
#include "base/clock.h"
#include "base/utf8.h"
#include "llm/call.h"

/* Looks at the clock and the caller too: this is the only moment while a callback runs. */
static bool is_interrupted(llm_call *call)
{
    llm_line *line = call->line;
    if (line->interrupted == RRK_OK)
        line->interrupted = base_deadline_check(line->waiting, NULL);
    if (line->interrupted != RRK_OK)
        call->broken = base_fail(&call->why, line->interrupted, 0, "stopped by the caller or its deadline");
    else if (call->deadline_ns && base_now_ns() >= call->deadline_ns)
        call->broken = base_fail(&call->why, RRK_E_TIMEOUT, 0, "the deadline passed before the answer came");
    return call->broken != RRK_OK;
}

static int take_piece(void *sink, const char *data, size_t len)
{
    llm_call *call = sink;
    if (call->stopped || call->broken != RRK_OK || is_interrupted(call))
        return 1;
    call->broken = llm_answer_add(&call->answer, data, len, &call->why);
    if (call->broken == RRK_OK && !call->line->llm->options.no_stream)
        call->stopped = llm_call_is_enough(call);
    return call->stopped || call->broken != RRK_OK;
}

/* Pieces may end within a character, and the last one does not matter. */
static rrk_status check_text(llm_answer *answer, rrk_error *err)
{
    size_t bad_at;
    if (base_utf8_valid(answer->text.data, answer->text.len, &bad_at))
        return RRK_OK;
    if (answer->text.len - bad_at > 3)
        return base_fail(err, RRK_E_UPSTREAM, 0, "the transport's answer is not UTF-8 at byte %zu", bad_at);
    answer->text.len = bad_at;
    return RRK_OK;
}

static void tell_shape(rrk_llm_call *asked, const llm_prompt *prompt)
{
    if (prompt->shape == LLM_SHAPE_FREE)
        return;
    bool is_one = prompt->shape == LLM_SHAPE_ONE;
    asked->n_wanted = is_one ? 1 : prompt->n_wanted;
    asked->n_admitted = prompt->n_admitted;
    asked->admitted = is_one ? prompt->admitted : NULL;
}

static rrk_status ask(llm_call *call, rrk_error *err)
{
    const rrk_llm *llm = call->line->llm;
    rrk_llm_call asked = {
        .size = sizeof asked,
        .messages = call->prompt.messages,
        .n_messages = call->prompt.n_messages,
        .max_tokens = call->prompt.max_tokens,
        .seed = llm->options.seed,
        .piece = take_piece,
        .sink = call,
    };
    tell_shape(&asked, &call->prompt);
    rrk_status status = llm->options.transport(llm->options.transport_ctx, &asked, err);
    if (call->broken != RRK_OK) {
        *err = call->why;
        return call->broken;
    }
    if (status != RRK_OK) {
        err->message[sizeof err->message - 1] = '\0';
        if (err->status == RRK_OK || !err->message[0]) {
            base_error_clear(err);
            return base_fail(err, status, 0, "the transport failed and does not say why");
        }
        err->status = (int32_t)status;
        return status;
    }
    llm_answer *answer = &call->answer;
    answer->has_ended = true;
    answer->has_prompt_tokens = asked.prompt_tokens > 0;
    answer->has_completion_tokens = asked.completion_tokens > 0;
    answer->prompt_tokens = asked.prompt_tokens;
    answer->completion_tokens = asked.completion_tokens;
    return check_text(answer, err);
}

void llm_call_transport(llm_call *call)
{
    call->state = LLM_RUNNING;
    call->reply->n_attempts = 1;
    base_error_clear(&call->reply->error);
    llm_call_end(call, ask(call, &call->reply->error));
}
