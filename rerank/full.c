/*
 * Strategy "full": all candidates in one prompt (arXiv 2412.14574). It is the listwise machine with a window over the
 * whole list.
 */
#include "rerank/sliding.h"

static rrk_status start(rank_machine **out, const rank_task *task, rrk_error *err)
{
    return rank_list_start(out, &rank_full, task, err);
}

const rank_strategy rank_full = {
    .name = "full",
    .needs_llm = true,
    .start = start,
    .next = rank_list_next,
    .accept = rank_list_accept,
    .finish = rank_list_finish,
    .stop = rank_list_stop,
};
