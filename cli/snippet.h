/* The part of a passage that says best why it was found, with its matched words. */
#ifndef RRK_CLI_SNIPPET_H
#define RRK_CLI_SNIPPET_H

#include "base/error.h"

typedef struct cli_mark {
    size_t start; /* bytes into the text */
    size_t end;
    size_t term; /* which of the query's terms it is */
} cli_mark;

typedef struct cli_snippet {
    size_t start; /* bytes into the text */
    size_t end;
    cli_mark *marks; /* [n_marks] of the whole text; owned */
    size_t n_marks;
} cli_snippet;

/*
 * The window of at most width bytes with the most different terms, then the most matches, then the earliest. It
 * begins and ends between words where there are blanks to cut at, and never inside a character or a mark.
 */
void cli_snippet_window(rrk_text text, const cli_mark *marks, size_t n_marks, size_t width, size_t *start, size_t *end);

/* Marks the words of text whose index term is one of the query's and chooses the window. */
rrk_status cli_snippet_of(rrk_text query, rrk_text text, size_t width, cli_snippet *out, rrk_error *err);
void cli_snippet_free(cli_snippet *snippet); /* also for RRK_AUTO */

#endif
