/* The precompiled normalizer on tables made by hand; golden_unigram.c has real ones. */
#include "encoder/charsmap.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <string.h>

enum { MAX_UNITS = 256 * 64, MAX_STRINGS = 1024 };

/* A table under construction: each node's children have a block of 256 units to themselves. */
typedef struct table {
    uint32_t units[MAX_UNITS];
    size_t n_units;
    char strings[MAX_STRINGS];
    size_t n_strings;
    unsigned char blob[4 + 4 * MAX_UNITS + MAX_STRINGS];
    size_t len;
} table;

static table t; /* too large for a stack */

static uint32_t children_of(uint32_t node)
{
    uint32_t block = (uint32_t)t.n_units;
    if (t.units[node] >> 10 == 0) {
        t.units[node] |= (node ^ block) << 10;
        t.n_units += 256;
    }
    return node ^ t.units[node] >> 10;
}

static void begin(void)
{
    memset(&t, 0, sizeof t);
    t.n_units = 256;
}

static void add(const char *key, const char *replacement)
{
    uint32_t node = 0;
    for (; *key; key++) {
        unsigned char byte = (unsigned char)*key;
        node = children_of(node) ^ byte;
        t.units[node] |= byte;
    }
    t.units[children_of(node)] = 0x80000000u | (uint32_t)t.n_strings;
    t.units[node] |= 0x100;
    memcpy(t.strings + t.n_strings, replacement, strlen(replacement) + 1);
    t.n_strings += strlen(replacement) + 1;
}

static void finish(void)
{
    uint32_t head[1] = {(uint32_t)(4 * t.n_units)};
    memcpy(t.blob, head, 4);
    memcpy(t.blob + 4, t.units, 4 * t.n_units);
    memcpy(t.blob + 4 + 4 * t.n_units, t.strings, t.n_strings);
    t.len = 4 + 4 * t.n_units + t.n_strings;
}

static enc_charsmap *make(void)
{
    finish();
    enc_charsmap *map = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_charsmap_new(&map, t.blob, t.len, &err), RRK_OK, "%s", err.message);
    return map;
}

static void expect(const enc_charsmap *map, const char *text, const char *want)
{
    base_buf out RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    cr_assert_eq(enc_charsmap_apply(map, rrk_text_of(text), &out, NULL), RRK_OK);
    cr_expect(out.len == strlen(want) && memcmp(out.data ? out.data : "", want, out.len) == 0, "'%s' became '%.*s'",
              text, (int)out.len, out.data);
}

