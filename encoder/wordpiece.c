/* WordPiece: see wordpiece.h. What it asks about characters is in wordpiece_unicode.c. */
#include "encoder/wordpiece.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "encoder/wordpiece_unicode.h"

#include <string.h>

/* Marks in a row that wait to be put into canonical order. */
enum { MAX_MARKS = 32 };

/* What the reader holds while it goes through a text. */
typedef struct reader {
    const enc_wordpiece *wp;
    char *word; /* UTF-8 of the word so far, room for max_chars characters; owned */
    size_t n_bytes;
    size_t n_chars; /* may be larger than max_chars: then the word is unknown and its text is not kept */
    uint32_t marks[MAX_MARKS];
    int classes[MAX_MARKS];
    size_t n_marks;
    int32_t *ids; /* owned until handed out */
    size_t n_ids;
    size_t cap_ids;
    size_t max_ids; /* stop when there are more than these */
} reader;

rrk_status enc_wordpiece_init(enc_wordpiece *wp, rrk_error *err)
{
    *wp = (enc_wordpiece){
        .max_chars = ENC_WORDPIECE_DEFAULT_MAX_CHARS,
        .unknown = -1,
        .clean_text = true,
        .split_chinese = true,
        .strip_accents = true,
        .lowercase = true,
    };
    RRK_TRY(base_map_new(&wp->first, 32768, err));
    return base_map_new(&wp->rest, 8192, err);
}

void enc_wordpiece_free(enc_wordpiece *wp)
{
    base_map_free(wp->first);
    base_map_free(wp->rest);
    *wp = (enc_wordpiece){0};
}

rrk_status enc_wordpiece_add(enc_wordpiece *wp, rrk_text token, const char *prefix, int32_t id, rrk_error *err)
{
    size_t n_prefix = strlen(prefix);
    bool continues = n_prefix && token.len > n_prefix && memcmp(token.data, prefix, n_prefix) == 0;
    rrk_text piece = continues ? (rrk_text){token.data + n_prefix, token.len - n_prefix} : token;
    bool existed;
    RRK_TRY(base_map_put(continues ? wp->rest : wp->first, piece, id, &existed, err));
    if (existed)
        return base_fail(err, RRK_E_FORMAT, 0, "token '%.*s' stands twice in the vocabulary",
                         (int)RRK_MIN(token.len, (size_t)64), token.data);
    wp->longest = RRK_MAX(wp->longest, piece.len);
    wp->n_vocab = RRK_MAX(wp->n_vocab, (size_t)id + 1);
    return RRK_OK;
}

int32_t enc_wordpiece_id(const enc_wordpiece *wp, const char *token)
{
    int64_t id;
    return base_map_get(wp->first, rrk_text_of(token), &id) ? (int32_t)id : -1;
}

static rrk_status add_id(reader *r, int32_t id, rrk_error *err)
{
    if (r->n_ids == r->cap_ids) {
        size_t cap = RRK_MAX(r->cap_ids * 2, (size_t)64);
        int32_t *ids = base_realloc(r->ids, cap, sizeof *ids);
        if (!ids)
            return base_fail_nomem(err, cap * sizeof *ids);
        r->ids = ids;
        r->cap_ids = cap;
    }
    r->ids[r->n_ids++] = id;
    return RRK_OK;
}

/* The longest piece at the start of text that the map knows; 0 when there is none. */
static size_t longest_piece(const base_map *map, const char *text, size_t len, size_t longest, int64_t *id)
{
    for (size_t n = RRK_MIN(len, longest); n > 0; n--) {
        bool splits = n < len && ((unsigned char)text[n] & 0xc0) == 0x80;
        if (!splits && base_map_get(map, (rrk_text){text, n}, id))
            return n;
    }
    return 0;
}

/* A word of which some part is not known is unknown as a whole. */
static rrk_status split_word(reader *r, rrk_error *err)
{
    const enc_wordpiece *wp = r->wp;
    size_t before = r->n_ids;
    for (size_t at = 0; at < r->n_bytes;) {
        int64_t id;
        size_t n = longest_piece(at ? wp->rest : wp->first, r->word + at, r->n_bytes - at, wp->longest, &id);
        if (n == 0) {
            r->n_ids = before;
            return add_id(r, wp->unknown, err);
        }
        RRK_TRY(add_id(r, (int32_t)id, err));
        at += n;
    }
    return RRK_OK;
}

static void keep(reader *r, uint32_t c)
{
    if (r->n_chars++ < r->wp->max_chars)
        r->n_bytes += base_utf8_put(c, r->word + r->n_bytes);
}

static void keep_lowered(reader *r, uint32_t c)
{
    if (!r->wp->lowercase) {
        keep(r, c);
        return;
    }
    uint32_t lower[ENC_WP_MAX_LOWERED];
    size_t n = enc_wp_lower(c, lower);
    for (size_t i = 0; i < n; i++)
        keep(r, lower[i]);
}

