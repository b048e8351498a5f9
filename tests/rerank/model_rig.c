/* Whole tiny models to rank with: see model_rig.h. */
#include "model_rig.h"
#include "tests/encoder/tiny_block.h"
#include "tests/encoder/tiny_spiece.h"

rig rig_write(const char *shape)
{
    rig r = {.f = folder_new()};
    for (size_t i = 0; i < BLOCK_N_SHAPES; i++) {
        if (strcmp(BLOCK_SHAPES[i].bert.name, shape) == 0) {
            block_write(&r.f, &BLOCK_SHAPES[i], NULL, ",\"mvp_calibration\":[2,-0.5]");
            return r;
        }
    }
    const t5_shape *s = t5_shape_of(shape);
    t5_write(&r.f, s, NULL);
    if (s->is_bert)
        tiny_write_mvp_vocab(&r.f);
    else
        tiny_write_spiece(&r.f);
    return r;
}

rig rig_open_as(const char *shape, const char *strategy, const rrk_encoder_options *options)
{
    rig r = rig_write(shape);
    rrk_error err;
    cr_assert_eq(rrk_encoder_open(&r.encoder, r.f.dir, options, &err), RRK_OK, "%s", err.message);
    rrk_reranker_options reranker;
    rrk_reranker_options_init(&reranker);
    reranker.encoder = r.encoder;
    cr_assert_eq(rrk_reranker_open(&r.reranker, strategy, &reranker, &err), RRK_OK, "%s", err.message);
    return r;
}

rig rig_open_with(const char *shape, const char *strategy, size_t n_views, int n_threads)
{
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = n_threads;
    options.n_views = n_views;
    return rig_open_as(shape, strategy, &options);
}

rig rig_open(const char *shape, const char *strategy, size_t n_views)
{
    return rig_open_with(shape, strategy, n_views, 2);
}

void rig_close(rig *r)
{
    rrk_reranker_close(r->reranker);
    rrk_encoder_close(r->encoder);
    folder_remove(&r->f);
}

void rig_rank(const rig *r, const rrk_passage *passages, size_t n, rrk_hit *hits)
{
    size_t n_hits = n;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(r->reranker, rrk_text_of("word30 word31"), passages, n, NULL, hits, &n_hits, &err),
                 RRK_OK, "%s", err.message);
    cr_assert_eq(n_hits, n);
}
