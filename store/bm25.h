/* The ranking function that fts.c registers with FTS5. */
#ifndef RRK_STORE_BM25_H
#define RRK_STORE_BM25_H

#include <sqlite3.h>

/* rrk_bm25(terms, k1, b): one row's score; each phrase of the query is one term. */
void store_bm25_function(const Fts5ExtensionApi *api, Fts5Context *context, sqlite3_context *result, int n_args,
                         sqlite3_value **args);

#endif
