/* Rows, chunks and caps: see rows.h. */
#include "rerank/rows.h"
#include "base/alloc.h"

#include <string.h>

void rank_rows_free(rank_rows *rows)
{
    base_free(rows->ids);
    base_free(rows->rows);
    base_free(rows->passage_of);
    *rows = (rank_rows){0};
}

static rrk_status grow_rows(rank_rows *rows, rrk_error *err)
{
    size_t cap = rows->cap ? rows->cap * 2 : 64;
    enc_row *grown = base_realloc(rows->rows, cap, sizeof *grown);
    if (!grown)
        return base_fail_nomem(err, cap * sizeof *grown);
    rows->rows = grown;
    uint32_t *passage_of = base_realloc(rows->passage_of, cap, sizeof *passage_of);
    if (!passage_of)
        return base_fail_nomem(err, cap * sizeof *passage_of);
    rows->passage_of = passage_of;
    rows->cap = cap;
    return RRK_OK;
}

rrk_status rank_rows_begin(rank_rows *rows, uint32_t passage, rrk_error *err)
{
    if (rows->n == RRK_RERANK_MAX_ROWS)
        return base_fail(err, RRK_E_INVALID, 0, "the passages make more than %d rows: give fewer, or lower max_chunks",
                         RRK_RERANK_MAX_ROWS);
    if (rows->n == rows->cap)
        RRK_TRY(grow_rows(rows, err));
    rows->rows[rows->n] = (enc_row){.type1_from = UINT32_MAX};
    rows->passage_of[rows->n++] = passage;
    return RRK_OK;
}

rrk_status rank_rows_add(rank_rows *rows, const int32_t *ids, size_t n, rrk_error *err)
{
    if (rows->cap_ids - rows->n_ids < n) {
        size_t cap = RRK_MAX(rows->cap_ids * 2, rows->n_ids + n + 1024);
        int32_t *grown = base_realloc(rows->ids, cap, sizeof *grown);
        if (!grown)
            return base_fail_nomem(err, cap * sizeof *grown);
        rows->ids = grown;
        rows->cap_ids = cap;
    }
    if (n)
        memcpy(rows->ids + rows->n_ids, ids, n * sizeof *ids);
    rows->n_ids += n;
    rows->rows[rows->n - 1].n_ids += (uint32_t)n;
    return RRK_OK;
}

void rank_rows_second_segment(rank_rows *rows)
{
    enc_row *row = &rows->rows[rows->n - 1];
    row->type1_from = row->n_ids;
}

void rank_frame_free(rank_frame *frame)
{
    enc_ids_free(&frame->before);
    enc_ids_free(&frame->after);
}

rrk_status rank_ids_add(enc_ids *part, const int32_t *ids, size_t n, rrk_error *err)
{
    if (n == 0)
        return RRK_OK;
    int32_t *grown = base_realloc(part->ids, part->len + n, sizeof *grown);
    if (!grown)
        return base_fail_nomem(err, (part->len + n) * sizeof *grown);
    memcpy(grown + part->len, ids, n * sizeof *ids);
    part->ids = grown;
    part->len += n;
    return RRK_OK;
}

rrk_status rank_ids_add_text(enc_ids *part, const rrk_encoder *encoder, const char *text, rrk_error *err)
{
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(enc_tokenize(encoder, rrk_text_of(text), SIZE_MAX, &ids, NULL, err));
    return rank_ids_add(part, ids.ids, ids.len, err);
}

rrk_status rank_frame_of_text(const rrk_encoder *encoder, rrk_embed_kind kind, rank_frame *frame, rrk_error *err)
{
    const enc_specials *special = enc_special_ids(encoder);
    enc_ids prompt RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(enc_tokenize(encoder, enc_prompt(encoder, kind), SIZE_MAX, &prompt, NULL, err));
    RRK_TRY(rank_ids_add(&frame->before, &special->cls, special->cls >= 0, err));
    RRK_TRY(rank_ids_add(&frame->before, prompt.ids, prompt.len, err));
    return rank_ids_add(&frame->after, &special->sep, 1, err);
}

rrk_status rank_room_in_row(const rrk_encoder *encoder, const rank_frame *frame, size_t *out, rrk_error *err)
{
    size_t max = enc_max_tokens(encoder), taken = frame->before.len + frame->after.len;
    *out = 0;
    if (taken >= max)
        return base_fail(err, RRK_E_INVALID, 0, "a row of %zu tokens has no room for text beside the prompt", max);
    *out = max - taken;
    return RRK_OK;
}

