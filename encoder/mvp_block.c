/*
 * The block layout of the multi-view head on BERT: doc/mvp-bert.md has it number by number. Passages go through the
 * backbone as an embedding model reads them, and beside it, layer by layer, the views of each go through layers of
 * their own, looking at the states that enter the backbone's layer and at those of the list's query. Of the query, which
 * is read once a list, the keys and values that the views look at are kept, layer after layer, and its mean.
 */
#include "base/alloc.h"
#include "encoder/bert.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 64 };

struct enc_view_layer {
    enc_linear *query;
    enc_linear *keys; /* and values: of the views, and of tokens unless the backbone's serve */
    enc_bert_tail tail;
};

/* --- loading --- */

static rrk_status load_layer(const enc_bert_source *s, size_t i, enc_view_layer *out, rrk_error *err)
{
    static const char *const QUERY[] = {"query"}, *const KEYS[] = {"key", "value"};
    char layer[MAX_NAME];
    snprintf(layer, sizeof layer, "mvp.view_layer.%zu.", i);
    RRK_TRY(enc_bert_load_attention(s, layer, QUERY, RRK_COUNT(QUERY), &out->query, err));
    RRK_TRY(enc_bert_load_attention(s, layer, KEYS, RRK_COUNT(KEYS), &out->keys, err));
    return enc_bert_load_tail(s, layer, &out->tail, err);
}

static size_t n_view_layers(const enc_config *c)
{
    return c->n_layers - c->mvp.view_from;
}

rrk_status enc_mvp_block_load(enc_mvp_block *out, enc_device *device, const enc_config *config,
                              const enc_weights *weights, rrk_error *err)
{
    enc_bert_source source = {device, weights, config, ""};
    const enc_weight *views;
    size_t shape[] = {config->n_views, config->d_model};
    RRK_TRY(enc_weights_require(weights, "mvp.views", 2, shape, &views, err));
    RRK_TRY(device->ops->table(device, views, &out->views, err));
    out->layers = base_calloc(n_view_layers(config), sizeof *out->layers);
    if (!out->layers)
        return base_fail_nomem(err, n_view_layers(config) * sizeof *out->layers);
    for (size_t i = 0; i < n_view_layers(config); i++)
        RRK_TRY(load_layer(&source, config->mvp.view_from + i, &out->layers[i], err));
    return RRK_OK;
}

void enc_mvp_block_free(enc_mvp_block *block)
{
    base_free(block->layers);
}

void enc_mvp_block_shape(const enc_config *c, enc_shape *shape)
{
    shape->n_cols[ENC_SLOT_VIEWS] = shape->n_cols[ENC_SLOT_VIEW_QUERY] = c->d_model;
    shape->n_cols[ENC_SLOT_VIEW_KEYS] = 2 * (size_t)c->d_model;
    shape->n_cols[ENC_SLOT_KEYS] = c->mvp.shares_keys ? 0 : 2 * (size_t)c->d_model;
}

/* --- what views look at of tokens --- */

static enc_slot slot_of_keys(const enc_config *c)
{
    return c->mvp.shares_keys ? ENC_SLOT_QKV : ENC_SLOT_KEYS;
}

/* Floats a token and layer. */
static size_t n_key_cols(const enc_config *c)
{
    return (c->mvp.shares_keys ? 3 : 2) * (size_t)c->d_model;
}

static size_t n_key_floats(const enc_config *c, size_t n_tokens)
{
    return n_view_layers(c) * n_tokens * n_key_cols(c);
}

static bool has_maxsim(const enc_config *c)
{
    return c->mvp.maxsim_scale > 0;
}

size_t enc_mvp_block_query_floats(const enc_config *c, size_t n_tokens)
{
    return c->d_model + n_key_floats(c, n_tokens) + (has_maxsim(c) ? n_tokens * c->d_model : 0);
}

/* Unit vectors of the tokens that a query was kept with. */
static const float *query_tokens(const enc_config *c, const enc_query *query)
{
    return query->kept + c->d_model + n_key_floats(c, query->n_tokens);
}

/* NULL: none beside the backbone's layer i. */
static const enc_view_layer *view_layer(const enc_bert *b, size_t i)
{
    return i < b->config->mvp.view_from ? NULL : &b->block.layers[i - b->config->mvp.view_from];
}

/* The backbone's layer up to its attention, and the tokens' keys and values for the views. */
static rrk_status attend(const enc_bert *b, size_t i, enc_session *session, rrk_error *err)
{
    const enc_view_layer *l = view_layer(b, i);
    RRK_TRY(enc_bert_attend(b, i, session, err));
    if (!l || b->config->mvp.shares_keys)
        return RRK_OK;
    return b->ops->project(session, l->keys, ENC_SLOT_X, ENC_SLOT_KEYS, err);
}

