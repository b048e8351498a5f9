/* One call over HTTP: see call.h. */
#include "llm/call.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"
#include "llm/log.h"
#include "llm/refusal.h"
#include "llm/reply.h"

#include <string.h>

enum { NS_PER_MS = 1000000 };

rrk_status llm_call_new(llm_call **out, llm_line *line, const llm_prompt *prompt, int64_t deadline_ns, void *tag,
                        rrk_error *err)
{
    llm_call *call = base_calloc(1, sizeof *call);
    if (!call)
        return base_fail_nomem(err, sizeof *call);
    rrk_status status = llm_reply_new(&call->reply, err);
    if (status != RRK_OK) {
        base_free(call);
        return status;
    }
    call->line = line;
    call->prompt = *prompt;
    call->deadline_ns = deadline_ns;
    call->tag = tag;
    call->begun_ns = base_now_ns();
    call->body.max = LLM_MAX_BODY_BYTES;
    llm_sse_init(&call->sse, LLM_SSE_MAX_EVENT_BYTES);
    llm_answer_init(&call->answer, line->llm->options.max_reply_bytes, line->llm->key);
    *out = call;
    return RRK_OK;
}

/* What only a call that runs needs. */
static void free_work(llm_call *call)
{
    net_transfer_free(RRK_STEAL(call->transfer));
    base_buf_free(&call->body);
    llm_sse_free(&call->sse);
    llm_answer_free(&call->answer);
}

void llm_call_free(llm_call *call)
{
    if (!call)
        return;
    free_work(call);
    llm_reply_free(call->reply);
    base_free(call);
}

bool llm_call_streams(const llm_call *call)
{
    return call->prompt.enough && !call->line->llm->options.no_stream;
}

llm_body_format llm_call_format(const llm_call *call)
{
    const rrk_llm *llm = call->line->llm;
    return (llm_body_format){
        .model = llm->model,
        .extra = &llm->extra,
        .completion_cap = call->completion_cap,
        .grammar = llm->options.grammar,
        .seed = llm->options.seed,
        .stream = llm_call_streams(call),
    };
}

void llm_call_end(llm_call *call, rrk_status status)
{
    llm_reply *reply = call->reply;
    reply->status = status;
    if (status == RRK_OK) {
        base_error_clear(&reply->error);
        if (!reply->from_cache) {
            reply->was_stopped = call->stopped;
            llm_reply_take(reply, &call->answer, &call->prompt);
            llm_call_keep(call);
        }
    }
    reply->total_ms = base_ms_since(call->begun_ns);
    free_work(call);
    call->state = LLM_ENDED;
    llm_log_reply(call->line->llm, reply, call->http_status);
}

/* --- pieces of a stream --- */

bool llm_call_is_enough(llm_call *call)
{
    const llm_prompt *prompt = &call->prompt;
    const llm_answer *answer = &call->answer;
    if (!prompt->enough || (prompt->thinks && !answer->had_thinking))
        return false;
    /* What was shown so far may turn out to have been thinking. */
    if (call->asked_start != answer->start || answer->open)
        (void)prompt->enough(prompt->enough_ctx, (rrk_text){"", 0});
    bool is_new = call->asked_len != answer->text.len;
    call->asked_start = answer->start;
    call->asked_len = answer->text.len;
    rrk_text text = llm_answer_text(answer);
    return is_new && text.len && prompt->enough(prompt->enough_ctx, text);
}

static bool take_event(void *ctx, rrk_text data)
{
    llm_call *call = ctx;
    call->broken = llm_answer_read_event(&call->answer, data, &call->why);
    if (call->broken != RRK_OK)
        return false;
    if (call->reply->first_piece_ms <= 0 && call->answer.text.len + call->answer.thinking_bytes)
        call->reply->first_piece_ms = base_ms_since(call->attempt_begun_ns);
    /* After its end a stream is read on, so that its usage comes and its connection can be used again. */
    call->stopped = !call->answer.has_ended && llm_call_is_enough(call);
    return !call->stopped;
}

/* An endpoint that does not know how to stream answers in one piece, which begins with a brace; '<' begins a page. */
static void look_at_form(llm_call *call, const char *data, size_t len)
{
    for (size_t i = 0; i < len && !call->knows_form; i++) {
        if (strchr(" \t\r\n", data[i]) && data[i])
            continue;
        call->knows_form = true;
        call->is_whole = strchr("{[<", data[i]) && data[i];
    }
}

static bool take_piece(void *ctx, const char *data, size_t len)
{
    llm_call *call = ctx;
    look_at_form(call, data, len);
    if (call->is_whole)
        return true;
    rrk_status status = llm_sse_feed(&call->sse, data, len, take_event, call, &call->why);
    if (status != RRK_OK)
        call->broken = status;
    return call->broken == RRK_OK && !call->stopped;
}

