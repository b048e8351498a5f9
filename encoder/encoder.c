/* Opening a model folder and what is asked about it. How rows run is in run.c, embedding texts in embed.c. */
#include "encoder/encoder.h"
#include "base/alloc.h"
#include "encoder/cpu/kernels.h"
#include "encoder/run.h"
#include "encoder/t5.h"
#include <rrk/runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void close_ptr(rrk_encoder **encoder)
{
    rrk_encoder_close(*encoder);
}

static rrk_status take_options(const rrk_encoder_options *given, rrk_encoder_options *out, rrk_error *err)
{
    rrk_encoder_options_init(out);
    BASE_TAKE_OPTIONS(out, given);
    if (out->n_threads == 0)
        out->n_threads = RRK_MIN(rrk_processor_count(), RRK_ENCODER_MAX_THREADS);
    if (out->n_threads < 0 || out->n_threads > RRK_ENCODER_MAX_THREADS)
        return base_fail(err, RRK_E_INVALID, 0, "n_threads is %d, expected 0 to %d", out->n_threads,
                         RRK_ENCODER_MAX_THREADS);
    if ((int)out->dtype < RRK_DTYPE_AUTO || out->dtype > RRK_DTYPE_INT8)
        return base_fail(err, RRK_E_INVALID, 0, "dtype is %d, expected %d to %d", (int)out->dtype, RRK_DTYPE_AUTO,
                         RRK_DTYPE_INT8);
    if (out->batch_tokens > RRK_ENCODER_MAX_BATCH_TOKENS)
        return base_fail(err, RRK_E_INVALID, 0, "batch_tokens is %zu, expected 0 to %u", out->batch_tokens,
                         RRK_ENCODER_MAX_BATCH_TOKENS);
    if (out->batch_ms == 0)
        out->batch_ms = RRK_ENCODER_DEFAULT_BATCH_MS;
    if (out->batch_ms > RRK_ENCODER_MAX_BATCH_MS)
        return base_fail(err, RRK_E_INVALID, 0, "batch_ms is %u, expected 0 to %d", out->batch_ms,
                         RRK_ENCODER_MAX_BATCH_MS);
    return RRK_OK;
}

static rrk_status find_dir(rrk_encoder *encoder, const char *model_dir, rrk_error *err)
{
    char *real = realpath(model_dir, NULL);
    encoder->dir = base_strdup(real ? real : model_dir);
    free(real);
    return encoder->dir ? RRK_OK : base_fail_nomem(err, strlen(model_dir));
}

/* "minilm-1f2e3d4c": the folder's last component and the weights' hash, so that two versions differ. */
static rrk_status make_name(rrk_encoder *encoder, rrk_error *err)
{
    enum { MAX_FOLDER = 160 };
    const char *slash = strrchr(encoder->dir, '/');
    const char *folder = slash && slash[1] ? slash + 1 : encoder->dir;
    encoder->name = base_alloc(MAX_FOLDER + 16, 1);
    if (!encoder->name)
        return base_fail_nomem(err, MAX_FOLDER);
    snprintf(encoder->name, MAX_FOLDER + 16, "%.*s-%08x", MAX_FOLDER, folder,
             (unsigned)(enc_weights_hash(encoder->weights) & 0xffffffffu));
    return RRK_OK;
}

/* T5 has no token that begins a row, all others have one. RoBERTa's positions depend on its padding token's id. */
static rrk_status check_tokenizer(const rrk_encoder *encoder, rrk_error *err)
{
    const enc_specials *special = enc_special_ids(encoder);
    const enc_config *c = &encoder->config;
    bool is_t5 = c->family == ENC_FAMILY_T5;
    if (enc_tokenizer_n_vocab(encoder->tokenizer) > encoder->config.n_vocab)
        return base_fail(err, RRK_E_FORMAT, 0, "the tokenizer has %zu tokens, the model only %u: '%s'",
                         enc_tokenizer_n_vocab(encoder->tokenizer), encoder->config.n_vocab, encoder->dir);
    if (is_t5 != (special->cls < 0) || special->sep < 0)
        return base_fail(err, RRK_E_FORMAT, 0, "the tokenizer is not one of %s models: '%s'", is_t5 ? "T5" : "BERT",
                         encoder->dir);
    if (c->family == ENC_FAMILY_ROBERTA && special->pad >= 0 && (uint32_t)special->pad + 1 != c->first_position)
        return base_fail(err, RRK_E_FORMAT, 0,
                         "the tokenizer is of another model: its padding token is %d, the model's 'pad_token_id' %u: "
                         "'%s'",
                         special->pad, c->first_position - 1, encoder->dir);
    return RRK_OK;
}

