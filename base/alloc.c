/* The allocator hook and the checked calls on top of it: see alloc.h. */
#include "base/alloc.h"
#include <rrk/runtime.h>

#include <stdlib.h>
#include <string.h>

static void *libc_malloc(size_t size, void *ctx)
{
    (void)ctx;
    return malloc(size);
}

static void *libc_realloc(void *ptr, size_t size, void *ctx)
{
    (void)ctx;
    return realloc(ptr, size);
}

static void libc_free(void *ptr, void *ctx)
{
    (void)ctx;
    free(ptr);
}

static const rrk_allocator LIBC = {libc_malloc, libc_realloc, libc_free, NULL};
static rrk_allocator hook = {libc_malloc, libc_realloc, libc_free, NULL};

void rrk_set_allocator(const rrk_allocator *allocator)
{
    hook = allocator ? *allocator : LIBC;
}

void *base_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (base_mul_overflows(count, size, &bytes))
        return NULL;
    return hook.malloc_fn(bytes ? bytes : 1, hook.ctx);
}

void *base_calloc(size_t count, size_t size)
{
    void *ptr = base_alloc(count, size);
    if (ptr)
        memset(ptr, 0, count * size);
    return ptr;
}

void *base_realloc(void *ptr, size_t count, size_t size)
{
    size_t bytes;
    if (base_mul_overflows(count, size, &bytes))
        return NULL;
    return hook.realloc_fn(ptr, bytes ? bytes : 1, hook.ctx);
}

void base_free(void *ptr)
{
    if (ptr)
        hook.free_fn(ptr, hook.ctx);
}

/* The pointer that the hook gave stands just before the aligned block. */
void *base_alloc_aligned(size_t count, size_t size)
{
    size_t bytes;
    if (base_mul_overflows(count, size, &bytes) || base_add_overflows(bytes, BASE_ALIGNMENT + sizeof(void *), &bytes))
        return NULL;
    char *raw = base_alloc(bytes, 1);
    if (!raw)
        return NULL;
    uintptr_t start = ((uintptr_t)raw + sizeof(void *) + BASE_ALIGNMENT - 1) & ~(uintptr_t)(BASE_ALIGNMENT - 1);
    char *aligned = raw + (start - (uintptr_t)raw);
    memcpy(aligned - sizeof(void *), &raw, sizeof raw);
    return aligned;
}

void base_free_aligned(void *ptr)
{
    if (!ptr)
        return;
    void *raw;
    memcpy(&raw, (char *)ptr - sizeof(void *), sizeof raw);
    base_free(raw);
}

char *base_strndup(const char *data, size_t len)
{
    size_t bytes;
    if (base_add_overflows(len, 1, &bytes))
        return NULL;
    char *copy = base_alloc(bytes, 1);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

char *base_strdup(const char *string)
{
    return base_strndup(string, strlen(string));
}
