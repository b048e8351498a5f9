/*
 * What the verbs share: a table of options that is at once the parser and the help text, one way to report failures,
 * progress on a terminal, styles, and a flag that SIGINT and SIGTERM raise so that calls into the library end orderly.
 */
#ifndef RRK_CLI_CLI_H
#define RRK_CLI_CLI_H

#include "base/error.h"
#include <rrk/rrk.h>

#include <stdio.h>

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Each verb is a function that gets its own name as argv[0] and returns an exit code. */
int cli_import(int argc, char **argv);
int cli_embed(int argc, char **argv);
int cli_retrieve(int argc, char **argv);
int cli_search(int argc, char **argv);
int cli_rerank(int argc, char **argv);
int cli_label(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_compare(int argc, char **argv);
int cli_pull(int argc, char **argv);
int cli_convert(int argc, char **argv);
int cli_info(int argc, char **argv);

/* --- options --- */

typedef enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char * */
    CLI_COUNT,  /* size_t within min..max */
    CLI_NUMBER, /* double within min..max */
    CLI_CHOICE  /* int: the index among the alternatives that argument lists, separated by '|' */
} cli_kind;

typedef struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: has none */
    cli_kind kind;
    size_t offset;        /* of the value in the verb's own struct */
    const char *argument; /* as help shows it; NULL for a flag */
    const char *help;
    double min;
    double max;
    bool required;
    int bare; /* CLI_CHOICE: the alternative that the option without a value stands for; 0: it needs one */
} cli_option;

/* Rows of a verb's table. */
#define CLI_FLAG_ROW(name, letter, slot, help)                                                                         \
    {                                                                                                                  \
        name, letter, CLI_FLAG, slot, NULL, help, 0, 0, false, 0                                                       \
    }
#define CLI_TEXT_ROW(name, letter, slot, argument, help)                                                               \
    {                                                                                                                  \
        name, letter, CLI_TEXT, slot, argument, help, 0, 0, false, 0                                                   \
    }
#define CLI_NEEDED_ROW(name, letter, slot, argument, help)                                                             \
    {                                                                                                                  \
        name, letter, CLI_TEXT, slot, argument, help, 0, 0, true, 0                                                    \
    }
#define CLI_CHOICE_ROW(name, letter, slot, words, help)                                                                \
    {                                                                                                                  \
        name, letter, CLI_CHOICE, slot, words, help, 0, 0, false, 0                                                    \
    }
#define CLI_COUNT_ROW(name, letter, slot, help, min, max)                                                              \
    {                                                                                                                  \
        name, letter, CLI_COUNT, slot, "N", help, min, max, false, 0                                                   \
    }
#define CLI_NUMBER_ROW(name, letter, slot, help, min, max)                                                             \
    {                                                                                                                  \
        name, letter, CLI_NUMBER, slot, "X", help, min, max, false, 0                                                  \
    }

#define CLI_MAX_OPTIONS 96 /* of a verb, shared ones included */

/* Rows that several verbs have. Their values are a struct of their own, a member of each such verb's. */
typedef struct cli_table {
    const char *title; /* of its part of --help */
    const cli_option *options;
    size_t n_options;
    size_t given; /* offset of a const char *: the first of them on the command line, NULL: none; 0: is not kept */
} cli_table;

typedef struct cli_shared {
    const cli_table *table;
    size_t offset; /* of the table's struct in the verb's */
} cli_shared;

#define CLI_MAX_SHARED 4

typedef struct cli_verb {
    const char *name;
    const char *usage; /* what follows the verb in the usage line */
    const char *about; /* one or more sentences for --help */
    const cli_option *options;
    size_t n_options;
    cli_shared shared[CLI_MAX_SHARED]; /* ends at the first without a table */
} cli_verb;

/*
 * Positive codes are the process's; CLI_GO_ON means that the verb has what it needs and *first is its first operand. A
 * verb that passes NULL for first takes none, and one that comes is a usage error.
 */
#define CLI_GO_ON (-1)
int cli_parse(const cli_verb *verb, int argc, char **argv, void *values, int *first);
void cli_print_help(const cli_verb *verb, FILE *out);

/* --- failures: "rrk VERB: message" on stderr --- */

int cli_usage_error(const cli_verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_failed(const cli_verb *verb, const rrk_error *err);

/* --- the environment --- */

const char *cli_environment(const char *name); /* NULL when it is not set or empty */

/* --- interruption --- */

void cli_catch_signals(void);
bool cli_interrupted(void);
int cli_cancel(void *ctx); /* an rrk_cancel_fn over the same flag */

/* --- progress and styles --- */

typedef struct cli_progress {
    const char *verb;
    const char *unit;
    int64_t started_ns;
    int64_t shown_ns;
    bool on; /* stderr is a terminal */
} cli_progress;

void cli_progress_begin(cli_progress *progress, const char *verb, const char *unit);
/* done of total in what the time left is reckoned by (total 0: unknown); n_units is the count that is shown. */
void cli_progress_show(cli_progress *progress, uint64_t n_units, uint64_t done, uint64_t total);
void cli_progress_end(cli_progress *progress);

typedef struct cli_style {
    const char *bold;
    const char *dim;
    const char *up;
    const char *down;
    const char *reset;
} cli_style;

/* Escapes when the stream is a terminal and NO_COLOR is not set, empty strings otherwise. */
cli_style cli_style_of(FILE *stream);
int cli_columns(FILE *stream); /* of the terminal; 100 when it is none */

/* "1,234,567" and "12.3 MB". */
#define CLI_NUMBER_SIZE 32
const char *cli_format_count(char out[CLI_NUMBER_SIZE], uint64_t n);
const char *cli_format_bytes(char out[CLI_NUMBER_SIZE], uint64_t n);
/* "1 query" and "1,234 queries". */
#define CLI_THINGS_SIZE 64
const char *cli_format_things(char out[CLI_THINGS_SIZE], uint64_t n, const char *one, const char *many);

/* At most columns characters of text on one line, control characters turned to blanks; returns characters written. */
size_t cli_put_text(FILE *out, rrk_text text, size_t columns);
/* The title, or the beginning of the text when there is none. */
rrk_text cli_heading(const rrk_passage *passage);

/* --- handles, for RRK_AUTO --- */

rrk_status cli_open_store(rrk_store **out, const char *path, rrk_store_mode mode, rrk_error *err);
static inline void cli_close_store(rrk_store **store)
{
    rrk_store_close(*store);
}
static inline void cli_close_encoder(rrk_encoder **encoder)
{
    rrk_encoder_close(*encoder);
}
static inline void cli_close_retriever(rrk_retriever **retriever)
{
    rrk_retriever_close(*retriever);
}
static inline void cli_free_list(rrk_passage_list **list)
{
    rrk_passage_list_free(*list);
}
static inline void cli_free_run(rrk_run **run)
{
    rrk_run_free(*run);
}
static inline void cli_free_qrels(rrk_qrels **qrels)
{
    rrk_qrels_free(*qrels);
}

#endif