/* The views that the caller wants; without a word from anyone, a checkpoint that looks like MVP's has its default. */
static rrk_status set_views(rrk_encoder *encoder, size_t n_views, rrk_error *err)
{
    if (!n_views && encoder->config.head == RRK_HEAD_SEQ2SEQ && enc_t5_is_wrapped(encoder->weights))
        n_views = RRK_ENCODER_DEFAULT_VIEWS;
    return n_views ? enc_config_set_views(&encoder->config, n_views, err) : RRK_OK;
}

/* Views that are blocks of their own are vectors, not tokens. */
static rrk_status find_views(rrk_encoder *encoder, rrk_error *err)
{
    const enc_config *c = &encoder->config;
    if (c->mvp.is_block)
        return RRK_OK;
    for (uint32_t i = 0; i < c->n_views; i++) {
        char name[32];
        if (c->family == ENC_FAMILY_T5)
            snprintf(name, sizeof name, "<extra_id_%u>", i);
        else
            snprintf(name, sizeof name, "[unused%u]", i + 1);
        encoder->view_ids[i] = enc_special_id(encoder, name);
        if (encoder->view_ids[i] < 0)
            return base_fail(err, RRK_E_INVALID, 0, "%u views are more than the vocabulary has tokens for: no '%s'",
                             c->n_views, name);
    }
    return RRK_OK;
}

/* The id of a word that is one token, or -1. */
static rrk_status find_word(const rrk_encoder *encoder, const char *word, int32_t *out, rrk_error *err)
{
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(enc_tokenize(encoder, rrk_text_of(word), 2, &ids, NULL, err));
    *out = ids.len == 1 && ids.ids[0] != enc_special_ids(encoder)->unk ? ids.ids[0] : -1;
    return RRK_OK;
}

static rrk_status find_answers(rrk_encoder *encoder, rrk_error *err)
{
    int32_t *ids = encoder->config.t5.answer_ids;
    if (encoder->config.head != RRK_HEAD_SEQ2SEQ)
        return RRK_OK;
    RRK_TRY(find_word(encoder, "true", &ids[ENC_ANSWER_TRUE], err));
    RRK_TRY(find_word(encoder, "false", &ids[ENC_ANSWER_FALSE], err));
    ids[ENC_ANSWER_SCORE] = enc_special_id(encoder, "<extra_id_10>");
    return RRK_OK;
}

/* "cpu" or "cpu:avx2"; the loops of an instruction set, NULL for the best one. */
static rrk_status take_device(const char *device, const cpu_kernels **out, rrk_error *err)
{
    *out = NULL;
    if (!device || strcmp(device, "cpu") == 0)
        return RRK_OK;
    if (strncmp(device, "cpu:", 4) != 0)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "device '%s' is not known: there is 'cpu'", device);
    for (size_t i = 0; cpu_kernels_at(i); i++) {
        if (strcmp(cpu_kernels_at(i)->isa, device + 4) == 0) {
            *out = cpu_kernels_at(i);
            return RRK_OK;
        }
    }
    char known[128] = "";
    for (size_t i = 0, n = 0; cpu_kernels_at(i) && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", cpu_kernels_at(i)->isa);
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "device '%s': this processor has no such instruction set; there are %s",
                     device, known);
}

static rrk_dtype dtype_of(const rrk_encoder *encoder, rrk_dtype asked)
{
    if (asked != RRK_DTYPE_AUTO)
        return asked;
    return enc_weights_are_int8(encoder->weights) ? RRK_DTYPE_INT8 : RRK_DTYPE_F32;
}

