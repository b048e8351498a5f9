/*
 * The rrk command: picks a verb and hands it the rest of the line. A new verb is a file cmd_<verb>.c, a prototype in
 * cli.h and a row here; tests compare this table with the man page and the completions.
 */
#include "cli/cli.h"

#include <unistd.h>

typedef struct verb_row {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} verb_row;

static const verb_row verbs[] = {
    {"import", cli_import, "put passages into a store"},
    {"embed", cli_embed, "give a store's passages vectors"},
    {"retrieve", cli_retrieve, "find candidates for many queries, write a run"},
    {"search", cli_search, "ask one question"},
    {"rerank", cli_rerank, "put many queries' candidates in order, write a run"},
    {"label", cli_label, "let an LLM order candidates completely, write training labels"},
    {"eval", cli_eval, "measure runs against judgments"},
    {"compare", cli_compare, "run several strategies over the same candidates"},
    {"pull", cli_pull, "fetch a model"},
    {"convert", cli_convert, "make a model smaller"},
    {"info", cli_info, "describe rrk, a model or a store"},
};

static const verb_row *find_verb(const char *name)
{
    for (size_t i = 0; i < RRK_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static int print_usage(FILE *out, int code)
{
    fputs("usage: rrk VERB [OPTION...] [OPERAND...]\n\n", out);
    for (size_t i = 0; i < RRK_COUNT(verbs); i++)
        fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\nrrk VERB --help tells about a verb, rrk --version which rrk this is.\n", out);
    return code;
}

static int unknown(const char *name)
{
    fprintf(stderr, "rrk: unknown %s '%s'; see rrk --help\n", name[0] == '-' ? "option" : "verb", name);
    return CLI_USAGE;
}

static int help(int argc, char **argv)
{
    const verb_row *verb;
    if (argc < 3)
        return print_usage(stdout, CLI_DONE);
    verb = find_verb(argv[2]);
    if (!verb)
        return unknown(argv[2]);
    char option[] = "--help";
    char *arguments[] = {argv[2], option, NULL};
    return verb->run(2, arguments);
}

static int run(int argc, char **argv)
{
    const verb_row *verb;
    if (argc < 2)
        return print_usage(stderr, CLI_USAGE);
    if (strcmp(argv[1], "--version") == 0) {
        printf("rrk %s\n", rrk_version_string());
        return CLI_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_usage(stdout, CLI_DONE);
    if (strcmp(argv[1], "help") == 0)
        return help(argc, argv);
    verb = find_verb(argv[1]);
    return verb ? verb->run(argc - 1, argv + 1) : unknown(argv[1]);
}

int main(int argc, char **argv)
{
    cli_catch_signals();
    int code = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("rrk: standard output could not be written\n", stderr);
        return code == CLI_DONE ? CLI_FAILED : code;
    }
    return code;
}
