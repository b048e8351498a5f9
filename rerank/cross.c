/*
 * Strategy "cross": a cross-encoder reads [CLS] query [SEP] passage [SEP], or with XLM-R <s> query </s></s> passage </s>,
 * and gives one number.
 */
#include "rerank/pointwise.h"

static rrk_status make_frame(const rank_task *task, size_t query_cap, rank_frame *frame, rrk_error *err)
{
    const enc_specials *special = enc_special_ids(task->encoder);
    enc_ids query RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(rank_query_ids(task, query_cap, &query, err));
    RRK_TRY(rank_ids_add(&frame->before, &special->cls, 1, err));
    RRK_TRY(rank_ids_add(&frame->before, query.ids, query.len, err));
    for (int32_t i = 0; i < special->n_pair_seps; i++)
        RRK_TRY(rank_ids_add(&frame->before, &special->sep, 1, err));
    frame->has_second_segment = enc_pair_has_types(task->encoder);
    return rank_ids_add(&frame->after, &special->sep, 1, err);
}

static rrk_status start(rank_machine **out, const rank_task *task, rrk_error *err)
{
    size_t max = enc_max_tokens(task->encoder);
    size_t n_specials = 2 + (size_t)enc_special_ids(task->encoder)->n_pair_seps;
    if (max < n_specials + 2)
        return base_fail(err, RRK_E_INVALID, 0, "a row of %zu tokens has no room for a query and a passage", max);
    rank_pointwise *m RRK_AUTO(rank_pointwise_stop_ptr) = NULL;
    RRK_TRY(rank_pointwise_new(&m, &rank_cross, task, err));
    rank_frame frame RRK_AUTO(rank_frame_free) = {0};
    /* The query may fill half a row at most, so a passage always has room. */
    RRK_TRY(make_frame(task, (max - n_specials) / 2, &frame, err));
    RRK_TRY(rank_pointwise_add_all(m, task, &frame, err));
    *out = (rank_machine *)RRK_STEAL(m);
    return RRK_OK;
}

static rrk_status accept(rank_machine *machine, const rank_results *results, rrk_error *err)
{
    rank_pointwise *m = (rank_pointwise *)machine;
    for (size_t r = 0; r < m->rows.n; r++)
        rank_pointwise_take(m, r, results->rows[r]);
    return RRK_OK;
}

const rank_strategy rank_cross = {
    .name = "cross",
    .head = RRK_HEAD_CROSS,
    .start = start,
    .next = rank_pointwise_next,
    .accept = accept,
    .finish = rank_pointwise_finish,
    .stop = rank_pointwise_stop,
};
