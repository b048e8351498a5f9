/*
 * Texts made ready for prompts: see rank_ready_text() in prompt.h. One pass folds, defuses and counts words, and stops
 * at the word cap; the token cap then looks at what is left, by halving, so that a long passage costs linear time.
 */
#include "base/utf8.h"
#include "rerank/prompt.h"

#include <string.h>

#define NONE SIZE_MAX
#define REPLACEMENT 0xfffdu

/*
 * A bracket that may turn out to be an identifier's: '[', digits, with one folded blank before and after them at most.
 * Offsets are into the output, where the bracket stands as it came until it closes.
 */
typedef struct group {
    size_t open_at; /* NONE: no bracket is open */
    size_t digits_at, digits_end;
    size_t n_words; /* when it opened, it included */
} group;

typedef struct folder {
    base_buf *out;
    size_t start; /* what stands before it is not ours */
    size_t max_words;
    size_t n_words; /* begun */
    size_t cut_at;  /* where the last word within the cap ends, once another one began; NONE: not yet */
    bool blank_due; /* white space came since the last character */
    group bracket;
} folder;

/* Unicode's property White_Space, and its control characters. */
static bool is_blank(uint32_t c)
{
    if (c < 0x80)
        return c <= ' ' || c == 0x7f;
    return c <= 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

/* Embeddings, overrides and isolates: they could show a prompt in another order than the model reads. */
static bool reorders(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool is_any_digit(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 0xff10 && c <= 0xff19);
}

static bool opens(uint32_t c)
{
    return c == '[' || c == 0xff3b;
}

static bool closes(uint32_t c)
{
    return c == ']' || c == 0xff3d;
}

/* --- brackets --- */

/* "[12]" becomes "(12)", and is one word however many blanks were in it. */
static rrk_status defuse(folder *f, rrk_error *err)
{
    group *g = &f->bracket;
    char *open = f->out->data + g->open_at;
    size_t n_digits = g->digits_end - g->digits_at;
    *open = '(';
    memmove(open + 1, f->out->data + g->digits_at, n_digits);
    f->out->len = g->open_at + 1 + n_digits;
    f->n_words = g->n_words;
    if (f->n_words <= f->max_words)
        f->cut_at = NONE;
    g->open_at = NONE;
    return base_buf_append_char(f->out, ')', err);
}

/* What the character that was just appended at out[at, end) means for the open bracket. */
static void follow(folder *f, uint32_t c, size_t at, size_t end)
{
    group *g = &f->bracket;
    if (opens(c)) {
        *g = (group){.open_at = at, .digits_at = NONE, .n_words = f->n_words};
    } else if (g->open_at != NONE && is_any_digit(c) && (g->digits_at == NONE || g->digits_end == at)) {
        g->digits_at = RRK_MIN(g->digits_at, at);
        g->digits_end = end;
    } else {
        g->open_at = NONE;
    }
}

/* --- characters --- */

static rrk_status begin_word(folder *f, rrk_error *err)
{
    if (f->n_words == f->max_words)
        f->cut_at = f->out->len;
    if (f->out->len > f->start)
        RRK_TRY(base_buf_append_char(f->out, ' ', err));
    f->n_words++;
    f->blank_due = false;
    return RRK_OK;
}

static rrk_status put(folder *f, uint32_t c, rrk_error *err)
{
    if (is_blank(c)) {
        f->blank_due = true;
        return RRK_OK;
    }
    if (reorders(c))
        return RRK_OK;
    if (closes(c) && f->bracket.open_at != NONE && f->bracket.digits_at != NONE) {
        f->blank_due = false;
        return defuse(f, err);
    }
    if (f->blank_due || f->out->len == f->start)
        RRK_TRY(begin_word(f, err));
    char bytes[4];
    size_t at = f->out->len;
    RRK_TRY(base_buf_append(f->out, bytes, base_utf8_put(c, bytes), err));
    follow(f, c, at, f->out->len);
    return RRK_OK;
}

static bool is_full(const folder *f)
{
    return f->cut_at != NONE && f->bracket.open_at == NONE;
}

static rrk_status put_text(folder *f, rrk_text text, rrk_error *err)
{
    for (size_t pos = 0; pos < text.len && !is_full(f);) {
        uint32_t c = base_utf8_next(text.data, text.len, &pos);
        RRK_TRY(put(f, c == BASE_UTF8_BAD ? REPLACEMENT : c, err));
    }
    f->blank_due = true;
    return RRK_OK;
}

static void truncate_to(base_buf *out, size_t len)
{
    out->len = len;
    if (out->data)
        out->data[len] = '\0';
}

/* --- the token cap --- */

/* The longest beginning that fits, by whole characters: some length that fits is doubled, and the last step halved. */
static size_t longest_fit(rrk_text text, size_t max_tokens)
{
    size_t fits = 0, step = RRK_MIN(max_tokens, text.len), too_long = text.len;
    while (step < too_long &&
           llm_estimate_tokens((rrk_text){text.data, base_utf8_cut(text.data, text.len, step)}) <= max_tokens) {
        fits = step;
        step = step > text.len / 2 ? text.len : step * 2;
    }
    too_long = RRK_MIN(step, text.len);
    while (too_long - fits > 1) {
        size_t middle = fits + (too_long - fits) / 2;
        rrk_text start = {text.data, base_utf8_cut(text.data, text.len, middle)};
        if (llm_estimate_tokens(start) <= max_tokens)
            fits = middle;
        else
            too_long = middle;
    }
    return base_utf8_cut(text.data, text.len, fits);
}

/* Where to cut: behind the last whole word within fit, unless the next one would not even fit by itself. */
static size_t whole_words(rrk_text text, size_t fit, size_t max_tokens)
{
    if (fit == text.len || text.data[fit] == ' ')
        return fit;
    const char *blank = memrchr(text.data, ' ', fit);
    size_t word = blank ? (size_t)(blank - text.data) + 1 : 0;
    const char *end = memchr(text.data + fit, ' ', text.len - fit);
    size_t word_len = (end ? (size_t)(end - text.data) : text.len) - word;
    if (llm_estimate_tokens((rrk_text){text.data + word, word_len}) > max_tokens)
        return fit > word ? fit : word - (word > 0);
    return word - (word > 0);
}

static bool cap_tokens(base_buf *out, size_t start, size_t max_tokens)
{
    if (max_tokens == 0 || out->len == start)
        return false;
    rrk_text text = {out->data + start, out->len - start};
    if (llm_estimate_tokens(text) <= max_tokens)
        return false;
    truncate_to(out, start + whole_words(text, longest_fit(text, max_tokens), max_tokens));
    return true;
}

rrk_status rank_ready_text(rrk_text title, rrk_text text, size_t max_words, size_t max_tokens, base_buf *out,
                           bool *was_cut, rrk_error *err)
{
    folder f = {
        .out = out,
        .start = out->len,
        .max_words = max_words ? max_words : NONE,
        .cut_at = NONE,
        .bracket.open_at = NONE,
    };
    RRK_TRY(put_text(&f, title, err));
    RRK_TRY(put_text(&f, text, err));
    *was_cut = f.cut_at != NONE;
    if (*was_cut)
        truncate_to(out, f.cut_at);
    *was_cut |= cap_tokens(out, f.start, max_tokens);
    return RRK_OK;
}
