/*
 * What FTS5 calls back into: the tokenizer that indexes text by our analysis, and the ranking function that scores a
 * match by Lucene's BM25 in Lucene's 32-bit arithmetic.
 */
#include "store/fts.h"
#include "store/connection.h"

#include <string.h>

/* Lucene's SmallFloat: 24 exact values, then floats of three bits after the leading one. */
enum { EXACT_LENGTHS = 24 };

uint8_t store_length_code(uint64_t length)
{
    if (length < EXACT_LENGTHS)
        return (uint8_t)length;
    uint64_t rest = RRK_MIN(length, (uint64_t)INT32_MAX) - EXACT_LENGTHS;
    if (rest < 16)
        return (uint8_t)(EXACT_LENGTHS + rest);
    int shift = 63 - __builtin_clzll(rest) - 3;
    uint32_t mantissa = (uint32_t)(rest >> shift) & 7;
    return (uint8_t)(EXACT_LENGTHS + (mantissa | (uint32_t)(shift + 1) << 3));
}

uint32_t store_length_of_code(uint8_t code)
{
    if (code < EXACT_LENGTHS)
        return code;
    uint32_t rest = code - (uint32_t)EXACT_LENGTHS;
    if (rest < 8)
        return EXACT_LENGTHS + rest;
    return EXACT_LENGTHS + ((8 | (rest & 7)) << ((rest >> 3) - 1));
}

static int tokenizer_create(void *ctx, const char **args, int n_args, Fts5Tokenizer **out)
{
    *out = ctx; /* the connection: it has the analyser, and nobody else uses it meanwhile */
    return SQLITE_OK;
}

static void tokenizer_delete(Fts5Tokenizer *tokenizer)
{
}

typedef int (*fts_token_fn)(void *, int, const char *, int, int, int);

typedef struct sink {
    fts_token_fn fn;
    void *ctx;
    uint64_t n_terms;
} sink;

static int on_term(void *ctx, const char *term, size_t len, size_t start, size_t end)
{
    sink *s = ctx;
    s->n_terms++;
    return s->fn(s->ctx, 0, term, (int)len, (int)start, (int)end);
}

/* A query's terms were analysed by us before: stemming them twice would change them. */
static int tokenize(Fts5Tokenizer *tokenizer, void *ctx, int flags, const char *text, int len, fts_token_fn fn)
{
    if (flags & FTS5_TOKENIZE_QUERY)
        return fn(ctx, 0, text, len, 0, len);
    store_connection *connection = (store_connection *)tokenizer;
    sink s = {.fn = fn, .ctx = ctx};
    int rc = store_analyser_run(&connection->analyser, (rrk_text){text, (size_t)len}, on_term, &s);
    connection->n_terms_indexed = s.n_terms;
    return rc == -1 ? SQLITE_NOMEM : rc;
}

static int term_frequency(const Fts5ExtensionApi *api, Fts5Context *fts, int phrase, int *n)
{
    Fts5PhraseIter at;
    int column, offset;
    int rc = api->xPhraseFirst(fts, phrase, &at, &column, &offset);
    *n = 0;
    for (; rc == SQLITE_OK && column >= 0; api->xPhraseNext(fts, &at, &column, &offset))
        ++*n;
    return rc;
}

/* rrk_bm25(passage_index, n_terms of the passage) */
static void bm25(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *result, int n_args,
                 sqlite3_value **args)
{
    const store_scoring *scoring = &((store_connection *)api->xUserData(fts))->scoring;
    if (n_args != 1 || api->xPhraseCount(fts) != scoring->n_terms) {
        sqlite3_result_error(result, "rrk_bm25 is called by rrk only", -1);
        return;
    }
    float norm = scoring->norms[store_length_code((uint64_t)sqlite3_value_int64(args[0]))];
    double sum = 0;
    for (int i = 0; i < scoring->n_terms; i++) {
        int n = 0;
        int rc = term_frequency(api, fts, i, &n);
        if (rc != SQLITE_OK) {
            sqlite3_result_error_code(result, rc);
            return;
        }
        float weight = scoring->weights[i];
        if (n > 0)
            sum += weight - weight / (1.0f + (float)n * norm);
    }
    sqlite3_result_double(result, (float)sum);
}

rrk_status store_register_fts(store_connection *connection, rrk_error *err)
{
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(connection, &statement, "SELECT fts5(?1)", err));
    fts5_api *api = NULL;
    sqlite3_bind_pointer(statement, 1, (void *)&api, "fts5_api_ptr", NULL);
    bool has_row;
    RRK_TRY(store_step(connection, statement, &has_row, err));
    if (!api || api->iVersion < 2)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "this SQLite was built without FTS5");
    fts5_tokenizer tokenizer = {tokenizer_create, tokenizer_delete, tokenize};
    int rc = api->xCreateTokenizer(api, "rrk", connection, &tokenizer, NULL);
    if (rc == SQLITE_OK)
        rc = api->xCreateFunction(api, "rrk_bm25", connection, bm25, NULL);
    return rc == SQLITE_OK ? RRK_OK : store_fail(connection, rc, err);
}
