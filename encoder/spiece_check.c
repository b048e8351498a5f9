/*
 * The look through a sentencepiece model before the library gets it: see spiece.h. A model is a protocol buffer, of which
 * only these fields matter here: pieces (1) with text (1), score (2) and type (3), the trainer's model type (2, in it 3)
 * and whether it falls back to bytes (35), and the normalizers' tables (3 and 5, in them 2). The library follows such a
 * table wherever it points. And it joins unknown neighbours by copying the joined ones again for each, which takes
 * quadratic time; it does not when there are pieces for bytes, so a model without them gets some.
 */
#include "base/utf8.h"
#include "encoder/charsmap.h"
#include "encoder/config.h"
#include "encoder/spiece.h"
#include "encoder/tokenizer_kind.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VARINT, FIXED64, BYTES, FIXED32 = 5 };                             /* wire types */
enum { PIECES = 1, TRAINER = 2, NORMALIZER = 3, DENORMALIZER = 5 };       /* of the model */
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3, CHARSMAP = 2 };   /* of its parts */
enum { MODEL_TYPE = 3, BYTE_FALLBACK = 35 };                              /* of the trainer's part */
enum { NORMAL = 1, USER_DEFINED = 4, UNUSED = 5, BYTE = 6, UNIGRAM = 1 }; /* values */

static const char WORD_MARK[] = "\xe2\x96\x81";

typedef struct reader {
    const unsigned char *at, *end;
} reader;

typedef struct field {
    uint64_t number;
    unsigned type;
    uint64_t value; /* VARINT, FIXED32 */
    rrk_text bytes; /* BYTES */
} field;

