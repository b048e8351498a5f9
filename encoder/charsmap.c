/*
 * Precompiled normalizers: see charsmap.h. A unit of the double array is a label (with bit 31 set it is a value
 * instead), a mark that a value hangs below it, and the XOR distance to its children. All that can be reached is walked
 * once when a map is made; looking up checks its indices all the same, as it costs nothing beside the cache misses.
 */
#include "encoder/charsmap.h"
#include "base/alloc.h"
#include "base/utf8.h"

#include <string.h>
#include <unictype.h>
#include <unigbrk.h>

/* The replacement of a whole cluster is looked for only when the cluster is shorter than this. */
enum { ASCII = 0x80, LONG_CLUSTER_BYTES = 6, BYTES = 256, UNIT_BYTES = 4 };
#define NO_MATCH UINT32_MAX

struct enc_charsmap {
    uint32_t *units; /* [n_units] */
    size_t n_units;
    char *strings; /* [n_strings], the last byte is NUL */
    size_t n_strings;
    bool plain[ASCII]; /* characters that stay; not '\r', which may form a cluster with '\n' */
};

static uint32_t read_u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool has_leaf(uint32_t unit)
{
    return unit >> 8 & 1;
}

static uint32_t value_of(uint32_t unit)
{
    return unit & 0x7fffffffu;
}

static uint32_t label_of(uint32_t unit)
{
    return unit & 0x800000ffu;
}

static uint32_t offset_of(uint32_t unit)
{
    return unit >> 10 << ((unit & 0x200u) >> 6);
}

/* The first entry that key begins with, as an offset into strings. */
static uint32_t look_up(const enc_charsmap *m, const char *key, size_t len)
{
    uint32_t node = offset_of(m->units[0]);
    for (size_t i = 0; i < len && key[i]; i++) {
        unsigned char byte = (unsigned char)key[i];
        node ^= byte;
        if (node >= m->n_units || label_of(m->units[node]) != byte)
            return NO_MATCH;
        uint32_t unit = m->units[node];
        node ^= offset_of(unit);
        if (!has_leaf(unit))
            continue;
        uint32_t value = node < m->n_units ? value_of(m->units[node]) : NO_MATCH;
        return value < m->n_strings ? value : NO_MATCH;
    }
    return NO_MATCH;
}

/* --- making one --- */

/* What is still to be walked: units that are nodes, each once. */
typedef struct walk {
    uint32_t *nodes; /* [n_units] */
    size_t n;
    unsigned char *seen; /* [n_units] */
} walk;

static void free_walk(walk *w)
{
    base_free(w->nodes);
    base_free(w->seen);
}

static void visit(walk *w, uint32_t node)
{
    if (!w->seen[node]) {
        w->seen[node] = 1;
        w->nodes[w->n++] = node;
    }
}

static bool value_is_sound(const enc_charsmap *m, uint32_t value)
{
    return value < m->n_strings && ((unsigned char)m->strings[value] & 0xc0) != 0x80;
}

static rrk_status check_node(const enc_charsmap *m, walk *w, uint32_t node, rrk_error *err)
{
    uint32_t unit = m->units[node], children = node ^ offset_of(unit);
    if ((children | (BYTES - 1)) >= m->n_units)
        return base_fail(err, RRK_E_FORMAT, 0, "the normalizer's table points outside itself at unit %u", node);
    if (has_leaf(unit) && !value_is_sound(m, value_of(m->units[children])))
        return base_fail(err, RRK_E_FORMAT, 0, "the normalizer's table has a replacement at %u that is not there",
                         value_of(m->units[children]));
    for (uint32_t byte = 1; byte < BYTES; byte++) {
        if (label_of(m->units[children ^ byte]) == byte)
            visit(w, children ^ byte);
    }
    return RRK_OK;
}

static rrk_status check(const enc_charsmap *m, rrk_error *err)
{
    walk w RRK_AUTO(free_walk) = {base_alloc(m->n_units, sizeof *w.nodes), 0, base_calloc(m->n_units, 1)};
    if (!w.nodes || !w.seen)
        return base_fail_nomem(err, m->n_units * sizeof *w.nodes);
    visit(&w, 0);
    while (w.n > 0)
        RRK_TRY(check_node(m, &w, w.nodes[--w.n], err));
    return RRK_OK;
}

static rrk_status copy_blob(enc_charsmap *m, const unsigned char *blob, size_t len, rrk_error *err)
{
    size_t trie_bytes = len >= UNIT_BYTES ? read_u32(blob) : 0;
    if (trie_bytes == 0 || trie_bytes % UNIT_BYTES != 0 || trie_bytes > len - UNIT_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "the normalizer's table of %zu bytes says that its trie has %zu", len,
                         trie_bytes);
    m->n_units = trie_bytes / UNIT_BYTES;
    m->n_strings = len - UNIT_BYTES - trie_bytes;
    const char *strings = (const char *)blob + UNIT_BYTES + trie_bytes;
    if (m->n_strings == 0 || strings[m->n_strings - 1] != '\0' || !base_utf8_valid(strings, m->n_strings, NULL))
        return base_fail(err, RRK_E_FORMAT, 0, "the normalizer's replacements are not UTF-8 that ends in NUL");
    m->units = base_alloc(m->n_units, sizeof *m->units);
    m->strings = base_strndup(strings, m->n_strings);
    if (!m->units || !m->strings)
        return base_fail_nomem(err, len);
    for (size_t i = 0; i < m->n_units; i++)
        m->units[i] = read_u32(blob + UNIT_BYTES * (i + 1));
    return RRK_OK;
}

