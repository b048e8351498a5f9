/*
 * The attention of views: few queries a sequence over keys that lie in three places, its own, those kept of the list's
 * query, and those of its passage. Scores of the three are written side by side and share one softmax. Keys are read
 * where they are: with a handful of queries, copying them into another layout would cost as much as it saves.
 */
#include "encoder/cpu/session.h"

enum { N_PLACES = 3 };

/* A sequence's keys, or its values; columns of all heads. */
typedef struct places {
    cpu_rows rows[N_PLACES];
    size_t n_rows; /* of all */
} places;

typedef struct view_attention {
    const cpu_kernels *kernels;
    size_t d;
    size_t d_head;
    size_t n_heads;
    float scale;
    float *scores; /* [views, rows of a sequence] */
    float *part;   /* [views, d_head]: what one place adds */
} view_attention;

static places places_of(const enc_session *session, const enc_seen *seen, size_t s)
{
    const cpu_slot *views = &session->slots[seen->views], *passages = &session->slots[seen->passages];
    const uint32_t *start = session->batch.start;
    size_t n_views = start[s + 1] - start[s], n_tokens = seen->start[s + 1] - seen->start[s];
    return (places){
        .rows = {{views->data + start[s] * views->n_cols, views->n_cols, n_views},
                 {seen->queries[s].rows + seen->first, passages->n_cols, seen->queries[s].n_rows},
                 {passages->data + seen->start[s] * passages->n_cols + seen->first, passages->n_cols, n_tokens}},
        .n_rows = n_views + seen->queries[s].n_rows + n_tokens,
    };
}

static cpu_rows columns(cpu_rows rows, size_t first)
{
    return (cpu_rows){rows.data + first, rows.stride, rows.n};
}

static void add_part(const view_attention *a, float *out, size_t n_views)
{
    for (size_t v = 0; v < n_views; v++) {
        for (size_t c = 0; c < a->d_head; c++)
            out[v * a->d + c] += a->part[v * a->d_head + c];
    }
}

/* Head h of one sequence's views; q may be out. */
static void attend(const view_attention *a, const places *seen, size_t h, const float *q, float *out)
{
    size_t column = h * a->d_head, n_views = seen->rows[0].n, at = 0;
    for (size_t p = 0; p < N_PLACES; p++) {
        a->kernels->dots(a->scores + at, seen->n_rows, (cpu_rows){q + column, a->d, n_views},
                         columns(seen->rows[p], column), a->d_head);
        at += seen->rows[p].n;
    }
    for (size_t v = 0; v < n_views; v++)
        a->kernels->softmax(a->scores + v * seen->n_rows, a->scale, seen->n_rows);
    at = 0;
    for (size_t p = 0; p < N_PLACES; p++) {
        cpu_rows weights = {a->scores + at, seen->n_rows, n_views}, values = columns(seen->rows[p], a->d + column);
        a->kernels->combine(p ? a->part : out + column, p ? a->d_head : a->d, weights, values, a->d_head);
        if (p)
            add_part(a, out + column, n_views);
        at += seen->rows[p].n;
    }
}

rrk_status cpu_view_attention(enc_session *session, const enc_attention *options, const enc_seen *seen, enc_slot q,
                              enc_slot out, rrk_error *err)
{
    const enc_batch *batch = &session->batch;
    view_attention a = {.kernels = session->device->kernels, .n_heads = options->n_heads, .scale = options->scale};
    size_t most_scores = 0, most_views = 0;
    a.d = session->slots[q].n_cols;
    a.d_head = a.d / a.n_heads;
    for (size_t s = 0; s < batch->n_seqs; s++) {
        places p = places_of(session, seen, s);
        most_views = RRK_MAX(most_views, p.rows[0].n);
        most_scores = RRK_MAX(most_scores, p.rows[0].n * p.n_rows);
    }
    RRK_TRY(cpu_scratch_reserve(&session->views, most_scores + most_views * a.d_head, err));
    a.part = session->views.data;
    a.scores = a.part + most_views * a.d_head;
    for (size_t s = 0; s < batch->n_seqs; s++) {
        places p = places_of(session, seen, s);
        size_t first = batch->start[s] * a.d;
        for (size_t h = 0; h < a.n_heads; h++)
            attend(&a, &p, h, session->slots[q].data + first, session->slots[out].data + first);
    }
    return RRK_OK;
}
