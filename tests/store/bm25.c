/* BM25 search against a plain reimplementation that knows nothing of indexes. */
#include "base/rng.h"
#include "scratch.h"
#include "store/fts.h"

#include <math.h>
#include <string.h>

enum { N_DOCS = 300, N_WORDS = 40, MAX_LEN = 60, MAX_QUERY = 5 };

typedef struct random_state {
    uint64_t seed;
    uint64_t counter;
} random_state;

static uint64_t below(random_state *rng, uint64_t n)
{
    return base_rng_at(rng->seed, rng->counter++) % n;
}

typedef struct doc {
    int words[MAX_LEN];
    int len;
    int64_t row;
    char id[16];
    float score;
} doc;

static doc docs[N_DOCS];

/* Few words are frequent and most are rare, as in texts. */
static int random_word(random_state *rng)
{
    int a = (int)below(rng, N_WORDS), b = (int)below(rng, N_WORDS);
    return a < b ? a : b;
}

static void put_random(scratch *s, doc *d, int i, random_state *rng)
{
    char text[MAX_LEN * 8] = "";
    size_t at = 0;
    d->len = (int)below(rng, MAX_LEN);
    for (int w = 0; w < d->len; w++) {
        d->words[w] = random_word(rng);
        at += (size_t)snprintf(text + at, sizeof text - at, "q%dz ", d->words[w]);
    }
    snprintf(d->id, sizeof d->id, "d%d", i);
    cr_assert_eq(scratch_put(s, d->id, "", d->len ? text : "?"), RRK_OK, "%s", s->err.message);
    d->row = scratch_row(s, d->id);
}

static int count(const doc *d, int word)
{
    int n = 0;
    for (int i = 0; i < d->len; i++)
        n += d->words[i] == word;
    return n;
}

static void score_all(const int *query, int n_query, float k1, float b)
{
    double n = 0, total = 0;
    for (int i = 0; i < N_DOCS; i++) {
        n += docs[i].len > 0;
        total += docs[i].len;
    }
    for (int i = 0; i < N_DOCS; i++) {
        double sum = 0;
        for (int t = 0; t < n_query; t++) {
            double df = 0;
            for (int j = 0; j < N_DOCS; j++)
                df += count(&docs[j], query[t]) > 0;
            double tf = count(&docs[i], query[t]);
            double len = store_length_of_code(store_length_code((uint64_t)docs[i].len));
            sum += log(1 + (n - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * len / (total / n)));
        }
        docs[i].score = (float)sum;
    }
}

static const doc *doc_of(int64_t row)
{
    for (int i = 0; i < N_DOCS; i++)
        if (docs[i].row == row)
            return &docs[i];
    return NULL;
}

static void check_hits(const rrk_candidate *hits, size_t n, size_t k)
{
    size_t n_better = 0, n_matching = 0;
    for (int i = 0; i < N_DOCS; i++) {
        n_matching += docs[i].score > 0;
        n_better += n > 0 && docs[i].score > hits[n - 1].score + 1e-4;
    }
    cr_assert_eq(n, RRK_MIN(k, n_matching));
    cr_assert_leq(n_better, n, "a better passage was left out");
    for (size_t i = 0; i < n; i++) {
        const doc *d = doc_of(hits[i].row);
        cr_assert_float_eq(hits[i].score, d->score, 1e-4);
        cr_assert(i == 0 || hits[i - 1].score > hits[i].score ||
                  (hits[i - 1].score == hits[i].score && strcmp(doc_of(hits[i - 1].row)->id, d->id) < 0));
    }
}

static void ask(scratch *s, random_state *rng)
{
    int query[MAX_QUERY];
    char text[128];
    size_t at = 0;
    int n_query = 1 + (int)below(rng, MAX_QUERY);
    for (int t = 0; t < n_query; t++) {
        query[t] = random_word(rng);
        at += (size_t)snprintf(text + at, sizeof text - at, "q%dz ", query[t]);
    }
    store_bm25_options options = {.k1 = 0.5 + (double)below(rng, 20) / 10, .b = (double)below(rng, 11) / 10};
    rrk_candidate hits[N_DOCS];
    size_t k = 1 + below(rng, N_DOCS), n = k;
    cr_assert_eq(store_bm25(s->store, rrk_text_of(text), &options, hits, &n, &s->err), RRK_OK, "%s", s->err.message);
    score_all(query, n_query, (float)options.k1, (float)options.b);
    check_hits(hits, n, k);
}