static rrk_status load(rrk_encoder *encoder, const char *model_dir, const rrk_encoder_options *options, rrk_error *err)
{
    RRK_TRY(enc_config_read(&encoder->config, model_dir, err));
    RRK_TRY(enc_tokenizer_open(&encoder->tokenizer, model_dir, err));
    RRK_TRY(find_dir(encoder, model_dir, err));
    RRK_TRY(check_tokenizer(encoder, err));
    RRK_TRY(enc_weights_open(&encoder->weights, model_dir, err));
    if (options->check)
        RRK_TRY(enc_weights_check_finite(encoder->weights, err));
    RRK_TRY(set_views(encoder, options->n_views, err));
    RRK_TRY(find_views(encoder, err));
    RRK_TRY(find_answers(encoder, err));
    RRK_TRY(make_name(encoder, err));
    const cpu_kernels *kernels;
    RRK_TRY(take_device(options->device, &kernels, err));
    RRK_TRY(enc_cpu_open_as(&encoder->device, kernels, dtype_of(encoder, options->dtype), err));
    const enc_model_kind *kind = enc_model_kind_of(&encoder->config);
    RRK_TRY(kind->load(&encoder->model, encoder->device, &encoder->config, encoder->weights, err));
    encoder->max_tokens = encoder->config.max_tokens;
    if (options->max_tokens)
        encoder->max_tokens = RRK_MIN(encoder->config.cap_tokens, options->max_tokens);
    RRK_TRY(enc_fingerprint(encoder, err));
    RRK_TRY(enc_workers_new(encoder, options->n_threads, err));
    size_t batch_tokens = options->batch_tokens;
    if (batch_tokens == 0)
        RRK_TRY(enc_calibrate(encoder, options->batch_ms, &batch_tokens, err));
    return enc_workers_start(encoder, batch_tokens, err);
}

rrk_status rrk_encoder_open(rrk_encoder **out, const char *model_dir, const rrk_encoder_options *options,
                            rrk_error *err)
{
    base_error_clear(err);
    if (!out || !model_dir)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !out ? "out" : "model_dir");
    *out = NULL;
    rrk_encoder_options taken;
    RRK_TRY(take_options(options, &taken, err));
    rrk_encoder *encoder RRK_AUTO(close_ptr) = base_calloc(1, sizeof *encoder);
    if (!encoder)
        return base_fail_nomem(err, sizeof *encoder);
    encoder->owner = base_owner_here();
    rrk_status status = load(encoder, model_dir, &taken, err);
    if (status != RRK_OK) {
        if (err && !strstr(err->message, model_dir))
            base_error_prefix(err, "%s", model_dir);
        return status;
    }
    *out = RRK_STEAL(encoder);
    return RRK_OK;
}

void rrk_encoder_close(rrk_encoder *encoder)
{
    /* After a fork the threads are not there to be joined; the memory is the parent's copy and goes with the process. */
    if (!encoder || !base_owner_is_here(&encoder->owner))
        return;
    enc_workers_free(encoder);
    if (encoder->model)
        encoder->model->kind->free(encoder->model);
    if (encoder->device)
        encoder->device->ops->close(encoder->device);
    enc_tokenizer_close(encoder->tokenizer);
    enc_weights_close(encoder->weights);
    enc_config_free(&encoder->config);
    base_free(encoder->name);
    base_free(encoder->dir);
    base_free(encoder);
}

rrk_status enc_check_owner(const rrk_encoder *encoder, rrk_error *err)
{
    return base_owner_check(&encoder->owner, "encoder", err);
}

