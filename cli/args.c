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

static void print_option(const cli_option *option, FILE *out)
{
    char left[96];
    const char *blank = option->argument ? " " : "";
    const char *argument = option->argument ? option->argument : "";
    if (option->letter)
        snprintf(left, sizeof left, "-%c, --%s%s%s", option->letter, option->name, blank, argument);
    else
        snprintf(left, sizeof left, "    --%s%s%s", option->name, blank, argument);
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

static int take_choice(const cli_verb *verb, const cli_option *option, const char *text, int *slot)
{
    int index = 0;
    size_t len = strlen(text);
    for (const char *at = option->argument; *at; index++) {
        size_t span = strcspn(at, "|");
        if (span == len && memcmp(at, text, len) == 0) {
            *slot = index;
            return CLI_GO_ON;
        }
        at += span + (at[span] == '|');
    }
    return cli_usage_error(verb, "--%s '%s' is unknown (known: %s)", option->name, text, option->argument);
}

static int take_value(const cli_verb *verb, const cli_option *option, const char *text, void *values)
{
    void *slot = (char *)values + option->offset;
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

typedef struct getopt_tables {
    struct option long_options[CLI_MAX_OPTIONS + 2];
    char letters[2 * CLI_MAX_OPTIONS + 3];
} getopt_tables;

static void make_tables(const cli_verb *verb, getopt_tables *tables)
{
    char *letter = tables->letters;
    *letter++ = ':'; /* a missing argument is told apart from an unknown option */
    *letter++ = 'h';
    for (size_t i = 0; i < verb->n_options; i++) {
        const cli_option *option = &verb->options[i];
        int has_argument = option->kind == CLI_FLAG ? no_argument : required_argument;
        tables->long_options[i] = (struct option){option->name, has_argument, NULL, FIRST_LONG + (int)i};
        if (!option->letter)
            continue;
        *letter++ = option->letter;
        if (has_argument == required_argument)
            *letter++ = ':';
    }
    tables->long_options[verb->n_options] = (struct option){"help", no_argument, NULL, HELP};
}

static const cli_option *find_option(const cli_verb *verb, int code)
{
    if (code >= FIRST_LONG)
        return &verb->options[code - FIRST_LONG];
    for (size_t i = 0; i < verb->n_options; i++)
        if (verb->options[i].letter == code)
            return &verb->options[i];
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

int cli_parse(const cli_verb *verb, int argc, char **argv, void *values, int *first)
{
    getopt_tables tables = {0};
    bool seen[CLI_MAX_OPTIONS] = {false};
    int code;
    make_tables(verb, &tables);
    opterr = 0;
    optind = 0; /* glibc: start over, whatever was parsed before */
    while ((code = getopt_long(argc, argv, tables.letters, tables.long_options, NULL)) != -1) {
        if (code == 'h' || code == HELP) {
            cli_print_help(verb, stdout);
            return CLI_DONE;
        }
        const cli_option *option = code == ':' || code == '?' ? NULL : find_option(verb, code);
        if (!option)
            return bad_option(verb, code, argv);
        int taken = take_value(verb, option, optarg, values);
        if (taken != CLI_GO_ON)
            return taken;
        seen[option - verb->options] = true;
    }
    for (size_t i = 0; i < verb->n_options; i++)
        if (verb->options[i].required && !seen[i])
            return cli_usage_error(verb, "--%s is missing", verb->options[i].name);
    *first = optind;
    return CLI_GO_ON;
}
