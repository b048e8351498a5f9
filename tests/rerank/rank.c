/* rrk_reranker_rank(): order, caps, what it refuses, and what failures of the encoder become. */
#include "base/clock.h"
#include "fake_encoder.h"
#include <rrk/rerank.h>
#include <rrk/runtime.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static rrk_passage passage(const char *text)
{
    return (rrk_passage){.text = rrk_text_of(text)};
}

Test(rank, orders_by_score_and_keeps_the_input_order_among_equals)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage passages[] = {passage("red stone"), passage("blue sky and sea"), passage("green leaf"),
                              passage("blue blue sky"), passage("grey wall")};
    rrk_hit hits[5];
    size_t n = 5;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("blue sky"), passages, 5, NULL, hits, &n, NULL), RRK_OK);
    static const size_t ORDER[] = {3, 1, 0, 2, 4};
    static const double SCORES[] = {3, 2, 0, 0, 0};
    cr_assert_eq(n, 5);
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(hits[i].index, ORDER[i], "place %zu", i);
        cr_assert_eq(hits[i].score, SCORES[i], "place %zu", i);
    }
    rrk_reranker_close(reranker);
}

Test(rank, gives_no_more_hits_than_top_n_or_the_capacity)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage passages[] = {passage("a"), passage("b"), passage("c")};
    static const size_t ROWS[][3] = {/* top_n, capacity, want */ {0, 3, 3}, {2, 3, 2}, {0, 1, 1}, {9, 3, 3}, {2, 0, 0}};
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++) {
        rrk_rank_options options;
        rrk_rank_options_init(&options);
        options.top_n = ROWS[i][0];
        rrk_hit hits[3] = {{.index = 77}, {.index = 77}, {.index = 77}};
        size_t n = ROWS[i][1];
        cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("c"), passages, 3, &options, hits, &n, NULL), RRK_OK);
        cr_assert_eq(n, ROWS[i][2], "row %zu", i);
        cr_assert(n == 0 || hits[0].index == 2, "row %zu", i);
        cr_assert(n == 3 || hits[n].index == 77, "row %zu wrote beyond its hits", i);
    }
    rrk_reranker_close(reranker);
}

Test(rank, no_passages_give_no_hits_and_no_work)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    size_t n = 0;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), NULL, 0, NULL, NULL, &n, NULL), RRK_OK);
    cr_assert_eq(n, 0);
    cr_assert_eq(encoder.n_calls, 0);
    rrk_reranker_close(reranker);
}

Test(rank, joins_title_and_text_for_both_strategies)
{
    static const char *const STRATEGIES[] = {"cross", "embedding"};
    for (int s = 0; s < 2; s++) {
        rrk_encoder encoder = fake_encoder(s ? RRK_HEAD_EMBEDDING : RRK_HEAD_CROSS, 64);
        rrk_reranker *reranker = fake_reranker(STRATEGIES[s], &encoder);
        rrk_passage passages[] = {passage("w2 w3"), {.title = rrk_text_of("w1"), .text = rrk_text_of("w2")}};
        rrk_hit hits[2];
        size_t n = 2;
        cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("w1 w2"), passages, 2, NULL, hits, &n, NULL), RRK_OK);
        cr_assert_eq(hits[0].index, 1, "%s", STRATEGIES[s]);
        cr_assert_eq(hits[0].score, 2, "%s", STRATEGIES[s]);
        rrk_reranker_close(reranker);
    }
}

static rrk_status rank_one(rrk_encoder *encoder, const char *query, const char *text, rrk_error *err)
{
    rrk_reranker *reranker = fake_reranker("cross", encoder);
    rrk_passage one = passage(text);
    rrk_hit hit;
    size_t n = 1;
    rrk_status status = rrk_reranker_rank(reranker, rrk_text_of(query), &one, 1, NULL, &hit, &n, err);
    rrk_reranker_close(reranker);
    return status;
}

Test(rank, a_pair_has_the_separators_and_types_of_its_model)
{
    static const int32_t BERT[] = {FAKE_CLS, 101, 102, FAKE_SEP, 103, FAKE_SEP},
                         XLMR[] = {FAKE_CLS, 101, 102, FAKE_SEP, FAKE_SEP, 103, FAKE_SEP};
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    cr_assert_eq(rank_one(&encoder, "w1 w2", "w3", NULL), RRK_OK);
    cr_assert_arr_eq(encoder.last, BERT, sizeof BERT);
    cr_assert(encoder.n_last == RRK_COUNT(BERT) && encoder.last_type1_from == 4);
    encoder.is_xlmr = true;
    cr_assert_eq(rank_one(&encoder, "w1 w2", "w3", NULL), RRK_OK);
    cr_assert_arr_eq(encoder.last, XLMR, sizeof XLMR);
    cr_assert(encoder.n_last == RRK_COUNT(XLMR) && encoder.last_type1_from == encoder.n_last);
}

