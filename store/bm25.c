/*
 * BM25 search: the query's terms and weights, the FTS5 match, and the exact best k of what matches.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/connection.h"
#include "store/fts.h"
#include "store/store.h"

#include <math.h>
#include <string.h>

typedef struct query {
    base_map *terms; /* distinct terms with how often each occurs */
    float *weights;  /* [n_terms] */
    base_buf match;  /* the FTS5 expression */
    rrk_error *err;
    rrk_status status;
} query;

static void free_query(query *q)
{
    base_map_free(q->terms);
    base_free(q->weights);
    base_buf_free(&q->match);
}

static int on_term(void *ctx, const char *term, size_t len, size_t start, size_t end)
{
    query *q = ctx;
    int64_t count = 0;
    rrk_text key = {term, len};
    if (!base_map_get(q->terms, key, &count) && base_map_len(q->terms) >= STORE_MAX_QUERY_TERMS)
        return 0;
    q->status = base_map_put(q->terms, key, count + 1, NULL, q->err);
    return q->status != RRK_OK;
}

static rrk_status analyse_query(query *q, store_connection *connection, rrk_text text, rrk_error *err)
{
    q->err = err;
    RRK_TRY(base_map_new(&q->terms, 16, err));
    int rc = store_analyser_run(&connection->analyser, text, on_term, q);
    if (rc != 0)
        return q->status != RRK_OK ? q->status : base_fail_nomem(err, text.len);
    return RRK_OK;
}

/* A term may hold a quote, for Hebrew abbreviations do: FTS5 wants it doubled. */
static rrk_status append_quoted(base_buf *match, rrk_text term, rrk_error *err)
{
    RRK_TRY(base_buf_append_char(match, '"', err));
    for (size_t i = 0; i < term.len; i++) {
        if (term.data[i] == '"')
            RRK_TRY(base_buf_append_char(match, '"', err));
        RRK_TRY(base_buf_append_char(match, term.data[i], err));
    }
    return base_buf_append_char(match, '"', err);
}

static rrk_status build_match(query *q, rrk_error *err)
{
    for (size_t i = 0; i < base_map_len(q->terms); i++) {
        if (i > 0)
            RRK_TRY(base_buf_append_string(&q->match, " OR ", err));
        RRK_TRY(append_quoted(&q->match, base_map_key(q->terms, i), err));
    }
    return RRK_OK;
}

typedef struct collection {
    int64_t n_with_terms;
    int64_t n_terms;
} collection;

static rrk_status weigh_terms(query *q, store_connection *connection, const collection *c, rrk_error *err)
{
    size_t n = base_map_len(q->terms);
    q->weights = base_alloc(n, sizeof *q->weights);
    if (!q->weights)
        return base_fail_nomem(err, n * sizeof *q->weights);
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *statement = NULL;
    RRK_TRY(store_prepare(connection, &statement, "SELECT doc FROM passage_terms WHERE term = ?1", err));
    for (size_t i = 0; i < n; i++) {
        store_bind_text(statement, 1, base_map_key(q->terms, i));
        bool has_row;
        RRK_TRY(store_step(connection, statement, &has_row, err));
        int64_t n_docs = has_row ? sqlite3_column_int64(statement, 0) : 0;
        float idf = (float)log(1.0 + ((double)(c->n_with_terms - n_docs) + 0.5) / ((double)n_docs + 0.5));
        q->weights[i] = (float)base_map_value(q->terms, i) * idf;
        sqlite3_reset(statement);
    }
    return RRK_OK;
}

static void fill_norms(float norms[256], const collection *c, const store_bm25_options *options)
{
    float average = (float)((double)c->n_terms / (double)c->n_with_terms);
    float k1 = (float)options->k1;
    float b = (float)options->b;
    for (int code = 0; code < 256; code++)
        norms[code] = 1.0f / (k1 * ((1.0f - b) + b * (float)store_length_of_code((uint8_t)code) / average));
}

/* The best k so far, the worst of them on top of the heap. Ids are copied only when a passage gets in. */
typedef struct best {
    double score;
    int64_t row;
    char *id; /* owned */
} best;

typedef struct heap {
    best *items;
    size_t len;
    size_t k;
} heap;

static void free_heap(heap *h)
{
    for (size_t i = 0; i < h->len; i++)
        base_free(h->items[i].id);
    base_free(h->items);
}

static bool is_before(const best *a, const best *b)
{
    return a->score != b->score ? a->score > b->score : strcmp(a->id, b->id) < 0;
}

static void sift_down(heap *h, size_t at, size_t len)
{
    for (size_t child; (child = 2 * at + 1) < len; at = child) {
        if (child + 1 < len && is_before(&h->items[child], &h->items[child + 1]))
            child++;
        if (!is_before(&h->items[at], &h->items[child]))
            return;
        best swapped = h->items[at];
        h->items[at] = h->items[child];
        h->items[child] = swapped;
    }
}

