/* Cutting passages into rows: every token that should be read is read, and no row is too long. */
#include "rerank/rows.h"
#include "base/rng.h"
#include "fake_encoder.h"

#include <criterion/criterion.h>
#include <stdlib.h>

typedef struct cut_case {
    size_t n_words, row_cap, overlap, max_chunks, max_tokens;
    rrk_long_passage policy;
} cut_case;

static rank_counts cut(const cut_case *c, rank_cut *out)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 512);
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.long_passage = c->policy;
    options.chunk_overlap = c->overlap;
    options.max_chunks = c->max_chunks;
    options.max_tokens_per_passage = c->max_tokens;
    char *words = fake_words(0, c->n_words);
    rrk_passage passage = {.text = rrk_text_of(words)};
    rank_task task = {.encoder = &encoder, .passages = &passage, .n_passages = 1, .options = &options};
    rank_counts counts = {0};
    cr_assert_eq(rank_cut_passage(&task, 0, c->row_cap, &counts, out, NULL), RRK_OK);
    free(words);
    return counts;
}

/* How many tokens the chunks cover without a gap, and how many chunks there are. */
static size_t walk(const rank_cut *cut, const cut_case *c, size_t *n_chunks)
{
    size_t covered = 0, n, chunk = 0;
    const int32_t *ids;
    for (; rank_cut_chunk(cut, chunk, &ids, &n); chunk++) {
        size_t first = (size_t)(ids[0] - 100);
        cr_assert(n >= 1 && n <= c->row_cap, "chunk of %zu tokens", n);
        cr_assert_leq(first, covered, "gap before token %zu", first);
        cr_assert_gt(first + n, covered, "a chunk without anything new");
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(ids[i], (int32_t)(100 + first + i));
        covered = first + n;
    }
    *n_chunks = chunk;
    return covered;
}

static cut_case random_case(uint64_t seed, uint64_t at)
{
    cut_case c = {
        .n_words = 1 + base_rng_at(seed, at) % 300,
        .row_cap = 1 + base_rng_at(seed, at + 1) % 40,
        .overlap = base_rng_at(seed, at + 2) % 50,
        .max_chunks = 1 + base_rng_at(seed, at + 3) % 12,
        .policy = base_rng_at(seed, at + 4) % 4 ? RRK_LONG_CHUNK : RRK_LONG_TRUNCATE,
    };
    if (base_rng_at(seed, at + 5) % 3 == 0)
        c.max_tokens = 1 + base_rng_at(seed, at + 6) % 200;
    return c;
}

Test(rows, chunks_cover_every_token_up_to_the_caps_for_random_sizes)
{
    uint64_t seed = 20261124;
    cr_log_info("seed %llu", (unsigned long long)seed);
    for (uint64_t round = 0; round < 2000; round++) {
        cut_case c = random_case(seed, round * 8);
        rank_cut out;
        rank_counts counts = cut(&c, &out);
        size_t n_chunks, covered = walk(&out, &c, &n_chunks);
        size_t cap = c.max_tokens ? c.max_tokens : c.n_words, most = RRK_MIN(c.row_cap, cap);
        size_t stride = most - RRK_MIN(c.overlap, most / 2);
        size_t span = c.policy == RRK_LONG_CHUNK ? most + (c.max_chunks - 1) * stride : most;
        cr_assert_eq(covered, RRK_MIN(RRK_MIN(c.n_words, cap), span), "round %d", (int)round);
        cr_assert_leq(n_chunks, c.policy == RRK_LONG_CHUNK ? c.max_chunks : 1, "round %d", (int)round);
        cr_assert_eq(counts.n_truncated, covered < c.n_words, "round %d", (int)round);
        cr_assert_eq(counts.n_chunked, n_chunks > 1, "round %d", (int)round);
        rank_cut_free(&out);
    }
}

Test(rows, neighbouring_chunks_share_the_overlap)
{
    cut_case c = {.n_words = 25, .row_cap = 10, .overlap = 3, .max_chunks = 64, .policy = RRK_LONG_CHUNK};
    rank_cut out;
    cut(&c, &out);
    static const int32_t STARTS[] = {100, 107, 114, 121};
    const int32_t *ids;
    size_t n;
    for (size_t i = 0; i < 3; i++) {
        cr_assert(rank_cut_chunk(&out, i, &ids, &n));
        cr_assert_eq(ids[0], STARTS[i]);
    }
    cr_assert(rank_cut_chunk(&out, 3, &ids, &n));
    cr_assert_eq(n, 4);
    cr_assert_not(rank_cut_chunk(&out, 4, &ids, &n));
    rank_cut_free(&out);
}
