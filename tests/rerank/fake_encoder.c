/* The fake encoder: see fake_encoder.h. */
#include "fake_encoder.h"
#include "base/alloc.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rrk_encoder fake_encoder(rrk_encoder_head head, size_t max_tokens)
{
    return (rrk_encoder){.head = head,
                         .max_tokens = max_tokens,
                         .query_prompt = "",
                         .passage_prompt = "",
                         .name = "fake-1",
                         .nan_id = -1};
}

char *fake_words(size_t first, size_t n)
{
    char *text = calloc(n + 1, 16);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, 16, "%sw%zu", i ? " " : "", first + i);
    return text;
}

static int32_t id_of(const char *word, size_t len)
{
    uint32_t h = 0;
    for (size_t i = 1; i < len && word[i] >= '0' && word[i] <= '9'; i++)
        h = h * 10 + (uint32_t)(word[i] - '0');
    if (len > 1 && word[0] == 'w')
        return 100 + (int32_t)h;
    for (size_t i = 0; i < len; i++)
        h = h * 31 + (unsigned char)word[i];
    return 100000 + (int32_t)(h % 100000);
}

void enc_ids_free(enc_ids *ids)
{
    base_free(ids->ids);
    *ids = (enc_ids){0};
}

rrk_status enc_tokenize(const rrk_encoder *encoder, rrk_text text, size_t max_ids, enc_ids *out, size_t *n_total,
                        rrk_error *err)
{
    RRK_TRY(base_text_check(text, "text", err));
    int32_t *ids = base_alloc(text.len / 2 + 1, sizeof *ids);
    if (!ids)
        return base_fail_nomem(err, text.len);
    size_t n = 0, at = 0;
    while (at < text.len) {
        size_t end = at;
        while (end < text.len && text.data[end] != ' ')
            end++;
        if (end > at) {
            if (n < max_ids)
                ids[n] = id_of(text.data + at, end - at);
            n++;
        }
        at = end + 1;
    }
    *out = (enc_ids){ids, RRK_MIN(n, max_ids)};
    if (n_total)
        *n_total = n;
    return RRK_OK;
}

const enc_specials *enc_special_ids(const rrk_encoder *encoder)
{
    static const enc_specials BERT = {.cls = FAKE_CLS, .sep = FAKE_SEP, .pad = 0, .unk = 3, .n_pair_seps = 1},
                              XLMR = {.cls = FAKE_CLS, .sep = FAKE_SEP, .pad = 0, .unk = 3, .n_pair_seps = 2},
                              T5 = {.cls = -1, .sep = FAKE_SEP, .pad = 0, .unk = 3, .n_pair_seps = 1};
    return encoder->is_t5 ? &T5 : encoder->is_xlmr ? &XLMR : &BERT;
}

bool enc_pair_has_types(const rrk_encoder *encoder)
{
    return !encoder->is_t5 && !encoder->is_xlmr;
}

int32_t enc_special_id(const rrk_encoder *encoder, const char *name)
{
    return -1;
}

const int32_t *enc_view_ids(const rrk_encoder *encoder)
{
    static const int32_t VIEWS[FAKE_VIEWS] = {FAKE_FIRST_VIEW, FAKE_FIRST_VIEW + 1};
    return VIEWS;
}

size_t enc_n_views(const rrk_encoder *encoder)
{
    return encoder->head == RRK_HEAD_VIEWS ? FAKE_VIEWS : 0;
}

bool enc_reads_query_apart(const rrk_encoder *encoder)
{
    return encoder->is_block;
}

const enc_calibration *enc_calibration_of(const rrk_encoder *encoder)
{
    return &encoder->calibration;
}

struct enc_query {
    rrk_encoder *encoder;
    float counts[FAKE_DIM];
};

bool enc_has_answer(const rrk_encoder *encoder, enc_answer answer)
{
    return encoder->head == RRK_HEAD_SEQ2SEQ && !encoder->lacks_answers;
}

rrk_text enc_prompt(const rrk_encoder *encoder, rrk_embed_kind kind)
{
    return rrk_text_of(kind == RRK_EMBED_QUERY ? encoder->query_prompt : encoder->passage_prompt);
}

