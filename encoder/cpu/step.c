/*
 * A decoder step's cross-attention, with one position a query. Keys and values are never computed: with head h's part
 * of the weights W_k, W_v [d_head, d] and key rows e_i,
 *
 *     score_i   = q · (W_k e_i) = (W_kᵀ q) · e_i = t · e_i
 *     context   = Σ_i w_i W_v e_i = W_v Σ_i w_i e_i = W_v c
 *
 * so a head costs two products with n rows of d numbers instead of two with n rows of d * d_head: for n rows it is 4 n
 * d n_heads FLOP against 4 n d n_heads d_head, 64 times fewer in T5. What is left over is 4 d n_heads d_head for t and
 * context, as many as one row's key and value would take. A key's bias adds q · b to all scores alike and cancels in
 * the softmax; a value's bias is added once, since weights sum up to 1.
 */
#include "base/alloc.h"
#include "encoder/cpu/session.h"

#include <string.h>

/* Queries whose t and c are held at a time; they share one pass over the weights. */
enum { QUERY_BLOCK = 16 };

rrk_status cpu_add_cross(enc_device *device, const enc_weight *keys, const enc_weight *values,
                         const enc_weight *value_bias, enc_cross **out, rrk_error *err)
{
    cpu_device *cpu = (cpu_device *)device;
    enc_cross *cross = base_calloc(1, sizeof *cross);
    if (!cross)
        return base_fail_nomem(err, sizeof *cross);
    cross->next = cpu->crosses;
    cpu->crosses = *out = cross;
    cross->d_inner = keys->shape[0];
    cross->d = keys->shape[1];
    RRK_TRY(cpu_widen(keys, &cross->keys, err));
    RRK_TRY(cpu_widen(values, &cross->values, err));
    if (value_bias)
        return cpu_widen(value_bias, &cross->value_bias, err);
    return cpu_alloc_floats(&cross->value_bias, cross->d_inner, 1, err);
}

/* The key rows of a query. */
static cpu_rows rows_of(const enc_session *session, const enc_keys *keys, size_t query, size_t d)
{
    if (keys->host)
        return (cpu_rows){keys->host + query * d, keys->host_stride, keys->n_rows};
    const float *data = session->slots[keys->slot].data + (size_t)keys->start[query] * d;
    return (cpu_rows){data, d, keys->start[query + 1] - keys->start[query]};
}

static size_t most_rows(const enc_session *session, const enc_keys *keys, size_t d)
{
    size_t most = 0;
    for (size_t q = 0; q < session->batch.n_tokens; q++)
        most = RRK_MAX(most, rows_of(session, keys, q, d).n);
    return most;
}

typedef struct step {
    enc_session *session;
    const enc_cross *w;
    const enc_keys *keys;
    size_t n_heads;
    size_t d_head;
    float scale;
    float *vectors; /* [QUERY_BLOCK, n_heads, d]: t, and in its place c */
    float *scores;  /* [n_heads, most rows] */
} step;

/* t of every head and query of a block. */
static void turn_queries(const step *s, const float *q, size_t n_queries)
{
    size_t d = s->w->d, inner = s->w->d_inner;
    for (size_t h = 0; h < s->n_heads; h++) {
        cpu_rows weights = {q + h * s->d_head, inner, n_queries}, rows = {s->w->keys + h * s->d_head * d, d, s->d_head};
        s->session->device->kernels->combine(s->vectors + h * d, s->n_heads * d, weights, rows, d);
    }
}

static void attend(const step *s, float *vectors, cpu_rows keys)
{
    const cpu_kernels *k = s->session->device->kernels;
    size_t d = s->w->d;
    k->dots(s->scores, keys.n, (cpu_rows){vectors, d, s->n_heads}, keys, d);
    for (size_t h = 0; h < s->n_heads; h++)
        k->softmax(s->scores + h * keys.n, s->scale, keys.n);
    k->combine(vectors, d, (cpu_rows){s->scores, keys.n, s->n_heads}, keys, d);
}

static void read_contexts(const step *s, float *out, size_t n_queries)
{
    const cpu_kernels *k = s->session->device->kernels;
    size_t d = s->w->d, inner = s->w->d_inner;
    for (size_t h = 0; h < s->n_heads; h++) {
        cpu_rows c = {s->vectors + h * d, s->n_heads * d, n_queries};
        k->dots(out + h * s->d_head, inner, c, (cpu_rows){s->w->values + h * s->d_head * d, d, s->d_head}, d);
    }
    k->bias(out, s->w->value_bias, n_queries, inner, CPU_IDENTITY);
}

rrk_status cpu_cross_attention(enc_session *session, const enc_cross *w, size_t n_heads, float scale,
                               const enc_keys *keys, enc_slot q, enc_slot out, rrk_error *err)
{
    step s = {
        .session = session, .w = w, .keys = keys, .n_heads = n_heads, .d_head = w->d_inner / n_heads, .scale = scale};
    size_t n_vectors = QUERY_BLOCK * n_heads * w->d, n_queries = session->batch.n_tokens;
    RRK_TRY(cpu_scratch_reserve(&session->step, n_vectors + n_heads * most_rows(session, keys, w->d), err));
    s.vectors = session->step.data;
    s.scores = s.vectors + n_vectors;
    for (size_t at = 0; at < n_queries; at += QUERY_BLOCK) {
        size_t n = RRK_MIN(n_queries - at, (size_t)QUERY_BLOCK);
        turn_queries(&s, session->slots[q].data + at * w->d_inner, n);
        for (size_t i = 0; i < n; i++)
            attend(&s, s.vectors + i * n_heads * w->d, rows_of(session, keys, at + i, w->d));
        read_contexts(&s, session->slots[out].data + at * w->d_inner, n);
    }
    return RRK_OK;
}

rrk_status cpu_dot_keys(enc_session *session, const enc_keys *keys, enc_slot slot, float *out, rrk_error *err)
{
    size_t d = session->slots[slot].n_cols, n_queries = session->batch.n_tokens;
    for (size_t q = 0; q < n_queries; q++) {
        cpu_rows anchor = {session->slots[slot].data + q * d, d, 1};
        session->device->kernels->dots(out + q, n_queries, rows_of(session, keys, q, d), anchor, d);
    }
    return RRK_OK;
}
