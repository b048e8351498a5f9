/* The tables of options for LLMs and their way into the library: see llm_options.h. */
#include "cli/llm_options.h"

#include "base/alloc.h"
#include "base/file.h"
#include "rerank/prompt.h"

#include <errno.h>
#include <jansson.h>
#include <unistd.h>

#define MAX_KEY_FILE_BYTES ((size_t)64 << 10)
#define MAX_EXTRA_BODY_BYTES ((size_t)1 << 20)
#define MAX_TOKENS 1e9
#define MAX_SEED 9007199254740991.0 /* whole numbers up to here survive JSON */

#define AT(field) offsetof(cli_llm_values, field)
static const cli_option llm_rows[] = {
    CLI_TEXT_ROW("llm", 0, AT(url), "URL", "an OpenAI-compatible endpoint, as in http://127.0.0.1:8000/v1"),
    CLI_TEXT_ROW("llm-model", 0, AT(model), "NAME", "the model, as the endpoint knows it"),
    CLI_TEXT_ROW("llm-key-env", 0, AT(key_env), "VAR", "the environment variable with the endpoint's key"),
    CLI_TEXT_ROW("llm-key-file", 0, AT(key_file), "FILE", "the file with the endpoint's key"),
    CLI_TEXT_ROW("extra-body", 0, AT(extra_body), "JSON", "an object added to each request; @FILE: read from there"),
    CLI_TEXT_ROW("proxy", 0, AT(proxy), "URL", "go through this proxy (none, whatever the environment says)"),
    CLI_TEXT_ROW("ca-file", 0, AT(ca_file), "FILE", "the authorities to trust, in PEM (the system's)"),
    CLI_COUNT_ROW("in-flight", 0, AT(in_flight), "requests at the same time (8)", 1, RRK_LLM_MAX_IN_FLIGHT),
    CLI_COUNT_ROW("retries", 0, AT(retries), "attempts after a call's first (5)", 0, RRK_LLM_MAX_RETRIES),
    CLI_COUNT_ROW("attempt-timeout", 0, AT(attempt_timeout_ms), "milliseconds for one attempt (300000; 0: no limit)", 0,
                  RRK_LLM_MAX_TIME_MS),
    CLI_COUNT_ROW("context", 0, AT(context), "tokens the model reads and writes at once (0: not known)", 0, MAX_TOKENS),
    CLI_COUNT_ROW("seed", 0, AT(seed), "sent with each request (none)", 0, MAX_SEED),
    CLI_CHOICE_ROW("cap-name", 0, AT(cap_name), "auto|max_tokens|max_completion_tokens",
                   "how the endpoint calls the cap on its answer (auto)"),
    CLI_CHOICE_ROW("grammar", 0, AT(grammar), "gbnf|regex|guided_regex|json_schema",
                   "what holds it to identifiers: llama.cpp, vLLM, older vLLM, others (gbnf)"),
    CLI_FLAG_ROW("no-stream", 0, AT(no_stream), "fetch answers whole"),
    CLI_CHOICE_ROW("cache", 0, AT(cache), "off|read|write",
                   "use recorded answers; write: record new ones as well (off)"),
    CLI_TEXT_ROW("cache-store", 0, AT(cache_store), "FILE", "the store with recorded answers; implies writing"),
    CLI_TEXT_ROW("prices", 0, AT(prices), "FILE", "what tokens cost (~/.config/rrk/prices if there); see rrk(1)"),
    CLI_TEXT_ROW("call-log", 0, AT(call_log), "FILE", "append a JSON object a call"),
};
#undef AT
const cli_table cli_llm_table = {"the LLM", llm_rows, RRK_COUNT(llm_rows), offsetof(cli_llm_values, given)};

