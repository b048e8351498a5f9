/* Putting, finding and fetching passages; limits; vectors; a reader beside a writer. */
#include "base/alloc.h"
#include "scratch.h"

#include <pthread.h>
#include <string.h>

Test(passages, come_back_as_they_were_put)
{
    scratch s = scratch_open();
    rrk_passage in = {.id = rrk_text_of("doc/1"),
                      .title = rrk_text_of("Title"),
                      .text = rrk_text_of("Some \xC3\xA4 text"),
                      .metadata = rrk_text_of("{\"a\":1}")};
    cr_assert_eq(rrk_store_put(s.store, &in, 1, &s.err), RRK_OK, "%s", s.err.message);
    int64_t row = scratch_row(&s, "doc/1");
    rrk_passage_list *list = NULL;
    cr_assert_eq(rrk_store_fetch(s.store, &row, 1, &list, &s.err), RRK_OK);
    size_t n;
    const rrk_passage *out = rrk_passage_list_items(list, &n);
    cr_assert_eq(n, 1);
    cr_assert_str_eq(out->id.data, "doc/1");
    cr_assert_str_eq(out->title.data, "Title");
    cr_assert_str_eq(out->text.data, in.text.data);
    cr_assert_str_eq(out->metadata.data, "{\"a\":1}");
    rrk_passage_list_free(list);
    row = 99;
    cr_assert_eq(rrk_store_fetch(s.store, &row, 1, &list, &s.err), RRK_E_NOTFOUND);
    cr_assert_eq(rrk_store_find(s.store, rrk_text_of("doc/2"), &row, &s.err), RRK_E_NOTFOUND);
    scratch_close(&s);
}

Test(passages, a_bad_one_undoes_the_whole_put)
{
    scratch s = scratch_open();
    rrk_passage in[2] = {{.id = rrk_text_of("good"), .text = rrk_text_of("text")},
                         {.id = rrk_text_of("bad"), .text = rrk_text_of("a\xFFz")}};
    cr_assert_eq(rrk_store_put(s.store, in, 2, &s.err), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "bad"));
    cr_assert_not_null(strstr(s.err.message, "UTF-8"));
    cr_assert_eq(scratch_info(&s).n_passages, 0);
    cr_assert_eq(scratch_info(&s).n_terms, 0);
    scratch_close(&s);
}

Test(passages, refuses_what_cannot_be_stored)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "", "", "text"), RRK_E_INVALID);
    cr_assert_eq(scratch_put(&s, "a", "", " \n"), RRK_E_INVALID);
    cr_assert_eq(scratch_put(&s, "a", "only a title", ""), RRK_OK);
    rrk_passage in = {.id = rrk_text_of("m"), .text = rrk_text_of("t"), .metadata = rrk_text_of("[1]")};
    cr_assert_eq(rrk_store_put(s.store, &in, 1, &s.err), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "metadata"));
    scratch_close(&s);
}

Test(passages, ids_have_at_most_512_bytes)
{
    scratch s = scratch_open();
    char id[RRK_STORE_MAX_ID_BYTES + 2];
    memset(id, 'i', sizeof id);
    id[RRK_STORE_MAX_ID_BYTES] = '\0';
    cr_assert_eq(scratch_put(&s, id, "", "text"), RRK_OK, "%s", s.err.message);
    id[RRK_STORE_MAX_ID_BYTES] = 'i';
    id[RRK_STORE_MAX_ID_BYTES + 1] = '\0';
    cr_assert_eq(scratch_put(&s, id, "", "text"), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "513"));
    scratch_close(&s);
}

Test(passages, the_passage_limit_is_exact)
{
    scratch s = scratch_folder();
    rrk_store_options options;
    rrk_store_options_init(&options);
    options.max_passage_bytes = 10;
    cr_assert_eq(rrk_store_open(&s.store, s.path, &options, &s.err), RRK_OK);
    cr_assert_eq(scratch_put(&s, "a", "12345", "67890"), RRK_OK);
    cr_assert_eq(scratch_put(&s, "a", "12345", "678901"), RRK_E_INVALID);
    scratch_close(&s);
}

