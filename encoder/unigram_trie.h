/*
 * A double array over byte strings, 8 bytes a unit: the children of a node are the units base ^ byte. Built once from
 * the vocabulary and read only after that. Stepping is inline, because it is the inner loop of tokenising.
 */
#ifndef RRK_ENCODER_UNIGRAM_TRIE_H
#define RRK_ENCODER_UNIGRAM_TRIE_H

#include "base/error.h"

#define ENC_TRIE_MAX_VALUE ((1 << 23) - 2)
#define ENC_TRIE_LABEL_BITS 9

typedef struct enc_trie_unit {
    uint32_t base;
    uint32_t value_label; /* value + 1 (0: none) above 9 bits of byte + 1 (0: the unit is free) */
} enc_trie_unit;

typedef struct enc_trie {
    enc_trie_unit *units; /* [n_units], a multiple of 256; the root is unit 0 */
    size_t n_units;
} enc_trie;

typedef struct enc_trie_key {
    rrk_text text;
    int32_t value; /* 0..ENC_TRIE_MAX_VALUE */
} enc_trie_key;

/* Sorts keys. No key is empty; of equal keys the one with the largest value counts. */
rrk_status enc_trie_build(enc_trie *out, enc_trie_key *keys, size_t n, rrk_error *err);
void enc_trie_free(enc_trie *trie);

/* The child of node, 0 (the root, nobody's child) when there is none. */
static inline uint32_t enc_trie_step(const enc_trie *trie, uint32_t node, unsigned char byte)
{
    uint32_t child = trie->units[node].base ^ byte;
    uint32_t label = trie->units[child].value_label & ((1u << ENC_TRIE_LABEL_BITS) - 1);
    return label == byte + 1u ? child : 0;
}

/* The value of the key that ends at node, -1 when none does. */
static inline int32_t enc_trie_value(const enc_trie *trie, uint32_t node)
{
    return (int32_t)(trie->units[node].value_label >> ENC_TRIE_LABEL_BITS) - 1;
}

#endif
