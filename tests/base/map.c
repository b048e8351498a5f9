/* The hash map against a list that is searched from end to end. */
#include "base/map.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_KEYS = 700, OPERATIONS = 6000 };

typedef struct naive {
    char keys[MAX_KEYS][12];
    size_t lens[MAX_KEYS];
    int64_t values[MAX_KEYS];
    size_t len;
} naive;

static size_t naive_find(const naive *list, rrk_text key)
{
    size_t i = 0;
    while (i < list->len && (list->lens[i] != key.len || memcmp(list->keys[i], key.data, key.len) != 0))
        i++;
    return i;
}

static void put_both(base_map *map, naive *list, rrk_text key, int64_t value)
{
    bool existed;
    size_t at = naive_find(list, key);
    cr_assert_eq(base_map_put(map, key, value, &existed, NULL), RRK_OK);
    cr_assert_eq(existed, at < list->len);
    if (at == list->len) {
        memcpy(list->keys[at], key.data, key.len);
        list->lens[at] = key.len;
        list->len++;
    }
    list->values[at] = value;
}

/* Keys are decimal numbers cut to a random length from 0 on, some with a NUL inside. */
static rrk_text random_key(uint64_t seed, uint64_t counter, char buf[12])
{
    uint64_t r = base_rng_at(seed, counter);
    snprintf(buf, 12, "%03u", (unsigned)(r % MAX_KEYS));
    size_t len = r >> 32 & 1 ? 3 : (r >> 33) % 4;
    if (r >> 40 & 1)
        buf[1] = '\0';
    return (rrk_text){buf, len};
}

Test(map, agrees_with_a_list)
{
    uint64_t seed = (uint64_t)time(NULL);
    printf("map seed %llu\n", (unsigned long long)seed);
    base_map *map RRK_AUTO(base_map_free_ptr) = NULL;
    cr_assert_eq(base_map_new(&map, 0, NULL), RRK_OK);
    static naive list;
    list.len = 0;
    for (uint64_t i = 0; i < OPERATIONS && list.len < MAX_KEYS; i++) {
        char buf[12];
        rrk_text key = random_key(seed, 2 * i, buf);
        int64_t value = (int64_t)base_rng_at(seed, 2 * i + 1), got = 0;
        size_t at = naive_find(&list, key);
        cr_assert_eq(base_map_get(map, key, &got), at < list.len, "seed %llu step %llu", (unsigned long long)seed,
                     (unsigned long long)i);
        cr_assert(at == list.len || got == list.values[at]);
        put_both(map, &list, key, value);
    }
    cr_assert_eq(base_map_len(map), list.len);
    for (size_t i = 0; i < list.len; i++) {
        rrk_text key = base_map_key(map, i);
        cr_assert_eq(key.len, list.lens[i], "entries come in the order of insertion");
        cr_assert_eq(memcmp(key.data, list.keys[i], key.len), 0);
        cr_assert_eq(base_map_value(map, i), list.values[i]);
    }
}

Test(map, keeps_its_own_copy_of_keys_larger_than_its_blocks)
{
    base_map *map RRK_AUTO(base_map_free_ptr) = NULL;
    cr_assert_eq(base_map_new(&map, 1000, NULL), RRK_OK);
    static char big[200000];
    memset(big, 'a', sizeof big);
    cr_assert_eq(base_map_put(map, (rrk_text){big, sizeof big}, 1, NULL, NULL), RRK_OK);
    big[100] = 'b';
    cr_assert_not(base_map_get(map, (rrk_text){big, sizeof big}, NULL));
    big[100] = 'a';
    cr_assert(base_map_get(map, (rrk_text){big, sizeof big}, NULL));
    cr_assert_not(base_map_get(map, (rrk_text){0}, NULL));
    cr_assert_eq(base_map_put(map, (rrk_text){0}, 2, NULL, NULL), RRK_OK);
    int64_t value;
    cr_assert(base_map_get(map, (rrk_text){0}, &value) && value == 2, "the empty key is a key");
}