Test(rank, the_shortest_row_of_a_pair_holds_a_token_of_each)
{
    for (int is_xlmr = 0; is_xlmr < 2; is_xlmr++) {
        rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 5 + (size_t)is_xlmr);
        encoder.is_xlmr = is_xlmr;
        rrk_error err;
        cr_assert_eq(rank_one(&encoder, "w1 w2", "w3 w4", &err), RRK_OK, "%s", err.message);
        cr_assert_eq(encoder.longest_row, encoder.max_tokens);
        encoder.max_tokens--;
        cr_assert_eq(rank_one(&encoder, "w1 w2", "w3 w4", &err), RRK_E_INVALID);
        cr_assert_not_null(strstr(err.message, "no room"), "%s", err.message);
    }
}

Test(rank, a_long_query_leaves_room_for_the_passage)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 13);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    char *query = fake_words(0, 100), *text = fake_words(0, 100);
    rrk_passage one = passage(text);
    rrk_hit hit;
    size_t n = 1;
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.stats = &stats;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of(query), &one, 1, &options, &hit, &n, NULL), RRK_OK);
    /* 13 = [CLS] + 5 of the query + [SEP] + 5 of the passage + [SEP] */
    cr_assert_eq(hit.score, 5);
    cr_assert_eq(encoder.longest_row, 13);
    cr_assert_eq(stats.n_rows, 1);
    cr_assert_eq(stats.n_tokens, 13);
    cr_assert_eq(stats.n_truncated, 1);
    rrk_reranker_close(reranker);
    free(query);
    free(text);
}

Test(rank, chunking_finds_what_truncation_misses)
{
    static const char *const STRATEGIES[] = {"cross", "embedding"};
    for (int s = 0; s < 2; s++) {
        rrk_encoder encoder = fake_encoder(s ? RRK_HEAD_EMBEDDING : RRK_HEAD_CROSS, 20);
        rrk_reranker *reranker = fake_reranker(STRATEGIES[s], &encoder);
        char *late = fake_words(1, 100); /* w100 comes last */
        rrk_passage passages[] = {passage(late), passage("w200")};
        rrk_rank_options options;
        rrk_rank_options_init(&options);
        options.chunk_overlap = 4;
        rrk_rank_stats stats;
        rrk_rank_stats_init(&stats);
        options.stats = &stats;
        rrk_hit hits[2];
        for (int chunk = 0; chunk < 2; chunk++) {
            options.long_passage = chunk ? RRK_LONG_CHUNK : RRK_LONG_TRUNCATE;
            size_t n = 2;
            cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("w100"), passages, 2, &options, hits, &n, NULL), 0);
            if (s == 0)
                cr_assert_eq(hits[0].score, chunk, "%s", STRATEGIES[s]);
            cr_assert_eq(stats.n_truncated, chunk ? 0u : 1u);
            cr_assert_eq(stats.n_chunked, chunk ? 1u : 0u);
        }
        rrk_reranker_close(reranker);
        free(late);
    }
}

Test(rank, a_passage_of_ten_megabytes_costs_the_rows_that_are_read_of_it)
{
    enum { N_BYTES = 10 << 20 };
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    char *text = malloc(N_BYTES);
    for (size_t i = 0; i < N_BYTES; i++)
        text[i] = i % 2 ? ' ' : 'a';
    rrk_passage one = {.text = {text, N_BYTES}};
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    for (int chunk = 0; chunk < 2; chunk++) {
        options.long_passage = chunk ? RRK_LONG_CHUNK : RRK_LONG_TRUNCATE;
        encoder.n_rows = 0;
        rrk_hit hit;
        size_t n = 1;
        cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("a"), &one, 1, &options, &hit, &n, NULL), RRK_OK);
        cr_assert_eq(encoder.n_rows, chunk ? RRK_RERANK_DEFAULT_MAX_CHUNKS : 1u);
        cr_assert_eq(encoder.longest_row, 64);
    }
    rrk_reranker_close(reranker);
    free(text);
}

Test(rank, prompts_are_part_of_the_rows_but_not_of_the_caps)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_EMBEDDING, 10);
    encoder.query_prompt = "query: ";
    encoder.passage_prompt = "the passage: ";
    rrk_reranker *reranker = fake_reranker("embedding", &encoder);
    char *text = fake_words(0, 50);
    rrk_passage one = passage(text);
    rrk_hit hit;
    size_t n = 1;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("w1"), &one, 1, NULL, &hit, &n, NULL), RRK_OK);
    cr_assert_eq(encoder.n_tokens, (1 + 1 + 1 + 1) + 10);
    encoder.max_tokens = 4;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("w1"), &one, 1, NULL, &hit, &n, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "prompt"));
    rrk_reranker_close(reranker);
    free(text);
}