rrk_encoder_head enc_head(const rrk_encoder *encoder)
{
    return encoder->head;
}

size_t enc_max_tokens(const rrk_encoder *encoder)
{
    return encoder->max_tokens;
}

size_t enc_output_dim(const rrk_encoder *encoder)
{
    switch (encoder->head) {
    case RRK_HEAD_CROSS:
        return 1;
    case RRK_HEAD_VIEWS:
        return (size_t)FAKE_VIEWS * FAKE_DIM + encoder->is_block;
    case RRK_HEAD_SEQ2SEQ:
        return ENC_N_ANSWERS;
    case RRK_HEAD_EMBEDDING:
        break;
    }
    return FAKE_DIM;
}

rrk_status enc_check_owner(const rrk_encoder *encoder, rrk_error *err)
{
    return RRK_OK;
}

rrk_status rrk_encoder_get_info(const rrk_encoder *encoder, rrk_encoder_info *info, rrk_error *err)
{
    base_error_clear(err);
    info->head = encoder->head;
    info->d_model = FAKE_DIM;
    snprintf(info->name, sizeof info->name, "%s", encoder->name);
    snprintf(info->fingerprint, sizeof info->fingerprint, "%s",
             encoder->fingerprint ? encoder->fingerprint : encoder->name);
    return RRK_OK;
}

rrk_status rrk_encoder_embed(rrk_encoder *encoder, rrk_embed_kind kind, const rrk_text *texts, size_t n_texts,
                             float *out, rrk_error *err)
{
    base_error_clear(err);
    if (++encoder->n_calls == encoder->fail_call)
        return base_fail(err, RRK_E_DEVICE, 7, "the device is gone");
    memset(out, 0, n_texts * FAKE_DIM * sizeof *out);
    for (size_t i = 0; i < n_texts; i++) {
        enc_ids ids RRK_AUTO(enc_ids_free) = {0};
        RRK_TRY(enc_tokenize(encoder, texts[i], SIZE_MAX, &ids, NULL, err));
        for (size_t j = 0; j < ids.len; j++)
            out[i * FAKE_DIM + (size_t)ids.ids[j] % FAKE_DIM] += 1 / sqrtf((float)ids.len);
    }
    encoder->n_rows += n_texts;
    return RRK_OK;
}

static float score_pair(const enc_row *row)
{
    float score = 0;
    for (uint32_t i = row->type1_from; i < row->n_ids; i++) {
        for (uint32_t j = 1; j + 1 < row->type1_from; j++)
            score += row->ids[i] == row->ids[j];
    }
    return score;
}

/* The last row, for whoever asks how it looks. */
static void remember(rrk_encoder *encoder, const enc_row *row)
{
    encoder->n_last = RRK_MIN((size_t)row->n_ids, (size_t)FAKE_LAST);
    memcpy(encoder->last, row->ids, encoder->n_last * sizeof *row->ids);
    encoder->last_type1_from = row->type1_from;
}

static void count_words(const enc_row *row, float counts[FAKE_DIM])
{
    memset(counts, 0, FAKE_DIM * sizeof *counts);
    for (uint32_t i = 0; i < row->n_ids; i++)
        counts[row->ids[i] % FAKE_DIM] += row->ids[i] >= 100 && row->ids[i] < 100000;
}

rrk_status enc_query_read(enc_query **out, rrk_encoder *encoder, const enc_row *row, const base_deadline *deadline,
                          rrk_error *err)
{
    RRK_TRY(base_deadline_check(deadline, err));
    if (++encoder->n_calls == encoder->fail_call)
        return base_fail(err, RRK_E_DEVICE, 7, "the device is gone");
    enc_query *query = base_calloc(1, sizeof *query);
    if (!query)
        return base_fail_nomem(err, sizeof *query);
    query->encoder = encoder;
    count_words(row, query->counts);
    remember(encoder, row);
    encoder->longest_query = RRK_MAX(encoder->longest_query, (size_t)row->n_ids);
    encoder->n_queries_read++;
    encoder->most_queries = RRK_MAX(encoder->most_queries, ++encoder->n_queries);
    *out = query;
    return RRK_OK;
}

