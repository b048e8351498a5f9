/*
 * Embedding texts: rows of their ids, in chunks that bound memory, through the model. Apart from encoder.c because this
 * is work, and that is opening and asking.
 */
#include "base/alloc.h"
#include "base/text.h"
#include "encoder/run.h"

#include <math.h>
#include <string.h>

/* Texts that one call tokenises before it runs them: bounds memory whatever the request. */
enum { TEXTS_PER_CHUNK = 1024 };

typedef struct embed_job {
    const rrk_encoder *encoder;
    const rrk_text *texts;
    enc_ids prompt;
    enc_row *rows;     /* [TEXTS_PER_CHUNK] */
    int32_t **ids;     /* [TEXTS_PER_CHUNK] each owned */
    rrk_error *errors; /* [TEXTS_PER_CHUNK] */
    size_t n;          /* texts of this chunk */
} embed_job;

static void clear_rows(embed_job *job)
{
    for (size_t i = 0; job->ids && i < job->n; i++)
        base_free(RRK_STEAL(job->ids[i]));
}

static void free_job(embed_job *job)
{
    clear_rows(job);
    enc_ids_free(&job->prompt);
    base_free(job->rows);
    base_free(job->ids);
    base_free(job->errors);
}

/* What a row has besides texts: [CLS], which T5 lacks, and [SEP]. */
static size_t n_specials(const rrk_encoder *encoder)
{
    return enc_special_ids(encoder)->cls >= 0 ? 2 : 1;
}

/* [CLS] prompt text [SEP] of one text. */
static rrk_status make_row(embed_job *job, size_t i, rrk_error *err)
{
    const rrk_encoder *encoder = job->encoder;
    const enc_specials *special = enc_special_ids(encoder);
    size_t n_before = n_specials(encoder) - 1, room = encoder->max_tokens - job->prompt.len - n_before - 1;
    enc_ids text RRK_AUTO(enc_ids_free) = {0};
    /* The tokenizer reads no further than it has to; what is promised holds for the whole text. */
    RRK_TRY(base_text_check(job->texts[i], "it", err));
    RRK_TRY(enc_tokenize(encoder, job->texts[i], room, &text, NULL, err));
    size_t n = n_before + job->prompt.len + text.len + 1;
    int32_t *ids = base_alloc(n, sizeof *ids);
    if (!ids)
        return base_fail_nomem(err, n * sizeof *ids);
    ids[0] = special->cls;
    if (job->prompt.len)
        memcpy(ids + n_before, job->prompt.ids, job->prompt.len * sizeof *ids);
    if (text.len)
        memcpy(ids + n_before + job->prompt.len, text.ids, text.len * sizeof *ids);
    ids[n - 1] = special->sep;
    job->ids[i] = ids;
    job->rows[i] = (enc_row){ids, (uint32_t)n, (uint32_t)n, NULL};
    return RRK_OK;
}

static void row_task(void *ctx, size_t i, int worker)
{
    embed_job *job = ctx;
    base_error_clear(&job->errors[i]);
    make_row(job, i, &job->errors[i]);
}

/* Weights that hold a NaN give vectors that do, and these must not reach a store. */
static rrk_status check_finite(const rrk_encoder *encoder, size_t first, size_t n, const float *out, rrk_error *err)
{
    size_t d = encoder->config.d_model;
    for (size_t i = 0; i < n * d; i++) {
        if (!isfinite(out[i]))
            return base_fail(err, RRK_E_FORMAT, 0,
                             "text %zu: results of model '%s' are not numbers; 'rrk info --check' names the tensor",
                             first + i / d, encoder->name);
    }
    return RRK_OK;
}

static rrk_status embed_chunk(rrk_encoder *encoder, embed_job *job, size_t first, float *out,
                              const base_deadline *deadline, rrk_error *err)
{
    RRK_TRY(base_deadline_check(deadline, err));
    base_pool_run(encoder->pool, job->n, row_task, job);
    for (size_t i = 0; i < job->n; i++) {
        const rrk_error *e = &job->errors[i];
        if (e->status != RRK_OK)
            return base_fail(err, (rrk_status)e->status, e->detail, "text %zu: %s", first + i, e->message);
    }
    RRK_TRY(enc_run(encoder, job->rows, job->n, out, deadline, err));
    return check_finite(encoder, first, job->n, out, err);
}

static rrk_status begin_job(embed_job *job, rrk_embed_kind kind, rrk_error *err)
{
    const rrk_encoder *encoder = job->encoder;
    RRK_TRY(enc_tokenize(encoder, enc_prompt(encoder, kind), SIZE_MAX, &job->prompt, NULL, err));
    if (job->prompt.len + n_specials(encoder) + 1 > encoder->max_tokens)
        return base_fail(err, RRK_E_INVALID, 0, "a row of %zu tokens has no room for text beside the prompt",
                         encoder->max_tokens);
    job->rows = base_calloc(TEXTS_PER_CHUNK, sizeof *job->rows);
    job->ids = base_calloc(TEXTS_PER_CHUNK, sizeof *job->ids);
    job->errors = base_calloc(TEXTS_PER_CHUNK, sizeof *job->errors);
    if (!job->rows || !job->ids || !job->errors)
        return base_fail_nomem(err, TEXTS_PER_CHUNK * sizeof *job->errors);
    return RRK_OK;
}

rrk_status enc_embed(rrk_encoder *encoder, rrk_embed_kind kind, const rrk_text *texts, size_t n_texts, float *out,
                     const base_deadline *deadline, rrk_error *err)
{
    RRK_TRY(enc_check_owner(encoder, err));
    if (encoder->config.head != RRK_HEAD_EMBEDDING)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "model '%s' has no embedding head", encoder->name);
    embed_job job RRK_AUTO(free_job) = {.encoder = encoder};
    RRK_TRY(begin_job(&job, kind, err));
    for (size_t first = 0; first < n_texts; first += TEXTS_PER_CHUNK) {
        job.texts = texts + first;
        job.n = RRK_MIN(n_texts - first, (size_t)TEXTS_PER_CHUNK);
        rrk_status status = embed_chunk(encoder, &job, first, out + first * encoder->config.d_model, deadline, err);
        clear_rows(&job);
        RRK_TRY(status);
    }
    return RRK_OK;
}

rrk_status rrk_encoder_embed(rrk_encoder *encoder, rrk_embed_kind kind, const rrk_text *texts, size_t n_texts,
                             float *out, rrk_error *err)
{
    base_error_clear(err);
    if (!encoder || (n_texts && (!texts || !out)))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !encoder ? "encoder" : !texts ? "texts" : "out");
    if (kind != RRK_EMBED_QUERY && kind != RRK_EMBED_PASSAGE)
        return base_fail(err, RRK_E_INVALID, 0, "kind is %d, expected RRK_EMBED_QUERY or RRK_EMBED_PASSAGE", (int)kind);
    return enc_embed(encoder, kind, texts, n_texts, out, NULL, err);
}
