/*
 * What the levels above see of encoders: turning texts into token ids, joining ids into rows, and running rows. A row is
 * what one pass of the model reads; its ids were joined from segments here or in a strategy, so that no user text can
 * forge a special token.
 */
#ifndef RRK_ENCODER_ENCODER_H
#define RRK_ENCODER_ENCODER_H

#include "base/deadline.h"
#include "base/error.h"
#include <rrk/encoder.h>

/* Token ids of one text, without special tokens. */
typedef struct enc_ids {
    int32_t *ids; /* owned; base_free() */
    size_t len;
} enc_ids;

void enc_ids_free(enc_ids *ids); /* also for RRK_AUTO */

/*
 * Tokenises text, keeping at most max_ids ids (SIZE_MAX: all) — the first ones of the whole text's. *n_total (may be
 * NULL) is how many the whole text has, or, for a text cut early, at least max_ids + 1. RRK_E_INVALID when not UTF-8.
 * Thread-safe.
 */
rrk_status enc_tokenize(const rrk_encoder *encoder, rrk_text text, size_t max_ids, enc_ids *out, size_t *n_total,
                        rrk_error *err);

/* The model's special tokens. */
typedef struct enc_specials {
    int32_t cls;
    int32_t sep;
    int32_t pad;
    int32_t unk;
} enc_specials;

const enc_specials *enc_special_ids(const rrk_encoder *encoder);

/* The text that the model wants before a query or a passage ("query: "), "" when none. Owned by the encoder. */
rrk_text enc_prompt(const rrk_encoder *encoder, rrk_embed_kind kind);

rrk_encoder_head enc_head(const rrk_encoder *encoder);
size_t enc_max_tokens(const rrk_encoder *encoder); /* a row's cap, specials included */
size_t enc_output_dim(const rrk_encoder *encoder); /* floats a row: d_model for embeddings, 1 for a cross-encoder */

/* One row: ids with specials in place. Borrowed for the duration of the call. */
typedef struct enc_row {
    const int32_t *ids;
    uint32_t n_ids;      /* 1 .. enc_max_tokens() */
    uint32_t type1_from; /* token types are 0 before this position and 1 from it on; n_ids: all 0 */
} enc_row;

/*
 * Runs rows through the model and its head; out is [n_rows, enc_output_dim()] in the order of rows, and undefined after
 * a failure. Thread-safe: rows of all callers wait in one queue and share batches (batcher.h). The deadline is looked at
 * while the call waits, on the calling thread; one that has passed ends the call at once.
 */
rrk_status enc_run(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *out, const base_deadline *deadline,
                   rrk_error *err);

/* RRK_E_INVALID when the encoder crossed a fork. */
rrk_status enc_check_owner(const rrk_encoder *encoder, rrk_error *err);

#endif
