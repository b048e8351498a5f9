/*
 * A hash map from byte strings to 64-bit values: ids to rows, pieces to token ids, words to stems. Keys are copied into
 * the map's own arena. Hashing is seeded per process, so hostile keys cannot aim at one bucket.
 */
#ifndef RRK_BASE_MAP_H
#define RRK_BASE_MAP_H

#include "base/error.h"

typedef struct base_map base_map;

rrk_status base_map_new(base_map **out, size_t expected, rrk_error *err);
void base_map_free(base_map *map);
static inline void base_map_free_ptr(base_map **map)
{
    base_map_free(*map);
}

/* Sets *value (in *value, may be NULL) and returns true when the key is there. */
bool base_map_get(const base_map *map, rrk_text key, int64_t *value);

/* Adds or replaces. *existed (may be NULL) tells which. */
rrk_status base_map_put(base_map *map, rrk_text key, int64_t value, bool *existed, rrk_error *err);

size_t base_map_len(const base_map *map);

/* Entries 0..len-1 in the order of their first insertion. */
rrk_text base_map_key(const base_map *map, size_t entry);
int64_t base_map_value(const base_map *map, size_t entry);

#endif
