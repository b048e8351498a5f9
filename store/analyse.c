/* The analyser: see analyse.h. */
#include "store/analyse.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/utf8.h"
#include "store/pictographs.h"
#include "store/store.h"

#include <libstemmer.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>
#include <uniwbrk.h>

/* Lucene cuts words at this many characters. */
enum { MAX_WORD_CHARS = 255, MAX_WORD_BYTES = 4 * MAX_WORD_CHARS, MAX_CACHED_STEMS = 1 << 16 };

struct store_analyser {
    struct sb_stemmer *stemmer;
    base_map *stop_words;
    base_map *words; /* word -> entry of stems */
    base_map *stems; /* its keys are the stems; entries keep their place */
    char *breaks;    /* [cap], one byte a byte of text; owned */
    size_t cap;
    char again[MAX_WORD_BYTES]; /* a word on its second way through the stemmer */
};

static const char *const STOP_WORDS[] = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with",
};

static void free_ptr(store_analyser **analyser)
{
    store_analyser_free(*analyser);
}

static rrk_status fresh_cache(store_analyser *a, rrk_error *err)
{
    base_map_free(RRK_STEAL(a->words));
    base_map_free(RRK_STEAL(a->stems));
    RRK_TRY(base_map_new(&a->words, 1024, err));
    return base_map_new(&a->stems, 1024, err);
}

rrk_status store_analyser_new(store_analyser **out, rrk_error *err)
{
    store_analyser *a RRK_AUTO(free_ptr) = base_calloc(1, sizeof *a);
    if (!a)
        return base_fail_nomem(err, sizeof *a);
    a->stemmer = sb_stemmer_new("porter", "UTF_8");
    if (!a->stemmer)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "libstemmer has no 'porter' stemmer");
    RRK_TRY(base_map_new(&a->stop_words, RRK_COUNT(STOP_WORDS), err));
    for (size_t i = 0; i < RRK_COUNT(STOP_WORDS); i++)
        RRK_TRY(base_map_put(a->stop_words, rrk_text_of(STOP_WORDS[i]), 1, NULL, err));
    RRK_TRY(fresh_cache(a, err));
    *out = RRK_STEAL(a);
    return RRK_OK;
}

void store_analyser_free(store_analyser *a)
{
    if (!a)
        return;
    if (a->stemmer)
        sb_stemmer_delete(a->stemmer);
    base_map_free(a->stop_words);
    base_map_free(a->words);
    base_map_free(a->stems);
    base_free(a->breaks);
    base_free(a);
}

/* How often a vowel is followed by a consonant: what Porter calls the measure. */
static size_t measure(const char *word, size_t len)
{
    size_t m = 0;
    bool vowel_before = false;
    for (size_t i = 0; i < len; i++) {
        bool vowel = memchr("aeiou", word[i], 5) || (word[i] == 'y' && i > 0 && !vowel_before);
        m += vowel_before && !vowel;
        vowel_before = vowel;
    }
    return m;
}

static bool ends_with(rrk_text word, const char *suffix)
{
    size_t n = strlen(suffix);
    return word.len > n && memcmp(word.data + word.len - n, suffix, n) == 0 && measure(word.data, word.len - n) > 0;
}

static rrk_status porter(store_analyser *a, rrk_text word, rrk_text *out, rrk_error *err)
{
    const sb_symbol *s = sb_stemmer_stem(a->stemmer, (const sb_symbol *)word.data, (int)word.len);
    if (!s)
        return base_fail_nomem(err, word.len);
    *out = (rrk_text){(const char *)s, (size_t)sb_stemmer_length(a->stemmer)};
    return RRK_OK;
}

/*
 * libstemmer follows Porter's paper to the letter; Lucene follows his later program, which differs in three places:
 * words of one or two characters stay, -logi becomes -log, and -bli (not only -abli) becomes -ble.
 */
static rrk_status porter_as_lucene(store_analyser *a, rrk_text word, rrk_text *out, rrk_error *err)
{
    *out = word;
    if (u8_mbsnlen((const uint8_t *)word.data, word.len) <= 2)
        return RRK_OK;
    RRK_TRY(porter(a, word, out, err));
    if (ends_with(*out, "logi"))
        out->len--;
    if (!ends_with(*out, "bli") || out->len >= sizeof a->again)
        return RRK_OK;
    rrk_text again = {a->again, out->len};
    memcpy(a->again, out->data, out->len);
    a->again[out->len - 1] = 'e';
    return porter(a, again, out, err);
}

