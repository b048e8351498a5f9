/*
 * Text into index terms, as Lucene's English analyser does it: words by UAX #29, possessives off, lower case, stop words
 * out, Porter's stems. Apart because indexing, queries and snippets must agree on it to the byte.
 */
#ifndef RRK_STORE_ANALYSE_H
#define RRK_STORE_ANALYSE_H

#include "base/error.h"
#include <rrk/text.h>

/* Lucene's longest token in characters; a longer word is cut into pieces of this. */
#define STORE_MAX_WORD_CHARS 255
#define STORE_MAX_WORD_BYTES ((size_t)STORE_MAX_WORD_CHARS * 4)

typedef struct store_stemmer store_stemmer;

rrk_status store_stemmer_new(store_stemmer **out, rrk_error *err);
void store_stemmer_free(store_stemmer *stemmer);

/*
 * Shortens word [len] in place and gives its new length. Room for one byte more is needed: a stem may grow by a letter.
 */
size_t store_stem(store_stemmer *stemmer, char *word, size_t len);
bool store_is_stop_word(const char *word, size_t len);

typedef struct store_analyser {
    store_stemmer *stemmer;
    char *breaks; /* UAX #29 break marks of the chunk at hand; owned */
    size_t breaks_cap;
} store_analyser;

/* A term with the bytes of the text it came from. Non-zero stops the analysis. */
typedef int (*store_term_fn)(void *ctx, const char *term, size_t len, size_t start, size_t end);

rrk_status store_analyser_init(store_analyser *analyser, rrk_error *err);
void store_analyser_free(store_analyser *analyser); /* also for RRK_AUTO */

/* 0, what the callback returned to stop, or -1 when out of memory. An analyser serves one thread at a time. */
int store_analyser_run(store_analyser *analyser, rrk_text text, store_term_fn fn, void *ctx);

#endif