static const struct {
    const char *query, *text;
    size_t text_len;
    const char *message;
} BAD[] = {
    {"", "text", 4, "the query is empty"},
    {" \t\n", "text", 4, "the query is empty"},
    {"caf\xe9", "text", 4, "the query is not UTF-8 at byte 3"},
    {"q", "bad \xff", 5, "passage 1 is not UTF-8 at byte 4"},
    {"q", "", 0, "passage 1 is empty"},
    {"q", NULL, 9, "passage 1 has a length of 9 but no data"},
};

Test(rank, refuses_bad_texts_by_name)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        rrk_passage passages[] = {passage("fine"), {.text = {BAD[i].text, BAD[i].text_len}}};
        rrk_hit hits[2];
        size_t n = 2;
        rrk_error err;
        cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of(BAD[i].query), passages, 2, NULL, hits, &n, &err),
                     RRK_E_INVALID, "case %zu", i);
        cr_assert_str_eq(err.message, BAD[i].message);
    }
    cr_assert_eq(encoder.n_calls, 0);
    rrk_reranker_close(reranker);
}

Test(rank, takes_the_limit_of_passages_and_not_one_more)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage *passages = calloc(RRK_RERANK_MAX_PASSAGES + 1, sizeof *passages);
    for (size_t i = 0; i <= RRK_RERANK_MAX_PASSAGES; i++)
        passages[i] = passage("text");
    rrk_hit hit;
    size_t n = 1;
    rrk_text query = rrk_text_of("q");
    cr_assert_eq(rrk_reranker_rank(reranker, query, passages, RRK_RERANK_MAX_PASSAGES, NULL, &hit, &n, NULL), RRK_OK);
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, query, passages, RRK_RERANK_MAX_PASSAGES + 1, NULL, &hit, &n, &err),
                 RRK_E_INVALID);
    cr_assert(strstr(err.message, "10001"), "%s", err.message);
    rrk_reranker_close(reranker);
    free(passages);
}

Test(rank, refuses_options_out_of_range)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = passage("text");
    static const char *const MESSAGES[] = {"timeout_ms", "long_passage", "max_chunks"};
    for (int i = 0; i < 3; i++) {
        rrk_rank_options options;
        rrk_rank_options_init(&options);
        options.timeout_ms = i == 0 ? -1 : 0;
        options.long_passage = i == 1 ? (rrk_long_passage)9 : RRK_LONG_TRUNCATE;
        options.max_chunks = i == 2 ? 0 : 1;
        rrk_hit hit;
        size_t n = 1;
        rrk_error err;
        cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, &options, &hit, &n, &err), RRK_E_INVALID);
        cr_assert(strstr(err.message, MESSAGES[i]), "%s", err.message);
    }
    rrk_reranker_close(reranker);
}

Test(rank, an_older_callers_options_keep_the_defaults_of_what_they_lack)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage passages[] = {passage("a"), passage("b")};
    rrk_rank_options options;
    memset(&options, 0xff, sizeof options);
    options.size = offsetof(rrk_rank_options, timeout_ms);
    options.top_n = 1;
    rrk_hit hits[2];
    size_t n = 2;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("a"), passages, 2, &options, hits, &n, NULL), RRK_OK);
    cr_assert_eq(n, 1);
    rrk_reranker_close(reranker);
}

static int64_t fake_ns;

static int64_t fake_now(void)
{
    return fake_ns += 2000000; /* every look at the clock takes 2 ms */
}

Test(rank, stops_at_the_deadline)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = passage("text");
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    rrk_rank_stats stats;
    rrk_rank_stats_init(&stats);
    options.stats = &stats;
    options.timeout_ms = 1;
    rrk_hit hit;
    size_t n = 1;
    rrk_error err;
    base_clock_replace(fake_now);
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, &options, &hit, &n, &err), RRK_E_TIMEOUT);
    cr_assert_gt(stats.total_ms, 0);
    options.timeout_ms = 1000000;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, &options, &hit, &n, &err), RRK_OK);
    base_clock_replace(NULL);
    rrk_reranker_close(reranker);
}

static int cancel_at_second_look(void *ctx)
{
    return ++*(int *)ctx >= 2;
}

Test(rank, stops_when_the_caller_cancels)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = passage("text");
    int looks = 0;
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.cancel = cancel_at_second_look;
    options.cancel_ctx = &looks;
    rrk_hit hit;
    size_t n = 1;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, &options, &hit, &n, &err), RRK_E_CANCELLED);
    cr_assert_eq(looks, 2);
    rrk_reranker_close(reranker);
}

