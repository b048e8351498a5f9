/*
 * rrk/runtime.h: what a program may set once, before it makes its first handle: where memory comes from and where log
 * lines go.
 *
 * Both calls are process-wide and not thread-safe; call them first thing in main(). A library that uses rrk should leave
 * them to the program it is linked into.
 */
#ifndef RRK_RUNTIME_H
#define RRK_RUNTIME_H

#include <rrk/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Replacements for malloc, realloc and free, with the same contracts; ctx is handed through. Memory of the libraries
 * that rrk stands on (SQLite, oneDNN, Jansson) does not pass through here: they have hooks of their own.
 */
typedef struct rrk_allocator {
    void *(*malloc_fn)(size_t size, void *ctx);
    void *(*realloc_fn)(void *ptr, size_t size, void *ctx);
    void (*free_fn)(void *ptr, void *ctx);
    void *ctx;
} rrk_allocator;

/* NULL goes back to the C library's. Must not change while a handle is alive. */
RRK_API void rrk_set_allocator(const rrk_allocator *allocator);

typedef enum rrk_log_level { RRK_LOG_DEBUG = 0, RRK_LOG_INFO = 1, RRK_LOG_WARNING = 2 } rrk_log_level;

/* One line without its newline. May be called from any thread, so it must be thread-safe itself. */
typedef void (*rrk_log_fn)(rrk_log_level level, const char *line, void *ctx);

/* NULL (the default) discards: rrk is silent unless asked. */
RRK_API void rrk_set_log(rrk_log_fn log, rrk_log_level lowest, void *ctx);

/* Processors this process may use, by its affinity and its control group's quota; at least 1. */
RRK_API int rrk_processor_count(void);

#ifdef __cplusplus
}
#endif
#endif
