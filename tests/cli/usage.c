/* The command line itself: help, versions, mistakes, exit codes. Nothing here opens a store. */
#include "child.h"

#include <criterion/criterion.h>
#include <rrk/version.h>
#include <string.h>

static child result;

static void expect_usage_error(const char *part)
{
    cr_assert_eq(result.code, 2, "exit code %d: %s", result.code, result.err);
    cr_assert_str_empty(result.out);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
}

Test(usage, version_is_the_librarys)
{
    RUN(result, NULL, "--version");
    cr_assert_eq(result.code, 0);
    cr_assert_str_eq(result.out, "rrk " RRK_VERSION_STRING "\n");
}

Test(usage, no_verb_prints_usage_on_stderr)
{
    child_run(&result, NULL, (const char *const[]){NULL});
    cr_assert_eq(result.code, 2);
    cr_assert_str_empty(result.out);
    cr_assert_not_null(strstr(result.err, "usage: rrk VERB"));
}

Test(usage, help_of_a_verb_is_the_same_both_ways)
{
    static child other;
    RUN(result, NULL, "help", "search");
    RUN(other, NULL, "search", "--help");
    cr_assert_eq(result.code, 0);
    cr_assert_str_eq(result.out, other.out);
    cr_assert_not_null(strstr(result.out, "--compare"));
}

Test(usage, unknown_words_are_named)
{
    RUN(result, NULL, "sort");
    expect_usage_error("unknown verb 'sort'");
    RUN(result, NULL, "help", "sort");
    expect_usage_error("unknown verb 'sort'");
    RUN(result, NULL, "--frobnicate");
    expect_usage_error("unknown option '--frobnicate'");
    RUN(result, NULL, "import", "--frobnicate");
    expect_usage_error("rrk import: unknown option '--frobnicate'; see rrk import --help");
    RUN(result, NULL, "import", "-Z");
    expect_usage_error("unknown option '-Z'");
}

Test(usage, values_are_checked)
{
    RUN(result, NULL, "import", "--store");
    expect_usage_error("--store needs a value");
    RUN(result, NULL, "import", "--skip-bad=1");
    expect_usage_error("takes no value");
    RUN(result, NULL, "import", "--batch", "0");
    expect_usage_error("--batch 0 is not within 1..1000000");
    RUN(result, NULL, "import", "--batch", "1000001");
    expect_usage_error("is not within");
    RUN(result, NULL, "import", "--batch", "2.5");
    expect_usage_error("is not a whole number");
    RUN(result, NULL, "retrieve", "--b", "1.01");
    expect_usage_error("--b 1.01 is not within 0..1");
    RUN(result, NULL, "retrieve", "--k1", "nan");
    expect_usage_error("is not a number");
    RUN(result, NULL, "search", "--store", "");
    expect_usage_error("--store is empty");
}

Test(usage, an_unknown_strategy_lists_the_known_ones)
{
    RUN(result, NULL, "search", "--store", "s", "--strategy", "magic", "q");
    expect_usage_error("--strategy 'magic' is unknown (known: bm25|embedding|cross|mvp|monot5|rankt5|full|sliding)");
}

Test(usage, what_is_needed_is_asked_for)
{
    RUN(result, NULL, "import", "x");
    expect_usage_error("--store is missing");
    RUN(result, NULL, "import", "--store", "s");
    expect_usage_error("no PATH given");
    RUN(result, NULL, "search", "--store", "s");
    expect_usage_error("no QUERY given");
    RUN(result, NULL, "search", "--store", "s", "two", "words");
    expect_usage_error("more than one QUERY");
    RUN(result, NULL, "search", "--store", "s", "--strategy", "cross", "q");
    expect_usage_error("--strategy cross needs --model");
    RUN(result, NULL, "retrieve", "--store", "s", "--queries", "q", "--retriever", "dense");
    expect_usage_error("--retriever dense needs --model");
    RUN(result, NULL, "rerank", "--strategy", "cross", "--model", "m");
    expect_usage_error("needs --candidates, or --store, --run and --queries");
    RUN(result, NULL, "rerank", "--strategy", "cross", "--model", "m", "--candidates", "c", "--run", "r");
    expect_usage_error("excludes");
    RUN(result, NULL, "rerank", "--strategy", "cross", "--model", "m", "--candidates", "c", "--provenance");
    expect_usage_error("--provenance needs --output");
}

Test(usage, info_without_operand_describes_rrk)
{
    RUN(result, NULL, "info");
    cr_assert_eq(result.code, 0);
    cr_assert_not_null(strstr(result.out, RRK_VERSION_STRING));
    cr_assert_not_null(strstr(result.out, "processors"));
    cr_assert_not_null(strstr(result.out, "cpu f32 "), "%s", result.out);
}