/* The stem of a lower-cased word; valid until the next call. */
static rrk_status stem(store_analyser *a, rrk_text word, rrk_text *out, rrk_error *err)
{
    int64_t entry;
    if (base_map_get(a->words, word, &entry)) {
        *out = base_map_key(a->stems, (size_t)entry);
        return RRK_OK;
    }
    if (base_map_len(a->words) >= MAX_CACHED_STEMS)
        RRK_TRY(fresh_cache(a, err));
    rrk_text stemmed;
    RRK_TRY(porter_as_lucene(a, word, &stemmed, err));
    if (!base_map_get(a->stems, stemmed, &entry)) {
        entry = (int64_t)base_map_len(a->stems);
        RRK_TRY(base_map_put(a->stems, stemmed, entry, NULL, err));
    }
    RRK_TRY(base_map_put(a->words, word, entry, NULL, err));
    *out = base_map_key(a->stems, (size_t)entry);
    return RRK_OK;
}

/* Without a trailing 's in any of the three apostrophes' spellings. */
static size_t without_possessive(const char *word, size_t len)
{
    static const char *const APOSTROPHES[] = {"'", "\xe2\x80\x99", "\xef\xbc\x87"};
    if (len < 2 || (word[len - 1] | 0x20) != 's')
        return len;
    for (size_t i = 0; i < RRK_COUNT(APOSTROPHES); i++) {
        size_t n = strlen(APOSTROPHES[i]);
        if (len > n && memcmp(word + len - 1 - n, APOSTROPHES[i], n) == 0)
            return len - 1 - n;
    }
    return len;
}

/* Lower case, character by character, into out; word has at most MAX_WORD_CHARS characters. */
static size_t lower(const char *word, size_t len, char out[MAX_WORD_BYTES])
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        uint32_t c = base_utf8_next(word, len, &at);
        n += base_utf8_put(c < 0x80 ? c | (c >= 'A' && c <= 'Z' ? 0x20u : 0) : uc_tolower(c), out + n);
    }
    return n;
}

typedef struct sink {
    store_term_fn take;
    void *ctx;
    int stopped;
} sink;

static rrk_status take_word(store_analyser *a, const char *word, size_t len, size_t start, sink *s, rrk_error *err)
{
    char lowered[MAX_WORD_BYTES];
    rrk_text text = {lowered, lower(word, without_possessive(word, len), lowered)};
    if (text.len == 0 || base_map_get(a->stop_words, text, NULL))
        return RRK_OK;
    rrk_text stemmed;
    RRK_TRY(stem(a, text, &stemmed, err));
    s->stopped = s->take(s->ctx, stemmed.data, stemmed.len, start, start + len);
    return RRK_OK;
}

static bool is_pictograph(uint32_t c)
{
    size_t low = 0, high = RRK_COUNT(PICTOGRAPHS);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > PICTOGRAPHS[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < RRK_COUNT(PICTOGRAPHS) && c >= PICTOGRAPHS[low].first;
}

/* Letters, decimal digits (a subscript is neither) and pictographs make a segment between two breaks a word. */
static bool makes_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return uc_is_property_alphabetic(c) || uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Nd) || is_pictograph(c);
}

static bool is_word(const char *segment, size_t len)
{
    for (size_t at = 0; at < len;) {
        if (makes_word(base_utf8_next(segment, len, &at)))
            return true;
    }
    return false;
}

static rrk_status take_segment(store_analyser *a, const char *text, size_t start, size_t end, sink *s, rrk_error *err)
{
    if (!is_word(text + start, end - start))
        return RRK_OK;
    while (start < end && !s->stopped) {
        size_t at = start, n_chars = 0;
        while (at < end && n_chars++ < MAX_WORD_CHARS)
            base_utf8_next(text, end, &at);
        RRK_TRY(take_word(a, text + start, at - start, start, s, err));
        start = at;
    }
    return RRK_OK;
}

