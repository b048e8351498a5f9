/*
 * Calls that the reply cache answers, and answers that go into it. The cache is a convenience: when it fails, the call
 * goes on without it, and a warning says so once.
 */
#include "base/log.h"
#include "llm/call.h"
#include "llm/reply.h"

static const size_t MAX_ENTRY_BYTES = (size_t)1 << 30;

static void complain(llm_line *line, const char *what, const rrk_error *why)
{
    if (!line->cache_complained)
        base_log(RRK_LOG_WARNING, "the reply cache cannot be %s: %s", what, why->message);
    line->cache_complained = true;
}

/* An answer that was ended early serves those whom as much of it is enough. */
static bool serves(llm_call *call, const llm_reply *reply)
{
    const llm_prompt *prompt = &call->prompt;
    if (!reply->was_stopped)
        return true;
    if (!prompt->enough)
        return false;
    bool enough = prompt->enough(prompt->enough_ctx, (rrk_text){reply->answer, reply->answer_len});
    (void)prompt->enough(prompt->enough_ctx, (rrk_text){"", 0});
    return enough;
}

bool llm_call_find_cached(llm_call *call)
{
    llm_line *line = call->line;
    rrk_error err = {0};
    base_buf value RRK_AUTO(base_buf_free) = {.max = MAX_ENTRY_BYTES};
    bool found = false;
    if (!line->has_cache)
        return false;
    llm_body_format format = llm_call_format(call);
    rrk_status status =
        llm_cache_key(line->llm->url ? line->llm->url : "transport", &format, &call->prompt, call->key, &err);
    if (status != RRK_OK) {
        call->key[0] = '\0';
        return false;
    }
    if (line->cache.get(line->cache.data, call->key, &value, &found, &err) != RRK_OK) {
        complain(line, "read", &err);
        return false;
    }
    llm_reply *cached = NULL;
    if (!found || llm_reply_new(&cached, NULL) != RRK_OK)
        return false;
    bool is_good = llm_reply_read(cached, (rrk_text){value.data, value.len}) && serves(call, cached);
    if (is_good) {
        llm_reply_free(call->reply);
        call->reply = RRK_STEAL(cached);
        call->reply->from_cache = true;
    }
    llm_reply_free(cached);
    return is_good;
}

void llm_call_keep(llm_call *call)
{
    llm_line *line = call->line;
    rrk_error err = {0};
    base_buf value RRK_AUTO(base_buf_free) = {.max = MAX_ENTRY_BYTES};
    if (!line->has_cache || line->cache.read_only || !call->key[0])
        return;
    rrk_status status = llm_reply_write(call->reply, &value, &err);
    if (status == RRK_OK)
        status = line->cache.put(line->cache.data, call->key, (rrk_text){value.data, value.len}, &err);
    if (status != RRK_OK)
        complain(line, "written", &err);
}