static rrk_status finish(const enc_bert *b, size_t i, enc_session *session, rrk_error *err)
{
    return enc_bert_finish(b, &b->layers[i].tail, session, ENC_SLOT_CONTEXT, ENC_SLOT_X, err);
}

/* A unit vector a sequence, whatever a pooling config says: the score is a cosine. */
static rrk_status means(const enc_bert *b, enc_session *session, float *out, rrk_error *err)
{
    RRK_TRY(b->ops->pool(session, ENC_POOL_MEAN, true, ENC_SLOT_X, ENC_SLOT_POOLED, err));
    return b->ops->download(session, ENC_SLOT_POOLED, out, err);
}

/* If what is about to enter layer i (or, after the last one, has left it) is what maxsim looks at. */
static rrk_status take_tokens(const enc_bert *b, size_t i, enc_session *session, size_t n_tokens, float *out,
                              rrk_error *err)
{
    if (!has_maxsim(b->config) || i != b->config->mvp.maxsim_layer)
        return RRK_OK;
    RRK_TRY(b->ops->download_tokens(session, ENC_SLOT_X, out, err));
    enc_mvp_unit_rows(out, n_tokens, b->config->d_model);
    return RRK_OK;
}

/* --- the query: its mean, then its keys and values by layer, then its tokens for maxsim --- */

rrk_status enc_mvp_block_query(const enc_bert *b, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                               float *out, rrk_error *err)
{
    const enc_config *c = b->config;
    float *keys = out + c->d_model, *tokens = keys + n_key_floats(c, batch->n_tokens);
    RRK_TRY(enc_bert_begin(b, session, batch, err));
    for (size_t i = 0; i < c->n_layers; i++) {
        if (stop->asked(stop->ctx))
            return RRK_E_CANCELLED;
        RRK_TRY(take_tokens(b, i, session, batch->n_tokens, tokens, err));
        RRK_TRY(attend(b, i, session, err));
        if (view_layer(b, i)) {
            RRK_TRY(b->ops->download_tokens(session, slot_of_keys(c), keys, err));
            keys += batch->n_tokens * n_key_cols(c);
        }
        RRK_TRY(finish(b, i, session, err));
    }
    RRK_TRY(take_tokens(b, c->n_layers, session, batch->n_tokens, tokens, err));
    return means(b, session, out, err);
}

/* --- passages and their views --- */

typedef struct pass {
    const enc_bert *bert;
    enc_session *session;
    const enc_batch *passages;
    enc_batch views;   /* n_views tokens a sequence, whose ids are rows of the table of views */
    int32_t *ids;      /* owned, like the next three */
    uint32_t *start;   /* [n_seqs + 1] */
    enc_kept *queries; /* [n_seqs] of the layer at hand */
    float *means;      /* [n_seqs, d_model] */
    float *tokens;     /* [n_tokens, d_model] for maxsim; owned */
} pass;

static void free_pass(pass *p)
{
    base_free(p->ids);
    base_free(p->start);
    base_free(p->queries);
    base_free(p->means);
    base_free(p->tokens);
}

static rrk_status make_views(pass *p, rrk_error *err)
{
    size_t m = p->bert->config->n_views, n_seqs = p->passages->n_seqs;
    p->ids = base_alloc(n_seqs, m * sizeof *p->ids);
    p->start = base_alloc(n_seqs + 1, sizeof *p->start);
    p->queries = base_alloc(n_seqs, sizeof *p->queries);
    p->means = base_alloc(n_seqs, p->bert->config->d_model * sizeof *p->means);
    if (!p->ids || !p->start || !p->queries || !p->means)
        return base_fail_nomem(err, n_seqs * p->bert->config->d_model * sizeof *p->means);
    for (size_t i = 0; i < n_seqs * m; i++)
        p->ids[i] = (int32_t)(i % m);
    for (size_t s = 0; s <= n_seqs; s++)
        p->start[s] = (uint32_t)(s * m);
    p->views = (enc_batch){.ids = p->ids, .start = p->start, .n_seqs = n_seqs, .n_tokens = n_seqs * m};
    return RRK_OK;
}

static rrk_status make_tokens(pass *p, rrk_error *err)
{
    size_t row = p->bert->config->d_model * sizeof *p->tokens;
    if (!has_maxsim(p->bert->config))
        return RRK_OK;
    p->tokens = base_alloc(p->passages->n_tokens, row);
    return p->tokens ? RRK_OK : base_fail_nomem(err, p->passages->n_tokens * row);
}