Test(passages, one_of_ten_megabytes_works)
{
    enum { N = 10 << 20 };
    scratch s = scratch_open();
    char *text = base_alloc(N, 1);
    for (int i = 0; i < N; i++)
        text[i] = i % 8 == 7 ? ' ' : (char)('a' + i / 8 % 26);
    rrk_passage in = {.id = rrk_text_of("big"), .text = {text, N}};
    cr_assert_eq(rrk_store_put(s.store, &in, 1, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(scratch_info(&s).n_terms, N / 8);
    base_free(text);
    scratch_close(&s);
}

static void give_vector(scratch *s, int64_t row)
{
    float vector[2] = {(float)row, 1};
    cr_assert_eq(store_vectors_put(s->store, &row, vector, 1, &s->err), RRK_OK, "%s", s->err.message);
}

Test(passages, an_unchanged_one_keeps_its_vector_and_a_changed_one_loses_it)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "a", "t", "one two"), RRK_OK);
    cr_assert_eq(store_vectors_begin(s.store, "m", 2, false, &s.err), RRK_OK);
    give_vector(&s, scratch_row(&s, "a"));
    cr_assert_eq(scratch_put(&s, "a", "t", "one two"), RRK_OK);
    rrk_passage other = {.id = rrk_text_of("a"),
                         .title = rrk_text_of("t"),
                         .text = rrk_text_of("one two"),
                         .metadata = rrk_text_of("{\"b\":1}")};
    cr_assert_eq(rrk_store_put(s.store, &other, 1, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(scratch_info(&s).n_vectors, 1);
    int64_t row = scratch_row(&s, "a");
    rrk_passage_list *list = NULL;
    cr_assert_eq(rrk_store_fetch(s.store, &row, 1, &list, &s.err), RRK_OK);
    cr_assert_str_eq(rrk_passage_list_items(list, NULL)->metadata.data, "{\"b\":1}");
    rrk_passage_list_free(list);
    cr_assert_eq(scratch_put(&s, "a", "t", "one two three four"), RRK_OK);
    cr_assert_eq(scratch_info(&s).n_vectors, 0);
    cr_assert_eq(scratch_info(&s).n_passages, 1);
    cr_assert_eq(scratch_info(&s).n_terms, 5);
    scratch_close(&s);
}

Test(vectors, are_those_of_one_model_until_replaced)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "a", "", "x"), RRK_OK);
    cr_assert_eq(scratch_put(&s, "b", "", "y"), RRK_OK);
    float vector[2] = {1, 2};
    int64_t row = 2, gone = 77;
    cr_assert_eq(store_vectors_put(s.store, &row, vector, 1, &s.err), RRK_E_INVALID);
    cr_assert_eq(store_vectors_begin(s.store, "m1", 2, false, &s.err), RRK_OK);
    uint64_t before, after, missing;
    cr_assert_eq(store_vectors_generation(s.store, &before, &s.err), RRK_OK);
    give_vector(&s, row);
    cr_assert_eq(store_vectors_put(s.store, &gone, vector, 1, &s.err), RRK_OK);
    cr_assert_eq(store_vectors_generation(s.store, &after, &s.err), RRK_OK);
    cr_assert_neq(before, after);
    cr_assert_eq(store_vectors_count_missing(s.store, &missing, &s.err), RRK_OK);
    cr_assert_eq(missing, 1);
    int64_t rows[4];
    size_t n = 4;
    cr_assert_eq(store_vectors_missing(s.store, 0, rows, &n, &s.err), RRK_OK);
    cr_assert_eq(n, 1);
    cr_assert_eq(rows[0], 1);
    cr_assert_eq(store_vectors_begin(s.store, "m2", 2, false, &s.err), RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "m1"));
    cr_assert_not_null(strstr(s.err.message, "m2"));
    cr_assert_eq(store_vectors_begin(s.store, "m2", 3, true, &s.err), RRK_OK);
    cr_assert_eq(scratch_info(&s).n_vectors, 0);
    scratch_close(&s);
}

