/* Putting one passage inside a write transaction: what rrk_store_put() and imports share. */
#ifndef RRK_STORE_PASSAGES_H
#define RRK_STORE_PASSAGES_H

#include "base/buf.h"
#include "store/connection.h"

typedef enum store_put_outcome { STORE_ADDED, STORE_UPDATED, STORE_UNCHANGED } store_put_outcome;

/* RRK_E_INVALID, naming the id, when the passage cannot be stored. */
rrk_status store_check_passage(const rrk_store *store, const rrk_passage *passage, rrk_error *err);

/* Puts a passage that was checked. */
rrk_status store_put_passage(store_connection *connection, const rrk_passage *passage, store_put_outcome *outcome,
                             rrk_error *err);

/*
 * Removes the next passage of a document whose id is "document#number" with a number above n_kept. "last" is the id
 * removed by the call before, empty at first; *removed is false when none is left.
 */
rrk_status store_remove_beyond(store_connection *connection, const char *document, uint64_t n_kept, base_buf *last,
                               bool *removed, rrk_error *err);

#endif
