/*
 * rrk/llm.h: a large language model behind an OpenAI-compatible chat endpoint (vLLM, llama.cpp, Ollama, hosted ones), or
 * behind a callback of yours.
 *
 * A handle says where the model is and how to talk to it; the strategies "full" and "sliding" of <rrk/rerank.h> use it:
 *
 *     rrk_llm_options options;
 *     rrk_llm_options_init(&options);
 *     options.url = "http://127.0.0.1:8000/v1";
 *     options.model = "castorini/rank_zephyr_7b_v1_full";
 *     rrk_llm_open(&llm, &options, &err);
 *
 * Every request is sent with temperature 0 and an output cap. Requests that fail for a reason that passes (no connection,
 * 408, 429, 5xx, a reply that breaks off or makes no sense) are repeated after a growing, jittered pause, or after what
 * Retry-After asks for if that is longer, within max_retries and the caller's deadline. Any other refusal is final:
 * RRK_E_UPSTREAM with the endpoint's own message, detail the HTTP status. Nothing else goes over the network, and
 * redirects are not followed.
 *
 * Thread safety: a handle may be used from several threads, each of them with max_in_flight requests of its own. A
 * handle that crossed a fork() answers RRK_E_INVALID in the child.
 */
#ifndef RRK_LLM_H
#define RRK_LLM_H

#include <rrk/error.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rrk_llm rrk_llm;

#define RRK_LLM_DEFAULT_MAX_IN_FLIGHT 8
#define RRK_LLM_MAX_IN_FLIGHT 1024
#define RRK_LLM_DEFAULT_MAX_RETRIES 5
#define RRK_LLM_DEFAULT_FIRST_PAUSE_MS 500
#define RRK_LLM_DEFAULT_MAX_PAUSE_MS 30000
#define RRK_LLM_DEFAULT_ATTEMPT_TIMEOUT_MS 300000
#define RRK_LLM_DEFAULT_MAX_REPLY_BYTES ((size_t)8 << 20)
#define RRK_LLM_MAX_RETRIES 100
#define RRK_LLM_MAX_REPLY_BYTES ((size_t)1 << 30)
#define RRK_LLM_MAX_TIME_MS ((int64_t)86400000) /* of a pause or a timeout: one day */
#define RRK_LLM_MAX_MODEL_BYTES 1024
#define RRK_LLM_MAX_URL_BYTES 8192

/* One message of a chat. */
typedef struct rrk_llm_message {
    const char *role; /* "system", "user" or "assistant" */
    rrk_text content;
} rrk_llm_message;

/* What a transport callback is asked; borrowed for the call's duration. */
typedef struct rrk_llm_call {
    size_t size; /* sizeof(rrk_llm_call) of the library */
    const rrk_llm_message *messages;
    size_t n_messages;
    size_t max_tokens; /* of the answer, thinking included */
    int64_t seed;      /* -1: none */
    /*
     * Hands the answer over, in one piece or in several as they are made. Non-zero means that enough was seen: stop
     * generating and return RRK_OK.
     */
    int (*piece)(void *sink, const char *data, size_t len);
    void *sink;
    /* The callback may fill in what it knows, otherwise tokens are estimated. */
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
    /*
     * With constrain of <rrk/rerank.h>: the answer should be n_wanted of these identifiers, each in brackets, joined by
     * " > ", and a model that can decode under a constraint is asked to. n_wanted 0: anything goes.
     */
    size_t n_wanted;
    size_t n_admitted;
    const uint32_t *admitted; /* [n_admitted]; NULL: 1 to n_admitted */
} rrk_llm_call;

/*
 * Answers one chat from inside the process; called on the thread that ranks, one call at a time a thread. A status other
 * than RRK_OK is a failed call, with error telling why; it is not repeated. The answer is UTF-8; pieces may split
 * characters.
 */
typedef rrk_status (*rrk_llm_transport_fn)(void *ctx, rrk_llm_call *call, rrk_error *error);

