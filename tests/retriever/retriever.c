/* BM25, dense and hybrid retrieval over a real store, with the fake encoder's vectors. */
#include "../rerank/fake_encoder.h"
#include "base/rng.h"
#include "scratch.h"
#include <rrk/retriever.h>

#include <math.h>
#include <string.h>
#include <sys/wait.h>

static rrk_retriever *open_kind(const char *name, scratch *s, rrk_encoder *encoder)
{
    rrk_retriever_options options;
    rrk_retriever_options_init(&options);
    options.encoder = encoder;
    rrk_retriever *retriever = NULL;
    rrk_error err;
    cr_assert_eq(rrk_retriever_open(&retriever, name, s->store, &options, &err), RRK_OK, "%s", err.message);
    return retriever;
}

static size_t ask(rrk_retriever *retriever, const char *query, rrk_candidate *out, size_t capacity)
{
    rrk_error err;
    cr_assert_eq(rrk_retriever_retrieve(retriever, rrk_text_of(query), out, &capacity, &err), RRK_OK, "%s",
                 err.message);
    return capacity;
}

static void embed(scratch *s, rrk_encoder *encoder)
{
    rrk_error err;
    cr_assert_eq(rrk_embed_passages(s->store, encoder, 0, NULL, NULL, NULL, &err), RRK_OK, "%s", err.message);
}

Test(retriever, bm25_finds_by_words_and_nothing_for_stop_words)
{
    scratch s = scratch_open();
    scratch_put(&s, "a", "The lighthouse keeper counts ships.");
    scratch_put(&s, "b", "Ships and ships, said the keeper of ships");
    scratch_put(&s, "c", "Nothing of the kind");
    rrk_retriever *retriever = open_kind("bm25", &s, NULL);
    rrk_candidate found[3];
    cr_assert_eq(ask(retriever, "ship", found, 3), 2);
    cr_assert_str_eq(scratch_id(&s, found[0].row), "b");
    cr_assert_gt(found[0].score, found[1].score);
    cr_assert_eq(ask(retriever, "ship", found, 1), 1);
    cr_assert_eq(ask(retriever, "the and of", found, 3), 0);
    rrk_retriever_close(retriever);
    scratch_close(&s);
}

Test(retriever, dense_equals_a_plain_scan_on_random_vectors)
{
    enum { N = 300, K = 20 };
    uint64_t seed = 11;
    cr_log_info("seed %llu", (unsigned long long)seed);
    scratch s = scratch_open();
    for (size_t i = 0; i < N; i++) {
        char id[16], text[64];
        snprintf(id, sizeof id, "p%03zu", i);
        snprintf(text, sizeof text, "w%u w%u w%u", (unsigned)(base_rng_at(seed, 3 * i) % 900),
                 (unsigned)(base_rng_at(seed, 3 * i + 1) % 900), (unsigned)(base_rng_at(seed, 3 * i + 2) % 900));
        scratch_put(&s, id, text);
    }
    rrk_encoder encoder = fake_encoder(RRK_HEAD_EMBEDDING, 64);
    embed(&s, &encoder);
    rrk_retriever *retriever = open_kind("dense", &s, &encoder);
    rrk_candidate found[N], all[N];
    cr_assert_eq(ask(retriever, "w3 w40 w77", all, N), N);
    for (size_t i = 0; i < N; i++) {
        rrk_passage_list *list = NULL;
        cr_assert_eq(rrk_store_fetch(s.store, &all[i].row, 1, &list, NULL), RRK_OK);
        rrk_text texts[] = {rrk_text_of("w3 w40 w77"), rrk_passage_list_items(list, NULL)->text};
        float v[2][FAKE_DIM];
        cr_assert_eq(rrk_encoder_embed(&encoder, RRK_EMBED_QUERY, texts, 2, v[0], NULL), RRK_OK);
        double dot = 0;
        for (size_t j = 0; j < FAKE_DIM; j++)
            dot += (double)v[0][j] * v[1][j];
        cr_assert_float_eq(all[i].score, dot, 1e-5);
        cr_assert(i == 0 || all[i - 1].score > all[i].score ||
                  (all[i - 1].score == all[i].score && all[i - 1].row < all[i].row));
        rrk_passage_list_free(list);
    }
    cr_assert_eq(ask(retriever, "w3 w40 w77", found, K), K);
    for (size_t i = 0; i < K; i++)
        cr_assert_eq(found[i].row, all[i].row);
    rrk_retriever_close(retriever);
    scratch_close(&s);
}

