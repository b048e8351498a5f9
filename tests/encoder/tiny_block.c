/* Tiny models in the block layout: see tiny_block.h. */
#include "tiny_block.h"

#define SHAPE(name, n_layers, n_decoder, d, n_heads, d_head, ff)                                                       \
    {                                                                                                                  \
        name, RRK_HEAD_VIEWS, true, n_layers, n_decoder, d, n_heads, d_head, ff, false, false                          \
    }

const block_shape BLOCK_SHAPES[BLOCK_N_SHAPES] = {
    {SHAPE("own", 3, 2, 64, 4, 16, 128), 4, 0, 12, ""},
    {SHAPE("late", 3, 1, 64, 4, 16, 128), 4, 2, 66,
     ",\"mvp_view_from\":2,\"mvp_cosine_scale\":0.5,\"mvp_maxsim_scale\":3"},
    {SHAPE("shared", 3, 1, 64, 4, 16, 128), 4, 1, 3,
     ",\"mvp_view_from\":1,\"mvp_view_kv\":\"backbone\",\"mvp_cosine_scale\":2,\"mvp_score_scale\":0.05"
     ",\"mvp_maxsim_scale\":0.5,\"mvp_maxsim_layer\":1"},
    {SHAPE("one", 2, 1, 48, 2, 24, 100), 1, 0, 17,
     ",\"mvp_view_from\":0,\"mvp_view_kv\":\"backbone\",\"mvp_score_scale\":0.125"
     ",\"mvp_maxsim_scale\":0.25,\"mvp_maxsim_layer\":0"},
};

void block_write(folder *f, const block_shape *shape, const char *break_tensor, const char *more)
{
    char config[512], layer[64];
    tiny_writer w = tiny_writer_new(f, T5_FIRST_SEED, break_tensor);
    t5_add_mvp_bert(&w, &shape->bert);
    tiny_add(&w, "mvp.views", TINY_TABLE, shape->n_views, shape->bert.d_model);
    for (uint32_t i = shape->view_from; i < shape->bert.n_layers; i++) {
        snprintf(layer, sizeof layer, "mvp.view_layer.%u.", i);
        t5_add_bert_layer(&w, &shape->bert, layer);
    }
    tiny_writer_end(&w);
    snprintf(config, sizeof config, ",\"mvp_attention\":\"block\"%s%s", shape->config, more);
    t5_write_mvp_bert_config(f, &shape->bert, shape->n_views, config);
    tiny_write_vocab(f);
}
