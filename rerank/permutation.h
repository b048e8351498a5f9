/*
 * From what a model wrote to a permutation. Bracketed identifiers are read first ("[2] > [1]"); bare numbers only where
 * there is no bracketed one. The first of repeats counts, those of no passage are dropped, the missing follow in their
 * input order: the result is always a permutation, and the counts say how much of it the model gave. Pure: no I/O, and
 * any bytes will do.
 *
 * A bracket is read when it closes, and only if it holds nothing but ASCII digits and what separates them: "[3]",
 * "[03]", "[ 3 ]", "[[3]]", and as a list "[1, 2, 3]", "[2 > 1]" or ["2", "1"], which a JSON answer looks like. Any
 * other is prose and skipped: "[A]" (no passage was called so), "[+3]", and "[1-5]", which in replies mostly names the
 * input ("here are passages [1-20] in order: ..."), so that reading it as five identifiers would undo the ranking that
 * follows. Superscripts and full-width digits are no digits. An identifier that the end of the text cuts ("[2") is not
 * there: it may be "[25]". As bare numbers count "2 > 1", "Passage 2" and "P2", but not "3.5" or "2nd", nor the "1." of
 * a numbered list whose lines hold other numbers.
 */
#ifndef RRK_RERANK_PERMUTATION_H
#define RRK_RERANK_PERMUTATION_H

#include "base/error.h"

typedef struct rank_reply_counts {
    uint64_t n_ok;        /* replies that gave n_wanted different bracketed identifiers, or more, and nothing wrong */
    uint64_t n_malformed; /* the others: something missing, repeated or out of range, or bare numbers */
    uint64_t n_repeated;
    uint64_t n_missing;
    uint64_t n_out_of_range;
} rank_reply_counts;

/*
 * order is [n]: passages (from 0) best first. n_wanted of them were asked for, n or fewer; those that were not asked
 * for are not missing. counts is added to. Fails only without memory.
 */
rrk_status rank_permutation_read(rrk_text answer, size_t n, size_t n_wanted, uint32_t *order, rank_reply_counts *counts,
                                 rrk_error *err);

/* The same reading, piece by piece, to know when enough has come. Bare numbers never are enough: they may go on. */
typedef struct rank_id_scan rank_id_scan;
rrk_status rank_id_scan_new(rank_id_scan **out, size_t n, rrk_error *err);
void rank_id_scan_free(rank_id_scan *scan); /* NULL is fine */
void rank_id_scan_reset(rank_id_scan *scan);
/*
 * answer is all that has come so far, at any address; only what is new is looked at, and one that has become shorter is
 * read again from its start. Returns how many distinct identifiers are complete: one is at its ']'.
 */
size_t rank_id_scan_feed(rank_id_scan *scan, rrk_text answer);

#endif
