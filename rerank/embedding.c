/*
 * Strategy "embedding": query and passages each become one vector, a passage's score is the dot product of the two. The
 * query's row is row 0.
 */
#include "rerank/pointwise.h"

enum { N_SPECIALS = 2 };

/* [CLS] prompt text [SEP] */
static rrk_status add_row(rank_rows *rows, const rank_task *task, uint32_t passage, const enc_ids *prompt,
                          const int32_t *ids, size_t n, rrk_error *err)
{
    const enc_specials *special = enc_special_ids(task->encoder);
    RRK_TRY(rank_rows_begin(rows, passage, err));
    RRK_TRY(rank_rows_add(rows, &special->cls, 1, err));
    RRK_TRY(rank_rows_add(rows, prompt->ids, prompt->len, err));
    RRK_TRY(rank_rows_add(rows, ids, n, err));
    return rank_rows_add(rows, &special->sep, 1, err);
}

/* The ids of a prompt, and what a row has room for beside it and the two special tokens. */
static rrk_status read_prompt(const rank_task *task, rrk_embed_kind kind, enc_ids *prompt, size_t *room, rrk_error *err)
{
    RRK_TRY(enc_tokenize(task->encoder, enc_prompt(task->encoder, kind), SIZE_MAX, prompt, NULL, err));
    size_t max = enc_max_tokens(task->encoder);
    if (prompt->len + N_SPECIALS >= max)
        return base_fail(err, RRK_E_INVALID, 0, "a row of %zu tokens has no room for text beside the prompt", max);
    *room = max - prompt->len - N_SPECIALS;
    return RRK_OK;
}

static rrk_status add_query(rank_pointwise *m, const rank_task *task, rrk_error *err)
{
    enc_ids prompt RRK_AUTO(enc_ids_free) = {0}, query RRK_AUTO(enc_ids_free) = {0};
    size_t room = 0;
    RRK_TRY(read_prompt(task, RRK_EMBED_QUERY, &prompt, &room, err));
    RRK_TRY(rank_query_ids(task, room, &query, err));
    return add_row(&m->rows, task, RANK_NO_PASSAGE, &prompt, query.ids, query.len, err);
}

static rrk_status start(rank_machine **out, const rank_task *task, rrk_error *err)
{
    rank_pointwise *m RRK_AUTO(rank_pointwise_stop_ptr) = NULL;
    RRK_TRY(rank_pointwise_new(&m, &rank_embedding, task, err));
    RRK_TRY(add_query(m, task, err));
    enc_ids prompt RRK_AUTO(enc_ids_free) = {0};
    size_t room = 0;
    RRK_TRY(read_prompt(task, RRK_EMBED_PASSAGE, &prompt, &room, err));
    RRK_TRY(rank_pointwise_add_all(m, task, room, &prompt, add_row, err));
    *out = (rank_machine *)RRK_STEAL(m);
    return RRK_OK;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static rrk_status accept(rank_machine *machine, const rank_results *results, rrk_error *err)
{
    rank_pointwise *m = (rank_pointwise *)machine;
    for (size_t r = 1; r < m->rows.n; r++)
        rank_pointwise_take(m, r, dot(results->rows, results->rows + r * m->result_dim, m->result_dim));
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
