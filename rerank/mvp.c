/*
 * Strategy "mvp" (arXiv 2509.07485): a row begins with view tokens, whose vectors say how relevant its passage looks
 * from each view. A decoder step makes one anchor a view out of all passages' vectors; a passage's score is the mean
 * over the views of its vector's dot product with the anchor. It does not depend on the order of the list, but on the
 * list.
 *
 *   T5    views "| Query:" query "| Context:" passage </s>
 *   BERT  [CLS] views query [SEP] passage [SEP]; in the block layout [CLS] passage [SEP], and the query is read apart
 *
 * What BERT models compute is in doc/mvp-bert.md. Chunks of a long passage take part as if they were passages.
 */
#define RRK_EXPERIMENTAL
#include "base/alloc.h"
#include "rerank/pointwise.h"

#include <math.h>

enum { BERT_QUERY_CAP = 64 };

typedef struct mvp {
    rank_pointwise rows;
    rank_rows query_rows; /* none, or one: the query's, for a model that reads it apart */
    enc_query *query;     /* owned; NULL until it is read */
    const rank_task *task;
    float *vectors;  /* [rows.rows.n, dim]; owned */
    float *anchors;  /* [dim] when somebody asks why; owned */
    bool is_encoded; /* vectors are there */
    bool is_done;
} mvp;

static void stop(rank_machine *machine)
{
    if (!machine)
        return;
    mvp *m = (mvp *)machine;
    base_free(m->vectors);
    base_free(m->anchors);
    rank_rows_free(&m->query_rows);
    enc_query_free(m->query);
    rank_pointwise_stop(machine);
}

static void stop_ptr(mvp **m)
{
    stop((rank_machine *)*m);
}

static rrk_status add_query(enc_ids *part, const rank_task *task, size_t cap, rrk_error *err)
{
    enc_ids query RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(rank_query_ids(task, cap, &query, err));
    return rank_ids_add(part, query.ids, query.len, err);
}

static rrk_status frame_of_pair(const rank_task *task, rank_frame *frame, rrk_error *err)
{
    const rrk_encoder *encoder = task->encoder;
    const enc_specials *special = enc_special_ids(encoder);
    size_t half = enc_max_tokens(encoder) / 2;
    RRK_TRY(rank_ids_add(&frame->before, &special->cls, 1, err));
    RRK_TRY(rank_ids_add(&frame->before, enc_view_ids(encoder), enc_n_views(encoder), err));
    RRK_TRY(add_query(&frame->before, task, RRK_MIN(half, (size_t)BERT_QUERY_CAP), err));
    RRK_TRY(rank_ids_add(&frame->before, &special->sep, 1, err));
    frame->has_second_segment = true;
    return rank_ids_add(&frame->after, &special->sep, 1, err);
}

static rrk_status frame_of_prompt(const rank_task *task, rank_frame *frame, rrk_error *err)
{
    const rrk_encoder *encoder = task->encoder;
    const enc_specials *special = enc_special_ids(encoder);
    RRK_TRY(rank_ids_add(&frame->before, enc_view_ids(encoder), enc_n_views(encoder), err));
    RRK_TRY(rank_ids_add_text(&frame->before, encoder, "| Query:", err));
    RRK_TRY(add_query(&frame->before, task, enc_max_tokens(encoder) / 2, err));
    RRK_TRY(rank_ids_add_text(&frame->before, encoder, "| Context:", err));
    return rank_ids_add(&frame->after, &special->sep, 1, err);
}

static rrk_status make_query(mvp *m, rrk_error *err)
{
    RRK_TRY(rank_rows_add_query(&m->query_rows, m->task, BERT_QUERY_CAP, err));
    rank_rows_seal(&m->query_rows);
    return RRK_OK;
}

static rrk_status make_frame(mvp *m, rank_frame *frame, rrk_error *err)
{
    const rank_task *task = m->task;
    if (enc_reads_query_apart(task->encoder)) {
        RRK_TRY(make_query(m, err));
        return rank_frame_of_text(task->encoder, RRK_EMBED_PASSAGE, frame, err);
    }
    /* A model whose rows begin with [CLS] reads pairs. */
    return enc_special_ids(task->encoder)->cls >= 0 ? frame_of_pair(task, frame, err)
                                                    : frame_of_prompt(task, frame, err);
}

