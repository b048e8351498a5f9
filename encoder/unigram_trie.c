/*
 * Building the double array: see unigram_trie.h. Nodes are ranges of the sorted keys. Free units form a list; a node
 * with one child takes the first, a node with several tries a bounded number of places before it opens a new block, so
 * building stays linear and the array stays nearly full.
 */
#include "encoder/unigram_trie.h"
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, MAX_TRIES = 128, FIRST_BLOCKS = 16, FIRST_RANGES = 64 };

/* Keys lo..hi-1 share their first depth bytes; their node is unit. */
typedef struct range {
    uint32_t lo, hi, depth, unit;
} range;

/* A unit's neighbours in the ring of free units; unit 0 is never free and serves as its head. */
typedef struct slot {
    uint32_t before, next;
    bool base_used; /* as somebody's base, which must be unique */
} slot;

typedef struct builder {
    enc_trie trie;
    slot *slots; /* [cap] */
    size_t cap;  /* units that there is room for */
    const enc_trie_key *keys;
    range *ranges; /* [cap_ranges], a stack */
    size_t n_ranges, cap_ranges;
    unsigned char labels[BLOCK]; /* of the node at hand */
    size_t n_labels;
    rrk_error *err;
} builder;

static void free_builder(builder *b)
{
    enc_trie_free(&b->trie);
    base_free(b->slots);
    base_free(b->ranges);
}

static rrk_status grow(builder *b)
{
    size_t cap = RRK_MAX(b->cap * 2, (size_t)FIRST_BLOCKS * BLOCK);
    enc_trie_unit *units = base_realloc(b->trie.units, cap, sizeof *units);
    if (units)
        b->trie.units = units;
    slot *slots = base_realloc(b->slots, cap, sizeof *slots);
    if (slots)
        b->slots = slots;
    if (!units || !slots)
        return base_fail_nomem(b->err, cap * (sizeof *units + sizeof *slots));
    b->cap = cap;
    return RRK_OK;
}

static void link_free(builder *b, uint32_t unit)
{
    uint32_t last = b->slots[0].before;
    b->slots[unit].before = last;
    b->slots[unit].next = 0;
    b->slots[last].next = unit;
    b->slots[0].before = unit;
}

static void unlink_free(builder *b, uint32_t unit)
{
    const slot *s = &b->slots[unit];
    b->slots[s->before].next = s->next;
    b->slots[s->next].before = s->before;
}

static rrk_status open_block(builder *b)
{
    if (b->trie.n_units == b->cap)
        RRK_TRY(grow(b));
    size_t first = b->trie.n_units;
    memset(b->trie.units + first, 0, BLOCK * sizeof *b->trie.units);
    memset(b->slots + first, 0, BLOCK * sizeof *b->slots);
    b->trie.n_units += BLOCK;
    /* The root is taken, and base 0 belongs to nodes without children. */
    b->slots[0].base_used = true;
    for (size_t i = first == 0 ? 1 : first; i < b->trie.n_units; i++)
        link_free(b, (uint32_t)i);
    return RRK_OK;
}

static bool fits(const builder *b, uint32_t base)
{
    if (b->slots[base].base_used)
        return false;
    for (size_t i = 0; i < b->n_labels; i++) {
        uint32_t unit = base ^ b->labels[i];
        if (unit == 0 || b->trie.units[unit].value_label != 0)
            return false;
    }
    return true;
}

/* 0 when neither the first free units, which are left over everywhere, nor the last, of the latest blocks, do. */
static uint32_t find_base(const builder *b)
{
    uint32_t unit = b->slots[0].next;
    for (int tries = 0; unit != 0 && tries < MAX_TRIES; tries++, unit = b->slots[unit].next) {
        if (fits(b, unit ^ b->labels[0]))
            return unit ^ b->labels[0];
    }
    unit = b->slots[0].before;
    for (int tries = 0; unit != 0 && tries < MAX_TRIES; tries++, unit = b->slots[unit].before) {
        if (fits(b, unit ^ b->labels[0]))
            return unit ^ b->labels[0];
    }
    return 0;
}

