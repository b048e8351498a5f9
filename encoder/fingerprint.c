/*
 * A model's fingerprint: equal for models that give the same outputs for the same texts, wherever they lie. Apart from
 * encoder.c because everything that changes an output has to be named here, and nothing else: whoever adds a key to
 * enc_config adds it to describe().
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/sha256.h"
#include "encoder/json_file.h"
#include "encoder/run.h"

#include <string.h>

#define MAX_TEXT_BYTES ((size_t)64 << 10)

/* The tokenizer's own file: the first that is there, as enc_tokenizer_open() looks for them. */
static rrk_status add_tokenizer_file(base_sha256 *sha, const char *dir, rrk_error *err)
{
    static const char *const FILES[] = {"tokenizer.json", "spiece.model", "sentencepiece.bpe.model", "vocab.txt"};
    for (size_t i = 0; i < RRK_COUNT(FILES); i++) {
        char *path RRK_AUTO(base_free_ptr) = enc_path(dir, FILES[i], err);
        base_mapping mapping = {0};
        if (!path)
            return RRK_E_NOMEM;
        rrk_status status = base_file_map(path, &mapping, err);
        if (status == RRK_E_NOTFOUND) {
            base_error_clear(err);
            continue;
        }
        RRK_TRY(status);
        base_sha256_add(sha, mapping.data, mapping.len);
        base_file_unmap(&mapping);
        return RRK_OK;
    }
    return RRK_OK;
}

/*
 * The files beside it are full of what does not matter, such as the version of who wrote them; what they change shows in
 * how this is cut: case, accents, Chinese characters, white space, special pieces.
 */
static rrk_status add_tokenizer_settings(base_sha256 *sha, const rrk_encoder *encoder, rrk_error *err)
{
    static const char PROBE[] =
        "The Gr\xc3\xb6\xc3\x9f\x65n of CAF\xc3\x89s, 1,234.5 \xe4\xb8\xad\xe6\x96\x87  \xef\xac\x81x\t"
        "[MASK] <mask> <extra_id_0> [unused1] \xe2\x80\x9c\xe2\x82\xac\xe2\x80\x9d";
    const enc_specials *special = enc_special_ids(encoder);
    enc_ids ids RRK_AUTO(enc_ids_free) = {0};
    RRK_TRY(enc_tokenize(encoder, rrk_text_of(PROBE), SIZE_MAX, &ids, NULL, err));
    base_sha256_add(sha, ids.ids, ids.len * sizeof *ids.ids);
    base_sha256_add(sha, special, sizeof *special);
    base_sha256_add(sha, encoder->view_ids, encoder->config.n_views * sizeof *encoder->view_ids);
    return RRK_OK;
}

static rrk_status describe_kind(const enc_config *c, base_buf *out, rrk_error *err)
{
    const enc_t5_config *t5 = &c->t5;
    const enc_mvp_config *mvp = &c->mvp;
    RRK_TRY(base_buf_printf(out, err, "t5 %u %u %u %u %u %d %d\n", t5->d_head, t5->n_decoder_layers, t5->n_buckets,
                            t5->max_distance, t5->start_id, t5->is_gated, t5->is_tied));
    RRK_TRY(base_buf_printf(out, err, "mvp %u %a %d %d %u %a\n", mvp->n_decoder_layers, (double)mvp->score_scale,
                            mvp->is_block, mvp->shares_keys, mvp->view_from, (double)mvp->cosine_scale));
    RRK_TRY(base_buf_printf(out, err, "maxsim %a %u\n", (double)mvp->maxsim_scale, mvp->maxsim_layer));
    return base_buf_printf(out, err, "calibration %d %a %a\n", c->calibration.is_known, c->calibration.slope,
                           c->calibration.intercept);
}

static rrk_status describe(const rrk_encoder *encoder, base_buf *out, rrk_error *err)
{
    const enc_config *c = &encoder->config;
    RRK_TRY(base_buf_printf(out, err, "weights %016llx\ndtype %d\nmax_tokens %zu\nviews %u\n",
                            (unsigned long long)enc_weights_hash(encoder->weights), (int)encoder->device->dtype,
                            encoder->max_tokens, c->n_views));
    RRK_TRY(base_buf_printf(out, err, "head %d family %d\nlayers %u %u %u %u\n", (int)c->head, (int)c->family,
                            c->n_layers, c->d_model, c->n_heads, c->d_ff));
    RRK_TRY(base_buf_printf(out, err, "rest %u %u %a %d\n", c->first_position, c->n_types, (double)c->norm_eps,
                            (int)c->activation));
    RRK_TRY(base_buf_printf(out, err, "pooling %d %d\n", (int)c->pooling, c->normalize));
    RRK_TRY(base_buf_printf(out, err, "query %zu %s\npassage %zu %s\n", strlen(c->query_prompt), c->query_prompt,
                            strlen(c->passage_prompt), c->passage_prompt));
    return describe_kind(c, out, err);
}

rrk_status enc_fingerprint(rrk_encoder *encoder, rrk_error *err)
{
    base_sha256 sha;
    char hex[BASE_SHA256_HEX_SIZE];
    base_buf text RRK_AUTO(base_buf_free) = {.max = MAX_TEXT_BYTES};
    base_sha256_start(&sha);
    RRK_TRY(describe(encoder, &text, err));
    base_sha256_add(&sha, text.data, text.len);
    RRK_TRY(add_tokenizer_file(&sha, encoder->dir, err));
    RRK_TRY(add_tokenizer_settings(&sha, encoder, err));
    base_sha256_end(&sha, hex);
    memcpy(encoder->fingerprint, hex, sizeof encoder->fingerprint - 1);
    return RRK_OK;
}
