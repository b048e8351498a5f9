/*
 * The four macros every file leans on: failing early, cleaning up on every path, handing out what a local owns, and
 * arithmetic that notices overflow. They live apart so that no other base header is needed to use them.
 */
#ifndef RRK_BASE_MACROS_H
#define RRK_BASE_MACROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RRK_CONCAT_(a, b) a##b
#define RRK_CONCAT(a, b) RRK_CONCAT_(a, b)

/* Returns the status of a call that failed from the function around it. */
#define RRK_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        rrk_status try_status_ = (expr);                                                                               \
        if (try_status_ != RRK_OK)                                                                                     \
            return try_status_;                                                                                        \
    } while (0)

/* Runs fn(&variable) when the variable leaves its scope, on every path. */
#define RRK_AUTO(fn) __attribute__((cleanup(fn)))

/* The value of a variable that is emptied: what RRK_AUTO would have freed now belongs to whoever takes it. */
#define RRK_STEAL(p)                                                                                                   \
    __extension__({                                                                                                    \
        __typeof__(p) stolen_ = (p);                                                                                   \
        (p) = 0;                                                                                                       \
        stolen_;                                                                                                       \
    })

#define RRK_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each argument is evaluated once; the counter keeps nested uses from shadowing each other. */
#define RRK_MIN(a, b) RRK_PICK_(a, <, b, RRK_CONCAT(pick_a_, __COUNTER__), RRK_CONCAT(pick_b_, __COUNTER__))
#define RRK_MAX(a, b) RRK_PICK_(a, >, b, RRK_CONCAT(pick_a_, __COUNTER__), RRK_CONCAT(pick_b_, __COUNTER__))
#define RRK_PICK_(a, is, b, x, y) RRK_PICK__(a, is, b, x, y)
#define RRK_PICK__(a, is, b, x, y)                                                                                     \
    __extension__({                                                                                                    \
        __typeof__(a) x = (a);                                                                                         \
        __typeof__(b) y = (b);                                                                                         \
        x is y ? x : y;                                                                                                \
    })

/* True when the product does not fit; *out is the product otherwise. */
static inline bool base_mul_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_mul_overflow(a, b, out);
}

static inline bool base_add_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_add_overflow(a, b, out);
}

/*
 * Reads an options struct of any version: what the caller's version lacks keeps its default, what it has beyond ours is
 * ignored. Usage: rrk_x_options o; rrk_x_options_init(&o); BASE_TAKE_OPTIONS(&o, given);
 */
#define BASE_TAKE_OPTIONS(into, given) base_take_options((into), sizeof *(into), (given), (given) ? (given)->size : 0)

static inline void base_take_options(void *into, size_t known, const void *given, size_t given_size)
{
    if (given)
        __builtin_memcpy(into, given, RRK_MIN(known, given_size));
    if (known >= sizeof(size_t))
        *(size_t *)into = known;
}

/* Fills a caller's stats or info struct of any version: as much of ours as it has room for; its size stays. */
#define BASE_GIVE_STATS(into, ours) base_give_stats((into), (into)->size, (ours), sizeof *(ours))

static inline void base_give_stats(void *into, size_t room, const void *ours, size_t known)
{
    size_t skip = sizeof(size_t);
    if (RRK_MIN(room, known) > skip)
        __builtin_memcpy((char *)into + skip, (const char *)ours + skip, RRK_MIN(room, known) - skip);
}

#endif
