/*
 * WordPiece as a stream: see wordpiece.h. A text is read character by character into one bounded word buffer, and each
 * finished word gives its ids at once, so a long text costs no more than the part of it that is asked for. Canonical
 * reordering happens inside a word too, because white space, punctuation and ideographs never move.
 */
#include "encoder/wordpiece.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "encoder/wordpiece_unicode.h"

#include <string.h>

enum { ASCII = 0x80, MAX_WORD_BYTES = 4 * ENC_MAX_WORD_CHARS };

typedef struct wordpiece {
    enc_tokenizer base;
    enc_wordpiece_options options; /* without prefix */
    base_map *starts;              /* pieces that begin a word */
    base_map *continuations;       /* pieces that go on, without their prefix */
    size_t longest_start;          /* bytes */
    size_t longest_continuation;
    uint16_t ascii[ASCII]; /* what an ASCII character does: itself in lower case, or one of the three below */
} wordpiece;

enum { ASCII_PUNCTUATION = 0x100, ASCII_SPACE, ASCII_DROP };

/* The state of one text. */
typedef struct scan {
    const wordpiece *w;
    char word[MAX_WORD_BYTES]; /* normalised */
    size_t word_len;
    size_t n_chars; /* of the word, counted on when it is too long to keep */
    uint32_t marks[ENC_MAX_WORD_CHARS];
    uint8_t mark_classes[ENC_MAX_WORD_CHARS];
    size_t n_marks; /* waiting to be put in canonical order */
    enc_id_sink *sink;
    rrk_error *err;
} scan;

/* The longest entry that the text begins with, cut between characters only; 0 when there is none. */
static size_t longest_piece(const base_map *map, size_t longest, const char *text, size_t len, int32_t *id)
{
    int64_t value;
    for (size_t n = RRK_MIN(len, longest); n > 0; n--) {
        bool inside = n < len && ((unsigned char)text[n] & 0xc0) == 0x80;
        if (!inside && base_map_get(map, (rrk_text){text, n}, &value)) {
            *id = (int32_t)value;
            return n;
        }
    }
    return 0;
}

/* A word of which any part has no piece is unknown as a whole. */
static size_t split_word(const wordpiece *w, const char *word, size_t len, int32_t *ids)
{
    size_t n = 0, at = longest_piece(w->starts, w->longest_start, word, len, &ids[n]);
    if (at == 0)
        return 0;
    n++;
    while (at < len) {
        size_t step = longest_piece(w->continuations, w->longest_continuation, word + at, len - at, &ids[n]);
        if (step == 0)
            return 0;
        at += step;
        n++;
    }
    return n;
}

static void append(scan *s, uint32_t c)
{
    if (s->n_chars++ < s->w->options.max_word_chars)
        s->word_len += base_utf8_put(c, s->word + s->word_len);
}

static rrk_status end_word(scan *s)
{
    if (s->n_chars == 0)
        return RRK_OK;
    const wordpiece *w = s->w;
    int32_t ids[ENC_MAX_WORD_CHARS];
    size_t n = s->n_chars > w->options.max_word_chars ? 0 : split_word(w, s->word, s->word_len, ids);
    s->n_chars = s->word_len = 0;
    if (n == 0)
        return enc_id_put(s->sink, w->base.specials.unk, s->err);
    for (size_t i = 0; i < n; i++)
        RRK_TRY(enc_id_put(s->sink, ids[i], s->err));
    return RRK_OK;
}

static rrk_status single_word(scan *s, uint32_t c)
{
    RRK_TRY(end_word(s));
    append(s, c);
    return end_word(s);
}

/* The pre-tokenizer's step: a character after normalisation. */
static rrk_status put(scan *s, uint32_t c)
{
    if (enc_wp_is_space(c))
        return end_word(s);
    if (enc_wp_classify(c) == ENC_WP_PUNCTUATION)
        return single_word(s, c);
    append(s, c);
    return RRK_OK;
}