Test(rank, hands_on_the_encoders_failure_and_works_again_after_it)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    encoder.fail_call = 1;
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = passage("text");
    rrk_hit hit;
    size_t n = 1;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, NULL, &hit, &n, &err), RRK_E_DEVICE);
    cr_assert_eq(err.detail, 7);
    cr_assert_str_eq(err.message, "the device is gone");
    cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, NULL, &hit, &n, &err), RRK_OK);
    cr_assert_eq(err.status, RRK_OK);
    rrk_reranker_close(reranker);
}

Test(rank, a_score_that_is_no_number_is_an_error_that_names_the_passage)
{
    static const char *const STRATEGIES[] = {"cross", "embedding"};
    for (int s = 0; s < 2; s++) {
        rrk_encoder encoder = fake_encoder(s ? RRK_HEAD_EMBEDDING : RRK_HEAD_CROSS, 6);
        encoder.nan_id = 107;
        rrk_reranker *reranker = fake_reranker(STRATEGIES[s], &encoder);
        rrk_passage passages[] = {passage("w1"), passage("w7 w8 w9 w10 w11 w12 w13 w14")};
        rrk_rank_options options;
        rrk_rank_options_init(&options);
        options.long_passage = RRK_LONG_CHUNK; /* later chunks must not hide the NaN of the first */
        options.chunk_overlap = 0;
        rrk_hit hits[2];
        size_t n = 2;
        rrk_error err;
        cr_assert_eq(rrk_reranker_rank(reranker, rrk_text_of("w8"), passages, 2, &options, hits, &n, &err),
                     RRK_E_FORMAT, "%s", STRATEGIES[s]);
        cr_assert(strstr(err.message, "passage 1"), "%s", err.message);
        rrk_reranker_close(reranker);
    }
}

Test(rank, opening_names_what_is_wrong)
{
    rrk_encoder embedder = fake_encoder(RRK_HEAD_EMBEDDING, 64);
    rrk_reranker *reranker;
    rrk_error err;
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    cr_assert_eq(rrk_reranker_open(&reranker, "cross", NULL, &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "strategy 'cross' needs an encoder");
    options.encoder = &embedder;
    cr_assert_eq(rrk_reranker_open(&reranker, "cross", &options, &err), RRK_E_UNSUPPORTED);
    cr_assert(strstr(err.message, "classification head"), "%s", err.message);
    cr_assert_eq(rrk_reranker_open(&reranker, "best", &options, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "'best'") && strstr(err.message, "cross"), "%s", err.message);
    cr_assert_null(reranker);
    rrk_reranker_close(NULL);
}

Test(rank, a_handle_that_crossed_a_fork_says_so)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_CROSS, 64);
    rrk_reranker *reranker = fake_reranker("cross", &encoder);
    rrk_passage one = passage("text");
    pid_t child = fork();
    if (child == 0) {
        rrk_hit hit;
        size_t n = 1;
        rrk_error err;
        rrk_status status = rrk_reranker_rank(reranker, rrk_text_of("q"), &one, 1, NULL, &hit, &n, &err);
        _exit(status == RRK_E_INVALID && strstr(err.message, "fork") ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rrk_reranker_close(reranker);
}

static size_t allocations_left;

static void *failing_malloc(size_t size, void *ctx)
{
    return allocations_left-- == 0 ? (allocations_left = 0, NULL) : malloc(size);
}

static void *failing_realloc(void *ptr, size_t size, void *ctx)
{
    return allocations_left-- == 0 ? (allocations_left = 0, NULL) : realloc(ptr, size);
}

static void plain_free(void *ptr, void *ctx)
{
    free(ptr);
}

Test(rank, every_failing_allocation_is_a_clean_error)
{
    rrk_encoder encoder = fake_encoder(RRK_HEAD_EMBEDDING, 64);
    rrk_passage passages[] = {passage("w1 w2"), {.title = rrk_text_of("w1"), .text = rrk_text_of("w3")}};
    rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, plain_free, NULL});
    bool done = false;
    for (size_t n_good = 0; !done; n_good++) {
        cr_assert_lt(n_good, 1000);
        allocations_left = n_good;
        rrk_reranker_options options;
        rrk_reranker_options_init(&options);
        options.encoder = &encoder;
        rrk_reranker *reranker = NULL;
        rrk_error err;
        rrk_status status = rrk_reranker_open(&reranker, "embedding", &options, &err);
        rrk_hit hits[2];
        size_t n = 2;
        if (status == RRK_OK)
            status = rrk_reranker_rank(reranker, rrk_text_of("w1"), passages, 2, NULL, hits, &n, &err);
        cr_assert(status == RRK_OK || status == RRK_E_NOMEM, "after %zu: %s", n_good, err.message);
        rrk_reranker_close(reranker);
        done = status == RRK_OK;
    }
    rrk_set_allocator(NULL);
}
