/*
 * The reply cache: what an LLM answered, by a key that stands for everything the answer depended on. Kept in the store
 * so that a re-run of an evaluation needs no endpoint; llm/ makes the keys and knows what a value means.
 */
#ifndef RRK_STORE_REPLY_H
#define RRK_STORE_REPLY_H

#include "base/buf.h"
#include <rrk/store.h>

#define STORE_MAX_REPLY_BYTES ((size_t)16 << 20)
#define STORE_MAX_REPLY_KEY_BYTES 255

/* Appends the value to out when there is one. A store without the table (read-only, older schema) has none. */
rrk_status store_reply_get(rrk_store *store, const char *key, base_buf *value, bool *found, rrk_error *err);

/* Adds or replaces. Above STORE_MAX_REPLY_BYTES: RRK_E_INVALID. */
rrk_status store_reply_put(rrk_store *store, const char *key, rrk_text value, rrk_error *err);

rrk_status store_reply_count(rrk_store *store, uint64_t *n, rrk_error *err);

#endif