#define AT(field) offsetof(cli_list_values, field)
static const cli_option list_rows[] = {
    CLI_COUNT_ROW("window", 0, AT(window), "sliding: candidates a prompt (20)", 2, RRK_RERANK_MAX_PASSAGES),
    CLI_COUNT_ROW("stride", 0, AT(stride), "sliding: how far the window moves (10, at most half a window)", 1,
                  RRK_RERANK_MAX_PASSAGES),
    CLI_CHOICE_ROW("order", 0, AT(order), "given|reversed|shuffled",
                   "candidates as the LLM sees them at first (given)"),
    CLI_COUNT_ROW("order-seed", 0, AT(order_seed), "for shuffled (0)", 0, MAX_SEED),
    CLI_TEXT_ROW("prompt", 0, AT(prompt), "NAME", "one-turn, chat, or a template file in RankLLM's format (one-turn)"),
    CLI_COUNT_ROW("passage-words", 0, AT(passage_words), "words of a passage that are shown (100)",
                  RRK_RERANK_MIN_PASSAGE_WORDS, 1e6),
    CLI_COUNT_ROW("thinking-tokens", 0, AT(thinking_tokens), "room for thinking in the cap on answers (0)", 0,
                  RRK_RERANK_MAX_THINKING_TOKENS),
    {"constrain", 0, CLI_CHOICE, AT(constrain), "off|list|strict",
     "hold answers to identifiers; strict: one a call, no repeats (off; alone: list)", 0, 0, false, RRK_CONSTRAIN_LIST},
    /* Labels are complete and true or not at all: the rows from here on are not theirs. */
    CLI_COUNT_ROW("passes", 0, AT(passes), "how often the list is gone over (1)", 1, RRK_RERANK_MAX_PASSES),
    CLI_FLAG_ROW("ask-top-n", 0, AT(ask_top_n), "ask for as many as are kept, not for all"),
    CLI_FLAG_ROW("no-early-stop", 0, AT(no_early_stop), "read answers to their end even when enough is known"),
    /* And the one from here on is for many queries. */
    CLI_CHOICE_ROW("on-error", 0, AT(on_error), "fail|keep",
                   "a query without an answer: left out and exit code 1, or kept in its order (fail)"),
};
#undef AT
enum { N_RANKING_ONLY = 4, N_MANY_ONLY = 1 };
#define LIST_TABLE(n_left_out)                                                                                         \
    {                                                                                                                  \
        "ranking with the LLM", list_rows, RRK_COUNT(list_rows) - (n_left_out), offsetof(cli_list_values, given)       \
    }
const cli_table cli_ranking_table = LIST_TABLE(0);
const cli_table cli_question_table = LIST_TABLE(N_MANY_ONLY);
const cli_table cli_labelling_table = LIST_TABLE(N_RANKING_ONLY);

int cli_llm_check(const cli_verb *verb, const cli_llm_values *values, const char *store)
{
    if (!values->url)
        return cli_usage_error(verb, "--llm is missing");
    if (!values->model)
        return cli_usage_error(verb, "--llm-model is missing");
    if (values->key_env && values->key_file)
        return cli_usage_error(verb, "--llm-key-env and --llm-key-file exclude each other");
    if (values->cache == RRK_CACHE_OFF && values->cache_store)
        return cli_usage_error(verb, "--cache off and --cache-store exclude each other");
    if (values->cache > RRK_CACHE_OFF && !values->cache_store && !store)
        return cli_usage_error(verb, "--cache needs --cache-store FILE");
    return CLI_GO_ON;
}

int cli_list_check(const cli_verb *verb, const cli_list_values *values, bool sliding)
{
    size_t window = values->window ? values->window : RRK_RERANK_DEFAULT_WINDOW;
    if (!sliding && (values->window || values->stride))
        return cli_usage_error(verb, "--%s is for sliding windows only", values->window ? "window" : "stride");
    if (values->stride >= window)
        return cli_usage_error(verb, "--stride %zu is not less than the window, %zu", values->stride, window);
    if (values->ask_top_n && values->constrain == RRK_CONSTRAIN_STRICT)
        return cli_usage_error(verb, "--ask-top-n and --constrain=strict exclude each other");
    return CLI_GO_ON;
}