/* --- an attempt --- */

static rrk_status write_body(llm_call *call, rrk_error *err)
{
    rrk_llm *llm = call->line->llm;
    bool completion_cap = atomic_load(&llm->completion_cap);
    if (call->body.len && completion_cap == call->completion_cap)
        return RRK_OK;
    call->completion_cap = completion_cap;
    base_buf_clear(&call->body);
    llm_body_format format = llm_call_format(call);
    return llm_body_write(&format, &call->prompt, &call->body, err);
}

static void clear_attempt(llm_call *call)
{
    llm_sse_free(&call->sse);
    llm_sse_init(&call->sse, LLM_SSE_MAX_EVENT_BYTES);
    llm_answer_clear(&call->answer);
    if (call->asked_len)
        (void)call->prompt.enough(call->prompt.enough_ctx, (rrk_text){"", 0});
    call->asked_start = call->asked_len = 0;
    call->is_whole = call->knows_form = call->stopped = false;
    call->broken = RRK_OK;
    base_error_clear(&call->why);
    call->http_status = 0;
    call->reply->bytes_received = 0;
    call->reply->first_piece_ms = 0;
    base_error_clear(&call->reply->error);
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return !a_ns ? b_ns : !b_ns ? a_ns : RRK_MIN(a_ns, b_ns);
}

static rrk_status send_request(llm_call *call, rrk_error *err)
{
    const rrk_llm *llm = call->line->llm;
    const char *headers[] = {"Content-Type: application/json",
                             llm_call_streams(call) ? "Accept: text/event-stream" : "Accept: application/json",
                             llm->authorization};
    int64_t timeout_ms = llm->options.attempt_timeout_ms;
    call->attempt_begun_ns = base_now_ns();
    int64_t attempt_end_ns = timeout_ms ? call->attempt_begun_ns + timeout_ms * NS_PER_MS : 0;
    net_request request = {
        .method = "POST",
        .url = llm->url,
        .headers = headers,
        .n_headers = llm->authorization ? 3 : 2,
        .body = {call->body.data, call->body.len},
        .deadline_ns = earlier(call->deadline_ns, attempt_end_ns),
        .piece = llm_call_streams(call) ? take_piece : NULL,
        .ctx = call,
    };
    return net_start(call->line->loop, &request, &call->transfer, err);
}

static void start_attempt(llm_call *call)
{
    clear_attempt(call);
    rrk_status status = write_body(call, &call->reply->error);
    if (status == RRK_OK)
        status = send_request(call, &call->reply->error);
    if (status != RRK_OK) {
        llm_call_end(call, status);
        return;
    }
    call->reply->n_attempts++;
    call->state = LLM_RUNNING;
}

void llm_call_begin(llm_call *call)
{
    if (llm_call_find_cached(call))
        llm_call_end(call, RRK_OK);
    else if (call->line->llm->options.transport)
        llm_call_transport(call);
    else
        start_attempt(call);
}

/* --- its end --- */

static bool deadline_passed(const llm_call *call, int64_t now_ns)
{
    return call->deadline_ns && now_ns >= call->deadline_ns;
}

/* The other name for the cap is tried once: a body that has it already is not written again. */
static bool asks_for_other_cap(const llm_call *call, const net_reply *reply)
{
    const rrk_llm *llm = call->line->llm;
    return reply->http_status == 400 && llm->options.cap_name == RRK_LLM_CAP_AUTO && !call->completion_cap &&
           reply->body.len &&
           memmem(reply->body.data, reply->body.len, "max_completion_tokens", strlen("max_completion_tokens"));
}

static llm_failure refuse(llm_call *call, const net_reply *reply)
{
    char message[LLM_REFUSAL_SIZE];
    llm_refusal_read((rrk_text){reply->body.data, reply->body.len}, call->line->llm->key, message);
    base_fail(&call->reply->error, RRK_E_UPSTREAM, (int)reply->http_status, "the endpoint answered HTTP %ld%s%s",
              reply->http_status, message[0] ? ": " : "", message);
    return LLM_FAILURE_HTTP;
}

static llm_failure no_reply(llm_call *call, const net_reply *reply)
{
    rrk_error *err = &call->reply->error;
    if (reply->status == RRK_E_TIMEOUT && !deadline_passed(call, base_now_ns())) {
        base_fail(err, RRK_E_UPSTREAM, 0, "no answer within %lld ms",
                  (long long)call->line->llm->options.attempt_timeout_ms);
        return LLM_FAILURE_CONNECTION;
    }
    *err = reply->error;
    return reply->may_retry ? LLM_FAILURE_CONNECTION : LLM_FAILURE_FINAL;
}

