/*
 * BM25 as Lucene computes it, in Lucene's own precision: 32-bit floats, one byte for a passage's length, and idf from
 * the passages that have a term. FTS5 finds the matches and keeps the counts; nothing is cached between queries, so the
 * statistics are always the present ones.
 */
#include "store/bm25.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/topk.h"
#include "store/analyse.h"
#include "store/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_LENGTH_CODES = 256, MAX_QUERY_BYTES = 16 << 20 };

/* What one query needs for every row, made at its first. */
typedef struct ranking {
    int n_phrases;
    float inverse_norms[N_LENGTH_CODES]; /* 1 / (k1 * (1 - b + b * length / average)) */
    float weights[];                     /* [n_phrases]: the terms' idf */
} ranking;

static int count_row(const Fts5ExtensionApi *api, Fts5Context *context, void *ctx)
{
    (void)api;
    (void)context;
    ++*(int64_t *)ctx;
    return SQLITE_OK;
}

static float idf(int64_t n_passages, int64_t n_with_term)
{
    return (float)log(1 + ((double)(n_passages - n_with_term) + 0.5) / ((double)n_with_term + 0.5));
}

static void set_norms(ranking *r, float k1, float b, float average)
{
    for (int code = 0; code < N_LENGTH_CODES; code++) {
        float length = (float)store_length_decoded((uint8_t)code);
        r->inverse_norms[code] = 1 / (k1 * (1 - b + b * length / average));
    }
}

static int make_ranking(const Fts5ExtensionApi *api, Fts5Context *context, sqlite3_value **args, ranking **out)
{
    sqlite3_int64 n_passages = 0, n_terms = 0;
    int n_phrases = api->xPhraseCount(context);
    ranking *r = sqlite3_malloc64(sizeof *r + (sqlite3_uint64)n_phrases * sizeof(float));
    if (!r)
        return SQLITE_NOMEM;
    r->n_phrases = n_phrases;
    int rc = api->xRowCount(context, &n_passages);
    if (rc == SQLITE_OK)
        rc = api->xColumnTotalSize(context, 0, &n_terms);
    set_norms(r, (float)sqlite3_value_double(args[0]), (float)sqlite3_value_double(args[1]),
              (float)((double)n_terms / (double)n_passages));
    for (int p = 0; rc == SQLITE_OK && p < n_phrases; p++) {
        int64_t n_with_term = 0;
        rc = api->xQueryPhrase(context, p, &n_with_term, count_row);
        r->weights[p] = idf(n_passages, n_with_term);
    }
    if (rc == SQLITE_OK)
        rc = api->xSetAuxdata(context, r, sqlite3_free); /* frees r itself when it fails */
    else
        sqlite3_free(r);
    *out = r;
    return rc;
}

static int term_frequency(const Fts5ExtensionApi *api, Fts5Context *context, int phrase, int *out)
{
    Fts5PhraseIter iter;
    int column, offset;
    *out = 0;
    int rc = api->xPhraseFirst(context, phrase, &iter, &column, &offset);
    for (; rc == SQLITE_OK && column >= 0; api->xPhraseNext(context, &iter, &column, &offset))
        ++*out;
    return rc;
}

void store_bm25_function(const Fts5ExtensionApi *api, Fts5Context *context, sqlite3_context *result, int n_args,
                         sqlite3_value **args)
{
    if (n_args != 2) {
        sqlite3_result_error(result, "rrk_bm25 takes the table, k1 and b", -1);
        return;
    }
    ranking *r = api->xGetAuxdata(context, 0);
    int rc = r ? SQLITE_OK : make_ranking(api, context, args, &r);
    int n_terms = 0;
    if (rc == SQLITE_OK)
        rc = api->xColumnSize(context, 0, &n_terms);
    double score = 0;
    for (int p = 0; rc == SQLITE_OK && p < r->n_phrases; p++) {
        int tf;
        rc = term_frequency(api, context, p, &tf);
        if (tf > 0) {
            float norm = r->inverse_norms[store_length_code((uint32_t)n_terms)];
            score += (double)(r->weights[p] - r->weights[p] / (1 + (float)tf * norm));
        }
    }
    if (rc != SQLITE_OK)
        sqlite3_result_error_code(result, rc);
    else
        sqlite3_result_double(result, (double)(float)score);
}

/* --- the search --- */

typedef struct match {
    int64_t row;
    double score;
    char *id; /* owned; only of those that may be in the answer */
} match;

typedef struct matches {
    match *items;
    size_t len, cap;
} matches;

static void free_matches(matches *m)
{
    for (size_t i = 0; i < m->len; i++)
        base_free(m->items[i].id);
    base_free(m->items);
}