static rrk_status put_lower(scan *s, uint32_t c)
{
    if (!s->w->options.lowercase)
        return put(s, c);
    uint32_t lower[ENC_WP_MAX_LOWERED];
    size_t n = enc_wp_lower(c, lower);
    for (size_t i = 0; i < n; i++)
        RRK_TRY(put(s, lower[i]));
    return RRK_OK;
}

static rrk_status put_marks(scan *s)
{
    size_t n = s->n_marks;
    s->n_marks = 0;
    for (size_t i = 0; i < n; i++)
        RRK_TRY(put_lower(s, s->marks[i]));
    return RRK_OK;
}

/* Stable insertion by class. With more marks than a word may have characters the word is unknown in any order. */
static void keep_mark(scan *s, uint32_t c, int combining_class)
{
    if (s->n_marks == s->w->options.max_word_chars) {
        s->n_chars++;
        return;
    }
    size_t at = s->n_marks++;
    for (; at > 0 && s->mark_classes[at - 1] > combining_class; at--) {
        s->marks[at] = s->marks[at - 1];
        s->mark_classes[at] = s->mark_classes[at - 1];
    }
    s->marks[at] = c;
    s->mark_classes[at] = (uint8_t)combining_class;
}

static rrk_status put_stripped(scan *s, uint32_t c)
{
    uint32_t parts[ENC_WP_MAX_DECOMPOSED];
    size_t n = enc_wp_decompose(c, parts);
    for (size_t i = 0; i < n; i++) {
        int combining_class = enc_wp_combining_class(parts[i]);
        if (combining_class == 0)
            RRK_TRY(put_marks(s));
        if (enc_wp_classify(parts[i]) == ENC_WP_MARK)
            continue;
        if (combining_class)
            keep_mark(s, parts[i], combining_class);
        else
            RRK_TRY(put_lower(s, parts[i]));
    }
    return RRK_OK;
}

static rrk_status put_normalised(scan *s, uint32_t c)
{
    return s->w->options.strip_accents ? put_stripped(s, c) : put_lower(s, c);
}

static rrk_status put_any(scan *s, uint32_t c)
{
    const enc_wordpiece_options *o = &s->w->options;
    if (o->clean_text && enc_wp_classify(c) == ENC_WP_DROPPED)
        return RRK_OK;
    if (!o->handle_chinese || !enc_wp_is_chinese(c))
        return put_normalised(s, c);
    RRK_TRY(put_marks(s));
    RRK_TRY(end_word(s));
    RRK_TRY(put_normalised(s, c));
    RRK_TRY(put_marks(s));
    return end_word(s);
}

static rrk_status put_ascii(scan *s, unsigned char c)
{
    unsigned does = s->w->ascii[c];
    if (does == ASCII_DROP)
        return RRK_OK;
    if (s->n_marks)
        RRK_TRY(put_marks(s));
    if (does == ASCII_SPACE)
        return end_word(s);
    if (does == ASCII_PUNCTUATION)
        return single_word(s, c);
    if (s->n_chars++ < s->w->options.max_word_chars)
        s->word[s->word_len++] = (char)does;
    return RRK_OK;
}

static rrk_status scan_text(scan *s, rrk_text text)
{
    for (size_t at = 0; at < text.len && s->sink->n_total <= s->sink->max_ids;) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte < ASCII) {
            at++;
            RRK_TRY(put_ascii(s, byte));
            continue;
        }
        size_t here = at;
        uint32_t c = base_utf8_next(text.data, text.len, &at);
        if (c == BASE_UTF8_BAD)
            return base_fail(s->err, RRK_E_INVALID, 0, "the text is not UTF-8 at byte %zu", here);
        RRK_TRY(put_any(s, c));
    }
    RRK_TRY(put_marks(s));
    return end_word(s);
}

static rrk_status encode(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment, enc_id_sink *sink,
                         rrk_error *err)
{
    scan s;
    s.w = (const wordpiece *)tokenizer;
    s.word_len = s.n_chars = s.n_marks = 0;
    s.sink = sink;
    s.err = err;
    return scan_text(&s, text);
}

