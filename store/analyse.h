/*
 * Text to index terms, as Lucene's EnglishAnalyzer makes them: words by UAX#29, possessive 's off, lower case, 33 stop
 * words out, Porter's stemmer. Used for passages, for queries, and for marking matched words.
 */
#ifndef RRK_STORE_ANALYSE_H
#define RRK_STORE_ANALYSE_H

#include "base/error.h"

typedef struct store_analyser store_analyser;

/* Not thread-safe: it keeps a stemmer and a cache of stems. */
rrk_status store_analyser_new(store_analyser **out, rrk_error *err);
void store_analyser_free(store_analyser *analyser);

/* Called for each term; start and end are bytes of the word in the text. Non-zero stops and is handed on. */
typedef int (*store_term_fn)(void *ctx, const char *term, size_t len, size_t start, size_t end);

/* text must be UTF-8. *stopped (may be NULL) is what the callback gave. */
rrk_status store_analyser_run(store_analyser *analyser, rrk_text text, store_term_fn take, void *ctx, int *stopped,
                              rrk_error *err);

/* Lucene's one-byte code of a passage's length in terms, and the length that it stands for. */
uint8_t store_length_code(uint32_t n_terms);
uint32_t store_length_decoded(uint8_t code);

#endif
