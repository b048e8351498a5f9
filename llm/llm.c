/* The handle: options checked and copied, and connections that sessions lease. See <rrk/llm.h>. */
#include "llm/llm.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "llm/handle.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static rrk_status check_range(const char *name, int64_t value, int64_t lowest, int64_t highest, rrk_error *err)
{
    if (value >= lowest && value <= highest)
        return RRK_OK;
    return base_fail(err, RRK_E_INVALID, 0, "option '%s' is %lld: it goes from %lld to %lld", name, (long long)value,
                     (long long)lowest, (long long)highest);
}

static rrk_status check_numbers(const rrk_llm_options *o, rrk_error *err)
{
    RRK_TRY(check_range("max_in_flight", (int64_t)RRK_MIN(o->max_in_flight, (size_t)INT64_MAX), 1,
                        RRK_LLM_MAX_IN_FLIGHT, err));
    RRK_TRY(
        check_range("max_retries", (int64_t)RRK_MIN(o->max_retries, (size_t)INT64_MAX), 0, RRK_LLM_MAX_RETRIES, err));
    RRK_TRY(check_range("first_pause_ms", o->first_pause_ms, 0, RRK_LLM_MAX_TIME_MS, err));
    RRK_TRY(check_range("max_pause_ms", o->max_pause_ms, 0, RRK_LLM_MAX_TIME_MS, err));
    RRK_TRY(check_range("connect_timeout_ms", o->connect_timeout_ms, 0, RRK_LLM_MAX_TIME_MS, err));
    RRK_TRY(check_range("attempt_timeout_ms", o->attempt_timeout_ms, 0, RRK_LLM_MAX_TIME_MS, err));
    RRK_TRY(check_range("max_reply_bytes", (int64_t)RRK_MIN(o->max_reply_bytes, (size_t)INT64_MAX), 1,
                        (int64_t)RRK_LLM_MAX_REPLY_BYTES, err));
    RRK_TRY(check_range("seed", o->seed, -1, INT64_MAX, err));
    RRK_TRY(check_range("cap_name", (int64_t)o->cap_name, RRK_LLM_CAP_AUTO, RRK_LLM_CAP_MAX_COMPLETION_TOKENS, err));
    return check_range("grammar", (int64_t)o->grammar, RRK_LLM_GRAMMAR_GBNF, RRK_LLM_GRAMMAR_JSON_SCHEMA, err);
}

/* Values are not shown: an URL or a key that is wrong may still be a secret. */
static rrk_status check_url(const char *url, rrk_error *err)
{
    if (!url || !url[0])
        return base_fail(err, RRK_E_INVALID, 0, "option 'url' is missing");
    size_t len = strlen(url), scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                                       : strncasecmp(url, "https://", 8) == 0 ? 8
                                                                              : 0;
    if (len > RRK_LLM_MAX_URL_BYTES)
        return base_fail(err, RRK_E_INVALID, 0, "option 'url' is above %d bytes", RRK_LLM_MAX_URL_BYTES);
    size_t host = strcspn(url + scheme, "/?#");
    if (!scheme || !host)
        return base_fail(err, RRK_E_INVALID, 0, "option 'url' must begin with http:// or https:// and name a host");
    if (memchr(url + scheme, '@', host))
        return base_fail(err, RRK_E_INVALID, 0, "option 'url' holds a user name: hand a key over by option 'key'");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)url[i] <= ' ' || url[i] == '#' || url[i] == 0x7f)
            return base_fail(err, RRK_E_INVALID, 0, "option 'url' holds '#', a blank or a control character");
    }
    return RRK_OK;
}

static rrk_status check_key(const char *key, rrk_error *err)
{
    for (size_t i = 0; key && key[i]; i++) {
        if ((unsigned char)key[i] <= ' ' || (unsigned char)key[i] >= 0x7f)
            return base_fail(err, RRK_E_INVALID, 0,
                             "option 'key' holds a blank, a line end or another character that no key has");
    }
    return RRK_OK;
}

static rrk_status check(const rrk_llm_options *o, rrk_error *err)
{
    if (!o->transport)
        RRK_TRY(check_url(o->url, err));
    if (!o->model || !o->model[0])
        return base_fail(err, RRK_E_INVALID, 0, "option 'model' is missing");
    RRK_TRY(check_range("model's bytes", (int64_t)strlen(o->model), 1, RRK_LLM_MAX_MODEL_BYTES, err));
    RRK_TRY(base_text_check(rrk_text_of(o->model), "option 'model'", err));
    RRK_TRY(check_key(o->key, err));
    return check_numbers(o, err);
}

/* "https://host/v1/?version=1" to "https://host/v1/chat/completions?version=1"; what ends so already is left alone. */
static char *completions_url(const char *base)
{
    static const char END[] = "/chat/completions";
    size_t len = strcspn(base, "?"), end = sizeof END - 1;
    const char *query = base + len;
    while (len && base[len - 1] == '/')
        len--;
    bool is_whole = len >= end && memcmp(base + len - end, END, end) == 0;
    char *url = base_alloc(len + sizeof END + strlen(query), 1);
    if (url)
        snprintf(url, len + sizeof END + strlen(query), "%.*s%s%s", (int)len, base, is_whole ? "" : END, query);
    return url;
}

