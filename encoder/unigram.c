/*
 * From text to words to ids: see unigram.h. A long text is worked through in stretches that end before a space, so that
 * memory and, when few ids are asked for, time do not grow with it; a word that is longer than a stretch stays whole.
 */
#include "encoder/unigram.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "encoder/wordpiece_unicode.h"

#include <ctype.h>
#include <string.h>

enum { STRETCH_BYTES = 4096, ASCII = 0x80, MAX_MARK_BYTES = 4 };

typedef struct unigram {
    enc_tokenizer base;
    enc_unigram_model model;
    enc_normalizer normalizer;
    enc_unigram_options options;
    size_t mark_len;
    bool can_cut; /* texts may be worked through in stretches */
} unigram;

/* The state of one text. */
typedef struct scan {
    const unigram *u;
    base_buf normalized[2];
    base_buf marked; /* spaces replaced by marks, with one in front where it belongs */
    enc_unigram_scratch scratch;
    enc_id_sink *sink;
    rrk_error *err;
} scan;

static void free_scan(scan *s)
{
    base_buf_free(&s->normalized[0]);
    base_buf_free(&s->normalized[1]);
    base_buf_free(&s->marked);
    enc_unigram_scratch_free(&s->scratch);
}

static bool enough(const scan *s)
{
    return s->sink->n_total > s->sink->max_ids;
}

static rrk_status put_word(scan *s, const char *data, size_t len)
{
    return enc_unigram_word(&s->u->model, (rrk_text){data, len}, &s->scratch, s->sink, s->err);
}

/* Each mark begins a word. */
static rrk_status put_marked(scan *s)
{
    const unigram *u = s->u;
    const char *at = s->marked.data, *end = at + s->marked.len;
    while (at < end && !enough(s)) {
        const char *next =
            u->options.split ? memmem(at + 1, (size_t)(end - at) - 1, u->options.mark, u->mark_len) : NULL;
        if (!next)
            next = end;
        RRK_TRY(put_word(s, at, (size_t)(next - at)));
        at = next;
    }
    return RRK_OK;
}

static bool has_mark(const unigram *u, rrk_text text)
{
    return text.data[0] == ' ' || (text.len >= u->mark_len && memcmp(text.data, u->options.mark, u->mark_len) == 0);
}

static rrk_status put_text(scan *s, rrk_text text, bool mark)
{
    if (text.len == 0)
        return RRK_OK;
    const unigram *u = s->u;
    base_buf_clear(&s->marked);
    s->marked.max = MAX_MARK_BYTES * (text.len + 1);
    if (mark && !has_mark(u, text))
        RRK_TRY(base_buf_append(&s->marked, u->options.mark, u->mark_len, s->err));
    for (size_t at = 0; at < text.len;) {
        const char *space = memchr(text.data + at, ' ', text.len - at);
        size_t end = space ? (size_t)(space - text.data) : text.len;
        RRK_TRY(base_buf_append(&s->marked, text.data + at, end - at, s->err));
        if (space)
            RRK_TRY(base_buf_append(&s->marked, u->options.mark, u->mark_len, s->err));
        at = end + (space != NULL);
    }
    return put_marked(s);
}

/* The end of the run from at on that is white space, or is not. */
static size_t run_end(rrk_text text, size_t at, bool space)
{
    while (at < text.len) {
        size_t next = at;
        if (enc_wp_is_space(base_utf8_next(text.data, text.len, &next)) != space)
            break;
        at = next;
    }
    return at;
}

/* first: the text's very first word may need its mark under "first", and must not have one inside a word. */
static bool wants_mark(const scan *s, bool first, enc_segment segment)
{
    if (first && segment == ENC_SEGMENT_INSIDE)
        return false;
    enc_prepend prepend = s->u->options.prepend;
    return prepend == ENC_PREPEND_ALWAYS || (prepend == ENC_PREPEND_FIRST && first);
}

static rrk_status put_stretch(scan *s, const enc_stretch *stretch, enc_segment segment)
{
    rrk_text text;
    RRK_TRY(enc_normalizer_run(&s->u->normalizer, stretch, s->normalized, &text, s->err));
    if (!s->u->options.split_whitespace)
        return put_text(s, text, wants_mark(s, stretch->first, segment));
    for (size_t at = run_end(text, 0, true); at < text.len && !enough(s);) {
        size_t end = run_end(text, at, false);
        bool mark = wants_mark(s, stretch->first && at == 0, segment);
        RRK_TRY(put_text(s, (rrk_text){text.data + at, end - at}, mark));
        at = run_end(text, end, true);
    }
    return RRK_OK;
}

static size_t stretch_end(const unigram *u, rrk_text text, size_t at)
{
    if (!u->can_cut || text.len - at <= STRETCH_BYTES)
        return text.len;
    for (size_t end = at + STRETCH_BYTES; end < text.len; end++) {
        unsigned char before = (unsigned char)text.data[end - 1];
        if (text.data[end] == ' ' && before < ASCII && isalnum(before))
            return end;
    }
    return text.len;
}

static rrk_status encode(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment, enc_id_sink *sink,
                         rrk_error *err)
{
    const unigram *u = (const unigram *)tokenizer;
    scan s RRK_AUTO(free_scan) = {.u = u, .sink = sink, .err = err};
    for (size_t at = 0; at < text.len && !enough(&s);) {
        size_t end = stretch_end(u, text, at), bad_at;
        enc_stretch stretch = {{text.data + at, end - at}, at == 0, end == text.len};
        if (!base_utf8_valid(stretch.text.data, stretch.text.len, &bad_at))
            return base_fail(err, RRK_E_INVALID, 0, "the text is not UTF-8 at byte %zu", at + bad_at);
        RRK_TRY(put_stretch(&s, &stretch, segment));
        at = end;
    }
    return RRK_OK;
}

static void free_unigram(enc_tokenizer *tokenizer)
{
    unigram *u = (unigram *)tokenizer;
    enc_unigram_model_free(&u->model);
    enc_normalizer_free(&u->normalizer);
    base_free(u);
}

static const enc_tokenizer_kind UNIGRAM = {encode, free_unigram};

rrk_status enc_unigram_new(enc_tokenizer **out, enc_unigram_model *model, enc_normalizer *normalizer,
                           const enc_unigram_options *options, const enc_specials *specials, base_map **special_pieces,
                           rrk_error *err)
{
    unigram *u = base_calloc(1, sizeof *u);
    if (!u)
        return base_fail_nomem(err, sizeof *u);
    u->base = (enc_tokenizer){.kind = &UNIGRAM, .specials = *specials, .special_pieces = RRK_STEAL(*special_pieces)};
    u->model = *model;
    *model = (enc_unigram_model){0};
    u->normalizer = *normalizer;
    *normalizer = (enc_normalizer){0};
    u->options = *options;
    u->mark_len = strlen(options->mark);
    u->can_cut = (options->split || options->split_whitespace) && strcmp(options->mark, "\xe2\x96\x81") == 0 &&
                 enc_normalizer_keeps_words_apart(&u->normalizer);
    *out = &u->base;
    return RRK_OK;
}