static void expect_failure(size_t len, const char *part)
{
    enc_charsmap *map RRK_AUTO(enc_charsmap_free_ptr) = NULL;
    rrk_error err = {0};
    cr_expect_eq(enc_charsmap_new(&map, t.blob, len, &err), RRK_E_FORMAT, "%zu bytes", len);
    cr_expect_not_null(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
}

Test(charsmap, replaces_characters_and_drops_those_that_become_nothing)
{
    begin();
    add("A", "a");
    add("\x01", "");
    add("\xef\xac\x81", "fi");
    enc_charsmap *map RRK_AUTO(enc_charsmap_free_ptr) = make();
    expect(map, "", "");
    expect(map, "xAy\x01z \xef\xac\x81", "xayz fi");
    cr_assert(!enc_charsmap_keeps(map, 'A') && enc_charsmap_keeps(map, 'a') && !enc_charsmap_keeps(map, 0xef));
}

Test(charsmap, the_first_match_stands_for_a_whole_cluster_of_up_to_five_bytes)
{
    begin();
    add("e\xcc\x81", "E"); /* e with an acute accent */
    add("\xc2\xaa", "a");  /* a feminine ordinal, here with marks behind it */
    add("\xcc\x82", "^");  /* a circumflex */
    enc_charsmap *map RRK_AUTO(enc_charsmap_free_ptr) = make();
    expect(map, "e\xcc\x81", "E");
    expect(map, "e\xcc\x81\xcc\x82", "E");                          /* 5 bytes: the rest goes */
    expect(map, "e\xcc\x81\xcc\x81\xcc\x82", "e\xcc\x81\xcc\x81^"); /* 7 bytes: one by one */
    expect(map, "\xc2\xaa\xcc\x81x", "ax");                         /* 4 bytes */
    expect(map, "\xc2\xaa\xcc\x81\xcc\x81x", "a\xcc\x81\xcc\x81x"); /* 6 bytes */
    expect(map, "\xc2\xaa\xe0\xa2\x97x", "ax");                     /* joins since Unicode 16 */
    expect(map, "\x01\xe0\xa2\x97", "\x01\xe0\xa2\x97");            /* but nothing joins a control */
}

Test(charsmap, a_line_break_of_two_characters_is_one_cluster)
{
    begin();
    add("\r", "_");
    enc_charsmap *map RRK_AUTO(enc_charsmap_free_ptr) = make();
    expect(map, "a\r\nb\rc\n", "a_b_c\n");
}

Test(charsmap, an_entry_ends_at_a_nul_and_a_nul_in_the_text_stays)
{
    begin();
    add("a", "b");
    enc_charsmap *map RRK_AUTO(enc_charsmap_free_ptr) = make();
    base_buf out RRK_AUTO(base_buf_free) = {.max = 100};
    cr_assert_eq(enc_charsmap_apply(map, (rrk_text){"a\0a", 3}, &out, NULL), RRK_OK);
    cr_assert(out.len == 3 && memcmp(out.data, "b\0b", 3) == 0);
}

Test(charsmap, refuses_sizes_that_lie)
{
    begin();
    add("a", "b");
    finish();
    for (size_t len = 0; len < t.len; len++) {
        if (len < 4 + 4 * t.n_units)
            expect_failure(len, "its trie has");
        else
            expect_failure(len, "replacements");
    }
    static const uint32_t SIZES[] = {0, 3, 5, 0xffffffffu, 0x7ffffffcu};
    for (size_t i = 0; i < RRK_COUNT(SIZES); i++) {
        memcpy(t.blob, &SIZES[i], 4);
        expect_failure(t.len, "its trie has");
    }
}

Test(charsmap, refuses_tables_that_point_outside_or_into_a_character)
{
    begin();
    add("a", "\xc3\xa4");
    uint32_t node = 256 ^ 'a', leaf = node ^ t.units[node] >> 10, good_node = t.units[node], good_leaf = t.units[leaf];
    t.units[leaf] = 0x80000000u | (uint32_t)t.n_strings;
    finish();
    expect_failure(t.len, "not there");
    t.units[leaf] = 0x80000000u | 1;
    finish();
    expect_failure(t.len, "not there");
    t.units[leaf] = good_leaf;
    t.units[node] = (good_node & 0x3ff) | 1u << 28;
    finish();
    expect_failure(t.len, "outside itself");
    t.units[node] = (good_node & 0x1ff) | 0x200 | 0x7ffffc00u; /* the far kind of offset */
    finish();
    expect_failure(t.len, "outside itself");
    t.units[node] = good_node;
    t.strings[0] = '\xff';
    finish();
    expect_failure(t.len, "replacements");
}

Test(charsmap, damaged_tables_are_refused_or_harmless)
{
    const uint64_t seed = 20260;
    cr_log_info("seed %llu", (unsigned long long)seed);
    begin();
    add("a", "b");
    add("ab\xc3\xa4", "\xc3\xb6");
    add("\xc3\xa4", "ae");
    finish();
    for (uint64_t round = 0; round < 20000; round++) {
        /* Most units are empty: aim at those that are not. */
        size_t at = 4 + base_rng_at(seed, 3 * round) % (t.len - 4);
        while (t.blob[at] == 0)
            at = 4 + (at + 1) % (t.len - 4);
        unsigned char good = t.blob[at];
        t.blob[at] ^= (unsigned char)(1 << base_rng_at(seed, 3 * round + 1) % 8);
        enc_charsmap *map RRK_AUTO(enc_charsmap_free_ptr) = NULL;
        base_buf out RRK_AUTO(base_buf_free) = {.max = 1 << 16};
        if (enc_charsmap_new(&map, t.blob, t.len, NULL) == RRK_OK)
            cr_assert_eq(enc_charsmap_apply(map, rrk_text_of("aab\xc3\xa4 b\xc3\xa4\xcc\x81"), &out, NULL), RRK_OK);
        t.blob[at] = good;
    }
}