rrk_status enc_charsmap_new(enc_charsmap **out, const void *blob, size_t len, rrk_error *err)
{
    enc_charsmap *m RRK_AUTO(enc_charsmap_free_ptr) = base_calloc(1, sizeof *m);
    if (!m)
        return base_fail_nomem(err, sizeof *m);
    RRK_TRY(copy_blob(m, blob, len, err));
    RRK_TRY(check(m, err));
    for (int c = 0; c < ASCII; c++)
        m->plain[c] = c != '\r' && look_up(m, &(char){(char)c}, 1) == NO_MATCH;
    *out = RRK_STEAL(m);
    return RRK_OK;
}

void enc_charsmap_free(enc_charsmap *map)
{
    if (!map)
        return;
    base_free(map->units);
    base_free(map->strings);
    base_free(map);
}

bool enc_charsmap_keeps(const enc_charsmap *map, unsigned char ascii)
{
    return ascii < ASCII && map->plain[ascii];
}

/* --- applying it --- */

/* A pictograph, a joiner and a pictograph are one cluster, which no pair of them tells. */
static bool joins_pictographs(uint32_t first, uint32_t before, uint32_t next)
{
    return before == 0x200d && uc_graphemeclusterbreak_property(next) == GBP_OTHER &&
           uc_is_property_extended_pictographic(first) && uc_is_property_extended_pictographic(next);
}

/* What Unicode 15 to 17 added to the characters that join their predecessor; only short ones can matter here. */
static bool joins_since_unicode_15(uint32_t before, uint32_t next)
{
    bool newer = next == 0x0897 || next == 0x0cf3 || next == 0x0ece || (next >= 0x1acf && next <= 0x1add) ||
                 (next >= 0x1ae0 && next <= 0x1aeb);
    int class = newer ? uc_graphemeclusterbreak_property(before) : GBP_CONTROL;
    return class != GBP_CONTROL && class != GBP_CR && class != GBP_LF;
}

/* The end of the cluster that begins at start. Regional indicators come out as one long cluster, which makes no odds. */
static size_t cluster_end(rrk_text text, size_t start)
{
    size_t end = start;
    uint32_t first = base_utf8_next(text.data, text.len, &end), before = first;
    while (end < text.len) {
        size_t next_end = end;
        uint32_t next = base_utf8_next(text.data, text.len, &next_end);
        if (uc_is_grapheme_break(before, next) && !joins_pictographs(first, before, next) &&
            !joins_since_unicode_15(before, next))
            break;
        before = next;
        end = next_end;
    }
    return end;
}

static rrk_status append_string(const enc_charsmap *m, uint32_t at, base_buf *out, rrk_error *err)
{
    return base_buf_append(out, m->strings + at, strlen(m->strings + at), err);
}

static rrk_status put_characters(const enc_charsmap *m, rrk_text cluster, base_buf *out, rrk_error *err)
{
    for (size_t at = 0; at < cluster.len;) {
        size_t start = at;
        base_utf8_next(cluster.data, cluster.len, &at);
        uint32_t match = look_up(m, cluster.data + start, at - start);
        if (match == NO_MATCH)
            RRK_TRY(base_buf_append(out, cluster.data + start, at - start, err));
        else
            RRK_TRY(append_string(m, match, out, err));
    }
    return RRK_OK;
}

static rrk_status put_cluster(const enc_charsmap *m, rrk_text cluster, base_buf *out, rrk_error *err)
{
    uint32_t match = cluster.len < LONG_CLUSTER_BYTES ? look_up(m, cluster.data, cluster.len) : NO_MATCH;
    return match == NO_MATCH ? put_characters(m, cluster, out, err) : append_string(m, match, out, err);
}

/* How many characters from at on are ASCII that stays, each a cluster of its own because ASCII follows. */
static size_t plain_run(const enc_charsmap *m, rrk_text text, size_t at)
{
    size_t end = at;
    while (end < text.len && enc_charsmap_keeps(m, (unsigned char)text.data[end]))
        end++;
    bool followed = end < text.len && (unsigned char)text.data[end] >= ASCII;
    return end - at - (followed && end > at ? 1 : 0);
}

rrk_status enc_charsmap_apply(const enc_charsmap *map, rrk_text text, base_buf *out, rrk_error *err)
{
    for (size_t at = 0; at < text.len;) {
        size_t run = plain_run(map, text, at);
        if (run) {
            RRK_TRY(base_buf_append(out, text.data + at, run, err));
            at += run;
            continue;
        }
        size_t end = cluster_end(text, at);
        RRK_TRY(put_cluster(map, (rrk_text){text.data + at, end - at}, out, err));
        at = end;
    }
    return RRK_OK;
}
