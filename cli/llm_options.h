/*
 * What verbs that ask an LLM have in common: a table of options that says where it is and how to talk to it, one that
 * says how lists are ranked with it, and their way into the library. Apart from the verbs so that an option means the
 * same in each of them:
 *
 *     typedef struct my_values { ...; cli_llm_values llm; cli_list_values list; } my_values;
 *     .shared = {{&cli_llm_table, offsetof(my_values, llm)}, {&cli_ranking_table, offsetof(my_values, list)}}
 */
#ifndef RRK_CLI_LLM_OPTIONS_H
#define RRK_CLI_LLM_OPTIONS_H

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/price.h"

typedef struct cli_llm_values {
    const char *url; /* NULL: no LLM was asked for */
    const char *model;
    const char *key_env;
    const char *key_file;
    const char *extra_body; /* JSON, or @FILE */
    const char *proxy;
    const char *ca_file;
    size_t in_flight;
    size_t retries;
    size_t attempt_timeout_ms;
    size_t context; /* tokens; 0: not known */
    size_t seed;    /* SIZE_MAX: none */
    int cap_name;   /* rrk_llm_cap_name */
    int grammar;    /* rrk_llm_grammar */
    bool no_stream;
    int cache;               /* rrk_cache_mode; -1: not said */
    const char *cache_store; /* NULL: the verb's own store */
    const char *prices;
    const char *call_log;
    const char *given; /* the first of these on the command line; NULL: none */
} cli_llm_values;

#define CLI_LLM_DEFAULTS                                                                                               \
    {                                                                                                                  \
        .in_flight = RRK_LLM_DEFAULT_MAX_IN_FLIGHT, .retries = RRK_LLM_DEFAULT_MAX_RETRIES,                            \
        .attempt_timeout_ms = RRK_LLM_DEFAULT_ATTEMPT_TIMEOUT_MS, .seed = SIZE_MAX, .cache = -1                        \
    }

/* Zero stands for the library's default. */
typedef struct cli_list_values {
    size_t window;
    size_t stride;
    int order; /* rrk_list_order */
    size_t order_seed;
    const char *prompt;
    size_t passage_words;
    size_t thinking_tokens;
    int constrain; /* rrk_constrain */
    size_t passes;
    bool ask_top_n;
    bool no_early_stop;
    int on_error;      /* CLI_ON_ERROR_... */
    const char *given; /* as above */
} cli_list_values;

enum { CLI_ON_ERROR_FAIL, CLI_ON_ERROR_KEEP };

extern const cli_table cli_llm_table;       /* for a cli_llm_values */
extern const cli_table cli_ranking_table;   /* for a cli_list_values */
extern const cli_table cli_question_table;  /* the same without what is about many queries */
extern const cli_table cli_labelling_table; /* the same without what makes no sense for complete labels */

/*
 * What can be told without opening anything, as usage errors; CLI_GO_ON when there is none. store is the verb's own,
 * for the cache (NULL: none); sliding tells whether windows and strides are looked at.
 */
int cli_llm_check(const cli_verb *verb, const cli_llm_values *values, const char *store);
int cli_list_check(const cli_verb *verb, const cli_list_values *values, bool sliding);
/* For a strategy without an LLM: the first option that only an LLM would look at is a usage error. */
int cli_llm_refuse(const cli_verb *verb, const cli_llm_values *values, const cli_list_values *list);

/* A key from an environment variable or, before that, a file; either may be NULL. *out is NULL when both are. */
rrk_status cli_read_key(const char *variable, const char *file, char **out, rrk_error *err);
/* By wiping: memory that held a key must not turn up in another allocation. For RRK_AUTO. */
void cli_free_key(char **key);

/* What is open while a verb asks an LLM. */
typedef struct cli_llm {
    rrk_llm *handle;
    rrk_store *cache; /* NULL: none */
    rrk_cache_mode cache_mode;
    FILE *log; /* NULL: none */
    const char *log_path;
    const char *model; /* borrowed from the values */
    char *endpoint;    /* the URL as it may be shown: without user, password and query */
    cli_price price;
} cli_llm;

rrk_status cli_llm_open(cli_llm *out, const cli_llm_values *values, const char *store, rrk_error *err);
void cli_llm_close(cli_llm *llm); /* also for RRK_AUTO; a zeroed one is fine */

/* The values without what a prediction has no use for and must not touch: key, cache, log. */
cli_llm_values cli_llm_for_prediction(const cli_llm_values *values);

/* llm and cache are borrowed by options. */
void cli_llm_fill(const cli_llm *llm, const cli_list_values *values, rrk_reranker_options *options);

/* rrk_reranker_open(), with the user's names for options in its messages. */
rrk_status cli_reranker_open(rrk_reranker **out, const char *strategy, const rrk_reranker_options *options,
                             rrk_error *err);

/* The library calls options by its own names; in the message the user's stand instead, as "--llm" for "url". */
void cli_name_options(rrk_error *err);

/* The options that answers depend on, as a JSON object without the key. sliding: windows are looked at. */
rrk_status cli_llm_describe(const cli_llm_values *values, const cli_list_values *list, bool sliding, base_buf *out,
                            rrk_error *err);

/* SHA-256 in hex of the prompt's wording. */
rrk_status cli_prompt_hash(const cli_list_values *values, char out[65], rrk_error *err);

#endif
