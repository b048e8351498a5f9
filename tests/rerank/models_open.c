/*
 * Which whole tiny models are opened and which are refused, and that a call that is stopped or runs out of memory leaves
 * nothing behind. What models score is in models.c.
 */
#include "model_rig.h"
#include "tests/encoder/tiny_spiece.h"
#include <rrk/runtime.h>

#include <unistd.h>

static void expect_refusal(rig *r, size_t n_views, rrk_status status, const char *part)
{
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = 1;
    options.n_views = n_views;
    rrk_encoder *encoder = NULL;
    rrk_error err;
    rrk_status got = rrk_encoder_open(&encoder, r->f.dir, &options, &err);
    cr_assert_eq(got, status, "%s: %s", rrk_status_name(got), err.message);
    cr_assert(status == RRK_OK || strstr(err.message, part), "%s", err.message);
    rrk_encoder_close(encoder);
}

Test(models, views_are_as_many_as_the_vocabulary_has_tokens_for)
{
    rig t5 = rig_write("mvp10"), bert = rig_write("mvpbert"), embedder = rig_write("v10");
    expect_refusal(&t5, 99, RRK_OK, "");
    expect_refusal(&t5, 100, RRK_E_INVALID, "99");
    expect_refusal(&bert, MVP_VOCAB_VIEWS, RRK_OK, "");
    expect_refusal(&bert, MVP_VOCAB_VIEWS + 1, RRK_E_INVALID, "[unused7]");
    expect_refusal(&embedder, 4, RRK_E_INVALID, "T5EncoderModel");
    folder_remove(&t5.f);
    folder_remove(&bert.f);
    folder_remove(&embedder.f);
    rig none = {.f = folder_new()};
    t5_write(&none.f, t5_shape_of("mvp10"), &(t5_twist){.config = ",\"n_views\":0"});
    tiny_write_spiece(&none.f);
    expect_refusal(&none, 0, RRK_E_FORMAT, "n_views");
    folder_remove(&none.f);
}

Test(models, a_checkpoint_named_like_the_papers_has_its_views)
{
    rig r = {.f = folder_new()};
    t5_write(&r.f, t5_shape_of("mvp10"), &(t5_twist){.is_wrapped = true});
    tiny_write_spiece(&r.f);
    rrk_error err;
    cr_assert_eq(rrk_encoder_open(&r.encoder, r.f.dir, NULL, &err), RRK_OK, "%s", err.message);
    cr_assert(enc_head(r.encoder) == RRK_HEAD_VIEWS && enc_n_views(r.encoder) == RRK_ENCODER_DEFAULT_VIEWS);
    rig_close(&r);
}

Test(models, a_tokenizer_of_another_family_is_refused)
{
    rig t5 = rig_write("mono10"), bert = rig_write("mvpbert");
    cr_assert_eq(unlink(folder_path(&t5.f, "spiece.model")), 0);
    expect_refusal(&t5, 0, RRK_E_NOTFOUND, "spiece.model");
    tiny_write_mvp_vocab(&t5.f);
    expect_refusal(&t5, 0, RRK_E_FORMAT, "T5");
    folder_remove(&t5.f);
    folder_remove(&bert.f);
}

Test(models, an_encoder_alone_embeds)
{
    rig r = rig_open("v10", "embedding", 0);
    rrk_text text = rrk_text_of("word50 word51");
    float out[64], want[64];
    static const int32_t IDS[] = {50, 51, SPIECE_EOS};
    rrk_error err = {0};
    cr_assert_eq(rrk_encoder_embed(r.encoder, RRK_EMBED_PASSAGE, &text, 1, out, &err), RRK_OK, "%s", err.message);
    enc_row row = {IDS, RRK_COUNT(IDS), RRK_COUNT(IDS), NULL};
    cr_assert_eq(enc_run(r.encoder, &row, 1, want, NULL, &err), RRK_OK);
    for (size_t i = 0; i < 64; i++)
        cr_assert_float_eq(out[i], want[i], 1e-6);
    rrk_passage passages[2] = {{.text = rrk_text_of("word50")}, {.text = rrk_text_of("word30 word31")}};
    rrk_hit hits[2];
    rig_rank(&r, passages, 2, hits);
    cr_assert(hits[0].index == 1 && hits[0].score > 1 - 1e-5, "the query itself: %g", hits[0].score);
    rig_close(&r);
}

static int cancel_at(void *ctx)
{
    return --*(int *)ctx < 0;
}

Test(models, cancelling_stops_the_decoder_too_and_the_next_call_works)
{
    rig r = rig_open_with("mvp10", "mvp", 4, 1);
    rrk_passage one = {.text = rrk_text_of("word50")};
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    rrk_status status = RRK_E_CANCELLED;
    int n_looks = 0;
    for (; status != RRK_OK; n_looks++) {
        int left = n_looks;
        options.cancel = cancel_at;
        options.cancel_ctx = &left;
        rrk_hit hit;
        size_t n = 1;
        rrk_error err;
        status = rrk_reranker_rank(r.reranker, rrk_text_of("word30"), &one, 1, &options, &hit, &n, &err);
        cr_assert(status == RRK_OK || (status == RRK_E_CANCELLED && err.status == RRK_E_CANCELLED), "%s", err.message);
        cr_assert_lt(n_looks, 100);
    }
    /* The call asks, it asks while it waits for the encoder, and so does each of the decoder's two layers. */
    cr_assert_geq(n_looks, 5, "it was asked %d times only", n_looks);
    rig_close(&r);
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

static rrk_status open_and_rank(const char *dir, const char *strategy, size_t n_views, rrk_error *err)
{
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = 1;
    options.n_views = n_views;
    rrk_encoder *encoder = NULL;
    rrk_reranker *reranker = NULL;
    rrk_status status = rrk_encoder_open(&encoder, dir, &options, err);
    rrk_reranker_options reranker_options;
    rrk_reranker_options_init(&reranker_options);
    reranker_options.encoder = encoder;
    if (status == RRK_OK)
        status = rrk_reranker_open(&reranker, strategy, &reranker_options, err);
    rrk_passage passages[] = {{.text = rrk_text_of("word50")}, {.text = rrk_text_of("word51 word52")}};
    rrk_hit hits[2];
    size_t n = 2;
    if (status == RRK_OK)
        status = rrk_reranker_rank(reranker, rrk_text_of("word30"), passages, 2, NULL, hits, &n, err);
    rrk_reranker_close(reranker);
    rrk_encoder_close(encoder);
    return status;
}

/* Each of the first few, then sparser and sparser. */
Test(models, failing_allocations_are_clean_errors)
{
    static const struct {
        const char *shape, *strategy;
        size_t n_views;
    } SOME[] = {{"mvp10", "mvp", 4}, {"mvpbert", "mvp", 0}, {"mono11", "rankt5", 0}};
    for (size_t i = 0; i < RRK_COUNT(SOME); i++) {
        rig r = rig_write(SOME[i].shape);
        rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, plain_free, NULL});
        rrk_status status = RRK_E_NOMEM;
        for (size_t n_good = 0; status != RRK_OK; n_good = n_good < 20 ? n_good + 1 : n_good + 1 + n_good / 24) {
            cr_assert_lt(n_good, 1000000);
            allocations_left = n_good;
            rrk_error err = {0};
            status = open_and_rank(r.f.dir, SOME[i].strategy, SOME[i].n_views, &err);
            cr_assert(status == RRK_OK || status == RRK_E_NOMEM, "after %zu: %s", n_good, err.message);
        }
        rrk_set_allocator(NULL);
        folder_remove(&r.f);
    }
}
