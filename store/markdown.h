/*
 * A text file cut into passages: at headings, and inside long sections at paragraphs. Pure; knows nothing of files and
 * stores.
 */
#ifndef RRK_STORE_MARKDOWN_H
#define RRK_STORE_MARKDOWN_H

#include "base/buf.h"

/* A section longer than this is cut at the next end of a paragraph. */
#define STORE_SECTION_BYTES 1600
#define STORE_HEADING_LEVELS 6

typedef struct store_section {
    const char *title;   /* "Document > Section > Part", NUL-terminated */
    const char *heading; /* the innermost heading, "" before the first */
    rrk_text text;       /* without its heading, blank ends cut off; never blank */
    size_t line;         /* of its first line, from 1 */
} store_section;

typedef rrk_status (*store_section_fn)(void *ctx, const store_section *section, rrk_error *err);

/*
 * name is the title of what stands before the first heading. with_headings is false for plain text. Headings are
 * Markdown's (# and underlined) and those of reStructuredText that are underlined with = - ~ or ^; fences hide them.
 */
rrk_status store_split(rrk_text text, const char *name, bool with_headings, store_section_fn take, void *ctx,
                       rrk_error *err);

#endif
