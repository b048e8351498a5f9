/* The embedding head, and which rows heads read: see heads.h. */
#include "encoder/heads.h"

enc_read enc_rows_read(const enc_config *config)
{
    bool has_cls = config->family != ENC_FAMILY_T5;
    if (config->mvp.is_block)
        return (enc_read){0}; /* its views are no rows, and it reads the mean of all */
    if (config->head == RRK_HEAD_VIEWS)
        return (enc_read){has_cls ? 1 : 0, config->n_views};
    bool reads_cls =
        config->head == RRK_HEAD_CROSS || (config->head == RRK_HEAD_EMBEDDING && config->pooling == ENC_POOL_CLS);
    return (enc_read){0, reads_cls ? 1 : 0};
}

rrk_status enc_embedding_head(enc_session *session, const enc_ops *ops, const enc_config *config, float *out,
                              rrk_error *err)
{
    RRK_TRY(ops->pool(session, config->pooling, config->normalize, ENC_SLOT_X, ENC_SLOT_POOLED, err));
    return ops->download(session, ENC_SLOT_POOLED, out, err);
}
