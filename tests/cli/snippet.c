/* Which window of a text a snippet shows. */
#include "cli/snippet.h"

#include <criterion/criterion.h>
#include <string.h>

static size_t start, end;

static cli_mark mark_of(const char *text, const char *word, size_t term)
{
    size_t at = (size_t)(strstr(text, word) - text);
    return (cli_mark){at, at + strlen(word), term};
}

Test(snippet, a_text_that_fits_is_shown_whole)
{
    cli_snippet_window(rrk_text_of("short text"), NULL, 0, 10, &start, &end);
    cr_assert_eq(start, 0);
    cr_assert_eq(end, 10);
}

Test(snippet, without_matches_it_is_the_beginning_cut_between_words)
{
    cli_snippet_window(rrk_text_of("one two three four"), NULL, 0, 10, &start, &end);
    cr_assert_eq(start, 0);
    cr_assert_eq(end, 7);
}

Test(snippet, different_terms_beat_more_matches)
{
    const char *text = "red red red red ------------------------------------------ red blue tail tail tail tail tail";
    cli_mark marks[] = {{0, 3, 0}, {4, 7, 0}, {8, 11, 0}, {12, 15, 0}, {59, 62, 0}, mark_of(text, "blue", 1)};
    cli_snippet_window(rrk_text_of(text), marks, 6, 24, &start, &end);
    cr_assert_leq(start, 59);
    cr_assert_geq(end, marks[5].end);
    cr_assert_leq(end - start, 24);
}

Test(snippet, the_best_window_holds_its_marks_at_the_end_of_a_text)
{
    const char *text = "a b c d e f g h i j k l m n o p needle";
    cli_mark mark = mark_of(text, "needle", 0);
    cli_snippet_window(rrk_text_of(text), &mark, 1, 12, &start, &end);
    cr_assert_eq(end, strlen(text));
    cr_assert_leq(start, mark.start);
}

Test(snippet, a_character_is_never_split)
{
    const char *text = "ééééééééééééééé";
    for (size_t width = 1; width < strlen(text); width++) {
        cli_snippet_window(rrk_text_of(text), NULL, 0, width, &start, &end);
        cr_assert_eq(end % 2, 0, "width %zu", width);
    }
}

Test(snippet, a_mark_wider_than_the_window_does_no_harm)
{
    cli_mark mark = {2, 30, 0};
    cli_snippet_window(rrk_text_of("x yyyyyyyyyyyyyyyyyyyyyyyyyyyy z"), &mark, 1, 8, &start, &end);
    cr_assert_leq(end - start, 8);
    cr_assert_leq(start, end);
}
