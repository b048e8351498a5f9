/* Lines about calls: see log.h. */
#include "llm/log.h"
#include "llm/handle.h"

#include <time.h>

enum { MAX_LINE_BYTES = 6 * RRK_LLM_MAX_MODEL_BYTES + 1024 }; /* a byte of the model's name can take six in JSON */

static rrk_status add_time(int64_t unix_ms, base_buf *out, rrk_error *err)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm utc;
    char text[32];
    if (!gmtime_r(&seconds, &utc) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc))
        return base_fail(err, RRK_E_INVALID, 0, "the wall clock's time cannot be written");
    return base_buf_printf(out, err, "{\"time\":\"%s.%03dZ\"", text, (int)(unix_ms % 1000));
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

/* Milliseconds as whole microseconds, so that no locale puts a comma into them. */
static rrk_status add_ms(const char *name, double ms, base_buf *out, rrk_error *err)
{
    int64_t us = ms > 0 ? (int64_t)(ms * 1000) : 0;
    return base_buf_printf(out, err, ",\"%s\":%lld.%03d", name, (long long)(us / 1000), (int)(us % 1000));
}

rrk_status llm_log_line(const llm_reply *reply, const char *model, long http_status, int64_t unix_ms, base_buf *out,
                        rrk_error *err)
{
    RRK_TRY(add_time(unix_ms, out, err));
    RRK_TRY(base_buf_append_string(out, ",\"model\":", err));
    RRK_TRY(base_buf_append_json(out, rrk_text_of(model), err));
    RRK_TRY(base_buf_printf(out, err, ",\"status\":\"%s\",\"http\":%ld,\"attempts\":%u", rrk_status_name(reply->status),
                            http_status, (unsigned)reply->n_attempts));
    RRK_TRY(base_buf_printf(out, err,
                            ",\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"thinking_tokens\":%llu"
                            ",\"estimated\":%s",
                            (unsigned long long)reply->prompt_tokens, (unsigned long long)reply->completion_tokens,
                            (unsigned long long)reply->thinking_tokens, truth(reply->tokens_estimated)));
    RRK_TRY(add_ms("first_piece_ms", reply->first_piece_ms, out, err));
    RRK_TRY(add_ms("ms", reply->total_ms, out, err));
    return base_buf_printf(out, err, ",\"bytes\":%llu,\"stopped\":%s,\"cut\":%s,\"cached\":%s}",
                           (unsigned long long)reply->bytes_received, truth(reply->was_stopped), truth(reply->was_cut),
                           truth(reply->from_cache));
}

void llm_log_reply(const rrk_llm *llm, const llm_reply *reply, long http_status)
{
    if (!llm->options.log)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    base_buf line RRK_AUTO(base_buf_free) = {.max = MAX_LINE_BYTES};
    if (llm_log_line(reply, llm->model, http_status, unix_ms, &line, NULL) == RRK_OK)
        llm->options.log(llm->options.log_ctx, line.data);
}