static void sift_up(heap *h, size_t at)
{
    for (size_t parent; at > 0 && is_before(&h->items[parent = (at - 1) / 2], &h->items[at]); at = parent) {
        best swapped = h->items[at];
        h->items[at] = h->items[parent];
        h->items[parent] = swapped;
    }
}

static rrk_status offer(heap *h, sqlite3_stmt *match, rrk_error *err)
{
    double score = sqlite3_column_double(match, 1);
    if (h->len == h->k && score < h->items[0].score)
        return RRK_OK;
    rrk_text id = store_column_text(match, 2);
    best item = {.score = score, .row = sqlite3_column_int64(match, 0), .id = base_strndup(id.data, id.len)};
    if (!item.id)
        return base_fail_nomem(err, id.len);
    if (h->len < h->k) {
        h->items[h->len++] = item;
        sift_up(h, h->len - 1);
        return RRK_OK;
    }
    if (!is_before(&item, &h->items[0])) {
        base_free(item.id);
        return RRK_OK;
    }
    base_free(h->items[0].id);
    h->items[0] = item;
    sift_down(h, 0, h->len);
    return RRK_OK;
}

static rrk_status match_passages(heap *h, store_connection *connection, const query *q, rrk_error *err)
{
    RRK_AUTO(store_finalize_ptr) sqlite3_stmt *match = NULL;
    /* CROSS JOIN: the index is what is scanned, never the passages. */
    RRK_TRY(store_prepare(connection, &match,
                          "SELECT p.row, rrk_bm25(passage_index, p.n_terms), p.id FROM passage_index"
                          " CROSS JOIN passage p ON p.row = passage_index.rowid WHERE passage_index MATCH ?1",
                          err));
    store_bind_text(match, 1, (rrk_text){q->match.data, q->match.len});
    for (;;) {
        bool has_row;
        RRK_TRY(store_step(connection, match, &has_row, err));
        if (!has_row)
            return RRK_OK;
        RRK_TRY(offer(h, match, err));
    }
}

static void take_sorted(heap *h, rrk_candidate *out, size_t *n)
{
    *n = h->len;
    for (size_t len = h->len; len > 0; len--) {
        out[len - 1] = (rrk_candidate){.row = h->items[0].row, .score = h->items[0].score};
        best worst = h->items[0];
        h->items[0] = h->items[len - 1];
        h->items[len - 1] = worst;
        sift_down(h, 0, len - 1);
    }
}

static rrk_status read_collection(store_connection *connection, collection *c, rrk_error *err)
{
    RRK_TRY(store_read_int(connection, "SELECT n_with_terms FROM totals", &c->n_with_terms, err));
    return store_read_int(connection, "SELECT n_terms FROM totals", &c->n_terms, err);
}

static rrk_status check_arguments(const store_bm25_options *options, const rrk_candidate *out, const size_t *n,
                                  rrk_text text, rrk_error *err)
{
    if (!options || !n || (!out && *n) || (!text.data && text.len))
        return base_fail(err, RRK_E_INVALID, 0, "an argument of BM25 search is NULL");
    if (!(options->k1 >= 0 && isfinite(options->k1)))
        return base_fail(err, RRK_E_INVALID, 0, "BM25's k1 is %g; it must not be negative", options->k1);
    if (!(options->b >= 0 && options->b <= 1))
        return base_fail(err, RRK_E_INVALID, 0, "BM25's b is %g; it must be 0 to 1", options->b);
    return RRK_OK;
}

rrk_status store_bm25(rrk_store *store, rrk_text text, const store_bm25_options *options, rrk_candidate *out, size_t *n,
                      rrk_error *err)
{
    base_error_clear(err);
    RRK_TRY(check_arguments(options, out, n, text, err));
    RRK_AUTO(store_end) store_lease lease;
    RRK_TRY(store_begin_read(&lease, store, err));
    size_t k = *n;
    *n = 0;
    collection c = {0};
    RRK_TRY(read_collection(lease.connection, &c, err));
    RRK_AUTO(free_query) query q = {.match = {.max = SIZE_MAX / 4}};
    RRK_TRY(analyse_query(&q, lease.connection, text, err));
    if (k == 0 || c.n_with_terms == 0 || base_map_len(q.terms) == 0)
        return RRK_OK;
    RRK_TRY(build_match(&q, err));
    RRK_TRY(weigh_terms(&q, lease.connection, &c, err));
    lease.connection->scoring.weights = q.weights;
    lease.connection->scoring.n_terms = (int)base_map_len(q.terms);
    fill_norms(lease.connection->scoring.norms, &c, options);
    RRK_AUTO(free_heap) heap best_k = {.k = RRK_MIN(k, (size_t)c.n_with_terms)};
    best_k.items = base_alloc(best_k.k, sizeof *best_k.items);
    if (!best_k.items)
        return base_fail_nomem(err, best_k.k * sizeof *best_k.items);
    RRK_TRY(match_passages(&best_k, lease.connection, &q, err));
    take_sorted(&best_k, out, n);
    return RRK_OK;
}