static rrk_status reserve(store_analyser *a, size_t len, rrk_error *err)
{
    if (len <= a->cap)
        return RRK_OK;
    char *breaks = base_realloc(a->breaks, len, 1);
    if (!breaks)
        return base_fail_nomem(err, len);
    a->breaks = breaks;
    a->cap = len;
    return RRK_OK;
}

rrk_status store_analyser_run(store_analyser *a, rrk_text text, store_term_fn take, void *ctx, int *stopped,
                              rrk_error *err)
{
    sink s = {take, ctx, 0};
    RRK_TRY(reserve(a, text.len, err));
    if (text.len)
        u8_wordbreaks((const uint8_t *)text.data, text.len, a->breaks);
    for (size_t start = 0, end; start < text.len && !s.stopped; start = end) {
        end = start + 1;
        while (end < text.len && !a->breaks[end])
            end++;
        RRK_TRY(take_segment(a, text.data, start, end, &s, err));
    }
    if (stopped)
        *stopped = s.stopped;
    return RRK_OK;
}

/* --- Lucene's SmallFloat --- */

enum { EXACT_BELOW = 24 }; /* 255 minus the code of the largest int */

/* A number as its four leading bits and a shift, in one byte; exact below 16. */
static uint32_t int4_code(uint32_t i)
{
    if (i < 16)
        return i;
    uint32_t shift = 32u - (uint32_t)__builtin_clz(i) - 4;
    return ((i >> shift) & 7) | (shift + 1) << 3;
}

static uint32_t int4_decoded(uint32_t code)
{
    uint32_t bits = code & 7, shift = code >> 3;
    return shift == 0 ? bits : (bits | 8) << (shift - 1);
}

uint8_t store_length_code(uint32_t n)
{
    return (uint8_t)(n < EXACT_BELOW ? n : EXACT_BELOW + int4_code(n - EXACT_BELOW));
}

uint32_t store_length_decoded(uint8_t code)
{
    return code < EXACT_BELOW ? code : EXACT_BELOW + int4_decoded(code - EXACT_BELOW);
}

/* --- for snippets --- */

typedef struct collected {
    store_term *items;
    size_t *offsets; /* into memory, which moves while it grows */
    size_t len, cap;
    base_buf memory;
    rrk_status status;
    rrk_error *err;
} collected;

static rrk_status grow_collected(collected *c)
{
    size_t cap = c->cap ? c->cap * 2 : 64;
    store_term *items = base_realloc(c->items, cap, sizeof *items);
    if (!items)
        return base_fail_nomem(c->err, cap * sizeof *items);
    c->items = items;
    size_t *offsets = base_realloc(c->offsets, cap, sizeof *offsets);
    if (!offsets)
        return base_fail_nomem(c->err, cap * sizeof *offsets);
    c->offsets = offsets;
    c->cap = cap;
    return RRK_OK;
}

static int collect(void *ctx, const char *term, size_t len, size_t start, size_t end)
{
    collected *c = ctx;
    if (c->len == c->cap)
        c->status = grow_collected(c);
    if (c->status == RRK_OK) {
        c->items[c->len] = (store_term){.start = (uint32_t)start, .end = (uint32_t)end};
        c->offsets[c->len++] = c->memory.len;
        c->status = base_buf_append(&c->memory, term, len, c->err);
    }
    if (c->status == RRK_OK)
        c->status = base_buf_append(&c->memory, "", 1, c->err);
    return c->status;
}

rrk_status store_analyse(rrk_text text, store_terms *out, rrk_error *err)
{
    *out = (store_terms){0};
    store_analyser *a RRK_AUTO(free_ptr) = NULL;
    RRK_TRY(store_analyser_new(&a, err));
    collected c = {.memory.max = UINT32_MAX, .err = err};
    rrk_status status = store_analyser_run(a, text, collect, &c, NULL, err);
    if (status == RRK_OK)
        status = c.status;
    for (size_t i = 0; i < c.len; i++)
        c.items[i].term = c.memory.data + c.offsets[i];
    base_free(c.offsets);
    *out = (store_terms){c.items, c.len, c.memory.data};
    if (status != RRK_OK)
        store_terms_free(out);
    return status;
}

void store_terms_free(store_terms *terms)
{
    base_free(terms->items);
    base_free(terms->memory);
    *terms = (store_terms){0};
}
