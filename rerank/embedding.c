/*
 * Strategy "embedding": query and passages each become one vector, a passage's score is the dot product of the two. The
 * query's row is row 0.
 */
#include "rerank/pointwise.h"

static rrk_status start(rank_machine **out, const rank_task *task, rrk_error *err)
{
    rank_pointwise *m RRK_AUTO(rank_pointwise_stop_ptr) = NULL;
    rank_frame frame RRK_AUTO(rank_frame_free) = {0};
    RRK_TRY(rank_pointwise_new(&m, &rank_embedding, task, err));
    RRK_TRY(rank_rows_add_query(&m->rows, task, SIZE_MAX, err));
    RRK_TRY(rank_frame_of_text(task->encoder, RRK_EMBED_PASSAGE, &frame, err));
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
