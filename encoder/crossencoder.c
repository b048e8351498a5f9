/* The cross-encoder's head: see heads.h. */
#include "encoder/heads.h"

rrk_status enc_cross_head_load(enc_cross_head *out, enc_device *device, const enc_config *config,
                               const enc_weights *weights, const char *prefix, rrk_error *err)
{
    size_t d = config->d_model;
    if (config->family == ENC_FAMILY_ROBERTA) {
        RRK_TRY(enc_load_head_linear(device, weights, "", "classifier.dense", d, d, &out->pooler, err));
        return enc_load_head_linear(device, weights, "", "classifier.out_proj", 1, d, &out->classifier, err);
    }
    RRK_TRY(enc_load_head_linear(device, weights, prefix, "pooler.dense", d, d, &out->pooler, err));
    return enc_load_head_linear(device, weights, "", "classifier", 1, d, &out->classifier, err);
}

rrk_status enc_cross_head_run(const enc_cross_head *head, enc_session *session, const enc_ops *ops, float *out,
                              rrk_error *err)
{
    RRK_TRY(ops->pool(session, ENC_POOL_CLS, false, ENC_SLOT_X, ENC_SLOT_POOLED, err));
    RRK_TRY(ops->head(session, head->pooler, true, ENC_SLOT_POOLED, ENC_SLOT_POOLED, err));
    RRK_TRY(ops->head(session, head->classifier, false, ENC_SLOT_POOLED, ENC_SLOT_HEAD, err));
    return ops->download(session, ENC_SLOT_HEAD, out, err);
}