void enc_query_free(enc_query *query)
{
    if (query)
        query->encoder->n_queries--;
    base_free(query);
}

static void add_query(const rrk_encoder *encoder, const enc_row *row, float *out)
{
    float counts[FAKE_DIM];
    count_words(row, counts);
    for (size_t i = 0; i < FAKE_DIM; i++)
        out[FAKE_VIEWS * FAKE_DIM] += counts[i] * row->query->counts[i];
}

static void run_row(rrk_encoder *encoder, const enc_row *row, float *out)
{
    remember(encoder, row);
    memset(out, 0, enc_output_dim(encoder) * sizeof *out);
    if (encoder->head == RRK_HEAD_CROSS)
        out[0] = score_pair(row);
    if (encoder->is_block)
        add_query(encoder, row, out);
    for (uint32_t i = 0; i < row->n_ids; i++) {
        bool is_word = row->ids[i] >= 100 && row->ids[i] < 100000;
        if (encoder->head == RRK_HEAD_EMBEDDING && row->ids[i] >= 100)
            out[row->ids[i] % FAKE_DIM] += 1;
        if (encoder->head == RRK_HEAD_VIEWS && is_word)
            out[row->ids[i] % FAKE_DIM] += 1, out[FAKE_DIM + row->ids[i] / 2 % FAKE_DIM] += 1;
        if (encoder->head == RRK_HEAD_SEQ2SEQ && is_word)
            out[row->ids[i] % ENC_N_ANSWERS] += 1;
        if (row->ids[i] == encoder->nan_id)
            out[0] = NAN;
    }
}

rrk_status enc_run(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *out, const base_deadline *deadline,
                   rrk_error *err)
{
    RRK_TRY(base_deadline_check(deadline, err));
    if (++encoder->n_calls == encoder->fail_call)
        return base_fail(err, RRK_E_DEVICE, 7, "the device is gone");
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].n_ids == 0 || rows[i].n_ids > encoder->max_tokens)
            return base_fail(err, RRK_E_INVALID, 0, "row %zu has %u ids", i, rows[i].n_ids);
        run_row(encoder, &rows[i], out + i * enc_output_dim(encoder));
        encoder->n_tokens += rows[i].n_ids;
        encoder->longest_row = RRK_MAX(encoder->longest_row, (size_t)rows[i].n_ids);
    }
    encoder->n_rows += n_rows;
    return RRK_OK;
}

/* An anchor is the sum of the view's vectors: like the real one, it does not depend on their order. */
rrk_status enc_anchors(rrk_encoder *encoder, const float *vectors, size_t n, float *scores, float *anchors,
                       const base_deadline *deadline, rrk_error *err)
{
    RRK_TRY(base_deadline_check(deadline, err));
    encoder->n_anchor_calls++;
    float sums[FAKE_VIEWS * FAKE_DIM] = {0};
    size_t dim = RRK_COUNT(sums), stride = enc_output_dim(encoder);
    for (size_t i = 0; i < n * dim; i++)
        sums[i % dim] += vectors[i / dim * stride + i % dim];
    if (anchors)
        memcpy(anchors, sums, sizeof sums);
    for (size_t i = 0; i < n * FAKE_VIEWS; i++)
        scores[i] = encoder->is_block ? vectors[i / FAKE_VIEWS * stride + dim] : 0;
    for (size_t i = 0; i < n * dim; i++)
        scores[i / FAKE_DIM] += sums[i % dim] * vectors[i / dim * stride + i % dim];
    return RRK_OK;
}

rrk_status enc_embed(rrk_encoder *encoder, rrk_embed_kind kind, const rrk_text *texts, size_t n_texts, float *out,
                     const base_deadline *deadline, rrk_error *err)
{
    RRK_TRY(base_deadline_check(deadline, err));
    return rrk_encoder_embed(encoder, kind, texts, n_texts, out, err);
}

rrk_reranker *fake_reranker(const char *strategy, rrk_encoder *encoder)
{
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.encoder = encoder;
    rrk_reranker *reranker = NULL;
    rrk_error err;
    cr_assert_eq(rrk_reranker_open(&reranker, strategy, &options, &err), RRK_OK, "%s", err.message);
    return reranker;
}
