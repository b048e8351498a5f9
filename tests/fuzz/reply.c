/*
 * Any reply of a model over n passages. What comes out is a permutation, the counts add up, and the scan that looks at
 * a stream agrees with the reading of the whole: however the text is cut into pieces, and also when it is cut short
 * because enough identifiers had come.
 *
 * Parser: rerank/permutation.c
 */
#include "fuzz.h"
#include "rerank/permutation.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_N = 300 };

static void check_permutation(const uint32_t *order, size_t n)
{
    bool seen[MAX_N] = {false};
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(order[i] < n && !seen[order[i]]);
        seen[order[i]] = true;
    }
}

static size_t read_whole(rrk_text answer, size_t n, size_t n_wanted, uint32_t *order)
{
    rank_reply_counts counts = {0};
    FUZZ_CHECK(rank_permutation_read(answer, n, n_wanted, order, &counts, NULL) == RRK_OK);
    check_permutation(order, n);
    FUZZ_CHECK(counts.n_ok + counts.n_malformed == 1);
    FUZZ_CHECK(counts.n_missing <= n_wanted);
    FUZZ_CHECK(!counts.n_ok || (!counts.n_missing && !counts.n_repeated && !counts.n_out_of_range));
    return n_wanted - counts.n_missing;
}

/* Gives how many identifiers were complete, and in *enough_at the length at which n_wanted of them were (0: never). */
static size_t scan_in_pieces(rrk_text answer, size_t n, size_t n_wanted, size_t piece, size_t *enough_at)
{
    rank_id_scan *scan = NULL;
    size_t found = 0;
    *enough_at = 0;
    FUZZ_CHECK(rank_id_scan_new(&scan, n, NULL) == RRK_OK);
    for (size_t len = 0; len < answer.len;) {
        len += RRK_MIN(piece, answer.len - len);
        /* Of exactly this length, so that a look at what has not come is seen. */
        char *so_far = malloc(len);
        memcpy(so_far, answer.data, len);
        size_t now = rank_id_scan_feed(scan, (rrk_text){so_far, len});
        free(so_far);
        FUZZ_CHECK(now >= found && now <= n);
        found = now;
        if (!*enough_at && n_wanted && found >= n_wanted)
            *enough_at = len;
    }
    rank_id_scan_reset(scan);
    FUZZ_CHECK(rank_id_scan_feed(scan, answer) == found);
    rank_id_scan_free(scan);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t order[MAX_N], early[MAX_N];
    size_t n = fuzz_take(&data, &size, 2) % (MAX_N + 1);
    size_t n_wanted = fuzz_take(&data, &size, 2) % (n + 1);
    size_t piece = 1 + fuzz_take(&data, &size, 1) % 16;
    /* Each piece is looked at in a copy. */
    rrk_text answer = {(const char *)data, RRK_MIN(size, (size_t)4096)};
    size_t enough_at;
    size_t found = scan_in_pieces(answer, n, n_wanted, piece, &enough_at);
    size_t n_given = read_whole(answer, n, n, order);
    FUZZ_CHECK(found == 0 || found == n_given);
    read_whole(answer, n, n_wanted, order);
    if (enough_at) {
        FUZZ_CHECK(read_whole((rrk_text){answer.data, enough_at}, n, n_wanted, early) == n_wanted);
        FUZZ_CHECK(memcmp(order, early, n_wanted * sizeof *order) == 0);
    }
    return 0;
}