int cli_llm_refuse(const cli_verb *verb, const cli_llm_values *values, const cli_list_values *list)
{
    const char *given = values->given ? values->given : list->given;
    if (given)
        return cli_usage_error(verb, "--%s is for strategies that ask an LLM", given);
    return CLI_GO_ON;
}

static rrk_status read_extra_body(const cli_llm_values *values, char **out, rrk_error *err)
{
    size_t len;
    *out = NULL;
    if (!values->extra_body)
        return RRK_OK;
    if (values->extra_body[0] == '@')
        return base_file_read(values->extra_body + 1, MAX_EXTRA_BODY_BYTES, out, &len, err);
    *out = base_strdup(values->extra_body);
    return *out ? RRK_OK : base_fail_nomem(err, strlen(values->extra_body));
}

/* A key is one printable word; white space around it in a file is none of it. */
static rrk_status check_key(char *key, const char *where, rrk_error *err)
{
    size_t begin = strspn(key, " \t\r\n"), len = strlen(key + begin);
    while (len > 0 && strchr(" \t\r\n", key[begin + len - 1]))
        len--;
    memmove(key, key + begin, len);
    key[len] = '\0';
    if (len == 0)
        return base_fail(err, RRK_E_INVALID, 0, "%s has no key", where);
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return base_fail(err, RRK_E_INVALID, 0, "%s: the key has a blank or a character beyond ASCII in it", where);
    return RRK_OK;
}

void cli_free_key(char **key)
{
    if (*key)
        explicit_bzero(*key, strlen(*key));
    base_free(*key);
}

rrk_status cli_read_key(const char *variable, const char *file, char **out, rrk_error *err)
{
    char *key RRK_AUTO(cli_free_key) = NULL;
    size_t len;
    *out = NULL;
    if (!variable && !file)
        return RRK_OK;
    if (file) {
        RRK_TRY(base_file_read(file, MAX_KEY_FILE_BYTES, &key, &len, err));
    } else {
        const char *value = cli_environment(variable);
        if (!value)
            return base_fail(err, RRK_E_NOTFOUND, 0, "the environment has no %s", variable);
        key = base_strdup(value);
        if (!key)
            return base_fail_nomem(err, strlen(value));
    }
    RRK_TRY(check_key(key, file ? file : variable, err));
    *out = RRK_STEAL(key);
    return RRK_OK;
}

/* "https://user:secret@host/v1?key=secret" is shown as "https://host/v1". */
static rrk_status showable(const char *url, char **out, rrk_error *err)
{
    base_buf shown RRK_AUTO(base_buf_free) = {.max = SIZE_MAX / 2};
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    RRK_TRY(base_buf_append(&shown, url, (size_t)(host - url), err));
    host = at ? at + 1 : host;
    RRK_TRY(base_buf_append(&shown, host, strcspn(host, "?#"), err));
    *out = RRK_STEAL(shown.data);
    return RRK_OK;
}

static void log_call(void *ctx, const char *json)
{
    FILE *log = ctx;
    fprintf(log, "%s\n", json);
    fflush(log);
}

static rrk_status open_handle(cli_llm *llm, const cli_llm_values *values, rrk_error *err)
{
    char *key RRK_AUTO(cli_free_key) = NULL;
    char *extra_body RRK_AUTO(base_free_ptr) = NULL;
    rrk_llm_options options;
    RRK_TRY(cli_read_key(values->key_env, values->key_file, &key, err));
    RRK_TRY(read_extra_body(values, &extra_body, err));
    rrk_llm_options_init(&options);
    options.url = values->url;
    options.model = values->model;
    options.key = key;
    options.extra_body = extra_body;
    options.proxy = values->proxy;
    options.ca_file = values->ca_file;
    options.max_in_flight = values->in_flight;
    options.max_retries = values->retries;
    options.attempt_timeout_ms = (int64_t)values->attempt_timeout_ms;
    options.context_tokens = values->context;
    options.seed = values->seed == SIZE_MAX ? -1 : (int64_t)values->seed;
    options.cap_name = (rrk_llm_cap_name)values->cap_name;
    options.grammar = (rrk_llm_grammar)values->grammar;
    options.no_stream = values->no_stream;
    options.log = llm->log ? log_call : NULL;
    options.log_ctx = llm->log;
    if (rrk_llm_open(&llm->handle, &options, err) == RRK_OK)
        return RRK_OK;
    cli_name_options(err);
    return (rrk_status)err->status;
}

