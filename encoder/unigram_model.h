/*
 * The unigram language model: a vocabulary with scores, and the best way to cut one word into its pieces (Viterbi), as
 * the `tokenizers` package does it: sums in double, the first of equally good ways wins, what no piece covers is unknown
 * and unknown neighbours are one token. Nothing here knows about normalising or about where words end.
 */
#ifndef RRK_ENCODER_UNIGRAM_MODEL_H
#define RRK_ENCODER_UNIGRAM_MODEL_H

#include "encoder/tokenizer_kind.h"
#include "encoder/unigram_trie.h"

#define ENC_UNIGRAM_UNKNOWN_PENALTY 10.0 /* below the lowest score of the vocabulary */

typedef struct enc_unigram_piece {
    rrk_text text;
    double score;
    bool special; /* never comes out of text */
} enc_unigram_piece;

typedef struct enc_unigram_model {
    enc_trie trie;
    double *scores;    /* [n_pieces] */
    uint16_t *lengths; /* [n_pieces] bytes */
    size_t longest;    /* bytes of a piece */
    double unknown_score;
    int32_t unknown_id;
    bool byte_fallback;       /* unknown text comes out as the pieces of its bytes */
    int32_t byte_pieces[256]; /* "<0x41>", -1 where there is none */
} enc_unigram_model;

/*
 * pieces are indexed by id and may go away afterwards; of equal ones the last counts. A piece is at most
 * ENC_MAX_PIECE_BYTES long, and empty ones are never used; unknown_id is one of them.
 */
rrk_status enc_unigram_model_init(enc_unigram_model *model, const enc_unigram_piece *pieces, size_t n_pieces,
                                  int32_t unknown_id, bool byte_fallback, rrk_error *err);
void enc_unigram_model_free(enc_unigram_model *model);

/* Scratch of one call, to be zeroed before its first word and freed after the last. */
typedef struct enc_unigram_scratch {
    int32_t *best; /* [cap] for each offset of the word, the piece that ends there on the best way */
    size_t cap;
    double *scores; /* [ring] of the ways that end at the offsets ahead */
    size_t n_steps; /* in the trie, over all words: the work that was done */
} enc_unigram_scratch;

void enc_unigram_scratch_free(enc_unigram_scratch *scratch); /* also for RRK_AUTO */

/* Appends the word's ids to sink. 4 bytes of scratch a byte of the longest word; time is bounded by longest a byte. */
rrk_status enc_unigram_word(const enc_unigram_model *model, rrk_text word, enc_unigram_scratch *scratch,
                            enc_id_sink *sink, rrk_error *err);

#endif
