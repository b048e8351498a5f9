/*
 * spiece.model and sentencepiece.bpe.model as a kind of tokenizer. What the ids mean beyond the file is fixed by the two
 * families that rrk knows: T5 adds its sentinels above the pieces, XLM-RoBERTa moves all pieces up by one and renames the
 * first ones. A text is encoded from its beginning up to some space: sentencepiece adds up scores in float over the whole
 * text, so stretches on their own would not always give the ids of the whole.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/utf8.h"
#include "encoder/json_file.h"
#include "encoder/spiece.h"
#include "encoder/tokenizer_kind.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXPECTED_SPECIALS = 128, ASCII = 0x80 };
enum { XLMR_BOS, XLMR_PAD, XLMR_EOS, XLMR_UNK, XLMR_SHIFT = 1 };

/* Bytes to begin with for each id that is asked for; a token of prose has 4 to 5. */
enum { BYTES_PER_ID = 8, FEWEST_BYTES = 1024 };

typedef struct spiece {
    enc_tokenizer base;
    enc_spiece *model;
    bool can_cut;
    int32_t shift;
    int32_t unk_in_model;
    int32_t n_pieces;    /* ids from here on are bytes of something unknown */
    const char *standin; /* a character that ends a piece, to go before a segment inside a word; NULL: there is none */
} spiece;

typedef struct taking {
    const spiece *s;
    enc_id_sink *sink;
    bool after_unknown;
} taking;

/* Unknown neighbours are one token. */
static rrk_status take(void *ctx, int32_t id, rrk_error *err)
{
    taking *t = ctx;
    bool unknown = id == t->s->unk_in_model || id >= t->s->n_pieces, goes_on = unknown && t->after_unknown;
    t->after_unknown = unknown;
    return goes_on ? RRK_OK : enc_id_put(t->sink, unknown ? t->s->base.specials.unk : id + t->s->shift, err);
}

static rrk_status encode_inside(const spiece *s, rrk_text text, taking *t, rrk_error *err)
{
    if (!s->standin)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "this sentencepiece model has no way to go on inside a word");
    size_t n_skip = strlen(s->standin);
    base_buf joined RRK_AUTO(base_buf_free) = {.max = text.len + n_skip};
    RRK_TRY(base_buf_append(&joined, s->standin, n_skip, err));
    RRK_TRY(base_buf_append(&joined, text.data, text.len, err));
    return enc_spiece_encode_behind(s->model, (rrk_text){joined.data, joined.len}, n_skip, take, t, err);
}

/* The first place from at on where a word ends for certain: a letter or digit before a space. */
static size_t word_end(rrk_text text, size_t at)
{
    for (; at > 0 && at < text.len; at++) {
        unsigned char before = (unsigned char)text.data[at - 1];
        if (text.data[at] == ' ' && before < ASCII && isalnum(before))
            return at;
    }
    return text.len;
}

static rrk_status encode_start(const spiece *s, rrk_text text, enc_segment segment, taking *t, rrk_error *err)
{
    size_t bad_at;
    if (!base_utf8_valid(text.data, text.len, &bad_at))
        return base_fail(err, RRK_E_INVALID, 0, "the text is not UTF-8 at byte %zu", bad_at);
    t->sink->ids.len = t->sink->n_total = 0;
    t->after_unknown = false;
    return segment == ENC_SEGMENT_INSIDE ? encode_inside(s, text, t, err)
                                         : enc_spiece_encode(s->model, text, take, t, err);
}

static rrk_status encode(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment, enc_id_sink *sink,
                         rrk_error *err)
{
    const spiece *s = (const spiece *)tokenizer;
    taking t = {s, sink, false};
    size_t n_bytes;
    if (!s->can_cut || base_mul_overflows(sink->max_ids, BYTES_PER_ID, &n_bytes))
        n_bytes = text.len;
    n_bytes = RRK_MAX(n_bytes, (size_t)FEWEST_BYTES);
    while (text.len > 0) {
        size_t end = n_bytes < text.len ? word_end(text, n_bytes) : text.len;
        RRK_TRY(encode_start(s, (rrk_text){text.data, end}, segment, &t, err));
        if (end == text.len || sink->n_total > sink->max_ids)
            return RRK_OK;
        n_bytes = 2 * end;
    }
    return RRK_OK;
}

