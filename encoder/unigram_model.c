/*
 * Viterbi over one word: see unigram_model.h. Of each offset the best way's last piece is kept; its score only as far as
 * a piece reaches ahead, in a ring, so a word of a megabyte costs four bytes a byte.
 */
#include "encoder/unigram_model.h"
#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_OFFSETS = 256, NOT_REACHED = -1, UNKNOWN = -2, BYTES = 256 };

/* Bytes of the character that a byte begins; text has been checked. */
static size_t char_len(char lead)
{
    unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* --- the model --- */

static rrk_status fill_trie(enc_unigram_model *m, const enc_unigram_piece *pieces, size_t n_pieces, rrk_error *err)
{
    enc_trie_key *keys RRK_AUTO(base_free_ptr) = base_alloc(n_pieces, sizeof *keys);
    if (!keys)
        return base_fail_nomem(err, n_pieces * sizeof *keys);
    size_t n_keys = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        if (pieces[i].special || pieces[i].text.len == 0)
            continue;
        keys[n_keys++] = (enc_trie_key){pieces[i].text, (int32_t)i};
        m->longest = RRK_MAX(m->longest, pieces[i].text.len);
    }
    return enc_trie_build(&m->trie, keys, n_keys, err);
}

static int32_t find(const enc_trie *trie, rrk_text piece)
{
    uint32_t node = 0;
    for (size_t i = 0; i < piece.len; i++) {
        node = enc_trie_step(trie, node, (unsigned char)piece.data[i]);
        if (node == 0)
            return -1;
    }
    return enc_trie_value(trie, node);
}

static void find_byte_pieces(enc_unigram_model *m)
{
    for (unsigned i = 0; i < BYTES; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        m->byte_pieces[i] = find(&m->trie, rrk_text_of(name));
    }
}

rrk_status enc_unigram_model_init(enc_unigram_model *model, const enc_unigram_piece *pieces, size_t n_pieces,
                                  int32_t unknown_id, bool byte_fallback, rrk_error *err)
{
    *model = (enc_unigram_model){.unknown_id = unknown_id, .byte_fallback = byte_fallback};
    model->scores = base_alloc(n_pieces, sizeof *model->scores);
    model->lengths = base_alloc(n_pieces, sizeof *model->lengths);
    if (!model->scores || !model->lengths)
        return base_fail_nomem(err, n_pieces * sizeof *model->scores);
    double lowest = n_pieces ? pieces[0].score : 0;
    for (size_t i = 0; i < n_pieces; i++) {
        model->scores[i] = pieces[i].score;
        model->lengths[i] = (uint16_t)pieces[i].text.len;
        lowest = RRK_MIN(lowest, pieces[i].score);
    }
    model->unknown_score = lowest - ENC_UNIGRAM_UNKNOWN_PENALTY;
    RRK_TRY(fill_trie(model, pieces, n_pieces, err));
    find_byte_pieces(model);
    return RRK_OK;
}

void enc_unigram_model_free(enc_unigram_model *model)
{
    enc_trie_free(&model->trie);
    base_free(model->scores);
    base_free(model->lengths);
}

/* --- one word --- */

void enc_unigram_scratch_free(enc_unigram_scratch *scratch)
{
    base_free(scratch->best);
    base_free(scratch->scores);
}

/* Offsets ahead that must not share a place: a piece's length, a character's, and the offset itself. */
static size_t ring_size(const enc_unigram_model *m)
{
    size_t size = 8;
    while (size <= m->longest)
        size *= 2;
    return size;
}

static rrk_status reserve(const enc_unigram_model *m, enc_unigram_scratch *s, size_t n_offsets, rrk_error *err)
{
    if (!s->scores)
        s->scores = base_alloc(ring_size(m), sizeof *s->scores);
    if (!s->scores)
        return base_fail_nomem(err, ring_size(m) * sizeof *s->scores);
    if (n_offsets <= s->cap)
        return RRK_OK;
    size_t cap = RRK_MAX(n_offsets, RRK_MAX(2 * s->cap, (size_t)FIRST_OFFSETS));
    int32_t *best = base_realloc(s->best, cap, sizeof *best);
    if (!best)
        return base_fail_nomem(err, cap * sizeof *best);
    s->best = best;
    s->cap = cap;
    return RRK_OK;
}

static void offer(enc_unigram_scratch *s, size_t mask, size_t end, int32_t id, double score)
{
    if (s->best[end] == NOT_REACHED || score > s->scores[end & mask]) {
        s->best[end] = id;
        s->scores[end & mask] = score;
    }
}

static void find_best(const enc_unigram_model *m, rrk_text word, enc_unigram_scratch *s)
{
    size_t mask = ring_size(m) - 1;
    const enc_trie *trie = &m->trie;
    memset(s->best, 0xff, (word.len + 1) * sizeof *s->best);
    s->scores[0] = 0;
    for (size_t at = 0; at < word.len;) {
        double so_far = s->scores[at & mask];
        size_t next = at + char_len(word.data[at]);
        bool covered = false;
        uint32_t node = 0;
        size_t end = at;
        while (end < word.len) {
            node = enc_trie_step(trie, node, (unsigned char)word.data[end++]);
            if (node == 0)
                break;
            int32_t id = enc_trie_value(trie, node);
            if (id < 0)
                continue;
            covered |= end == next;
            offer(s, mask, end, id, m->scores[id] + so_far);
        }
        if (!covered)
            offer(s, mask, next, UNKNOWN, m->unknown_score + so_far);
        s->n_steps += end - at;
        at = next;
    }
}

/* Goes back along the best way and leaves its pieces in order at the end of best; gives the first one's index. */
static size_t line_up(const enc_unigram_model *m, rrk_text word, enc_unigram_scratch *s)
{
    size_t first = word.len + 1;
    for (size_t at = word.len; at > 0;) {
        int32_t id = s->best[at];
        s->best[--first] = id;
        if (id >= 0) {
            at -= m->lengths[id];
            continue;
        }
        do {
            at--;
        } while (((unsigned char)word.data[at] & 0xc0) == 0x80);
    }
    return first;
}

static rrk_status put_unknown(const enc_unigram_model *m, rrk_text run, enc_id_sink *sink, rrk_error *err)
{
    bool by_bytes = m->byte_fallback;
    for (size_t i = 0; by_bytes && i < run.len; i++)
        by_bytes = m->byte_pieces[(unsigned char)run.data[i]] >= 0;
    if (!by_bytes)
        return enc_id_put(sink, m->unknown_id, err);
    for (size_t i = 0; i < run.len; i++)
        RRK_TRY(enc_id_put(sink, m->byte_pieces[(unsigned char)run.data[i]], err));
    return RRK_OK;
}

rrk_status enc_unigram_word(const enc_unigram_model *model, rrk_text word, enc_unigram_scratch *scratch,
                            enc_id_sink *sink, rrk_error *err)
{
    RRK_TRY(reserve(model, scratch, word.len + 1, err));
    find_best(model, word, scratch);
    size_t at = 0;
    for (size_t i = line_up(model, word, scratch); i <= word.len;) {
        int32_t id = scratch->best[i];
        if (id >= 0) {
            RRK_TRY(enc_id_put(sink, id, err));
            at += model->lengths[id];
            i++;
            continue;
        }
        size_t start = at;
        for (; i <= word.len && scratch->best[i] == UNKNOWN; i++)
            at += char_len(word.data[at]);
        RRK_TRY(put_unknown(model, (rrk_text){word.data + start, at - start}, sink, err));
    }
    return RRK_OK;
}
