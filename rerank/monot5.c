/*
 * Strategies "monot5" (arXiv 2003.06713) and "rankt5" (arXiv 2210.10634): T5 reads query and passage, and what its
 * decoder would say first is the score: how likely "true" is against "false", or the logit of one token trained for
 * that.
 *
 *   monot5  "Query:" query "Document:" passage "Relevant:" </s>
 *   rankt5  "Query:" query "Document:" passage </s>
 *
 * What follows the passage is kept when a row is too long.
 */
#include "rerank/pointwise.h"

#include <math.h>

static rrk_status make_frame(const rank_task *task, const char *after, rank_frame *frame, rrk_error *err)
{
    const rrk_encoder *encoder = task->encoder;
    enc_ids query RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(rank_query_ids(task, enc_max_tokens(encoder) / 2, &query, err));
    RRK_TRY(rank_ids_add_text(&frame->before, encoder, "Query:", err));
    RRK_TRY(rank_ids_add(&frame->before, query.ids, query.len, err));
    RRK_TRY(rank_ids_add_text(&frame->before, encoder, "Document:", err));
    RRK_TRY(rank_ids_add_text(&frame->after, encoder, after, err));
    return rank_ids_add(&frame->after, &enc_special_ids(encoder)->sep, 1, err);
}

static rrk_status start(rank_machine **out, const rank_strategy *strategy, const rank_task *task, const char *after,
                        rrk_error *err)
{
    rank_pointwise *m RRK_AUTO(rank_pointwise_stop_ptr) = NULL;
    rank_frame frame RRK_AUTO(rank_frame_free) = {0};
    RRK_TRY(rank_pointwise_new(&m, strategy, task, err));
    RRK_TRY(make_frame(task, after, &frame, err));
    RRK_TRY(rank_pointwise_add_all(m, task, &frame, err));
    *out = (rank_machine *)RRK_STEAL(m);
    return RRK_OK;
}

static rrk_status require(const rank_task *task, enc_answer answer, const char *token, rrk_error *err)
{
    if (enc_has_answer(task->encoder, answer))
        return RRK_OK;
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "the model's vocabulary has no token '%s'", token);
}

static rrk_status start_monot5(rank_machine **out, const rank_task *task, rrk_error *err)
{
    RRK_TRY(require(task, ENC_ANSWER_TRUE, "true", err));
    RRK_TRY(require(task, ENC_ANSWER_FALSE, "false", err));
    return start(out, &rank_monot5, task, "Relevant:", err);
}

static rrk_status start_rankt5(rank_machine **out, const rank_task *task, rrk_error *err)
{
    RRK_TRY(require(task, ENC_ANSWER_SCORE, "<extra_id_10>", err));
    return start(out, &rank_rankt5, task, "", err);
}

/* log(e^yes / (e^yes + e^no)), without leaving the range of a double. */
static double log_share(double yes, double no)
{
    double ahead = yes - no;
    return ahead > 0 ? -log1p(exp(-ahead)) : ahead - log1p(exp(ahead));
}

static rrk_status accept_monot5(rank_machine *machine, const rank_results *results, rrk_error *err)
{
    rank_pointwise *m = (rank_pointwise *)machine;
    for (size_t r = 0; r < m->rows.n; r++) {
        const float *logits = results->rows + r * ENC_N_ANSWERS;
        rank_pointwise_take(m, r, log_share((double)logits[ENC_ANSWER_TRUE], (double)logits[ENC_ANSWER_FALSE]));
    }
    return RRK_OK;
}

static rrk_status accept_rankt5(rank_machine *machine, const rank_results *results, rrk_error *err)
{
    rank_pointwise *m = (rank_pointwise *)machine;
    for (size_t r = 0; r < m->rows.n; r++)
        rank_pointwise_take(m, r, (double)results->rows[r * ENC_N_ANSWERS + ENC_ANSWER_SCORE]);
    return RRK_OK;
}

const rank_strategy rank_monot5 = {
    .name = "monot5",
    .head = RRK_HEAD_SEQ2SEQ,
    .start = start_monot5,
    .next = rank_pointwise_next,
    .accept = accept_monot5,
    .finish = rank_pointwise_finish,
    .stop = rank_pointwise_stop,
};

const rank_strategy rank_rankt5 = {
    .name = "rankt5",
    .head = RRK_HEAD_SEQ2SEQ,
    .start = start_rankt5,
    .next = rank_pointwise_next,
    .accept = accept_rankt5,
    .finish = rank_pointwise_finish,
    .stop = rank_pointwise_stop,
};
