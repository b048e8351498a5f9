/* A decoder step's batch: see model.h. */
#include "encoder/model.h"
#include "base/alloc.h"

rrk_status enc_step_begin(enc_step *out, enc_session *session, const enc_ops *ops, size_t n_queries, int32_t id,
                          rrk_error *err)
{
    out->ids = base_alloc(n_queries, sizeof *out->ids);
    out->start = base_alloc(n_queries + 1, sizeof *out->start);
    if (!out->ids || !out->start)
        return base_fail_nomem(err, n_queries * sizeof *out->ids);
    for (size_t i = 0; i < n_queries; i++)
        out->ids[i] = id;
    for (size_t i = 0; i <= n_queries; i++)
        out->start[i] = (uint32_t)i;
    enc_batch batch = {.ids = out->ids, .start = out->start, .n_seqs = n_queries, .n_tokens = n_queries};
    return ops->begin(session, &batch, err);
}

void enc_step_free(enc_step *step)
{
    base_free(step->ids);
    base_free(step->start);
    *step = (enc_step){0};
}
