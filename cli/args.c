/*
 * Options by table: getopt_long's arrays, the checks of values and the help text all come from the same rows, so they
 * cannot disagree. Apart from the verbs because it knows nothing of what they do.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

enum { FIRST_LONG = 256, HELP = FIRST_LONG + CLI_MAX_OPTIONS };

int cli_usage_error(const cli_verb *verb, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "rrk %s: ", verb->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; see rrk %s --help\n", verb->name);
    return CLI_USAGE;
}

/* A verb's rows and those that it shares, each with the struct that its value goes to. */
typedef struct bound_row {
    const cli_option *option;
    void *values;
    const char **given; /* where the first option given of its table is kept; may be NULL */
    bool seen;
} bound_row;

typedef struct row_list {
    bound_row rows[CLI_MAX_OPTIONS];
    size_t n;
} row_list;

static void add_rows(row_list *list, const cli_option *options, size_t n_options, void *values, const char **given)
{
    for (size_t i = 0; i < n_options && list->n < CLI_MAX_OPTIONS; i++)
        list->rows[list->n++] = (bound_row){&options[i], values, given, false};
}

static void collect_rows(const cli_verb *verb, void *values, row_list *list)
{
    add_rows(list, verb->options, verb->n_options, values, NULL);
    for (size_t i = 0; i < CLI_MAX_SHARED && verb->shared[i].table; i++) {
        const cli_table *table = verb->shared[i].table;
        char *own = (char *)values + verb->shared[i].offset;
        const char **given = table->given ? (const char **)(void *)(own + table->given) : NULL;
        add_rows(list, table->options, table->n_options, own, given);
    }
}

static void print_option(const cli_option *option, FILE *out)
{
    char left[96], argument[64] = "";
    if (option->argument)
        snprintf(argument, sizeof argument, option->bare ? " [%s]" : " %s", option->argument);
    if (option->letter)
        snprintf(left, sizeof left, "-%c, --%s%s", option->letter, option->name, argument);
    else
        snprintf(left, sizeof left, "    --%s%s", option->name, argument);
    if (strlen(left) > 32)
        fprintf(out, "  %s\n  %-32s  %s\n", left, "", option->help);
    else
        fprintf(out, "  %-32s  %s\n", left, option->help);
}

void cli_print_help(const cli_verb *verb, FILE *out)
{
    fprintf(out, "usage: rrk %s %s\n\n%s\n\noptions:\n", verb->name, verb->usage, verb->about);
    for (size_t i = 0; i < verb->n_options; i++)
        print_option(&verb->options[i], out);
    fprintf(out, "  %-32s  %s\n", "-h, --help", "print this");
    for (size_t i = 0; i < CLI_MAX_SHARED && verb->shared[i].table; i++) {
        const cli_table *table = verb->shared[i].table;
        fprintf(out, "\n%s:\n", table->title);
        for (size_t j = 0; j < table->n_options; j++)
            print_option(&table->options[j], out);
    }
}

static bool read_number(const char *text, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*out);
}

static int take_number(const cli_verb *verb, const cli_option *option, const char *text, void *slot)
{
    double value;
    bool whole = option->kind == CLI_COUNT;
    if (!read_number(text, &value) || (whole && (value != floor(value) || value < 0)))
        return cli_usage_error(verb, "--%s '%s' is not a %snumber", option->name, text, whole ? "whole " : "");
    if (value < option->min || value > option->max)
        return cli_usage_error(verb, "--%s %s is not within %.15g..%.15g", option->name, text, option->min,
                               option->max);
    if (whole)
        *(size_t *)slot = (size_t)value;
    else
        *(double *)slot = value;
    return CLI_GO_ON;
}

/* The index among the words of the row, or -1. */
static int find_word(const cli_option *option, const char *text)
{
    int index = 0;
    size_t len = strlen(text);
    for (const char *at = option->argument; *at; index++) {
        size_t span = strcspn(at, "|");
        if (span == len && memcmp(at, text, len) == 0)
            return index;
        at += span + (at[span] == '|');
    }
    return -1;
}

static int take_choice(const cli_verb *verb, const cli_option *option, const char *text, int *slot)
{
    int index = text ? find_word(option, text) : option->bare;
    if (index < 0)
        return cli_usage_error(verb, "--%s '%s' is unknown (known: %s)", option->name, text, option->argument);
    *slot = index;
    return CLI_GO_ON;
}