rrk_status rrk_encoder_get_info(const rrk_encoder *encoder, rrk_encoder_info *info, rrk_error *err)
{
    base_error_clear(err);
    if (!encoder || !info)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !encoder ? "encoder" : "info");
    RRK_TRY(enc_check_owner(encoder, err));
    const enc_config *c = &encoder->config;
    rrk_encoder_info ours = {
        .head = c->head,
        .n_layers = c->n_layers,
        .d_model = c->d_model,
        .n_vocab = c->n_vocab,
        .max_tokens = (uint32_t)encoder->max_tokens,
        .n_parameters = enc_weights_n_parameters(encoder->weights),
        .n_threads = base_pool_size(encoder->pool),
        .n_views = c->n_views,
        .batch_tokens = encoder->batch_tokens,
        .dtype = encoder->device->dtype,
        .is_calibrated = c->calibration.is_known,
    };
    snprintf(ours.architecture, sizeof ours.architecture, "%s", c->architecture);
    snprintf(ours.name, sizeof ours.name, "%s", encoder->name);
    memcpy(ours.fingerprint, encoder->fingerprint, sizeof ours.fingerprint);
    snprintf(ours.compute, sizeof ours.compute, "%s", encoder->device->ops->describe(encoder->device));
    BASE_GIVE_STATS(info, &ours);
    return RRK_OK;
}

/* --- what the levels above ask --- */

void enc_ids_free(enc_ids *ids)
{
    base_free(ids->ids);
    *ids = (enc_ids){0};
}

rrk_status enc_tokenize(const rrk_encoder *encoder, rrk_text text, size_t max_ids, enc_ids *out, size_t *n_total,
                        rrk_error *err)
{
    return enc_tokenizer_encode(encoder->tokenizer, text, max_ids, out, n_total, err);
}

rrk_status enc_tokenize_segment(const rrk_encoder *encoder, rrk_text text, enc_segment segment, size_t max_ids,
                                enc_ids *out, size_t *n_total, rrk_error *err)
{
    return enc_tokenizer_encode_segment(encoder->tokenizer, text, segment, max_ids, out, n_total, err);
}

int32_t enc_special_id(const rrk_encoder *encoder, const char *name)
{
    return enc_tokenizer_special_id(encoder->tokenizer, name);
}

const int32_t *enc_view_ids(const rrk_encoder *encoder)
{
    return encoder->view_ids;
}

size_t enc_n_views(const rrk_encoder *encoder)
{
    return encoder->config.n_views;
}

bool enc_reads_query_apart(const rrk_encoder *encoder)
{
    return encoder->config.mvp.is_block;
}

const enc_calibration *enc_calibration_of(const rrk_encoder *encoder)
{
    return &encoder->config.calibration;
}

bool enc_has_answer(const rrk_encoder *encoder, enc_answer answer)
{
    return encoder->config.head == RRK_HEAD_SEQ2SEQ && encoder->config.t5.answer_ids[answer] >= 0;
}

const enc_specials *enc_special_ids(const rrk_encoder *encoder)
{
    return enc_tokenizer_specials(encoder->tokenizer);
}

bool enc_pair_has_types(const rrk_encoder *encoder)
{
    return encoder->config.family == ENC_FAMILY_BERT && enc_special_ids(encoder)->n_pair_seps == 1;
}

rrk_text enc_prompt(const rrk_encoder *encoder, rrk_embed_kind kind)
{
    rrk_text prompt =
        rrk_text_of(kind == RRK_EMBED_QUERY ? encoder->config.query_prompt : encoder->config.passage_prompt);
    while (prompt.len && prompt.data[prompt.len - 1] == ' ')
        prompt.len--;
    return prompt;
}

rrk_encoder_head enc_head(const rrk_encoder *encoder)
{
    return encoder->config.head;
}

size_t enc_max_tokens(const rrk_encoder *encoder)
{
    return encoder->max_tokens;
}

size_t enc_output_dim(const rrk_encoder *encoder)
{
    const enc_config *c = &encoder->config;
    switch (c->head) {
    case RRK_HEAD_CROSS:
        return 1;
    case RRK_HEAD_VIEWS:
        return (size_t)c->n_views * c->d_model + c->mvp.is_block;
    case RRK_HEAD_SEQ2SEQ:
        return ENC_N_ANSWERS;
    case RRK_HEAD_EMBEDDING:
        break;
    }
    return c->d_model;
}