/* From here on both batches have their room, and what slots hold stays there whichever of them begins. */
static rrk_status begin(pass *p, rrk_error *err)
{
    const enc_ops *ops = p->bert->ops;
    RRK_TRY(make_views(p, err));
    RRK_TRY(make_tokens(p, err));
    RRK_TRY(ops->begin(p->session, p->passages, err));
    RRK_TRY(ops->begin(p->session, &p->views, err));
    RRK_TRY(ops->embed(p->session, ENC_SLOT_VIEWS, p->bert->block.views, NULL, NULL, NULL, err));
    return enc_bert_begin(p->bert, p->session, p->passages, err);
}

static void find_queries(pass *p, size_t i)
{
    const enc_config *c = p->bert->config;
    for (size_t s = 0; s < p->passages->n_seqs; s++) {
        const enc_query *query = p->passages->queries[s];
        size_t before = (i - c->mvp.view_from) * query->n_tokens * n_key_cols(c);
        p->queries[s] = (enc_kept){query->kept + c->d_model + before, query->n_tokens};
    }
}

static rrk_status run_views(pass *p, size_t i, const enc_view_layer *l, rrk_error *err)
{
    const enc_bert *b = p->bert;
    const enc_ops *ops = b->ops;
    enc_attention attention = enc_bert_attention(b->config);
    enc_seen seen = {
        .views = ENC_SLOT_VIEW_KEYS,
        .queries = p->queries,
        .passages = slot_of_keys(b->config),
        .start = p->passages->start,
        .first = n_key_cols(b->config) - 2 * (size_t)b->config->d_model,
    };
    find_queries(p, i);
    RRK_TRY(ops->begin(p->session, &p->views, err));
    RRK_TRY(ops->project(p->session, l->query, ENC_SLOT_VIEWS, ENC_SLOT_VIEW_QUERY, err));
    RRK_TRY(ops->project(p->session, l->keys, ENC_SLOT_VIEWS, ENC_SLOT_VIEW_KEYS, err));
    RRK_TRY(ops->view_attention(p->session, &attention, &seen, ENC_SLOT_VIEW_QUERY, ENC_SLOT_VIEW_QUERY, err));
    RRK_TRY(enc_bert_finish(b, &l->tail, p->session, ENC_SLOT_VIEW_QUERY, ENC_SLOT_VIEWS, err));
    return ops->begin(p->session, p->passages, err);
}

static float cosine_with_query(const pass *p, size_t s)
{
    size_t d = p->bert->config->d_model;
    const float *a = p->means + s * d, *b = p->passages->queries[s]->kept;
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

/* What the views' scores are added to. */
static float base_score(const pass *p, size_t s)
{
    const enc_config *c = p->bert->config;
    const enc_query *query = p->passages->queries[s];
    float base = c->mvp.cosine_scale * cosine_with_query(p, s);
    if (!has_maxsim(c))
        return base;
    size_t start = p->passages->start[s], n = p->passages->start[s + 1] - start;
    const float *tokens = p->tokens + start * c->d_model;
    return base + c->mvp.maxsim_scale * enc_mvp_maxsim(query_tokens(c, query), query->n_tokens, tokens, n, c->d_model);
}

/* A row: its views, then what they all add to their scores. Rows grow by that one float, so the last one moves first. */
static rrk_status take_rows(pass *p, float *out, rrk_error *err)
{
    const enc_bert *b = p->bert;
    size_t n = (size_t)b->config->n_views * b->config->d_model;
    RRK_TRY(means(b, p->session, p->means, err));
    RRK_TRY(b->ops->begin(p->session, &p->views, err));
    RRK_TRY(b->ops->download_tokens(p->session, ENC_SLOT_VIEWS, out, err));
    for (size_t s = p->passages->n_seqs; s-- > 0;) {
        memmove(out + s * (n + 1), out + s * n, n * sizeof *out);
        out[s * (n + 1) + n] = base_score(p, s);
    }
    return RRK_OK;
}

rrk_status enc_mvp_block_run(const enc_bert *b, enc_session *session, const enc_batch *batch, const enc_stop *stop,
                             float *out, rrk_error *err)
{
    pass p RRK_AUTO(free_pass) = {.bert = b, .session = session, .passages = batch};
    RRK_TRY(begin(&p, err));
    for (size_t i = 0; i < b->config->n_layers; i++) {
        if (stop->asked(stop->ctx))
            return RRK_E_CANCELLED;
        RRK_TRY(take_tokens(b, i, session, batch->n_tokens, p.tokens, err));
        RRK_TRY(attend(b, i, session, err));
        const enc_view_layer *l = view_layer(b, i);
        if (l)
            RRK_TRY(run_views(&p, i, l, err));
        RRK_TRY(finish(b, i, session, err));
    }
    RRK_TRY(take_tokens(b, b->config->n_layers, session, batch->n_tokens, p.tokens, err));
    return take_rows(&p, out, err);
}
