/*
 * Headings that are a line with a rule under it: Markdown's "===" and "---", and reStructuredText's, whose levels are
 * the order in which a file first uses its rules.
 */
#ifndef RRK_STORE_UNDERLINE_H
#define RRK_STORE_UNDERLINE_H

#include "base/macros.h"
#include <rrk/text.h>

#define STORE_MAX_HEADING_LEVEL 6

/* Zeroed but for is_rst at the start of a file. */
typedef struct store_underline {
    bool is_rst;
    rrk_text lines[2]; /* the first ones of the paragraph at hand */
    size_t n_lines;
    char rules[STORE_MAX_HEADING_LEVEL]; /* reStructuredText: by level, from 0 */
    bool has_overline[STORE_MAX_HEADING_LEVEL];
    int n_rules;
} store_underline;

/*
 * Takes the next line of text outside code. When it is the rule under a heading: the heading's level, its text and
 * where its first line starts; otherwise 0.
 */
int store_underline_take(store_underline *u, rrk_text line, rrk_text *heading, const char **start);

/* What came before is no paragraph that goes on: a heading of another kind, code. */
void store_underline_break(store_underline *u);

#endif