static rrk_status open_cache(cli_llm *llm, const cli_llm_values *values, const char *store, rrk_error *err)
{
    const char *path = values->cache_store ? values->cache_store : store;
    llm->cache_mode = (rrk_cache_mode)values->cache;
    if (values->cache < 0)
        llm->cache_mode = values->cache_store ? RRK_CACHE_WRITE : RRK_CACHE_OFF;
    if (llm->cache_mode == RRK_CACHE_OFF)
        return RRK_OK;
    bool writes = llm->cache_mode == RRK_CACHE_WRITE;
    return cli_open_store(&llm->cache, path, writes ? RRK_STORE_CREATE : RRK_STORE_READONLY, err);
}

static rrk_status open_parts(cli_llm *llm, const cli_llm_values *values, const char *store, rrk_error *err)
{
    llm->model = values->model;
    if (values->ca_file && access(values->ca_file, R_OK) != 0)
        return base_fail_errno(err, errno, "read", values->ca_file);
    RRK_TRY(showable(values->url, &llm->endpoint, err));
    RRK_TRY(cli_price_find(&llm->price, values->prices, values->model, err));
    if (values->call_log) {
        llm->log_path = values->call_log;
        llm->log = fopen(values->call_log, "ae");
        if (!llm->log)
            return base_fail_errno(err, errno, "write", values->call_log);
    }
    RRK_TRY(open_handle(llm, values, err));
    return open_cache(llm, values, store, err);
}

rrk_status cli_llm_open(cli_llm *out, const cli_llm_values *values, const char *store, rrk_error *err)
{
    *out = (cli_llm){0};
    rrk_status status = open_parts(out, values, store, err);
    if (status != RRK_OK)
        cli_llm_close(out);
    return status;
}

static void close_log(cli_llm *llm)
{
    if (!llm->log)
        return;
    bool failed = ferror(llm->log) != 0;
    if (fclose(llm->log) != 0 || failed)
        fprintf(stderr, "rrk: '%s' could not be written wholly\n", llm->log_path);
}

void cli_llm_close(cli_llm *llm)
{
    rrk_llm_close(llm->handle);
    rrk_store_close(llm->cache);
    close_log(llm);
    base_free(llm->endpoint);
    *llm = (cli_llm){0};
}

cli_llm_values cli_llm_for_prediction(const cli_llm_values *values)
{
    cli_llm_values copy = *values;
    copy.key_env = copy.key_file = copy.call_log = copy.cache_store = NULL;
    copy.cache = RRK_CACHE_OFF;
    return copy;
}

rrk_status cli_reranker_open(rrk_reranker **out, const char *strategy, const rrk_reranker_options *options,
                             rrk_error *err)
{
    if (rrk_reranker_open(out, strategy, options, err) == RRK_OK)
        return RRK_OK;
    cli_name_options(err);
    return (rrk_status)err->status;
}

void cli_llm_fill(const cli_llm *llm, const cli_list_values *values, rrk_reranker_options *options)
{
    options->llm = llm->handle;
    options->cache = llm->cache;
    options->cache_mode = llm->cache_mode;
    options->window = values->window;
    options->stride = values->stride;
    options->passes = values->passes;
    options->order = (rrk_list_order)values->order;
    options->order_seed = values->order_seed;
    options->prompt = values->prompt;
    options->passage_words = values->passage_words;
    options->ask_top_n = values->ask_top_n;
    options->no_early_stop = values->no_early_stop;
    options->thinking_tokens = values->thinking_tokens;
    options->constrain = (rrk_constrain)values->constrain;
}