static int take_value(const cli_verb *verb, const bound_row *row, const char *text)
{
    const cli_option *option = row->option;
    void *slot = (char *)row->values + option->offset;
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)slot = true;
        return CLI_GO_ON;
    case CLI_TEXT:
        if (*text == '\0')
            return cli_usage_error(verb, "--%s is empty", option->name);
        *(const char **)slot = text;
        return CLI_GO_ON;
    case CLI_CHOICE:
        return take_choice(verb, option, text, slot);
    default:
        return take_number(verb, option, text, slot);
    }
}

/* getopt sees the value of an option that may lack one only behind '='; here a blank does as well. */
static const char *value_behind_blank(const cli_option *option, int argc, char **argv)
{
    if (!option->bare || optind >= argc || find_word(option, argv[optind]) < 0)
        return NULL;
    return argv[optind++];
}

typedef struct getopt_tables {
    struct option long_options[CLI_MAX_OPTIONS + 2];
    char letters[2 * CLI_MAX_OPTIONS + 3];
} getopt_tables;

static int has_argument(const cli_option *option)
{
    if (option->kind == CLI_FLAG)
        return no_argument;
    return option->bare ? optional_argument : required_argument;
}

static void make_tables(const row_list *list, getopt_tables *tables)
{
    char *letter = tables->letters;
    *letter++ = ':'; /* a missing argument is told apart from an unknown option */
    *letter++ = 'h';
    for (size_t i = 0; i < list->n; i++) {
        const cli_option *option = list->rows[i].option;
        tables->long_options[i] = (struct option){option->name, has_argument(option), NULL, FIRST_LONG + (int)i};
        if (!option->letter)
            continue;
        *letter++ = option->letter;
        if (has_argument(option) == required_argument)
            *letter++ = ':';
    }
    tables->long_options[list->n] = (struct option){"help", no_argument, NULL, HELP};
}

static bound_row *find_row(row_list *list, int code)
{
    for (size_t i = 0; i < list->n; i++) {
        bound_row *row = &list->rows[i];
        if (row->option && (code == FIRST_LONG + (int)i || code == row->option->letter))
            return row;
    }
    return NULL;
}

static int bad_option(const cli_verb *verb, int code, char **argv)
{
    const char *word = argv[optind - 1];
    if (code == ':')
        return cli_usage_error(verb, "%s needs a value", word);
    if (optopt && optopt < FIRST_LONG)
        return cli_usage_error(verb, "unknown option '-%c'", optopt);
    if (optopt)
        return cli_usage_error(verb, "%s takes no value", word);
    return cli_usage_error(verb, "unknown option '%s'", word);
}

static int missing_option(const cli_verb *verb, const row_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->rows[i].option->required && !list->rows[i].seen)
            return cli_usage_error(verb, "--%s is missing", list->rows[i].option->name);
    return CLI_GO_ON;
}

static void note_given(bound_row *row)
{
    row->seen = true;
    if (row->given && !*row->given)
        *row->given = row->option->name;
}

int cli_parse(const cli_verb *verb, int argc, char **argv, void *values, int *first)
{
    getopt_tables tables = {0};
    row_list list = {.n = 0};
    int code;
    collect_rows(verb, values, &list);
    make_tables(&list, &tables);
    opterr = 0;
    optind = 0; /* glibc: start over, whatever was parsed before */
    while ((code = getopt_long(argc, argv, tables.letters, tables.long_options, NULL)) != -1) {
        if (code == 'h' || code == HELP) {
            cli_print_help(verb, stdout);
            return CLI_DONE;
        }
        bound_row *row = code == ':' || code == '?' ? NULL : find_row(&list, code);
        if (!row)
            return bad_option(verb, code, argv);
        int taken = take_value(verb, row, optarg ? optarg : value_behind_blank(row->option, argc, argv));
        if (taken != CLI_GO_ON)
            return taken;
        note_given(row);
    }
    code = missing_option(verb, &list);
    if (first)
        *first = optind;
    else if (code == CLI_GO_ON && optind < argc)
        return cli_usage_error(verb, "unexpected operand '%s'", argv[optind]);
    return code;
}
