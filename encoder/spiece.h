/*
 * The narrow door to libsentencepiece: C++ behind it, C in front. Everything that the library does not check itself (the
 * normalizer's table, the pieces) must have passed enc_spiece_check() before. The library allocates with new, so its
 * memory is outside the allocator hook.
 */
#ifndef RRK_ENCODER_SPIECE_H
#define RRK_ENCODER_SPIECE_H

#include "base/buf.h"

/* --- spiece.cc --- */

typedef struct enc_spiece enc_spiece;

/* model is a serialized ModelProto. RRK_E_FORMAT gives the library's reason. */
rrk_status enc_spiece_new(enc_spiece **out, const void *model, size_t len, rrk_error *err);
void enc_spiece_free(enc_spiece *spiece);
static inline void enc_spiece_free_ptr(enc_spiece **spiece)
{
    enc_spiece_free(*spiece);
}

typedef rrk_status (*enc_spiece_take)(void *ctx, int32_t id, rrk_error *err);

/* Hands each id to take, in order, until it fails. Thread-safe. */
rrk_status enc_spiece_encode(const enc_spiece *spiece, rrk_text text, enc_spiece_take take, void *ctx, rrk_error *err);

/* As above, but without the ids of the first n bytes; an id that reaches beyond them is handed over. */
rrk_status enc_spiece_encode_behind(const enc_spiece *spiece, rrk_text text, size_t n_skip, enc_spiece_take take,
                                    void *ctx, rrk_error *err);

/* -1 when the model has none. */
int32_t enc_spiece_unk(const enc_spiece *spiece);
int32_t enc_spiece_eos(const enc_spiece *spiece);
int32_t enc_spiece_pad(const enc_spiece *spiece);
int32_t enc_spiece_id(const enc_spiece *spiece, const char *piece);
const char *enc_spiece_name(const enc_spiece *spiece, int32_t id); /* lives as long as the model */
bool enc_spiece_is_special(const enc_spiece *spiece, int32_t id);  /* control or unknown */

/* --- spiece_check.c --- */

typedef struct enc_spiece_facts {
    size_t n_pieces;
    bool has_bytes;       /* unknown text becomes pieces of its own; otherwise bytes that were put behind n_pieces */
    bool words_are_apart; /* no piece goes on behind the mark of a new word, so a text may be cut at spaces */
} enc_spiece_facts;

/* Which pieces must not come out of text, whatever their type. */
typedef bool (*enc_spiece_special)(const void *ctx, rrk_text piece);

/*
 * Walks a serialized ModelProto and copies it to checked, with the special pieces marked as unused and with pieces for
 * the 256 bytes behind the others when it has none: each run of ids from n_pieces on stands for one unknown token. Thus
 * the library takes linear time. RRK_E_FORMAT names what is broken; RRK_E_UNSUPPORTED a model that is not unigram.
 */
rrk_status enc_spiece_check(rrk_text model, enc_spiece_special special, const void *ctx, base_buf *checked,
                            enc_spiece_facts *facts, rrk_error *err);

#endif
