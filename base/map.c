/* Open addressing over an insertion-ordered entry array, FNV-1a mixed with a process seed: see map.h. */
#include "base/map.h"
#include "base/alloc.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

/* Blocks grow with the map, as there may be a map for each of half a million queries. */
enum { FIRST_BLOCK = 128, LARGEST_BLOCK = 64 << 10, SMALLEST_TABLE = 16 };

typedef struct block {
    struct block *next;
    size_t used;
    size_t cap;
    char data[];
} block;

typedef struct entry {
    rrk_text key;
    uint64_t hash;
    int64_t value;
} entry;

struct base_map {
    entry *entries; /* [len], room for slots / 2 */
    size_t len;
    uint32_t *slots; /* [n_slots], entry + 1, 0 is empty */
    size_t n_slots;  /* a power of two */
    block *blocks;
};

static uint64_t seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)(uintptr_t)&seed * 0x9e3779b97f4a7c15u;
}

static uint64_t hash_of(rrk_text key)
{
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.data[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static size_t find_slot(const base_map *map, rrk_text key, uint64_t hash)
{
    size_t at = hash & (map->n_slots - 1);
    while (map->slots[at]) {
        const entry *e = &map->entries[map->slots[at] - 1];
        if (e->hash == hash && e->key.len == key.len && (key.len == 0 || memcmp(e->key.data, key.data, key.len) == 0))
            return at;
        at = (at + 1) & (map->n_slots - 1);
    }
    return at;
}

static rrk_status resize(base_map *map, size_t n_slots, rrk_error *err)
{
    entry *entries = base_realloc(map->entries, n_slots / 2, sizeof *entries);
    if (!entries)
        return base_fail_nomem(err, n_slots / 2 * sizeof *entries);
    map->entries = entries;
    uint32_t *slots = base_calloc(n_slots, sizeof *slots);
    if (!slots)
        return base_fail_nomem(err, n_slots * sizeof *slots);
    base_free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
    for (size_t i = 0; i < map->len; i++)
        map->slots[find_slot(map, entries[i].key, entries[i].hash)] = (uint32_t)(i + 1);
    return RRK_OK;
}

rrk_status base_map_new(base_map **out, size_t expected, rrk_error *err)
{
    pthread_once(&seed_once, make_seed);
    base_map *map = base_calloc(1, sizeof *map);
    if (!map)
        return base_fail_nomem(err, sizeof *map);
    size_t n_slots = SMALLEST_TABLE;
    while (n_slots / 2 < expected && n_slots < (size_t)1 << 31)
        n_slots *= 2;
    rrk_status status = resize(map, n_slots, err);
    if (status != RRK_OK) {
        base_map_free(map);
        return status;
    }
    *out = map;
    return RRK_OK;
}

void base_map_free(base_map *map)
{
    if (!map)
        return;
    while (map->blocks) {
        block *next = map->blocks->next;
        base_free(map->blocks);
        map->blocks = next;
    }
    base_free(map->entries);
    base_free(map->slots);
    base_free(map);
}

static const char *keep_key(base_map *map, rrk_text key, rrk_error *err)
{
    block *b = map->blocks;
    if (!b || b->cap - b->used < key.len) {
        size_t cap = b ? RRK_MIN(2 * b->cap, (size_t)LARGEST_BLOCK) : FIRST_BLOCK;
        cap = RRK_MAX(key.len, cap);
        b = base_alloc(1, sizeof *b + cap);
        if (!b) {
            base_fail_nomem(err, sizeof *b + cap);
            return NULL;
        }
        *b = (block){.next = map->blocks, .cap = cap};
        map->blocks = b;
    }
    char *copy = b->data + b->used;
    if (key.len)
        memcpy(copy, key.data, key.len);
    b->used += key.len;
    return copy;
}

bool base_map_get(const base_map *map, rrk_text key, int64_t *value)
{
    size_t at = find_slot(map, key, hash_of(key));
    if (!map->slots[at])
        return false;
    if (value)
        *value = map->entries[map->slots[at] - 1].value;
    return true;
}

rrk_status base_map_put(base_map *map, rrk_text key, int64_t value, bool *existed, rrk_error *err)
{
    uint64_t hash = hash_of(key);
    size_t at = find_slot(map, key, hash);
    if (existed)
        *existed = map->slots[at] != 0;
    if (map->slots[at]) {
        map->entries[map->slots[at] - 1].value = value;
        return RRK_OK;
    }
    if (map->len == map->n_slots / 2) {
        if (map->n_slots >= (size_t)1 << 31)
            return base_fail(err, RRK_E_INVALID, 0, "a map holds at most %zu keys", map->len);
        RRK_TRY(resize(map, map->n_slots * 2, err));
        at = find_slot(map, key, hash);
    }
    const char *copy = keep_key(map, key, err);
    if (!copy)
        return RRK_E_NOMEM;
    map->entries[map->len] = (entry){{copy, key.len}, hash, value};
    map->slots[at] = (uint32_t)++map->len;
    return RRK_OK;
}

size_t base_map_len(const base_map *map)
{
    return map->len;
}

rrk_text base_map_key(const base_map *map, size_t i)
{
    return map->entries[i].key;
}

int64_t base_map_value(const base_map *map, size_t i)
{
    return map->entries[i].value;
}
