/*
 * Strategy "embedding": query and passages each become one vector, a passage's score is the dot product of the two. The
 * query's row is row 0.
 */
#include "rerank/pointwise.h"

/* [CLS] prompt ... [SEP]; T5 has no [CLS]. */
static rrk_status make_frame(const rank_task *task, rrk_embed_kind kind, rank_frame *frame, rrk_error *err)
{
    const enc_specials *special = enc_special_ids(task->encoder);
    enc_ids prompt RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(enc_tokenize(task->encoder, enc_prompt(task->encoder, kind), SIZE_MAX, &prompt, NULL, err));
    RRK_TRY(rank_ids_add(&frame->before, &special->cls, special->cls >= 0, err));
    RRK_TRY(rank_ids_add(&frame->before, prompt.ids, prompt.len, err));
    return rank_ids_add(&frame->after, &special->sep, 1, err);
}

static rrk_status add_query(rank_pointwise *m, const rank_task *task, rrk_error *err)
{
    rank_frame frame RRK_AUTO(rank_frame_free) = {0};
    RRK_TRY(make_frame(task, RRK_EMBED_QUERY, &frame, err));
    size_t max = enc_max_tokens(task->encoder), taken = frame.before.len + frame.after.len;
    if (taken >= max)
        return base_fail(err, RRK_E_INVALID, 0, "a row of %zu tokens has no room for text beside the prompt", max);
    enc_ids query RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(rank_query_ids(task, max - taken, &query, err));
    return rank_rows_add_framed(&m->rows, RANK_NO_PASSAGE, &frame, query.ids, query.len, err);
}

static rrk_status start(rank_machine **out, const rank_task *task, rrk_error *err)
{
    rank_pointwise *m RRK_AUTO(rank_pointwise_stop_ptr) = NULL;
    rank_frame frame RRK_AUTO(rank_frame_free) = {0};
    RRK_TRY(rank_pointwise_new(&m, &rank_embedding, task, err));
    RRK_TRY(add_query(m, task, err));
    RRK_TRY(make_frame(task, RRK_EMBED_PASSAGE, &frame, err));
    RRK_TRY(rank_pointwise_add_all(m, task, &frame, err));
    *out = (rank_machine *)RRK_STEAL(m);
    return RRK_OK;
}

static rrk_status accept(rank_machine *machine, const rank_results *results, rrk_error *err)
{
    rank_pointwise *m = (rank_pointwise *)machine;
    for (size_t r = 1; r < m->rows.n; r++)
        rank_pointwise_take(m, r, rank_dot(results->rows, results->rows + r * m->result_dim, m->result_dim));
    return RRK_OK;
}

const rank_strategy rank_embedding = {
    .name = "embedding",
    .head = RRK_HEAD_EMBEDDING,
    .start = start,
    .next = rank_pointwise_next,
    .accept = accept,
    .finish = rank_pointwise_finish,
    .stop = rank_pointwise_stop,
};
