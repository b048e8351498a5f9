/* The allocator hook: everything passes through it, sizes are checked, and alignment holds. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"
#include <rrk/runtime.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

typedef struct ledger {
    long n_live;
    long n_calls;
    long fail_at; /* the call that gives NULL, from 1; 0: none */
} ledger;

static void *count_malloc(size_t size, void *ctx)
{
    ledger *l = ctx;
    if (++l->n_calls == l->fail_at)
        return NULL;
    l->n_live++;
    return malloc(size);
}

static void *count_realloc(void *ptr, size_t size, void *ctx)
{
    ledger *l = ctx;
    if (++l->n_calls == l->fail_at)
        return NULL;
    l->n_live += ptr == NULL;
    return realloc(ptr, size);
}

static void count_free(void *ptr, void *ctx)
{
    ((ledger *)ctx)->n_live--;
    free(ptr);
}

static void use_ledger(ledger *l)
{
    rrk_set_allocator(&(rrk_allocator){count_malloc, count_realloc, count_free, l});
}

Test(alloc, every_byte_passes_through_the_hook)
{
    ledger l = {0};
    use_ledger(&l);
    char *a = base_strdup("abc");
    char *b = base_strndup("abcdef", 2);
    void *c = base_alloc_aligned(10, 3);
    cr_assert_eq(l.n_live, 3);
    cr_assert_str_eq(a, "abc");
    cr_assert_str_eq(b, "ab");
    base_free(a);
    base_free(b);
    base_free_aligned(c);
    base_free(NULL);
    base_free_aligned(NULL);
    cr_assert_eq(l.n_live, 0);
    rrk_set_allocator(NULL);
}

Test(alloc, overflowing_sizes_give_null)
{
    cr_assert_null(base_alloc(SIZE_MAX / 2, 3));
    cr_assert_null(base_calloc(SIZE_MAX, 2));
    cr_assert_null(base_alloc_aligned(SIZE_MAX, 1));
    cr_assert_null(base_strndup("", SIZE_MAX));
    void *p = base_alloc(0, 8);
    cr_assert_not_null(p, "a size of nothing gives a pointer");
    cr_assert_null(base_realloc(p, SIZE_MAX, 2));
    base_free(p);
}

Test(alloc, aligned_blocks_are_aligned_and_wholly_writable)
{
    for (size_t size = 0; size < 300; size++) {
        char *p = base_alloc_aligned(size, 1);
        cr_assert_eq((uintptr_t)p % BASE_ALIGNMENT, 0, "size %zu", size);
        memset(p, 0x5a, size);
        base_free_aligned(p);
    }
}

/* One run of a small job; what fails must leave nothing behind. */
static rrk_status job(void)
{
    base_map *map RRK_AUTO(base_map_free_ptr) = NULL;
    base_buf buf RRK_AUTO(base_buf_free) = {.max = 4096};
    RRK_TRY(base_map_new(&map, 0, NULL));
    for (int i = 0; i < 50; i++) {
        base_buf_clear(&buf);
        RRK_TRY(base_buf_printf(&buf, NULL, "key-%d-%0*d", i, i * 8, 0));
        RRK_TRY(base_map_put(map, (rrk_text){buf.data, buf.len}, i, NULL, NULL));
    }
    return RRK_OK;
}

Test(alloc, a_failure_at_any_call_is_nomem_and_leaks_nothing)
{
    for (long fail_at = 1;; fail_at++) {
        ledger l = {.fail_at = fail_at};
        use_ledger(&l);
        rrk_status status = job();
        rrk_set_allocator(NULL);
        cr_assert_eq(l.n_live, 0, "call %ld", fail_at);
        if (l.n_calls < fail_at) {
            cr_assert_eq(status, RRK_OK);
            cr_assert_gt(fail_at, 8, "the job allocates often enough to mean something");
            return;
        }
        cr_assert_eq(status, RRK_E_NOMEM, "call %ld", fail_at);
    }
}
