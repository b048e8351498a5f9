/*
 * Any bytes as a BM25 query: what is found is in order and within the store. The terms of any text lie inside it, one
 * after the other.
 *
 * Parser: store/bm25.c store/analyse.c store/terms.c store/stem.c store/fts.c
 */
#include "base/text.h"
#include "fuzz.h"
#include "store/store.h"

#include <stdio.h>

enum { N_PASSAGES = 8 };

static rrk_store *store_of_this_process(void)
{
    static rrk_store *store;
    static const char *const TEXTS[N_PASSAGES] = {
        "a kettle boils water",      "the kettle's lid",      "water, water and salt",
        "AND OR NOT NEAR",           "running runners ran",   "\xc3\xa4pfel und \xe6\xb0\xb4",
        "\"quoted\" (text) * ^ : -", "1 22 333 u.s.a. can't",
    };
    if (store)
        return store;
    char path[128];
    snprintf(path, sizeof path, "%s/store.db", fuzz_dir());
    FUZZ_CHECK(rrk_store_open(&store, path, NULL, NULL) == RRK_OK);
    for (size_t i = 0; i < N_PASSAGES; i++) {
        char id[8];
        snprintf(id, sizeof id, "p%zu", i);
        rrk_passage passage = {.id = rrk_text_of(id), .text = rrk_text_of(TEXTS[i])};
        FUZZ_CHECK(rrk_store_put(store, &passage, 1, NULL) == RRK_OK);
    }
    return store;
}

static void search(rrk_text query)
{
    rrk_candidate found[N_PASSAGES];
    size_t n = RRK_COUNT(found);
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    rrk_error err = {0};
    rrk_status status = store_bm25(store_of_this_process(), query, &options, found, &n, &err);
    fuzz_check_error(status, &err);
    if (status != RRK_OK)
        return;
    FUZZ_CHECK(n <= N_PASSAGES);
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(found[i].row >= 1 && found[i].row <= N_PASSAGES);
        FUZZ_CHECK(found[i].score > 0);
        FUZZ_CHECK(i == 0 || found[i].score <= found[i - 1].score);
    }
}

static void analyse(rrk_text text)
{
    store_terms terms = {0};
    rrk_error err = {0};
    rrk_status status = store_analyse(text, &terms, &err);
    fuzz_check_error(status, &err);
    for (size_t i = 0; status == RRK_OK && i < terms.len; i++) {
        FUZZ_CHECK(terms.items[i].term[0]);
        FUZZ_CHECK(terms.items[i].start < terms.items[i].end && terms.items[i].end <= text.len);
        FUZZ_CHECK(i == 0 || terms.items[i].start >= terms.items[i - 1].end);
    }
    store_terms_free(&terms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rrk_text text = {(const char *)data, size};
    search(text);
    if (base_text_check(text, "the text", NULL) == RRK_OK)
        analyse(text);
    return 0;
}