static rrk_status start(rank_machine **out, const rank_task *task, rrk_error *err)
{
    mvp *m RRK_AUTO(stop_ptr) = base_calloc(1, sizeof *m);
    if (!m)
        return base_fail_nomem(err, sizeof *m);
    m->task = task;
    RRK_TRY(rank_pointwise_init(&m->rows, &rank_mvp, task, err));
    rank_frame frame RRK_AUTO(rank_frame_free) = {0};
    RRK_TRY(make_frame(m, &frame, err));
    RRK_TRY(rank_pointwise_add_all(&m->rows, task, &frame, err));
    size_t dim = m->rows.result_dim;
    m->vectors = base_alloc(m->rows.rows.n, dim * sizeof *m->vectors);
    if (!m->vectors)
        return base_fail_nomem(err, m->rows.rows.n * dim * sizeof *m->vectors);
    if (task->views && !(m->anchors = base_alloc(dim, sizeof *m->anchors)))
        return base_fail_nomem(err, dim * sizeof *m->anchors);
    *out = (rank_machine *)RRK_STEAL(m);
    return RRK_OK;
}

static rrk_status hand_out_rows(mvp *m, rank_work *work, rrk_error *err)
{
    for (size_t r = 0; r < m->rows.rows.n; r++)
        m->rows.rows.rows[r].query = m->query;
    RRK_TRY(rank_pointwise_next(&m->rows.machine, work, err));
    work->row_results = m->vectors;
    m->rows.machine.counts.n_rows += m->query_rows.n;
    m->rows.machine.counts.n_tokens += m->query_rows.n_ids;
    return RRK_OK;
}

static rrk_status next(rank_machine *machine, rank_work *work, rrk_error *err)
{
    mvp *m = (mvp *)machine;
    *work = (rank_work){0};
    if (m->query_rows.n && !m->query)
        work->query = m->query_rows.rows;
    else if (!m->is_encoded)
        return hand_out_rows(m, work, err);
    else if (!m->is_done)
        *work = (rank_work){.vectors = m->vectors, .n_vectors = m->rows.rows.n, .anchors = m->anchors};
    return RRK_OK;
}

/* A passage's views are those of the chunk that gave it its score. */
static void take_views(mvp *m, size_t row, const float *views, size_t n_views)
{
    double sum = 0;
    for (size_t k = 0; k < n_views; k++)
        sum += (double)views[k];
    if (!rank_pointwise_take(&m->rows, row, sum / (double)n_views) || !m->task->views)
        return;
    double *out = m->task->views->scores + m->rows.rows.passage_of[row] * n_views;
    for (size_t k = 0; k < n_views; k++)
        out[k] = (double)views[k];
}

/* An anchor without a length is like no other. */
static void take_cosines(const mvp *m, size_t n_views)
{
    /* A row of the block layout has the cosine part behind its vectors. */
    size_t d = (m->rows.result_dim - enc_reads_query_apart(m->task->encoder)) / n_views;
    for (size_t a = 0; a < n_views; a++) {
        for (size_t b = 0; b < n_views; b++) {
            const float *x = m->anchors + a * d, *y = m->anchors + b * d;
            double lengths = sqrt(rank_dot(x, x, d) * rank_dot(y, y, d));
            m->task->views->cosines[a * n_views + b] = lengths > 0 ? rank_dot(x, y, d) / lengths : 0;
        }
    }
}

static rrk_status accept(rank_machine *machine, const rank_results *results, rrk_error *err)
{
    mvp *m = (mvp *)machine;
    if (results->query) {
        m->query = results->query;
        return RRK_OK;
    }
    if (!m->is_encoded) {
        m->is_encoded = true;
        return RRK_OK;
    }
    size_t n_views = enc_n_views(m->task->encoder);
    for (size_t r = 0; r < m->rows.rows.n; r++)
        take_views(m, r, results->views + r * n_views, n_views);
    if (m->task->views && m->task->views->cosines)
        take_cosines(m, n_views);
    m->is_done = true;
    return RRK_OK;
}

const rank_strategy rank_mvp = {
    .name = "mvp",
    .head = RRK_HEAD_VIEWS,
    .start = start,
    .next = next,
    .accept = accept,
    .finish = rank_pointwise_finish,
    .stop = stop,
};
