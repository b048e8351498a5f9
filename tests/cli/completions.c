/* Help, completions and man page name the same verbs and options, or one of these tests says which they lack. */
#include "child.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static child result;
static char text[1 << 17];

static void load(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("RRK_TEST_SOURCE"), name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
}

/* Copies the next word that begins with prefix and moves on; false at the end. */
static bool next_word(const char **at, const char *prefix, char *word, size_t size)
{
    const char *found = strstr(*at, prefix);
    size_t len = strlen(prefix);
    if (!found)
        return false;
    while (islower((unsigned char)found[len]) || isdigit((unsigned char)found[len]) || found[len] == '-')
        len++;
    snprintf(word, size, "%.*s", (int)len, found);
    *at = found + len;
    return true;
}

/* The part of a completion file that is about a verb. */
static void expect_in_section(const char *verb, const char *begin, const char *end, const char *option)
{
    char start[64], needle[64];
    const char *slot = strstr(begin, "%s");
    snprintf(start, sizeof start, "%.*s%s%s", (int)(slot - begin), begin, verb, slot + 2);
    const char *section = strstr(text, start);
    cr_assert_not_null(section, "no section for verb %s", verb);
    const char *stop = strstr(section + strlen(start), end);
    size_t len = strlen(option);
    snprintf(needle, sizeof needle, "%s", option);
    for (const char *at = section; (at = strstr(at, needle)) && at < stop; at += len)
        if (!islower((unsigned char)at[len]) && at[len] != '-')
            return;
    cr_assert_fail("verb %s: the completion lacks %s (run tools/completions/generate.py)", verb, option);
}

static void compare(const char *file, const char *begin, const char *end)
{
    static child verbs;
    char verb[32], option[64];
    size_t n_options = 0;
    RUN(verbs, NULL, "--help");
    load(file);
    for (const char *line = strstr(verbs.out, "\n  "); line; line = strstr(line + 1, "\n  ")) {
        sscanf(line, "%31s", verb);
        RUN(result, NULL, verb, "--help");
        cr_assert_eq(result.code, 0, "rrk %s --help: exit code %d", verb, result.code);
        const char *at = strstr(result.out, "options:");
        while (at && next_word(&at, " --", option, sizeof option)) {
            expect_in_section(verb, begin, end, option + 1);
            n_options++;
        }
    }
    cr_assert_gt(n_options, 40, "only %zu options were compared", n_options);
}

Test(completions, bash_knows_every_option)
{
    compare("tools/completions/rrk.bash", "    %s) words=", ";;");
}

Test(completions, zsh_knows_every_option)
{
    compare("tools/completions/_rrk", "\n%s)\n", ";;");
}

Test(completions, the_man_page_has_every_verb)
{
    char verb[32], entry[64];
    RUN(result, NULL, "--help");
    load("man/rrk.1");
    for (const char *line = strstr(result.out, "\n  "); line; line = strstr(line + 1, "\n  ")) {
        sscanf(line, "%31s", verb);
        snprintf(entry, sizeof entry, ".It Cm %s\n", verb);
        cr_assert_not_null(strstr(text, entry), "man/rrk.1 lacks %s", verb);
    }
}