Test(retriever, dense_sees_what_is_embedded_later_and_not_what_has_changed)
{
    scratch s = scratch_open();
    scratch_put(&s, "a", "w1 w2");
    rrk_encoder encoder = fake_encoder(RRK_HEAD_EMBEDDING, 64);
    embed(&s, &encoder);
    rrk_retriever *retriever = open_kind("dense", &s, &encoder);
    rrk_candidate found[4];
    cr_assert_eq(ask(retriever, "w1", found, 4), 1);
    scratch_put(&s, "b", "w1");
    cr_assert_eq(ask(retriever, "w1", found, 4), 1);
    embed(&s, &encoder);
    cr_assert_eq(ask(retriever, "w1", found, 4), 2);
    cr_assert_str_eq(scratch_id(&s, found[0].row), "b");
    scratch_put(&s, "b", "w9");
    cr_assert_eq(ask(retriever, "w1", found, 4), 1);
    cr_assert_str_eq(scratch_id(&s, found[0].row), "a");
    rrk_retriever_close(retriever);
    scratch_close(&s);
}

Test(retriever, hybrid_adds_up_reciprocal_ranks)
{
    scratch s = scratch_open();
    /* BM25 for "w1 w2": a, b (b is longer); dense: b has the same direction as the query, then a, then c. */
    scratch_put(&s, "a", "w1 w1");
    scratch_put(&s, "b", "w1 w2 w1 w2");
    scratch_put(&s, "c", "w5");
    rrk_encoder encoder = fake_encoder(RRK_HEAD_EMBEDDING, 64);
    embed(&s, &encoder);
    rrk_retriever *bm25 = open_kind("bm25", &s, NULL), *dense = open_kind("dense", &s, &encoder);
    rrk_retriever *hybrid = open_kind("hybrid", &s, &encoder);
    rrk_candidate b[3], d[3], h[3];
    size_t n_b = ask(bm25, "w1 w2", b, 3), n_d = ask(dense, "w1 w2", d, 3), n_h = ask(hybrid, "w1 w2", h, 3);
    cr_assert_eq(n_b, 2);
    cr_assert_eq(n_d, 3);
    cr_assert_eq(n_h, 3);
    for (size_t i = 0; i < n_h; i++) {
        double want = 0;
        for (size_t r = 0; r < 3; r++) {
            want += r < n_b && b[r].row == h[i].row ? 1.0 / (double)(60 + r + 1) : 0;
            want += r < n_d && d[r].row == h[i].row ? 1.0 / (double)(60 + r + 1) : 0;
        }
        cr_assert_float_eq(h[i].score, want, 1e-12, "place %zu: %.17g, want %.17g; bm25 %zu", i, h[i].score, want, n_b);
        cr_assert(i == 0 || h[i].score <= h[i - 1].score);
    }
    cr_assert_eq(ask(hybrid, "w1 w2", h, 1), 1);
    rrk_retriever_close(bm25);
    rrk_retriever_close(dense);
    rrk_retriever_close(hybrid);
    scratch_close(&s);
}

static int stop_after_first(const rrk_embed_stats *stats, void *ctx)
{
    *(rrk_embed_stats *)ctx = *stats;
    return 1;
}