Test(bm25, equals_a_plain_reimplementation_as_passages_come_and_change)
{
    uint64_t seed = 20;
    printf("bm25: seed %llu\n", (unsigned long long)seed);
    random_state rng = {.seed = seed};
    scratch s = scratch_open();
    for (int i = 0; i < N_DOCS; i++)
        put_random(&s, &docs[i], i, &rng);
    for (int round = 0; round < 40; round++) {
        ask(&s, &rng);
        int changed = (int)below(&rng, N_DOCS);
        put_random(&s, &docs[changed], changed, &rng);
    }
    scratch_close(&s);
}

Test(bm25, ties_go_by_id_and_the_k_best_are_exact)
{
    scratch s = scratch_open();
    static const char *const IDS[] = {"b", "a10", "a", "a2", "c"};
    for (size_t i = 0; i < RRK_COUNT(IDS); i++)
        cr_assert_eq(scratch_put(&s, IDS[i], "same", "words"), RRK_OK);
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    rrk_candidate hits[3];
    size_t n = 3;
    cr_assert_eq(store_bm25(s.store, rrk_text_of("word"), &options, hits, &n, &s.err), RRK_OK);
    cr_assert_eq(n, 3);
    cr_assert_eq(hits[0].row, scratch_row(&s, "a"));
    cr_assert_eq(hits[1].row, scratch_row(&s, "a10"));
    cr_assert_eq(hits[2].row, scratch_row(&s, "a2"));
    scratch_close(&s);
}

Test(bm25, syntax_of_fts5_in_a_query_is_just_text)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "a", "", "near body"), RRK_OK);
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    static const char *const QUERIES[] = {"\"", "body: near*", "NEAR(\"body\" 2", "^ + - ( ' body AND", "body\"OR"};
    for (size_t i = 0; i < RRK_COUNT(QUERIES); i++) {
        rrk_candidate hits[3];
        size_t n = 3;
        cr_assert_eq(store_bm25(s.store, rrk_text_of(QUERIES[i]), &options, hits, &n, &s.err), RRK_OK, "%s",
                     s.err.message);
        cr_assert_eq(n, i > 0);
    }
    scratch_close(&s);
}

Test(bm25, refuses_parameters_outside_their_range)
{
    scratch s = scratch_open();
    rrk_candidate hit;
    size_t n = 1;
    store_bm25_options options = {.k1 = -0.1, .b = 0.4};
    cr_assert_eq(store_bm25(s.store, rrk_text_of("x"), &options, &hit, &n, &s.err), RRK_E_INVALID);
    options = (store_bm25_options){.k1 = 0.9, .b = 1.1};
    cr_assert_eq(store_bm25(s.store, rrk_text_of("x"), &options, &hit, &n, &s.err), RRK_E_INVALID);
    scratch_close(&s);
}

Test(bm25, a_term_with_a_quote_is_found)
{
    scratch s = scratch_open();
    const char *word = "\xD7\xA6\xD7\x94\"\xD7\x9C"; /* Hebrew letters join over a double quote */
    cr_assert_eq(scratch_put(&s, "a", "", word), RRK_OK);
    cr_assert_eq(scratch_info(&s).n_terms, 1);
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    rrk_candidate hit;
    size_t n = 1;
    cr_assert_eq(store_bm25(s.store, rrk_text_of(word), &options, &hit, &n, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(n, 1);
    scratch_close(&s);
}

/* How many passages a query of n_terms distinct words finds when only its last word is anywhere. */
static size_t find_last_of(scratch *s, int n_terms)
{
    static char text[16 * (STORE_MAX_QUERY_TERMS + 2)];
    size_t at = 0;
    for (int i = 1; i < n_terms; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "w%d ", i);
    snprintf(text + at, sizeof text - at, "needle");
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    rrk_candidate hit;
    size_t n = 1;
    cr_assert_eq(store_bm25(s->store, rrk_text_of(text), &options, &hit, &n, &s->err), RRK_OK, "%s", s->err.message);
    return n;
}

Test(bm25, a_query_has_at_most_2048_distinct_terms)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "a", "", "needle"), RRK_OK);
    cr_assert_eq(find_last_of(&s, STORE_MAX_QUERY_TERMS), 1);
    cr_assert_eq(find_last_of(&s, STORE_MAX_QUERY_TERMS + 1), 0);
    scratch_close(&s);
}
