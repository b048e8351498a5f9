/*
 * From what a model wrote to a permutation. Bracketed identifiers are read first ("[2] > [1]"); bare numbers only where
 * there is no bracketed one. The first of repeats counts, those of no passage are dropped, the missing follow in their
 * input order: the result is always a permutation, and the counts say how much of it the model gave. Pure: no I/O.
 */
#ifndef RRK_RERANK_PERMUTATION_H
#define RRK_RERANK_PERMUTATION_H

#include "base/error.h"

typedef struct rank_reply_counts {
    uint64_t n_ok;        /* replies that gave n_wanted different identifiers and nothing wrong */
    uint64_t n_malformed; /* the others */
    uint64_t n_repeated;
    uint64_t n_missing;
    uint64_t n_out_of_range;
} rank_reply_counts;

/*
 * order is [n]: passages (from 0) best first. n_wanted of them were asked for, n or fewer; those that were not asked for
 * are not missing. counts is added to. Fails only without memory.
 */
rrk_status rank_permutation_read(rrk_text answer, size_t n, size_t n_wanted, uint32_t *order, rank_reply_counts *counts,
                                 rrk_error *err);

/* The same reading, piece by piece, to know when enough has come. Bare numbers never are enough: they may go on. */
typedef struct rank_id_scan rank_id_scan;
rrk_status rank_id_scan_new(rank_id_scan **out, size_t n, rrk_error *err);
void rank_id_scan_free(rank_id_scan *scan); /* NULL is fine */
void rank_id_scan_reset(rank_id_scan *scan);
/* answer is all that has come so far; only what is new is looked at. Returns how many distinct identifiers are complete. */
size_t rank_id_scan_feed(rank_id_scan *scan, rrk_text answer);

#endif