Test(retriever, an_interrupted_embedding_goes_on_where_it_stopped)
{
    enum { N = 1200 };
    scratch s = scratch_open();
    for (size_t i = 0; i < N; i++) {
        char id[16];
        snprintf(id, sizeof id, "%zu", i);
        scratch_put(&s, id, "w1");
    }
    rrk_encoder encoder = fake_encoder(RRK_HEAD_EMBEDDING, 64);
    rrk_embed_stats seen, stats = {.size = sizeof stats};
    rrk_error err;
    cr_assert_eq(rrk_embed_passages(s.store, &encoder, 0, stop_after_first, &seen, &stats, &err), RRK_E_CANCELLED);
    cr_assert(seen.n_total == N && seen.n_embedded > 0 && seen.n_embedded < N);
    cr_assert_eq(stats.n_embedded, seen.n_embedded);
    encoder.n_rows = 0;
    cr_assert_eq(rrk_embed_passages(s.store, &encoder, 0, NULL, NULL, &stats, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(encoder.n_rows, N - seen.n_embedded);
    rrk_store_info info = {.size = sizeof info};
    cr_assert_eq(rrk_store_get_info(s.store, &info, &err), RRK_OK);
    cr_assert_eq(info.n_vectors, N);
    cr_assert_str_eq(info.vector_model, "fake-1 fake-1");
    scratch_close(&s);
}

Test(retriever, vectors_of_two_models_do_not_mix)
{
    scratch s = scratch_open();
    scratch_put(&s, "a", "w1");
    rrk_encoder one = fake_encoder(RRK_HEAD_EMBEDDING, 64), two = one;
    two.name = "fake-2";
    rrk_retriever_options options;
    rrk_retriever_options_init(&options);
    options.encoder = &two;
    rrk_retriever *retriever = NULL;
    rrk_error err;
    cr_assert_eq(rrk_retriever_open(&retriever, "dense", s.store, &options, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "no vectors"), "%s", err.message);
    embed(&s, &one);
    cr_assert_eq(rrk_retriever_open(&retriever, "dense", s.store, &options, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "fake-1") && strstr(err.message, "fake-2"), "%s", err.message);
    cr_assert_eq(rrk_embed_passages(s.store, &two, 0, NULL, NULL, NULL, &err), RRK_E_INVALID);
    cr_assert_eq(rrk_embed_passages(s.store, &two, 1, NULL, NULL, NULL, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(rrk_retriever_open(&retriever, "dense", s.store, &options, &err), RRK_OK, "%s", err.message);
    rrk_retriever_close(retriever);
    scratch_close(&s);
}

Test(retriever, vectors_are_known_by_the_fingerprint_and_not_by_the_folder)
{
    scratch s = scratch_open();
    scratch_put(&s, "a", "w1");
    rrk_encoder one = fake_encoder(RRK_HEAD_EMBEDDING, 64), moved = one, changed = one;
    one.fingerprint = moved.fingerprint = "0011";
    moved.name = "fake in another folder";
    changed.fingerprint = "2233";
    embed(&s, &one);
    scratch_put(&s, "b", "w2");
    embed(&s, &moved);
    cr_assert_eq(moved.n_rows, 1);
    rrk_retriever_close(open_kind("dense", &s, &moved));
    rrk_error err;
    cr_assert_eq(rrk_embed_passages(s.store, &changed, 0, NULL, NULL, NULL, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "0011") && strstr(err.message, "2233") && strstr(err.message, "prompts") &&
                  strstr(err.message, "--replace"),
              "%s", err.message);
    scratch_close(&s);
}

Test(retriever, failure_leaves_no_candidates)
{
    scratch s = scratch_open();
    scratch_put(&s, "a", "w1");
    rrk_retriever *retriever = open_kind("bm25", &s, NULL);
    rrk_candidate found[3];
    for (int i = 0; i < 3; i++) {
        size_t n = 3;
        cr_assert_eq(rrk_retriever_retrieve(i == 0 ? NULL : retriever, rrk_text_of(i == 1 ? " " : "w1"),
                                            i == 2 ? NULL : found, &n, NULL),
                     RRK_E_INVALID);
        cr_assert_eq(n, 0);
    }
    rrk_retriever_close(retriever);
    scratch_close(&s);
}

Test(retriever, opening_names_what_is_wrong)
{
    scratch s = scratch_open();
    static const struct {
        const char *name;
        double k1, b;
        int rrf_k;
        const char *message;
    } BAD[] = {
        {"fuzzy", 0.9, 0.4, 60, "'fuzzy'"},          {"bm25", -0.1, 0.4, 60, "bm25_k1"},
        {"bm25", NAN, 0.4, 60, "bm25_k1"},           {"bm25", 0.9, 1.1, 60, "bm25_b"},
        {"bm25", 0.9, -0.1, 60, "bm25_b"},           {"bm25", 0.9, 0.4, -1, "rrf_k"},
        {"dense", 0.9, 0.4, 60, "needs an encoder"}, {"hybrid", 0.9, 0.4, 60, "needs an encoder"},
    };
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        rrk_retriever_options options;
        rrk_retriever_options_init(&options);
        options.bm25_k1 = BAD[i].k1;
        options.bm25_b = BAD[i].b;
        options.rrf_k = BAD[i].rrf_k;
        rrk_retriever *retriever = NULL;
        rrk_error err;
        cr_assert_eq(rrk_retriever_open(&retriever, BAD[i].name, s.store, &options, &err), RRK_E_INVALID, "%zu", i);
        cr_assert(strstr(err.message, BAD[i].message), "%s", err.message);
        cr_assert_null(retriever);
    }
    scratch_close(&s);
}

Test(retriever, refuses_bad_queries_and_a_capacity_above_the_limit)
{
    scratch s = scratch_open();
    rrk_retriever *retriever = open_kind("bm25", &s, NULL);
    static rrk_candidate found[RRK_RETRIEVER_MAX_TOP_K + 1];
    size_t n = 3;
    rrk_error err;
    cr_assert_eq(rrk_retriever_retrieve(retriever, rrk_text_of("  "), found, &n, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "the query is empty");
    cr_assert_eq(rrk_retriever_retrieve(retriever, rrk_text_of("a\xff"), found, &n, &err), RRK_E_INVALID);
    n = RRK_RETRIEVER_MAX_TOP_K;
    cr_assert_eq(rrk_retriever_retrieve(retriever, rrk_text_of("x"), found, &n, &err), RRK_OK, "%s", err.message);
    n = RRK_RETRIEVER_MAX_TOP_K + 1;
    cr_assert_eq(rrk_retriever_retrieve(retriever, rrk_text_of("x"), found, &n, &err), RRK_E_INVALID);
    rrk_retriever_close(retriever);
    scratch_close(&s);
}

Test(retriever, a_handle_that_crossed_a_fork_says_so)
{
    scratch s = scratch_open();
    rrk_retriever *retriever = open_kind("bm25", &s, NULL);
    pid_t child = fork();
    if (child == 0) {
        rrk_candidate found;
        size_t n = 1;
        rrk_error err;
        rrk_status status = rrk_retriever_retrieve(retriever, rrk_text_of("x"), &found, &n, &err);
        _exit(status == RRK_E_INVALID && strstr(err.message, "fork") ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rrk_retriever_close(retriever);
    scratch_close(&s);
}
