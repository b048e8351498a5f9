/*
 * One step of T5's decoder. The input is one position, the start token, for every query alike; what tells queries apart
 * is what they look at: the tokens of a row of their own, or one view's vectors of all passages of a list.
 */
#include "encoder/t5.h"

static rrk_status run_layer(const enc_t5 *t5, const t5_decoder_layer *l, enc_session *session, const enc_keys *keys,
                            rrk_error *err)
{
    const enc_ops *ops = t5->ops;
    const enc_config *c = t5->config;
    RRK_TRY(ops->apply_norm(session, l->self_norm, ENC_SLOT_X, ENC_SLOT_NORMED, err));
    RRK_TRY(ops->project(session, l->self_value, ENC_SLOT_NORMED, ENC_SLOT_CONTEXT, err));
    RRK_TRY(ops->project_add(session, l->self_output, ENC_SLOT_CONTEXT, ENC_SLOT_X, err));
    RRK_TRY(ops->apply_norm(session, l->cross_norm, ENC_SLOT_X, ENC_SLOT_NORMED, err));
    RRK_TRY(ops->project(session, l->cross_query, ENC_SLOT_NORMED, ENC_SLOT_CONTEXT, err));
    RRK_TRY(ops->cross_attention(session, l->cross, c->n_heads, 1, keys, ENC_SLOT_CONTEXT, ENC_SLOT_CONTEXT, err));
    RRK_TRY(ops->project_add(session, l->cross_output, ENC_SLOT_CONTEXT, ENC_SLOT_X, err));
    return ops->norm_feed_forward(session, l->feed_forward.norm, l->feed_forward.in, c->activation, l->feed_forward.out,
                                  ENC_SLOT_X, err);
}

rrk_status enc_t5_step(const enc_t5 *t5, enc_session *session, enc_step *step, size_t n_queries, const enc_keys *keys,
                       const enc_stop *stop, rrk_error *err)
{
    const enc_ops *ops = t5->ops;
    RRK_TRY(enc_step_begin(step, session, ops, n_queries, (int32_t)t5->config->t5.start_id, err));
    RRK_TRY(ops->embed(session, ENC_SLOT_X, t5->words, NULL, NULL, NULL, err));
    for (size_t i = 0; i < t5->config->t5.n_decoder_layers; i++) {
        if (stop->asked(stop->ctx))
            return RRK_E_CANCELLED;
        RRK_TRY(run_layer(t5, &t5->decoder[i], session, keys, err));
    }
    return ops->apply_norm(session, t5->decoder_norm, ENC_SLOT_X, ENC_SLOT_NORMED, err);
}