static char *authorization(const char *key)
{
    size_t size = strlen(key) + sizeof "Authorization: Bearer ";
    char *header = base_alloc(size, 1);
    if (header)
        snprintf(header, size, "Authorization: Bearer %s", key);
    return header;
}

static rrk_status copy(char **out, const char *string, rrk_error *err)
{
    if (!string || !string[0])
        return RRK_OK;
    *out = base_strdup(string);
    return *out ? RRK_OK : base_fail_nomem(err, strlen(string) + 1);
}

static rrk_status take(rrk_llm *llm, const rrk_llm_options *o, rrk_error *err)
{
    RRK_TRY(copy(&llm->model, o->model, err));
    if (!o->transport) {
        llm->url = completions_url(o->url);
        if (!llm->url)
            return base_fail_nomem(err, strlen(o->url));
        RRK_TRY(copy(&llm->key, o->key, err));
        RRK_TRY(copy(&llm->proxy, o->proxy, err));
        RRK_TRY(copy(&llm->ca_file, o->ca_file, err));
        RRK_TRY(llm_extra_read(&llm->extra, o->extra_body, err));
        llm->authorization = llm->key ? authorization(llm->key) : NULL;
        if (llm->key && !llm->authorization)
            return base_fail_nomem(err, strlen(llm->key));
    }
    llm->options = *o;
    llm->options.url = llm->url;
    llm->options.model = llm->model;
    llm->options.key = llm->key;
    llm->options.proxy = llm->proxy;
    llm->options.ca_file = llm->ca_file;
    llm->options.extra_body = NULL;
    llm->retry = (llm_retry_policy){o->max_retries, o->first_pause_ms, o->max_pause_ms};
    atomic_init(&llm->completion_cap, o->cap_name == RRK_LLM_CAP_MAX_COMPLETION_TOKENS);
    return RRK_OK;
}

rrk_status rrk_llm_open(rrk_llm **out, const rrk_llm_options *options, rrk_error *err)
{
    base_error_clear(err);
    if (!out)
        return base_fail(err, RRK_E_INVALID, 0, "argument 'out' is NULL");
    *out = NULL;
    if (!options)
        return base_fail(err, RRK_E_INVALID, 0, "argument 'options' is NULL");
    rrk_llm_options o;
    rrk_llm_options_init(&o);
    BASE_TAKE_OPTIONS(&o, options);
    RRK_TRY(check(&o, err));
    rrk_llm *llm = base_calloc(1, sizeof *llm);
    if (!llm)
        return base_fail_nomem(err, sizeof *llm);
    llm->owner = base_owner_here();
    llm->jitter_seed = (uint64_t)base_now_ns() ^ (uint64_t)llm->owner.pid << 32;
    pthread_mutex_init(&llm->lock, NULL);
    rrk_status status = take(llm, &o, err);
    if (status == RRK_OK)
        *out = llm;
    else
        rrk_llm_close(llm);
    return status;
}

/* Memory that held a key must not turn up in another allocation. */
static void free_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    base_free(secret);
}

void rrk_llm_close(rrk_llm *llm)
{
    if (!llm)
        return;
    /* In a child process the connections are still the parent's: to close them would say goodbye in its name. */
    for (size_t i = 0; i < llm->n_idle && base_owner_is_here(&llm->owner); i++)
        net_loop_close(llm->idle[i]);
    pthread_mutex_destroy(&llm->lock);
    llm_extra_free(&llm->extra);
    base_free(llm->url);
    base_free(llm->model);
    free_secret(llm->key);
    free_secret(llm->authorization);
    base_free(llm->proxy);
    base_free(llm->ca_file);
    base_free(llm);
}

rrk_status llm_check_owner(const rrk_llm *llm, rrk_error *err)
{
    return base_owner_check(&llm->owner, "LLM", err);
}

size_t llm_context_tokens(const rrk_llm *llm)
{
    return llm->options.context_tokens;
}

size_t llm_max_in_flight(const rrk_llm *llm)
{
    return llm->options.max_in_flight;
}

rrk_status llm_lease_loop(rrk_llm *llm, net_loop **out, rrk_error *err)
{
    pthread_mutex_lock(&llm->lock);
    *out = llm->n_idle ? llm->idle[--llm->n_idle] : NULL;
    pthread_mutex_unlock(&llm->lock);
    if (*out)
        return RRK_OK;
    net_options options = {
        .proxy = llm->proxy,
        .ca_file = llm->ca_file,
        .connect_timeout_ms = llm->options.connect_timeout_ms,
        .max_reply_bytes = llm->options.max_reply_bytes,
    };
    return net_loop_open(out, &options, err);
}

void llm_return_loop(rrk_llm *llm, net_loop *loop)
{
    pthread_mutex_lock(&llm->lock);
    bool kept = llm->n_idle < LLM_MAX_IDLE_LOOPS;
    if (kept)
        llm->idle[llm->n_idle++] = loop;
    pthread_mutex_unlock(&llm->lock);
    if (!kept)
        net_loop_close(loop);
}