/* A name of a choice: word number index of its row's. */
static json_t *json_choice(const cli_option *options, const char *name, int index)
{
    while (strcmp(options->name, name) != 0)
        options++;
    const char *at = options->argument;
    for (; index > 0; index--)
        at += strcspn(at, "|") + 1;
    return json_stringn(at, strcspn(at, "|"));
}

static json_t *json_llm(const cli_llm_values *values, const char *extra_body)
{
    return json_pack("{s:I, s:o*, s:o, s:o*}", "context", (json_int_t)values->context, "seed",
                     values->seed == SIZE_MAX ? NULL : json_integer((json_int_t)values->seed), "grammar",
                     json_choice(llm_rows, "grammar", values->grammar), "extra_body",
                     extra_body ? json_loads(extra_body, 0, NULL) : NULL);
}

static json_int_t or_default(size_t value, size_t otherwise)
{
    return (json_int_t)(value ? value : otherwise);
}

static json_t *json_list(const cli_list_values *list)
{
    return json_pack("{s:I, s:o, s:I, s:s, s:I, s:I, s:o, s:b, s:b}", "passes", or_default(list->passes, 1), "order",
                     json_choice(list_rows, "order", list->order), "order_seed", (json_int_t)list->order_seed, "prompt",
                     list->prompt ? list->prompt : "one-turn", "passage_words",
                     or_default(list->passage_words, RRK_RERANK_DEFAULT_PASSAGE_WORDS), "thinking_tokens",
                     (json_int_t)list->thinking_tokens, "constrain",
                     json_choice(list_rows, "constrain", list->constrain), "ask_top_n", list->ask_top_n, "early_stop",
                     !list->no_early_stop);
}

static json_t *json_windows(const cli_list_values *list)
{
    size_t window = list->window ? list->window : RRK_RERANK_DEFAULT_WINDOW;
    size_t stride = list->stride ? list->stride : RRK_MIN((size_t)RRK_RERANK_DEFAULT_STRIDE, window / 2);
    return json_pack("{s:I, s:I}", "window", (json_int_t)window, "stride", (json_int_t)stride);
}

static rrk_status put_json(const json_t *json, base_buf *out, rrk_error *err)
{
    size_t len = json_dumpb(json, NULL, 0, JSON_COMPACT);
    RRK_TRY(base_buf_reserve(out, len, err));
    json_dumpb(json, out->data + out->len, len, JSON_COMPACT);
    out->len += len;
    return base_buf_append(out, "", 0, err);
}

rrk_status cli_llm_describe(const cli_llm_values *values, const cli_list_values *list, bool sliding, base_buf *out,
                            rrk_error *err)
{
    char *extra_body RRK_AUTO(base_free_ptr) = NULL;
    RRK_TRY(read_extra_body(values, &extra_body, err));
    json_t *json RRK_AUTO(json_decrefp) = json_llm(values, extra_body), *more RRK_AUTO(json_decrefp) = json_list(list);
    json_t *windows RRK_AUTO(json_decrefp) = sliding ? json_windows(list) : json_object();
    if (!json || json_object_update(json, more) != 0 || json_object_update(json, windows) != 0)
        return base_fail_nomem(err, sizeof *list);
    return put_json(json, out, err);
}

rrk_status cli_prompt_hash(const cli_list_values *values, char out[65], rrk_error *err)
{
    rank_template *wording = NULL;
    RRK_TRY(rank_template_open(&wording, values->prompt ? values->prompt : "one-turn", err));
    rank_template_hash(wording, out);
    rank_template_free(wording);
    return RRK_OK;
}