static void free_spiece(enc_tokenizer *tokenizer)
{
    spiece *s = (spiece *)tokenizer;
    enc_spiece_free(s->model);
    base_free(s);
}

static const enc_tokenizer_kind SPIECE = {encode, free_spiece};

static void close_tokenizer(enc_tokenizer **tokenizer)
{
    enc_tokenizer_close(*tokenizer);
}

/* --- the families --- */

static rrk_status name_special(spiece *s, const char *name, int32_t id, rrk_error *err)
{
    s->base.n_vocab = RRK_MAX(s->base.n_vocab, (size_t)id + 1);
    return base_map_put(s->base.special_pieces, rrk_text_of(name), id, NULL, err);
}

static rrk_status finish_t5(spiece *s, const enc_tokenizer_settings *settings, size_t n_pieces, rrk_error *err)
{
    enc_specials *specials = &s->base.specials;
    *specials = (enc_specials){.cls = -1, .unk = s->unk_in_model, .n_pair_seps = 1};
    specials->sep = *settings->eos ? enc_spiece_id(s->model, settings->eos) : enc_spiece_eos(s->model);
    specials->pad = *settings->pad ? enc_spiece_id(s->model, settings->pad) : enc_spiece_pad(s->model);
    if (specials->sep < 0)
        return base_fail(err, RRK_E_FORMAT, 0, "the special token '%s' is missing", enc_name_or(settings->eos, "</s>"));
    for (int32_t id = 0; id < (int32_t)n_pieces; id++) {
        if (enc_spiece_is_special(s->model, id))
            RRK_TRY(name_special(s, enc_spiece_name(s->model, id), id, err));
    }
    for (uint32_t i = 0; i < settings->n_extra_ids; i++) {
        char name[32];
        snprintf(name, sizeof name, "<extra_id_%u>", i);
        RRK_TRY(name_special(s, name, (int32_t)n_pieces + (int32_t)(settings->n_extra_ids - 1 - i), err));
    }
    return RRK_OK;
}

static rrk_status finish_xlmr(spiece *s, size_t n_pieces, rrk_error *err)
{
    s->shift = XLMR_SHIFT;
    s->base.specials = (enc_specials){XLMR_BOS, XLMR_EOS, XLMR_PAD, XLMR_UNK, .n_pair_seps = 2};
    RRK_TRY(name_special(s, "<s>", XLMR_BOS, err));
    RRK_TRY(name_special(s, "<pad>", XLMR_PAD, err));
    RRK_TRY(name_special(s, "</s>", XLMR_EOS, err));
    RRK_TRY(name_special(s, "<unk>", XLMR_UNK, err));
    return name_special(s, "<mask>", (int32_t)n_pieces + XLMR_SHIFT, err);
}

/* Without a family the file's name decides. */
static rrk_status find_family(const enc_tokenizer_settings *settings, const char *file, bool *xlmr, rrk_error *err)
{
    static const struct {
        const char *name;
        bool xlmr;
    } KNOWN[] = {{"T5Tokenizer", false},
                 {"T5TokenizerFast", false},
                 {"MT5Tokenizer", false},
                 {"MT5TokenizerFast", false},
                 {"t5", false},
                 {"mt5", false},
                 {"umt5", false},
                 {"XLMRobertaTokenizer", true},
                 {"XLMRobertaTokenizerFast", true},
                 {"xlm-roberta", true},
                 {"xlm-roberta-xl", true}};
    *xlmr = strcmp(file, "spiece.model") != 0;
    if (!*settings->family)
        return RRK_OK;
    for (size_t i = 0; i < RRK_COUNT(KNOWN); i++) {
        if (strcmp(settings->family, KNOWN[i].name) == 0) {
            *xlmr = KNOWN[i].xlmr;
            return RRK_OK;
        }
    }
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s of '%s' (rrk knows those of T5 and XLM-RoBERTa)", file,
                     settings->family);
}

