/*
 * What rrk compare is made of: systems as the command line describes them, and what came out of running them. A system
 * is NAME[:option=value,...], a strategy of the library with options of the command line that hold for it alone, or an
 * order that is there already (run:FILE, first-stage).
 */
#ifndef RRK_CLI_COMPARE_H
#define RRK_CLI_COMPARE_H

#include "cli/llm_options.h"
#include "cli/source.h"
#include "eval/comparison.h"

/* What may differ from system to system; the verb's own values are the defaults. */
typedef struct cli_setup {
    const char *label; /* NULL: the system as it was written */
    const char *model; /* of an encoder */
    size_t top_n;
    size_t max_passage_tokens;
    size_t max_query_tokens;
    int long_passage; /* rrk_long_passage */
    size_t timeout_ms;
    cli_llm_values llm;
    cli_list_values list;
} cli_setup;

extern const cli_table cli_setup_table; /* of a cli_setup, without its llm and list, which have tables of their own */

typedef struct cli_system {
    const char *written; /* as on the command line; borrowed */
    char *name;          /* the strategy, or the run's file; owned */
    char *arguments;     /* what setup points into; owned */
    cli_setup setup;
    rrk_encoder *encoder; /* borrowed from the systems */
    cli_llm llm;
    rrk_reranker *reranker; /* NULL: the order is there already */
    rrk_run *run;           /* that order; NULL: the first stage's */
} cli_system;

typedef struct cli_systems {
    cli_system items[EVAL_MAX_SYSTEMS];
    size_t n;
    rrk_encoder *encoders[EVAL_MAX_SYSTEMS]; /* one a model folder, opened when first named */
    const char *encoder_dirs[EVAL_MAX_SYSTEMS];
    size_t n_encoders;
} cli_systems;

/*
 * Reads what was written and opens everything, so that no work is begun that cannot be finished: CLI_GO_ON, or an exit
 * code when the reason is on stderr. systems is zeroed before; to be closed either way.
 */
int cli_systems_open(cli_systems *systems, const cli_verb *verb, const cli_setup *defaults, size_t n_threads,
                     char **written, size_t n);
void cli_systems_close(cli_systems *systems); /* also for RRK_AUTO */
const char *cli_system_name(const cli_system *system);

/* What all systems are measured by. */
typedef struct cli_ground {
    const cli_source_values *source; /* of the candidates, read from their beginning as often as needed; borrowed */
    rrk_qrels *qrels;
    base_map *asked;      /* the queries that are judged and have candidates, as keys */
    rrk_run *first_stage; /* their own order */
    size_t n_unjudged;
} cli_ground;

/* Reads all candidates once, so that a bad line costs no calls. */
rrk_status cli_ground_open(cli_ground *ground, const cli_source_values *source, const char *qrels, rrk_error *err);
void cli_ground_close(cli_ground *ground); /* also for RRK_AUTO */

/* One query's order, as places in the candidates' own. */
typedef struct cli_order {
    uint32_t *places; /* [n]; owned */
    size_t n;
    size_t n_passages;
    bool failed; /* nobody ranked it */
} cli_order;

/* What came of running a system over all asked queries once. */
typedef struct cli_pass {
    rrk_run *run;      /* owned */
    cli_order *orders; /* [n_queries], in the candidates' order of queries; owned */
    double *seconds;   /* [n_queries]; owned */
    size_t n_queries;
    size_t cap;
    eval_effort effort;
} cli_pass;

/* reversed: the candidates come last first; the places of orders are those of the given ones all the same. */
rrk_status cli_pass_run(cli_pass *out, const cli_system *system, const cli_ground *ground, bool reversed,
                        rrk_error *err);
void cli_pass_free(cli_pass *pass); /* also for RRK_AUTO */

/* How much the order moved: means over the queries that both passes ranked. */
rrk_status cli_pass_compare(const cli_pass *given, const cli_pass *reversed, double *tau, double *same_top,
                            rrk_error *err);

#endif
