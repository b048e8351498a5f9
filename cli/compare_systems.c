/* Systems of a comparison, from the command line to open handles: see compare.h. */
#include "base/alloc.h"
#include "cli/compare.h"
#include "cli/compute.h"

enum { MAX_KEYS = 64 };

static const char FIRST_STAGE[] = "first-stage", RUN[] = "run:";

#define AT(field) offsetof(cli_setup, field)
static const cli_option setup_rows[] = {
    CLI_TEXT_ROW("model", 'm', AT(model), "DIR", "an encoder in Hugging Face's layout"),
    CLI_COUNT_ROW("top-n", 'n', AT(top_n), "passages a query that are ranked to the end (0: all)", 0,
                  RRK_RERANK_MAX_PASSAGES),
    CLI_COUNT_ROW("max-passage-tokens", 0, AT(max_passage_tokens),
                  "encoder: tokens of a passage that are read (0: all)", 0, 1e6),
    CLI_COUNT_ROW("max-query-tokens", 0, AT(max_query_tokens),
                  "encoder: tokens of a query that are read (0: all that fit)", 0, 1e6),
    CLI_CHOICE_ROW("long", 0, AT(long_passage), "truncate|chunk", "encoder: what becomes of long passages (truncate)"),
    CLI_COUNT_ROW("timeout", 0, AT(timeout_ms), "give up a query after so many milliseconds (0: never)", 0, 1e9),
};
static const cli_option system_rows[] = {
    CLI_TEXT_ROW("label", 0, AT(label), "NAME", "what the system is called (as it is written)"),
};
#undef AT
const cli_table cli_setup_table = {"each system, unless it says otherwise", setup_rows, RRK_COUNT(setup_rows), 0};

const char *cli_system_name(const cli_system *system)
{
    return system->setup.label ? system->setup.label : system->written;
}

/* --- as written --- */

/* "top_n=10,label=ten" becomes "--top-n=10" and "--label=ten": there is one parser for values, with its messages. */
static size_t split(char *arguments, const char *keys, char *argv[MAX_KEYS])
{
    size_t n = 0;
    for (char *to = arguments; *keys && n < MAX_KEYS; n++) {
        size_t len = strcspn(keys, ","), name = strcspn(keys, "=,");
        argv[n] = to;
        memcpy(to, "--", 2);
        memcpy(to + 2, keys, len);
        to[2 + len] = '\0';
        for (size_t i = 0; i < name; i++)
            if (to[2 + i] == '_')
                to[2 + i] = '-';
        to += len + 3;
        keys += len + (keys[len] == ',');
    }
    return n;
}