Test(vectors, of_an_identity_without_a_fingerprint_are_refused_with_what_to_do)
{
    scratch s = scratch_open();
    cr_assert_eq(scratch_put(&s, "a", "", "x"), RRK_OK);
    cr_assert_eq(store_vectors_begin(s.store, "minilm-1f2e3d4c", 2, false, &s.err), RRK_OK);
    give_vector(&s, 1);
    cr_assert_eq(store_vectors_begin(s.store, "minilm-1f2e3d4c 0011", 2, false, &s.err), RRK_E_INVALID);
    cr_assert(strstr(s.err.message, "before fingerprints") && strstr(s.err.message, "--replace"), "%s", s.err.message);
    cr_assert_eq(store_vectors_begin(s.store, "minilm-1f2e3d4c 0011", 2, true, &s.err), RRK_OK);
    give_vector(&s, 1);
    cr_assert_eq(store_vectors_begin(s.store, "my copy 0011", 2, false, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(scratch_info(&s).n_vectors, 1);
    scratch_close(&s);
}

Test(vectors, load_in_the_order_of_rows)
{
    scratch s = scratch_open();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(scratch_put(&s, (const char *[]){"a", "b", "c"}[i], "", "x"), RRK_OK);
    cr_assert_eq(store_vectors_begin(s.store, "m", 2, false, &s.err), RRK_OK);
    give_vector(&s, 3);
    give_vector(&s, 1);
    int64_t *rows = NULL;
    float *vectors = NULL;
    size_t n;
    uint32_t dim;
    uint64_t generation;
    cr_assert_eq(store_vectors_load(s.store, &rows, &vectors, &n, &dim, &generation, &s.err), RRK_OK);
    cr_assert_eq(n, 2);
    cr_assert_eq(dim, 2);
    cr_assert_eq(rows[0], 1);
    cr_assert_eq(rows[1], 3);
    cr_assert_eq(vectors[2], 3);
    base_free(rows);
    base_free_aligned(vectors);
    scratch_close(&s);
}

enum { N_ROUNDS = 60 };

static void *write_pairs(void *ctx)
{
    scratch *s = ctx;
    for (int i = 0; i < N_ROUNDS; i++) {
        char ids[2][16];
        rrk_passage pair[2];
        memset(pair, 0, sizeof pair);
        for (int j = 0; j < 2; j++) {
            snprintf(ids[j], sizeof ids[j], "%d-%d", i, j);
            pair[j].id = rrk_text_of(ids[j]);
            pair[j].text = rrk_text_of("harbour");
        }
        if (rrk_store_put(s->store, pair, 2, NULL) != RRK_OK)
            return s;
    }
    return NULL;
}

Test(passages, readers_see_whole_transactions_while_one_writes)
{
    scratch s = scratch_open();
    pthread_t writer;
    cr_assert_eq(pthread_create(&writer, NULL, write_pairs, &s), 0);
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    for (size_t seen = 0; seen < 2 * N_ROUNDS;) {
        rrk_candidate hits[2 * N_ROUNDS + 1];
        size_t n = RRK_COUNT(hits);
        cr_assert_eq(store_bm25(s.store, rrk_text_of("harbour"), &options, hits, &n, NULL), RRK_OK);
        cr_assert_eq(n % 2, 0);
        cr_assert_geq(n, seen);
        seen = n;
    }
    void *failed = NULL;
    pthread_join(writer, &failed);
    cr_assert_null(failed);
    scratch_close(&s);
}

Test(vectors, names_and_dimensions_have_limits)
{
    scratch s = scratch_open();
    char name[257];
    memset(name, 'm', sizeof name);
    name[256] = '\0';
    cr_assert_eq(store_vectors_begin(s.store, name, 1, false, &s.err), RRK_E_INVALID);
    name[255] = '\0';
    cr_assert_eq(store_vectors_begin(s.store, name, 1, false, &s.err), RRK_OK);
    cr_assert_eq(store_vectors_begin(s.store, "m", 0, false, &s.err), RRK_E_INVALID);
    cr_assert_eq(store_vectors_begin(s.store, "m", 65536, false, &s.err), RRK_OK);
    cr_assert_eq(store_vectors_begin(s.store, "m", 65537, false, &s.err), RRK_E_INVALID);
    scratch_close(&s);
}
