/* The embedding head: see heads.h. */
#include "encoder/heads.h"

rrk_status enc_embedding_head(enc_session *session, const enc_ops *ops, const enc_config *config, float *out,
                              rrk_error *err)
{
    RRK_TRY(ops->pool(session, config->pooling, config->normalize, ENC_SLOT_X, ENC_SLOT_POOLED, err));
    return ops->download(session, ENC_SLOT_POOLED, out, err);
}
