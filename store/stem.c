/*
 * Stop words and stems. Porter's algorithm is libstemmer's, with the two rules that its author added after publishing
 * (BLI and LOGI), which Lucene has and libstemmer's "porter" has not. Stems are cached, for text repeats its words.
 */
#include "base/alloc.h"
#include "store/analyse.h"

#include <libstemmer.h>

#include <string.h>

enum { CACHE_SLOTS = 8192, CACHE_WORD_BYTES = 31 };

typedef struct slot {
    uint8_t word_len; /* 0: empty */
    uint8_t stem_len;
    char word[CACHE_WORD_BYTES];
    char stem[CACHE_WORD_BYTES];
} slot;

struct store_stemmer {
    struct sb_stemmer *porter;
    slot cache[CACHE_SLOTS];
};

rrk_status store_stemmer_new(store_stemmer **out, rrk_error *err)
{
    store_stemmer *stemmer = base_calloc(1, sizeof *stemmer);
    if (!stemmer)
        return base_fail_nomem(err, sizeof *stemmer);
    stemmer->porter = sb_stemmer_new("porter", "UTF_8");
    if (!stemmer->porter) {
        base_free(stemmer);
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "libstemmer was built without the Porter stemmer");
    }
    *out = stemmer;
    return RRK_OK;
}

void store_stemmer_free(store_stemmer *stemmer)
{
    if (!stemmer)
        return;
    sb_stemmer_delete(stemmer->porter);
    base_free(stemmer);
}

static bool is_vowel_at(const char *word, size_t i)
{
    if (word[i] == 'y')
        return i > 0 && !is_vowel_at(word, i - 1);
    return word[i] != '\0' && strchr("aeiou", word[i]) != NULL;
}

/* Porter's "m > 0": a vowel with a consonant somewhere after it. */
static bool has_measure(const char *word, size_t len)
{
    bool vowel = false;
    for (size_t i = 0; i < len; i++) {
        bool is_vowel = is_vowel_at(word, i);
        if (vowel && !is_vowel)
            return true;
        vowel = vowel || is_vowel;
    }
    return false;
}

static bool ends_with(const char *word, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len >= n && memcmp(word + len - n, end, n) == 0;
}

static size_t run_porter(store_stemmer *stemmer, char *word, size_t len)
{
    const sb_symbol *stem = sb_stemmer_stem(stemmer->porter, (const sb_symbol *)word, (int)len);
    if (!stem)
        return len; /* out of memory: the word itself is the next best term */
    size_t n = (size_t)sb_stemmer_length(stemmer->porter);
    if (n > len + 1)
        return len;
    memcpy(word, stem, n);
    return n;
}

/* No later step of Porter's touches a word in -bli or -logi, so the missing rules can be applied to its outcome. */
static size_t stem_uncached(store_stemmer *stemmer, char *word, size_t len)
{
    len = run_porter(stemmer, word, len);
    if (ends_with(word, len, "bli") && has_measure(word, len - 3)) {
        word[len - 1] = 'e';
        return run_porter(stemmer, word, len);
    }
    if (ends_with(word, len, "logi") && has_measure(word, len - 4))
        return len - 1;
    return len;
}

static uint32_t hash_of(const char *word, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)word[i]) * 16777619u;
    return h ^ (h >> 15);
}

size_t store_stem(store_stemmer *stemmer, char *word, size_t len)
{
    if (len <= 2) /* as Lucene: too short to have a suffix */
        return len;
    if (len >= CACHE_WORD_BYTES)
        return stem_uncached(stemmer, word, len);
    slot *s = &stemmer->cache[hash_of(word, len) % CACHE_SLOTS];
    if (s->word_len != len || memcmp(s->word, word, len) != 0) {
        memcpy(s->word, word, len);
        memcpy(s->stem, word, len);
        s->word_len = (uint8_t)len;
        s->stem_len = (uint8_t)stem_uncached(stemmer, s->stem, len);
    }
    memcpy(word, s->stem, s->stem_len);
    return s->stem_len;
}

bool store_is_stop_word(const char *word, size_t len)
{
    static const char *const stop_words[] = {
        "a",    "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
        "into", "in",    "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
        "the",  "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with",
    };
    if (len > 5)
        return false;
    for (size_t i = 0; i < RRK_COUNT(stop_words); i++)
        if (strncmp(stop_words[i], word, len) == 0 && stop_words[i][len] == '\0')
            return true;
    return false;
}