/* --- opening --- */

static rrk_status count_id(void *ctx, int32_t id, rrk_error *err)
{
    ++*(size_t *)ctx;
    return RRK_OK;
}

/* Private-use characters: no vocabulary has them, so what follows one begins a piece. */
static rrk_status find_standin(spiece *s, rrk_error *err)
{
    static const char *const CANDIDATES[] = {"\xf4\x8f\xbf\xbd", "\xee\x80\x80", "\xef\xa3\xbf"};
    for (size_t i = 0; i < RRK_COUNT(CANDIDATES) && !s->standin; i++) {
        size_t n = 0, n_behind = 0, len = strlen(CANDIDATES[i]);
        rrk_text text = {CANDIDATES[i], len};
        if (enc_spiece_id(s->model, CANDIDATES[i]) >= 0)
            continue;
        RRK_TRY(enc_spiece_encode(s->model, text, count_id, &n, err));
        RRK_TRY(enc_spiece_encode_behind(s->model, text, len, count_id, &n_behind, err));
        if (n > 0 && n_behind == 0)
            s->standin = CANDIDATES[i];
    }
    return RRK_OK;
}

/* A name that the settings give to a special token is not to come out of text. */
static bool is_special(const void *ctx, rrk_text piece)
{
    const enc_tokenizer_settings *s = ctx;
    const char *const names[] = {s->cls, s->sep, s->pad, s->unk, s->eos};
    for (size_t i = 0; i < RRK_COUNT(names); i++) {
        if (*names[i] && strlen(names[i]) == piece.len && memcmp(names[i], piece.data, piece.len) == 0)
            return true;
    }
    return enc_is_sentinel(piece);
}

static rrk_status load(enc_tokenizer **out, const char *path, const enc_tokenizer_settings *settings, bool xlmr,
                       rrk_error *err)
{
    char *data RRK_AUTO(base_free_ptr) = NULL;
    size_t len;
    RRK_TRY(base_file_read(path, ENC_MAX_TOKENIZER_BYTES, &data, &len, err));
    base_buf checked RRK_AUTO(base_buf_free) = {.max = 2 * ENC_MAX_TOKENIZER_BYTES};
    enc_spiece_facts facts;
    RRK_TRY(enc_spiece_check((rrk_text){data, len}, is_special, settings, &checked, &facts, err));
    spiece *s = base_calloc(1, sizeof *s);
    if (!s)
        return base_fail_nomem(err, sizeof *s);
    s->base.kind = &SPIECE;
    enc_tokenizer *tokenizer RRK_AUTO(close_tokenizer) = &s->base;
    RRK_TRY(enc_spiece_new(&s->model, checked.data, checked.len, err));
    RRK_TRY(base_map_new(&s->base.special_pieces, EXPECTED_SPECIALS, err));
    s->can_cut = facts.words_are_apart;
    s->unk_in_model = enc_spiece_unk(s->model);
    s->n_pieces = (int32_t)facts.n_pieces;
    s->base.n_vocab = facts.n_pieces;
    RRK_TRY(find_standin(s, err));
    RRK_TRY(xlmr ? finish_xlmr(s, facts.n_pieces, err) : finish_t5(s, settings, facts.n_pieces, err));
    *out = RRK_STEAL(tokenizer);
    return RRK_OK;
}

rrk_status enc_spiece_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                           rrk_error *err)
{
    static const char *const FILES[] = {"spiece.model", "sentencepiece.bpe.model"};
    for (size_t i = 0; i < RRK_COUNT(FILES); i++) {
        char *path RRK_AUTO(base_free_ptr) = enc_path(model_dir, FILES[i], err);
        if (!path)
            return RRK_E_NOMEM;
        if (access(path, F_OK) != 0 && errno == ENOENT)
            continue;
        bool xlmr;
        RRK_TRY(find_family(settings, FILES[i], &xlmr, err));
        rrk_error why = {0};
        rrk_status status = load(out, path, settings, xlmr, &why);
        return status == RRK_OK ? status : base_fail(err, status, why.detail, "%s: %s", FILES[i], why.message);
    }
    return RRK_OK;
}