/* How the output cap is named in the request. */
typedef enum rrk_llm_cap_name {
    RRK_LLM_CAP_AUTO = 0, /* max_tokens; once the endpoint asks for the other, that one */
    RRK_LLM_CAP_MAX_TOKENS = 1,
    RRK_LLM_CAP_MAX_COMPLETION_TOKENS = 2
} rrk_llm_cap_name;

/* How a reply can be held to identifiers (see constrain in <rrk/rerank.h>); what an endpoint understands differs. */
typedef enum rrk_llm_grammar {
    RRK_LLM_GRAMMAR_GBNF = 0,         /* "grammar": llama.cpp */
    RRK_LLM_GRAMMAR_REGEX = 1,        /* "structured_outputs": {"regex"}: vLLM 0.12 and later */
    RRK_LLM_GRAMMAR_GUIDED_REGEX = 2, /* "guided_regex": vLLM before that */
    RRK_LLM_GRAMMAR_JSON_SCHEMA = 3   /* "response_format": {"type": "json_schema"}: hosted endpoints */
} rrk_llm_grammar;

/* One call that ended, for a log: one JSON object without a line feed. Called on the thread that ranks. */
typedef void (*rrk_llm_log_fn)(void *ctx, const char *json);

typedef struct rrk_llm_options {
    size_t size;                /* sizeof(rrk_llm_options) */
    const char *url;            /* the base, as in "https://host/v1"; "/chat/completions" is appended (before a "?", and
                                  unless it is there). Required, unless transport is given */
    const char *model;          /* as the endpoint knows it, at most RRK_LLM_MAX_MODEL_BYTES; required, a label with
                                  transport */
    const char *key;            /* sent as "Authorization: Bearer KEY"; NULL: none. Never part of a message or a log */
    const char *extra_body;     /* a JSON object whose members are added to each request's body or take the place of its
                                  own; null leaves one out. Not "messages" and "stream". NULL: none */
    const char *proxy;          /* NULL: none, whatever the environment says */
    const char *ca_file;        /* PEM file with the authorities to trust; NULL: the system's */
    size_t max_in_flight;       /* requests at the same time for one caller; default 8 */
    size_t max_retries;         /* attempts after the first; default 5 */
    int64_t first_pause_ms;     /* before the first repetition, doubled for each further one, half of it jittered */
    int64_t max_pause_ms;       /* also the longest Retry-After that is waited for; a longer one is a failure */
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t attempt_timeout_ms; /* for one attempt from its start to its end; default 5 minutes, 0: none */
    size_t max_reply_bytes;     /* of one reply; default 8 MiB */
    size_t context_tokens;      /* what the model can read and write at once; 0: not known, nothing is cut for it */
    int64_t seed;               /* sent with each request; -1 (default): none */
    rrk_llm_cap_name cap_name;
    rrk_llm_grammar grammar;
    int no_stream;                  /* non-zero: replies are fetched whole even where they could be stopped early */
    rrk_llm_transport_fn transport; /* NULL: HTTP. With it, everything about HTTP above is not looked at */
    void *transport_ctx;
    rrk_llm_log_fn log; /* may be NULL */
    void *log_ctx;
} rrk_llm_options;

static inline void rrk_llm_options_init(rrk_llm_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->max_in_flight = RRK_LLM_DEFAULT_MAX_IN_FLIGHT;
    options->max_retries = RRK_LLM_DEFAULT_MAX_RETRIES;
    options->first_pause_ms = RRK_LLM_DEFAULT_FIRST_PAUSE_MS;
    options->max_pause_ms = RRK_LLM_DEFAULT_MAX_PAUSE_MS;
    options->attempt_timeout_ms = RRK_LLM_DEFAULT_ATTEMPT_TIMEOUT_MS;
    options->max_reply_bytes = RRK_LLM_DEFAULT_MAX_REPLY_BYTES;
    options->seed = -1;
}

/* Nothing is sent yet. What options points to is copied. */
RRK_API rrk_status rrk_llm_open(rrk_llm **out, const rrk_llm_options *options, rrk_error *err);
RRK_API void rrk_llm_close(rrk_llm *llm); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
