/*
 * BM25 on real collections against Lucene's own answers. With RRK_TEST_RUNS naming a folder, the top 100 are written
 * there as TREC runs for evaluation by other tools.
 */
#include "base/buf.h"
#include "base/lines.h"
#include "base/map.h"
#include "scratch.h"

#include <jansson.h>
#include <string.h>

enum { DEPTH = 100, TOP = 10 };

typedef struct collection {
    scratch s;
    char folder[512];
    base_map *qids; /* of the test qrels */
    FILE *run;      /* NULL: not written */
} collection;

static base_lines *open_lines(collection *c, const char *name)
{
    char path[640];
    snprintf(path, sizeof path, "%s/%s", c->folder, name);
    base_lines *lines = NULL;
    cr_assert_eq(base_lines_open(&lines, path, 1 << 24, &c->s.err), RRK_OK, "%s", c->s.err.message);
    return lines;
}

static bool next(base_lines *lines, rrk_text *line)
{
    bool more = false;
    cr_assert_eq(base_lines_next(lines, line, &more, NULL), RRK_OK);
    return more;
}

static void read_qids(collection *c)
{
    cr_assert_eq(base_map_new(&c->qids, 512, NULL), RRK_OK);
    base_lines *lines = open_lines(c, "qrels/test.tsv");
    rrk_text line;
    next(lines, &line);
    while (next(lines, &line)) {
        const char *tab = memchr(line.data, '\t', line.len);
        cr_assert_not_null(tab);
        base_map_put(c->qids, (rrk_text){line.data, (size_t)(tab - line.data)}, 1, NULL, NULL);
    }
    base_lines_close(lines);
}

/* Lucene's top ten by query: "qid rank" -> ids in order, kept as one string a query. */
typedef struct truth {
    base_map *index;
    base_buf lists[1024];
    size_t counts[1024];
    size_t n;
} truth;

static void read_truth(collection *c, truth *t)
{
    cr_assert_eq(base_map_new(&t->index, 512, NULL), RRK_OK);
    base_lines *lines = open_lines(c, "run.lucene.txt");
    rrk_text line;
    while (next(lines, &line)) {
        char qid[128], id[256];
        cr_assert_eq(sscanf(line.data, "%127s %*s %255s", qid, id), 2);
        int64_t at = (int64_t)t->n;
        if (!base_map_get(t->index, rrk_text_of(qid), &at)) {
            cr_assert_lt(t->n, RRK_COUNT(t->lists));
            t->lists[t->n++].max = 1 << 20;
            base_map_put(t->index, rrk_text_of(qid), at, NULL, NULL);
        }
        if (t->counts[at]++ < TOP)
            cr_assert_eq(base_buf_printf(&t->lists[at], NULL, "%s ", id), RRK_OK);
    }
    base_lines_close(lines);
}

/* Scores 1e-4 apart less 1e-6 a tied hit, as Anserini prints them. */
static void write_hits(collection *c, const char *qid, const rrk_candidate *hits, const rrk_passage *passages, size_t n)
{
    double before = 0;
    int n_tied = 0;
    for (size_t i = 0; c->run && i < n; i++) {
        double score = (double)(int64_t)(hits[i].score * 1e4 + 0.5) / 1e4;
        n_tied = i > 0 && score == before ? n_tied + 1 : 0;
        before = score;
        fprintf(c->run, "%s Q0 %.*s %zu %.6f rrk\n", qid, (int)passages[i].id.len, passages[i].id.data, i + 1,
                score - 1e-6 * n_tied);
    }
}

static void search(collection *c, const char *qid, rrk_text text, base_buf *top)
{
    rrk_candidate hits[DEPTH];
    int64_t rows[DEPTH];
    size_t n = DEPTH;
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    cr_assert_eq(store_bm25(c->s.store, text, &options, hits, &n, &c->s.err), RRK_OK, "%s", c->s.err.message);
    for (size_t i = 0; i < n; i++)
        rows[i] = hits[i].row;
    rrk_passage_list *list = NULL;
    cr_assert_eq(rrk_store_fetch(c->s.store, rows, n, &list, &c->s.err), RRK_OK);
    const rrk_passage *passages = rrk_passage_list_items(list, NULL);
    for (size_t i = 0; i < n && i < TOP; i++)
        base_buf_printf(top, NULL, "%.*s ", (int)passages[i].id.len, passages[i].id.data);
    write_hits(c, qid, hits, passages, n);
    rrk_passage_list_free(list);
}

static void compare(collection *c, truth *t, const char *name)
{
    base_lines *lines = open_lines(c, "queries.jsonl");
    rrk_text line;
    size_t n_queries = 0, n_equal = 0;
    while (next(lines, &line)) {
        json_t *query = json_loadb(line.data, line.len, 0, NULL);
        const char *qid = json_string_value(json_object_get(query, "_id"));
        int64_t at;
        if (base_map_get(c->qids, rrk_text_of(qid), &at)) {
            base_buf top = {.max = 1 << 20};
            search(c, qid, rrk_text_of(json_string_value(json_object_get(query, "text"))), &top);
            bool known = base_map_get(t->index, rrk_text_of(qid), &at);
            n_queries++;
            n_equal += strcmp(known ? t->lists[at].data : "", top.data ? top.data : "") == 0;
            base_buf_free(&top);
        }
        json_decref(query);
    }
    base_lines_close(lines);
    double share = (double)n_equal / (double)n_queries;
    printf("%s: the top ten of %zu of %zu queries (%.4f) are Lucene's\n", name, n_equal, n_queries, share);
    cr_assert_eq(n_equal, n_queries);
}

static void check_collection(const char *name)
{
    collection c = {.run = NULL};
    const char *data = getenv("RRK_TEST_DATA");
    char path[640];
    snprintf(c.folder, sizeof c.folder, "%s/%s", data ? data : "", name);
    snprintf(path, sizeof path, "%s/corpus.jsonl", c.folder);
    if (!data || access(path, R_OK) != 0) {
        printf("SKIP: RRK_TEST_DATA has no %s\n", name);
        cr_skip_test("no %s", name);
    }
    c.s = scratch_open();
    rrk_import_stats stats = {.size = sizeof stats};
    cr_assert_eq(rrk_store_import(c.s.store, path, NULL, &stats, &c.s.err), RRK_OK, "%s", c.s.err.message);
    printf("%s: %llu passages imported in %.1f s\n", name, (unsigned long long)stats.n_added, stats.elapsed_s);
    if (getenv("RRK_TEST_RUNS")) {
        snprintf(path, sizeof path, "%s/%s.txt", getenv("RRK_TEST_RUNS"), name);
        c.run = fopen(path, "w");
    }
    static truth t;
    read_qids(&c);
    read_truth(&c, &t);
    compare(&c, &t, name);
    for (size_t i = 0; i < t.n; i++)
        base_buf_free(&t.lists[i]);
    base_map_free(t.index);
    base_map_free(c.qids);
    if (c.run)
        fclose(c.run);
    scratch_close(&c.s);
}

Test(data, scifact_as_lucene_ranks_it)
{
    check_collection("scifact");
}

Test(data, nfcorpus_as_lucene_ranks_it)
{
    check_collection("nfcorpus");
}