static rrk_status add_match(matches *m, int64_t row, double score, rrk_error *err)
{
    if (m->len == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 1024;
        match *items = base_realloc(m->items, cap, sizeof *items);
        if (!items)
            return base_fail_nomem(err, cap * sizeof *items);
        m->items = items;
        m->cap = cap;
    }
    m->items[m->len++] = (match){row, score, NULL};
    return RRK_OK;
}

/* "one" OR "two" OR "two": a repeated term is a phrase of its own and so counts again. */
static rrk_status match_expression(rrk_text query, base_buf *out, rrk_error *err)
{
    store_terms terms RRK_AUTO(store_terms_free) = {0};
    RRK_TRY(store_analyse(query, &terms, err));
    for (size_t i = 0; i < terms.len; i++)
        RRK_TRY(base_buf_printf(out, err, "%s\"%s\"", i ? " OR " : "", terms.items[i].term));
    return RRK_OK;
}

static rrk_status collect(store_connection *c, const base_buf *expression, const store_bm25_options *options,
                          matches *found, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_BM25, &statement, err));
    store_bind_text(statement, 1, (rrk_text){expression->data, expression->len});
    sqlite3_bind_double(statement, 2, options->k1);
    sqlite3_bind_double(statement, 3, options->b);
    for (;;) {
        bool row;
        RRK_TRY(store_step(c, statement, &row, err));
        if (!row)
            return RRK_OK;
        RRK_TRY(add_match(found, sqlite3_column_int64(statement, 0), sqlite3_column_double(statement, 1), err));
    }
}

/* Drops all that score less than the k-th best. */
static rrk_status keep_best(matches *m, size_t k, rrk_error *err)
{
    if (m->len <= k)
        return RRK_OK;
    base_topk top RRK_AUTO(base_topk_free) = {0};
    RRK_TRY(base_topk_init(&top, k, err));
    for (size_t i = 0; i < m->len; i++)
        base_topk_push(&top, m->items[i].score, m->items[i].row);
    double least = top.items[0].score;
    size_t kept = 0;
    for (size_t i = 0; i < m->len; i++) {
        if (m->items[i].score >= least)
            m->items[kept++] = m->items[i];
    }
    m->len = kept;
    return RRK_OK;
}

static rrk_status read_id(store_connection *c, int64_t row, char **id, rrk_error *err)
{
    sqlite3_stmt *statement;
    RRK_TRY(store_statement(c, STORE_SQL_ID, &statement, err));
    sqlite3_bind_int64(statement, 1, row);
    bool there;
    RRK_TRY(store_step(c, statement, &there, err));
    if (!there)
        return base_fail(err, RRK_E_NOTFOUND, 0, "store '%s' has no row %lld", c->path, (long long)row);
    rrk_text text = store_column_text(statement, 0);
    *id = base_strndup(text.data, text.len);
    sqlite3_reset(statement);
    return *id ? RRK_OK : base_fail_nomem(err, text.len);
}

static int best_first(const void *a, const void *b)
{
    const match *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->id, y->id);
}

static rrk_status search(store_connection *c, const base_buf *expression, const store_bm25_options *options,
                         rrk_candidate *out, size_t *n, rrk_error *err)
{
    matches found RRK_AUTO(free_matches) = {0};
    RRK_TRY(collect(c, expression, options, &found, err));
    RRK_TRY(keep_best(&found, *n, err));
    for (size_t i = 0; i < found.len; i++)
        RRK_TRY(read_id(c, found.items[i].row, &found.items[i].id, err));
    if (found.len)
        qsort(found.items, found.len, sizeof *found.items, best_first);
    *n = RRK_MIN(*n, found.len);
    for (size_t i = 0; i < *n; i++)
        out[i] = (rrk_candidate){.row = found.items[i].row, .score = found.items[i].score};
    return RRK_OK;
}

rrk_status store_bm25(rrk_store *store, rrk_text query, const store_bm25_options *options, rrk_candidate *out,
                      size_t *n, rrk_error *err)
{
    RRK_TRY(base_text_check(query, "the query", err));
    base_buf expression RRK_AUTO(base_buf_free) = {.max = MAX_QUERY_BYTES};
    RRK_TRY(match_expression(query, &expression, err));
    if (expression.len == 0 || *n == 0) {
        *n = 0;
        return RRK_OK;
    }
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    /* One read transaction, so that ids and scores are of one moment. */
    rrk_status status = store_run(c, STORE_SQL_BEGIN_READ, err);
    if (status == RRK_OK)
        status = store_end(c, search(c, &expression, options, out, n, err), err);
    store_give_back(store, c);
    return status;
}

rrk_status store_id_of(rrk_store *store, int64_t row, char **id, rrk_error *err)
{
    store_connection *c;
    RRK_TRY(store_lease(store, &c, err));
    rrk_status status = read_id(c, row, id, err);
    store_give_back(store, c);
    return status;
}
