/*
 * Filling an rrk_error. The first failure wins: a later call of base_fail() on the same error changes nothing, so
 * clean-up code may fail without hiding the cause. Every public function begins with base_error_clear().
 */
#ifndef RRK_BASE_ERROR_H
#define RRK_BASE_ERROR_H

#include "base/macros.h"
#include <rrk/error.h>

void base_error_clear(rrk_error *err);

/* Records the failure (if it is the first) and returns status, so that `return base_fail(...)` reads well. */
rrk_status base_fail(rrk_error *err, rrk_status status, int detail, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before the message of an error that has happened; for callers that know more about the place. */
void base_error_prefix(rrk_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The common one. */
rrk_status base_fail_nomem(rrk_error *err, size_t bytes);

/* RRK_E_NOTFOUND for ENOENT, RRK_E_IO otherwise: "cannot <what> '<path>': <strerror>". */
rrk_status base_fail_errno(rrk_error *err, int error_number, const char *what, const char *path);

/* The analyzer sees one file at a time and would follow paths on which a failure is RRK_OK: tell it what comes back. */
#if defined(__clang_analyzer__) && !defined(BASE_ERROR_IMPLEMENTATION)
#define base_fail(err, status, detail, ...) ((void)(err), (status))
#define base_fail_nomem(err, bytes) ((void)(err), RRK_E_NOMEM)
#define base_fail_errno(err, error_number, what, path) ((void)(err), (void)(error_number), RRK_E_IO)
#endif

#endif