static int parse_keys(cli_system *system, const cli_verb *verb, const char *keys)
{
    const cli_verb rows = {
        .name = verb->name,
        .options = system_rows,
        .n_options = RRK_COUNT(system_rows),
        .shared = {{&cli_setup_table, 0},
                   {&cli_llm_table, offsetof(cli_setup, llm)},
                   {&cli_ranking_table, offsetof(cli_setup, list)}},
    };
    char *argv[MAX_KEYS + 2] = {system->name};
    size_t n = split(system->arguments, keys, argv + 1);
    for (size_t i = 1; i <= n; i++)
        if (argv[i][2] == '\0' || argv[i][2] == '=' || strcmp(argv[i], "--help") == 0)
            return cli_usage_error(verb, "system '%s': expected NAME[:option=value,...]", system->written);
    int first;
    cli_list_values *list = &system->setup.list, for_all = *list;
    list->window = list->stride = 0;
    int code = cli_parse(&rows, (int)n + 1, argv, &system->setup, &first);
    if (code == CLI_GO_ON && strcmp(system->name, "full") == 0)
        code = cli_list_check(verb, list, false);
    list->window = list->window ? list->window : for_all.window;
    list->stride = list->stride ? list->stride : for_all.stride;
    return code;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* "run:FILE[,label=NAME]": a file's name may have anything else in it. Called by its own name, without folders. */
static int parse_run(cli_system *system, const cli_verb *verb)
{
    static const char LABEL[] = ",label=";
    system->name = base_strdup(system->written + strlen(RUN));
    if (!system->name)
        return cli_failed(verb, &(rrk_error){.message = "out of memory"});
    char *label = strstr(system->name, LABEL), *slash = strrchr(system->name, '/');
    if (label) {
        *label = '\0';
        system->setup.label = label + strlen(LABEL);
    } else {
        system->setup.label = slash ? slash + 1 : system->name;
    }
    if (*system->name == '\0' || *system->setup.label == '\0')
        return cli_usage_error(verb, "system '%s': expected run:FILE[,label=NAME]", system->written);
    return CLI_GO_ON;
}

static bool is_there_already(const cli_system *system)
{
    return strcmp(system->written, FIRST_STAGE) == 0 || begins(system->written, RUN);
}

static int parse_system(cli_system *system, const cli_verb *verb, const cli_setup *defaults)
{
    const char *keys = strchr(system->written, ':');
    keys = keys ? keys + 1 : system->written + strlen(system->written);
    system->setup = *defaults;
    system->setup.llm.given = system->setup.list.given = NULL; /* what is given for all is not meant for each */
    if (is_there_already(system))
        return begins(system->written, RUN) ? parse_run(system, verb) : CLI_GO_ON;
    system->name = base_strndup(system->written, strcspn(system->written, ":"));
    system->arguments = base_alloc(strlen(keys) + 1, 4);
    if (!system->name || !system->arguments)
        return cli_failed(verb, &(rrk_error){.message = "out of memory"});
    if (*keys == '\0')
        return CLI_GO_ON;
    return parse_keys(system, verb, keys);
}

/* --- opened --- */

static rrk_status open_encoder(cli_systems *systems, const char *dir, size_t n_threads, rrk_encoder **out,
                               rrk_error *err)
{
    for (size_t i = 0; i < systems->n_encoders; i++) {
        if (strcmp(systems->encoder_dirs[i], dir) == 0) {
            *out = systems->encoders[i];
            return RRK_OK;
        }
    }
    RRK_TRY(cli_open_encoder(out, dir, &(cli_compute_values){.threads = n_threads}, err));
    systems->encoder_dirs[systems->n_encoders] = dir;
    systems->encoders[systems->n_encoders++] = *out;
    return RRK_OK;
}

static rrk_status open_reranker(cli_system *system, rrk_error *err)
{
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.encoder = system->encoder;
    cli_llm_fill(&system->llm, &system->setup.list, &options);
    return cli_reranker_open(&system->reranker, system->name, &options, err);
}

/* The library knows which of the two a strategy needs: one that opens without an encoder needs none. */
static rrk_status open_model(cli_systems *systems, cli_system *system, size_t n_threads, rrk_error *err)
{
    const cli_setup *setup = &system->setup;
    if (setup->llm.url)
        RRK_TRY(cli_llm_open(&system->llm, &setup->llm, NULL, err));
    rrk_status status = open_reranker(system, err);
    if (status == RRK_OK || !setup->model)
        return status;
    base_error_clear(err);
    RRK_TRY(open_encoder(systems, setup->model, n_threads, &system->encoder, err));
    RRK_TRY(open_reranker(system, err));
    cli_llm_close(&system->llm);
    return RRK_OK;
}

static int open_strategy(cli_systems *systems, cli_system *system, const cli_verb *verb, size_t n_threads)
{
    rrk_error err = {0};
    int code = system->setup.llm.url ? cli_llm_check(verb, &system->setup.llm, NULL) : CLI_GO_ON;
    if (code != CLI_GO_ON)
        return code;
    rrk_status status = open_model(systems, system, n_threads, &err);
    if (status == RRK_OK)
        return system->encoder ? cli_llm_refuse(verb, &system->setup.llm, &system->setup.list) : CLI_GO_ON;
    /* An unknown name, a missing --model or --llm, a stride that cannot be. */
    if (status == RRK_E_INVALID)
        return cli_usage_error(verb, "system '%s': %s%s", system->written, err.message,
                               strstr(err.message, "needs an encoder") ? ": give --model"
                               : strstr(err.message, "needs an LLM")   ? ": give --llm and --llm-model"
                                                                       : "");
    base_error_prefix(&err, "system '%s'", system->written);
    return cli_failed(verb, &err);
}

static int open_run(cli_system *system, const cli_verb *verb)
{
    rrk_error err = {0};
    if (!begins(system->written, RUN))
        return CLI_GO_ON;
    if (rrk_run_read(&system->run, system->name, &err) != RRK_OK)
        return cli_failed(verb, &err);
    return CLI_GO_ON;
}

int cli_systems_open(cli_systems *systems, const cli_verb *verb, const cli_setup *defaults, size_t n_threads,
                     char **written, size_t n)
{
    int code = CLI_GO_ON;
    if (n > EVAL_MAX_SYSTEMS)
        return cli_usage_error(verb, "takes at most %d systems", EVAL_MAX_SYSTEMS);
    for (systems->n = 0; systems->n < n && code == CLI_GO_ON; systems->n++) {
        systems->items[systems->n].written = written[systems->n];
        code = parse_system(&systems->items[systems->n], verb, defaults);
    }
    for (size_t i = 0; i < n && code == CLI_GO_ON; i++) {
        cli_system *system = &systems->items[i];
        code = is_there_already(system) ? open_run(system, verb) : open_strategy(systems, system, verb, n_threads);
    }
    return code;
}

void cli_systems_close(cli_systems *systems)
{
    for (size_t i = 0; i < systems->n; i++) {
        cli_system *system = &systems->items[i];
        rrk_reranker_close(system->reranker);
        cli_llm_close(&system->llm);
        rrk_run_free(system->run);
        base_free(system->arguments);
        base_free(system->name);
    }
    for (size_t i = 0; i < systems->n_encoders; i++)
        rrk_encoder_close(systems->encoders[i]);
    *systems = (cli_systems){.n = 0};
}