static void flush_marks(reader *r)
{
    for (size_t i = 0; i < r->n_marks; i++)
        keep_lowered(r, r->marks[i]);
    r->n_marks = 0;
}

static rrk_status end_word(reader *r, rrk_error *err)
{
    flush_marks(r);
    rrk_status status = RRK_OK;
    if (r->n_chars > r->wp->max_chars)
        status = add_id(r, r->wp->unknown, err);
    else if (r->n_chars > 0)
        status = split_word(r, err);
    r->n_bytes = r->n_chars = 0;
    return status;
}

static rrk_status punctuation(reader *r, uint32_t c, rrk_error *err)
{
    RRK_TRY(end_word(r, err));
    keep_lowered(r, c);
    return end_word(r, err);
}

/* Canonical order: marks of a run are sorted by class, those of one class stay as they came. */
static void add_mark(reader *r, uint32_t c, int class)
{
    if (r->n_marks == MAX_MARKS)
        flush_marks(r);
    size_t at = r->n_marks++;
    for (; at > 0 && r->classes[at - 1] > class; at--) {
        r->marks[at] = r->marks[at - 1];
        r->classes[at] = r->classes[at - 1];
    }
    r->marks[at] = c;
    r->classes[at] = class;
}

/* One character of the decomposed text. */
static rrk_status take_decomposed(reader *r, uint32_t c, rrk_error *err)
{
    enc_wp_class kind = enc_wp_classify(c);
    int class = enc_wp_combining_class(c);
    if (class == 0)
        flush_marks(r);
    if (kind == ENC_WP_MARK)
        return RRK_OK;
    if (kind == ENC_WP_PUNCTUATION)
        return punctuation(r, c, err);
    if (class)
        add_mark(r, c, class);
    else
        keep_lowered(r, c);
    return RRK_OK;
}

static rrk_status take_stripped(reader *r, uint32_t c, rrk_error *err)
{
    uint32_t parts[ENC_WP_MAX_DECOMPOSED];
    size_t n = enc_wp_decompose(c, parts);
    for (size_t i = 0; i < n; i++)
        RRK_TRY(take_decomposed(r, parts[i], err));
    return RRK_OK;
}

static rrk_status take(reader *r, uint32_t c, rrk_error *err)
{
    const enc_wordpiece *wp = r->wp;
    if (enc_wp_is_space(c))
        return c == 0x0b || c == 0x0c || c == 0x85 ? (wp->clean_text ? RRK_OK : end_word(r, err)) : end_word(r, err);
    enc_wp_class kind = enc_wp_classify(c);
    if (wp->clean_text && (c == 0 || kind == ENC_WP_DROPPED))
        return RRK_OK;
    bool alone = wp->split_chinese && enc_wp_is_chinese(c);
    if (alone)
        RRK_TRY(end_word(r, err));
    if (wp->strip_accents)
        RRK_TRY(take_stripped(r, c, err));
    else if (kind == ENC_WP_PUNCTUATION)
        RRK_TRY(punctuation(r, c, err));
    else
        keep_lowered(r, c);
    return alone ? end_word(r, err) : RRK_OK;
}

/* Most text is ASCII, and ASCII needs no tables. */
static rrk_status take_ascii(reader *r, unsigned char c, rrk_error *err)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')) {
        flush_marks(r);
        keep(r, c >= 'A' && c <= 'Z' && r->wp->lowercase ? c | 0x20u : c);
        return RRK_OK;
    }
    return c == ' ' ? end_word(r, err) : take(r, c, err);
}

static rrk_status read_text(reader *r, rrk_text text, rrk_error *err)
{
    size_t at = 0;
    while (at < text.len && r->n_ids <= r->max_ids) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte < 0x80) {
            at++;
            RRK_TRY(take_ascii(r, byte, err));
            continue;
        }
        size_t here = at;
        uint32_t c = base_utf8_next(text.data, text.len, &at);
        if (c == BASE_UTF8_BAD)
            return base_fail(err, RRK_E_INVALID, 0, "the text is not UTF-8 at byte %zu", here);
        RRK_TRY(take(r, c, err));
    }
    return r->n_ids <= r->max_ids ? end_word(r, err) : RRK_OK;
}

rrk_status enc_wordpiece_encode(const enc_wordpiece *wp, rrk_text text, size_t max_ids, enc_ids *out, size_t *n_total,
                                rrk_error *err)
{
    *out = (enc_ids){0};
    char *word RRK_AUTO(base_free_ptr) = base_alloc((size_t)wp->max_chars + 1, 4);
    if (!word)
        return base_fail_nomem(err, (size_t)wp->max_chars * 4);
    reader r = {.wp = wp, .word = word, .max_ids = max_ids};
    rrk_status status = read_text(&r, text, err);
    if (status != RRK_OK) {
        base_free(r.ids);
        return status;
    }
    if (n_total)
        *n_total = r.n_ids;
    *out = (enc_ids){r.ids, RRK_MIN(r.n_ids, max_ids)};
    return RRK_OK;
}