static rrk_status push(builder *b, range r)
{
    if (b->n_ranges == b->cap_ranges) {
        size_t cap = RRK_MAX(b->cap_ranges * 2, (size_t)FIRST_RANGES);
        range *ranges = base_realloc(b->ranges, cap, sizeof *ranges);
        if (!ranges)
            return base_fail_nomem(b->err, cap * sizeof *ranges);
        b->ranges = ranges;
        b->cap_ranges = cap;
    }
    b->ranges[b->n_ranges++] = r;
    return RRK_OK;
}

static unsigned char byte_at(const builder *b, uint32_t key, uint32_t depth)
{
    return (unsigned char)b->keys[key].text.data[depth];
}

/* The end of the keys from lo on that have lo's byte at depth. */
static uint32_t same_byte_end(const builder *b, uint32_t lo, uint32_t hi, uint32_t depth)
{
    uint32_t end = lo + 1;
    while (end < hi && byte_at(b, end, depth) == byte_at(b, lo, depth))
        end++;
    return end;
}

/* Takes the keys that end at the node out of its range. */
static void take_value(builder *b, range *r)
{
    for (; r->lo < r->hi && b->keys[r->lo].text.len == r->depth; r->lo++) {
        uint32_t label = b->trie.units[r->unit].value_label & ((1u << ENC_TRIE_LABEL_BITS) - 1);
        b->trie.units[r->unit].value_label = (uint32_t)(b->keys[r->lo].value + 1) << ENC_TRIE_LABEL_BITS | label;
    }
}

static rrk_status place_children(builder *b, range r)
{
    b->n_labels = 0;
    for (uint32_t lo = r.lo; lo < r.hi; lo = same_byte_end(b, lo, r.hi, r.depth))
        b->labels[b->n_labels++] = byte_at(b, lo, r.depth);
    uint32_t base = find_base(b);
    if (base == 0) {
        base = (uint32_t)b->trie.n_units; /* the first of a block of its own: free, and nobody's base */
        RRK_TRY(open_block(b));
    }
    b->trie.units[r.unit].base = base;
    b->slots[base].base_used = true;
    for (uint32_t lo = r.lo; lo < r.hi;) {
        uint32_t end = same_byte_end(b, lo, r.hi, r.depth), unit = base ^ byte_at(b, lo, r.depth);
        unlink_free(b, unit);
        b->trie.units[unit].value_label = byte_at(b, lo, r.depth) + 1u;
        RRK_TRY(push(b, (range){lo, end, r.depth + 1, unit}));
        lo = end;
    }
    return RRK_OK;
}

static int compare(const void *a, const void *b)
{
    const enc_trie_key *x = a, *y = b;
    int order = memcmp(x->text.data, y->text.data, RRK_MIN(x->text.len, y->text.len));
    if (order == 0)
        order = (x->text.len > y->text.len) - (x->text.len < y->text.len);
    return order ? order : (x->value > y->value) - (x->value < y->value);
}

rrk_status enc_trie_build(enc_trie *out, enc_trie_key *keys, size_t n, rrk_error *err)
{
    if (n)
        qsort(keys, n, sizeof *keys, compare);
    builder b RRK_AUTO(free_builder) = {.keys = keys, .err = err};
    RRK_TRY(open_block(&b));
    RRK_TRY(push(&b, (range){0, (uint32_t)n, 0, 0}));
    while (b.n_ranges > 0) {
        range r = b.ranges[--b.n_ranges];
        take_value(&b, &r);
        if (r.lo < r.hi)
            RRK_TRY(place_children(&b, r));
    }
    enc_trie_unit *units = base_realloc(b.trie.units, b.trie.n_units, sizeof *units);
    *out = (enc_trie){units ? units : b.trie.units, b.trie.n_units};
    b.trie = (enc_trie){0};
    return RRK_OK;
}

void enc_trie_free(enc_trie *trie)
{
    base_free(trie->units);
    *trie = (enc_trie){0};
}