static bool read_varint(reader *r, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; r->at < r->end && shift < 64; shift += 7) {
        unsigned char byte = *r->at++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool read_fixed(reader *r, size_t size, uint64_t *out)
{
    if ((size_t)(r->end - r->at) < size)
        return false;
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out |= (uint64_t)r->at[i] << 8 * i;
    r->at += size;
    return true;
}

static bool read_bytes(reader *r, rrk_text *out)
{
    uint64_t len;
    if (!read_varint(r, &len) || len > (uint64_t)(r->end - r->at))
        return false;
    *out = (rrk_text){(const char *)r->at, (size_t)len};
    r->at += len;
    return true;
}

static rrk_status next_field(reader *r, field *out, rrk_error *err)
{
    uint64_t tag = 0;
    bool good = read_varint(r, &tag) && tag >> 3 != 0;
    *out = (field){.number = tag >> 3, .type = tag & 7};
    if (good && out->type == VARINT)
        good = read_varint(r, &out->value);
    else if (good && (out->type == FIXED32 || out->type == FIXED64))
        good = read_fixed(r, out->type == FIXED32 ? 4 : 8, &out->value);
    else
        good = good && out->type == BYTES && read_bytes(r, &out->bytes);
    return good ? RRK_OK : base_fail(err, RRK_E_FORMAT, 0, "not a sentencepiece model, or one that is cut off");
}

static reader read_all(rrk_text text)
{
    const unsigned char *data = (const unsigned char *)text.data;
    return (reader){data, data + text.len};
}

/* --- pieces --- */

typedef struct piece {
    rrk_text text;
    float score;
    uint64_t type;
} piece;

static rrk_status read_piece(rrk_text bytes, size_t number, piece *out, rrk_error *err)
{
    *out = (piece){.type = NORMAL};
    reader r = read_all(bytes);
    while (r.at < r.end) {
        field f;
        RRK_TRY(next_field(&r, &f, err));
        if (f.number == PIECE_TEXT && f.type == BYTES)
            out->text = f.bytes;
        if (f.number == PIECE_TYPE && f.type == VARINT)
            out->type = f.value;
        if (f.number == PIECE_SCORE && f.type == FIXED32)
            memcpy(&out->score, &(uint32_t){(uint32_t)f.value}, sizeof out->score);
    }
    const char *wrong = out->text.len == 0                                      ? "no text"
                        : !base_utf8_valid(out->text.data, out->text.len, NULL) ? "a text that is not UTF-8"
                        : memchr(out->text.data, '\0', out->text.len)           ? "a NUL in its text"
                        : !isfinite(out->score)                                 ? "a score that is no number"
                        : out->type < NORMAL || out->type > BYTE                ? "a type that is not known"
                                                                                : NULL;
    if (wrong)
        return base_fail(err, RRK_E_FORMAT, 0, "piece %zu has %s", number, wrong);
    if (out->text.len > ENC_MAX_PIECE_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "piece %zu has %zu bytes, more than %d", number, out->text.len,
                         ENC_MAX_PIECE_BYTES);
    return RRK_OK;
}

/* "▁a" and "▁▁" begin words or are spaces; "a▁b" and "a▁" reach over the end of one. */
static bool stays_in_a_word(rrk_text text)
{
    const char *at = text.data, *end = at + text.len;
    size_t mark = sizeof WORD_MARK - 1;
    while ((size_t)(end - at) >= mark && memcmp(at, WORD_MARK, mark) == 0)
        at += mark;
    return at == end || (!memmem(at, (size_t)(end - at), WORD_MARK, mark) && !memchr(at, ' ', (size_t)(end - at)));
}

static rrk_status put_varint(base_buf *out, uint64_t value, rrk_error *err)
{
    for (; value >= 0x80; value >>= 7)
        RRK_TRY(base_buf_append_char(out, (char)(value | 0x80), err));
    return base_buf_append_char(out, (char)value, err);
}

/* A second type in a piece overrides the first. */
static rrk_status put_unused(base_buf *out, rrk_text bytes, rrk_error *err)
{
    static const char TYPE[] = {PIECE_TYPE << 3 | VARINT, UNUSED};
    RRK_TRY(base_buf_append_char(out, PIECES << 3 | BYTES, err));
    RRK_TRY(put_varint(out, bytes.len + sizeof TYPE, err));
    RRK_TRY(base_buf_append(out, bytes.data, bytes.len, err));
    return base_buf_append(out, TYPE, sizeof TYPE, err);
}

/* --- the other parts --- */

static rrk_status check_trainer(rrk_text bytes, enc_spiece_facts *facts, rrk_error *err)
{
    static const char *const TYPES[] = {"?", "unigram", "bpe", "word", "char"};
    reader r = read_all(bytes);
    while (r.at < r.end) {
        field f;
        RRK_TRY(next_field(&r, &f, err));
        facts->has_bytes |= f.number == BYTE_FALLBACK && f.type == VARINT && f.value != 0;
        if (f.number == MODEL_TYPE && f.type == VARINT && f.value != UNIGRAM)
            return base_fail(err, RRK_E_UNSUPPORTED, 0, "a sentencepiece model of type '%s' (rrk knows unigram)",
                             TYPES[f.value < RRK_COUNT(TYPES) ? f.value : 0]);
    }
    return RRK_OK;
}

static rrk_status check_normalizer(rrk_text bytes, rrk_error *err)
{
    reader r = read_all(bytes);
    while (r.at < r.end) {
        field f;
        RRK_TRY(next_field(&r, &f, err));
        if (f.number != CHARSMAP || f.type != BYTES || f.bytes.len == 0)
            continue;
        enc_charsmap *map RRK_AUTO(enc_charsmap_free_ptr) = NULL;
        RRK_TRY(enc_charsmap_new(&map, f.bytes.data, f.bytes.len, err));
    }
    return RRK_OK;
}

/* --- the model --- */

/* Sets *unused when the piece has to be rewritten. */
static rrk_status check_piece(rrk_text bytes, enc_spiece_special special, const void *ctx, enc_spiece_facts *facts,
                              bool *unused, rrk_error *err)
{
    if (facts->n_pieces == ENC_MAX_VOCAB)
        return base_fail(err, RRK_E_FORMAT, 0, "more than %d pieces", ENC_MAX_VOCAB);
    piece p;
    RRK_TRY(read_piece(bytes, facts->n_pieces++, &p, err));
    facts->has_bytes |= p.type == BYTE;
    bool from_text = p.type == NORMAL || p.type == USER_DEFINED;
    *unused = from_text && special(ctx, p.text);
    facts->words_are_apart &= !from_text || *unused || stays_in_a_word(p.text);
    return RRK_OK;
}

/* "<0x00>" to "<0xFF>" behind the model's own pieces, and the trainer's word that they are to be used. */
static rrk_status put_byte_pieces(base_buf *out, rrk_error *err)
{
    static const char FALLBACK[] = {TRAINER << 3 | BYTES, 3, (char)(BYTE_FALLBACK << 3 | 0x80), BYTE_FALLBACK >> 4, 1};
    for (unsigned byte = 0; byte <= UCHAR_MAX; byte++) {
        char name[8];
        int len = snprintf(name, sizeof name, "<0x%02X>", byte);
        const char before[] = {PIECES << 3 | BYTES, (char)(len + 4), PIECE_TEXT << 3 | BYTES, (char)len};
        RRK_TRY(base_buf_append(out, before, sizeof before, err));
        RRK_TRY(base_buf_append(out, name, (size_t)len, err));
        RRK_TRY(base_buf_append(out, (const char[]){PIECE_TYPE << 3 | VARINT, BYTE}, 2, err));
    }
    return base_buf_append(out, FALLBACK, sizeof FALLBACK, err);
}

rrk_status enc_spiece_check(rrk_text model, enc_spiece_special special, const void *ctx, base_buf *checked,
                            enc_spiece_facts *facts, rrk_error *err)
{
    *facts = (enc_spiece_facts){.words_are_apart = true};
    reader r = read_all(model);
    while (r.at < r.end) {
        const unsigned char *start = r.at;
        field f;
        bool unused = false;
        RRK_TRY(next_field(&r, &f, err));
        if (f.type == BYTES && f.number == PIECES)
            RRK_TRY(check_piece(f.bytes, special, ctx, facts, &unused, err));
        if (f.type == BYTES && f.number == TRAINER)
            RRK_TRY(check_trainer(f.bytes, facts, err));
        if (f.type == BYTES && (f.number == NORMALIZER || f.number == DENORMALIZER))
            RRK_TRY(check_normalizer(f.bytes, err));
        RRK_TRY(unused ? put_unused(checked, f.bytes, err)
                       : base_buf_append(checked, start, (size_t)(r.at - start), err));
    }
    if (facts->n_pieces == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "not a sentencepiece model: it has no pieces");
    return facts->has_bytes ? RRK_OK : put_byte_pieces(checked, err);
}