static rrk_status read_answer(llm_call *call, const net_reply *reply, rrk_error *err)
{
    if (!llm_call_streams(call) || call->is_whole)
        return llm_answer_read(&call->answer, (rrk_text){reply->body.data, reply->body.len}, err);
    if (call->broken == RRK_OK && !call->stopped) {
        rrk_status status = llm_sse_end(&call->sse, take_event, call, err);
        RRK_TRY(status);
    }
    if (call->broken != RRK_OK) {
        *err = call->why;
        return call->broken;
    }
    return call->stopped ? RRK_OK : llm_answer_end(&call->answer, err);
}

/* True: there is an answer. A stream that broke off after its end has all of it. */
static bool succeeded(llm_call *call, const net_reply *reply, llm_failure *failure)
{
    bool is_streamed = llm_call_streams(call) && !call->is_whole;
    if (reply->status != RRK_OK && !(is_streamed && call->answer.has_ended && call->broken == RRK_OK)) {
        *failure = no_reply(call, reply);
        return false;
    }
    if (reply->http_status < 200 || reply->http_status > 299) {
        *failure = refuse(call, reply);
        return false;
    }
    rrk_status status = read_answer(call, reply, &call->reply->error);
    *failure = status == RRK_E_UPSTREAM ? LLM_FAILURE_REPLY : LLM_FAILURE_FINAL;
    return status == RRK_OK;
}

static void fail_finally(llm_call *call)
{
    rrk_error *err = &call->reply->error;
    if (call->reply->n_attempts > 1)
        base_error_prefix(err, "attempt %u", (unsigned)call->reply->n_attempts);
    llm_call_end(call, (rrk_status)err->status);
}

/* What stands in the reply's error becomes a pause, or the call's end. */
static void pause_or_fail(llm_call *call, llm_failure failure, int64_t retry_after_ms)
{
    rrk_llm *llm = call->line->llm;
    rrk_error *err = &call->reply->error;
    long http_status = failure == LLM_FAILURE_REPLY ? call->answer.error_code : call->http_status;
    int64_t pause_ms, now_ns = base_now_ns();
    double uniform = base_rng_uniform_at(llm->jitter_seed, atomic_fetch_add(&llm->jitter_counter, 1));
    if (!llm_may_pass(failure, http_status)) {
        fail_finally(call);
    } else if (!llm_retry_pause(&llm->retry, call->reply->n_attempts, retry_after_ms, uniform, &pause_ms)) {
        if (retry_after_ms > llm->retry.max_pause_ms)
            base_error_prefix(err, "the endpoint wants to be left alone for %lld s", (long long)retry_after_ms / 1000);
        fail_finally(call);
    } else if (call->deadline_ns && call->deadline_ns - now_ns <= pause_ms * NS_PER_MS) {
        base_error_prefix(err, "no time is left for another attempt");
        err->status = RRK_E_TIMEOUT;
        fail_finally(call);
    } else {
        call->resume_ns = now_ns + pause_ms * NS_PER_MS;
        call->state = LLM_PAUSED;
    }
}

void llm_call_arrived(llm_call *call)
{
    net_transfer *transfer = RRK_STEAL(call->transfer);
    const net_reply *reply = net_transfer_reply(transfer);
    llm_failure failure;
    call->http_status = reply->http_status;
    call->reply->bytes_received = reply->bytes_received;
    if (call->reply->first_piece_ms <= 0)
        call->reply->first_piece_ms = RRK_MAX(reply->first_byte_ms, 0.0);
    int64_t retry_after_ms = reply->retry_after_ms;
    bool success = succeeded(call, reply, &failure);
    bool other_cap = !success && asks_for_other_cap(call, reply);
    net_transfer_free(transfer);
    if (success) {
        llm_call_end(call, RRK_OK);
    } else if (other_cap) {
        atomic_store(&call->line->llm->completion_cap, true);
        start_attempt(call);
    } else {
        pause_or_fail(call, failure, retry_after_ms);
    }
}

void llm_call_tick(llm_call *call, int64_t now_ns)
{
    if (deadline_passed(call, now_ns)) {
        /* The transfer may know better what it was waiting for, but it has not ended: that is all there is to say. */
        base_error_clear(&call->reply->error);
        base_fail(&call->reply->error, RRK_E_TIMEOUT, 0, "the deadline passed %s",
                  call->state == LLM_QUEUED   ? "before the call's turn came"
                  : call->state == LLM_PAUSED ? "before another attempt"
                                              : "before the answer came");
        llm_call_end(call, RRK_E_TIMEOUT);
    } else if (call->state == LLM_PAUSED && now_ns >= call->resume_ns) {
        start_attempt(call);
    }
}

int64_t llm_call_due_ns(const llm_call *call)
{
    int64_t due_ns = call->deadline_ns ? call->deadline_ns : INT64_MAX;
    return call->state == LLM_PAUSED ? RRK_MIN(due_ns, call->resume_ns) : due_ns;
}