static void free_wordpiece(enc_tokenizer *tokenizer)
{
    wordpiece *w = (wordpiece *)tokenizer;
    base_map_free(w->starts);
    base_map_free(w->continuations);
    base_free(w);
}

static const enc_tokenizer_kind WORDPIECE = {encode, free_wordpiece};

static rrk_status add_piece(base_map *map, size_t *longest, rrk_text piece, int64_t id, rrk_error *err)
{
    *longest = RRK_MAX(*longest, piece.len);
    return base_map_put(map, piece, id, NULL, err);
}

/* "[unused1]": spare entries that a model may give a meaning, as MVP does; no word is spelt like that. */
static bool is_unused(rrk_text piece)
{
    static const char START[] = "[unused";
    return piece.len > sizeof START && memcmp(piece.data, START, sizeof START - 1) == 0 &&
           piece.data[piece.len - 1] == ']';
}

static rrk_status take_vocab(wordpiece *w, const base_map *vocab, base_map *specials, const char *prefix,
                             rrk_error *err)
{
    size_t prefix_len = strlen(prefix);
    RRK_TRY(base_map_new(&w->starts, base_map_len(vocab), err));
    RRK_TRY(base_map_new(&w->continuations, base_map_len(vocab), err));
    for (size_t i = 0; i < base_map_len(vocab); i++) {
        rrk_text piece = base_map_key(vocab, i);
        int64_t id = base_map_value(vocab, i);
        if (is_unused(piece))
            RRK_TRY(base_map_put(specials, piece, id, NULL, err));
        if (base_map_get(specials, piece, NULL))
            continue;
        RRK_TRY(add_piece(w->starts, &w->longest_start, piece, id, err));
        if (piece.len <= prefix_len || memcmp(piece.data, prefix, prefix_len) != 0)
            continue;
        rrk_text rest = {piece.data + prefix_len, piece.len - prefix_len};
        RRK_TRY(add_piece(w->continuations, &w->longest_continuation, rest, id, err));
    }
    return RRK_OK;
}

static void fill_ascii(wordpiece *w)
{
    for (uint32_t c = 0; c < ASCII; c++) {
        enc_wp_class is = enc_wp_classify(c);
        uint32_t lower[ENC_WP_MAX_LOWERED] = {c};
        if (w->options.lowercase)
            enc_wp_lower(c, lower);
        if (w->options.clean_text && is == ENC_WP_DROPPED)
            w->ascii[c] = ASCII_DROP;
        else if (enc_wp_is_space(c))
            w->ascii[c] = ASCII_SPACE;
        else
            w->ascii[c] = is == ENC_WP_PUNCTUATION ? ASCII_PUNCTUATION : (uint16_t)lower[0];
    }
}

static void close_tokenizer(enc_tokenizer **tokenizer)
{
    enc_tokenizer_close(*tokenizer);
}

rrk_status enc_wordpiece_new(enc_tokenizer **out, const base_map *vocab, base_map **special_pieces,
                             const enc_specials *specials, const enc_wordpiece_options *options, rrk_error *err)
{
    if (options->max_word_chars < 1 || options->max_word_chars > ENC_MAX_WORD_CHARS)
        return base_fail(err, RRK_E_FORMAT, 0, "max_input_chars_per_word is %u, outside 1..%d", options->max_word_chars,
                         ENC_MAX_WORD_CHARS);
    wordpiece *w = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_nomem(err, sizeof *w);
    enc_tokenizer *tokenizer RRK_AUTO(close_tokenizer) = &w->base;
    w->base = (enc_tokenizer){.kind = &WORDPIECE, .specials = *specials};
    w->options = *options;
    w->options.prefix = NULL;
    RRK_TRY(take_vocab(w, vocab, *special_pieces, options->prefix, err));
    fill_ascii(w);
    w->base.special_pieces = RRK_STEAL(*special_pieces);
    *out = RRK_STEAL(tokenizer);
    return RRK_OK;
}
