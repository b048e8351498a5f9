/*
 * All memory of the library comes from here, so that a program can hand in its own allocator and tests can make the
 * n-th allocation fail. Sizes are counts times element sizes, checked for overflow; a size of 0 gives a valid pointer.
 */
#ifndef RRK_BASE_ALLOC_H
#define RRK_BASE_ALLOC_H

#include "base/macros.h"
#include <rrk/text.h>

void *base_alloc(size_t count, size_t size);              /* not cleared; NULL when out of memory */
void *base_calloc(size_t count, size_t size);             /* cleared */
void *base_realloc(void *ptr, size_t count, size_t size); /* ptr stays valid when this gives NULL */
void base_free(void *ptr);

/* For vectors: a multiple of 64. Freed with base_free_aligned() only. */
#define BASE_ALIGNMENT 64
void *base_alloc_aligned(size_t count, size_t size);
void base_free_aligned(void *ptr);

char *base_strdup(const char *string);
char *base_strndup(const char *data, size_t len); /* NUL-terminated copy */

/* For RRK_AUTO on any pointer: void *p RRK_AUTO(base_free_ptr). */
static inline void base_free_ptr(void *pointer_to_pointer)
{
    void *p;
    __builtin_memcpy(&p, pointer_to_pointer, sizeof p);
    base_free(p);
}

static inline void base_free_aligned_ptr(void *pointer_to_pointer)
{
    void *p;
    __builtin_memcpy(&p, pointer_to_pointer, sizeof p);
    base_free_aligned(p);
}

#endif