rrk_status rank_rows_add_framed(rank_rows *rows, uint32_t passage, const rank_frame *frame, const int32_t *ids,
                                size_t n, rrk_error *err)
{
    RRK_TRY(rank_rows_begin(rows, passage, err));
    RRK_TRY(rank_rows_add(rows, frame->before.ids, frame->before.len, err));
    if (frame->has_second_segment)
        rank_rows_second_segment(rows);
    RRK_TRY(rank_rows_add(rows, ids, n, err));
    return rank_rows_add(rows, frame->after.ids, frame->after.len, err);
}

void rank_rows_seal(rank_rows *rows)
{
    const int32_t *at = rows->ids;
    for (size_t i = 0; i < rows->n; i++) {
        enc_row *row = &rows->rows[i];
        row->ids = at;
        row->type1_from = RRK_MIN(row->type1_from, row->n_ids);
        at += row->n_ids;
    }
}

/* Title first, as retrieval indexes it. A passage without a title is not copied. */
static rrk_status join(const rrk_passage *passage, char **owned, rrk_text *out, rrk_error *err)
{
    const rrk_text *title = &passage->title, *text = &passage->text;
    if (title->len == 0 || text->len == 0) {
        *out = title->len ? *title : *text;
        return RRK_OK;
    }
    size_t len;
    if (base_add_overflows(title->len, text->len, &len) || base_add_overflows(len, 1, &len))
        return base_fail_nomem(err, SIZE_MAX);
    *owned = base_alloc(len, 1);
    if (!*owned)
        return base_fail_nomem(err, len);
    memcpy(*owned, title->data, title->len);
    (*owned)[title->len] = ' ';
    memcpy(*owned + title->len + 1, text->data, text->len);
    *out = (rrk_text){*owned, len};
    return RRK_OK;
}

/* The ids that will be read of a passage, and how they fall into chunks. */
static size_t plan_cut(const rrk_rank_options *options, size_t row_cap, rank_cut *cut)
{
    size_t cap = options->max_tokens_per_passage ? options->max_tokens_per_passage : SIZE_MAX;
    cut->row_cap = cut->stride = RRK_MIN(row_cap, cap);
    if (options->long_passage == RRK_LONG_TRUNCATE)
        return cut->row_cap;
    cut->stride = cut->row_cap - RRK_MIN(options->chunk_overlap, cut->row_cap / 2);
    size_t span;
    if (base_mul_overflows(options->max_chunks - 1, cut->stride, &span) ||
        base_add_overflows(span, cut->row_cap, &span))
        return cap;
    return RRK_MIN(cap, span);
}

rrk_status rank_cut_passage(const rank_task *task, size_t i, size_t row_cap, rank_counts *counts, rank_cut *out,
                            rrk_error *err)
{
    *out = (rank_cut){0};
    char *owned RRK_AUTO(base_free_ptr) = NULL;
    rrk_text text;
    RRK_TRY(join(&task->passages[i], &owned, &text, err));
    size_t max_ids = plan_cut(task->options, row_cap, out), n_total;
    RRK_TRY(enc_tokenize(task->encoder, text, max_ids, &out->ids, &n_total, err));
    counts->n_truncated += n_total > out->ids.len;
    counts->n_chunked += out->ids.len > out->row_cap;
    return RRK_OK;
}

void rank_cut_free(rank_cut *cut)
{
    enc_ids_free(&cut->ids);
}

bool rank_cut_chunk(const rank_cut *cut, size_t c, const int32_t **ids, size_t *n)
{
    size_t start = c * cut->stride;
    bool covered = c > 0 && start - cut->stride + cut->row_cap >= cut->ids.len;
    if (covered)
        return false;
    *ids = cut->ids.ids + start;
    *n = RRK_MIN(cut->row_cap, cut->ids.len - start);
    return true;
}

rrk_status rank_query_ids(const rank_task *task, size_t limit, enc_ids *out, rrk_error *err)
{
    size_t cap = task->options->max_query_tokens ? RRK_MIN(task->options->max_query_tokens, limit) : limit;
    return enc_tokenize(task->encoder, task->query, cap, out, NULL, err);
}

rrk_status rank_rows_add_query(rank_rows *rows, const rank_task *task, size_t cap, rrk_error *err)
{
    rank_frame frame RRK_AUTO(rank_frame_free) = {0};
    RRK_TRY(rank_frame_of_text(task->encoder, RRK_EMBED_QUERY, &frame, err));
    size_t room;
    RRK_TRY(rank_room_in_row(task->encoder, &frame, &room, err));
    enc_ids query RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(rank_query_ids(task, RRK_MIN(cap, room), &query, err));
    return rank_rows_add_framed(rows, RANK_NO_PASSAGE, &frame, query.ids, query.len, err);
}
