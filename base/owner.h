/*
 * Which process a handle belongs to. Thread pools and SQLite connections do not survive fork(), so a handle that crossed
 * one must say so instead of hanging.
 */
#ifndef RRK_BASE_OWNER_H
#define RRK_BASE_OWNER_H

#include "base/error.h"

typedef struct base_owner {
    int64_t pid;
} base_owner;

base_owner base_owner_here(void);
bool base_owner_is_here(const base_owner *owner);

/* RRK_E_INVALID "this <noun> was made in process 123, ..." in another process than its own. */
rrk_status base_owner_check(const base_owner *owner, const char *noun, rrk_error *err);

#endif
