/*
 * Texts made safe for XML and HTML, in content and in quoted attributes alike: nothing that a name contains can end the
 * element it stands in. Bytes that are not UTF-8 and characters that XML cannot hold become U+FFFD.
 */
#ifndef RRK_EVAL_MARKUP_H
#define RRK_EVAL_MARKUP_H

#include <stddef.h>
#include <stdio.h>

void eval_put_escaped(FILE *out, const char *text);
/* At most max characters, the last one "…" when text was lost. */
void eval_put_escaped_short(FILE *out, const char *text, size_t max);

#endif
