/*
 * Building encoder rows from texts: cutting a passage to its cap or into chunks, joining ids with special tokens, and
 * remembering which passage a row speaks for. Shared by the strategies that score passages one by one.
 */
#ifndef RRK_RERANK_ROWS_H
#define RRK_RERANK_ROWS_H

#include "rerank/strategy.h"

typedef struct rank_rows {
    int32_t *ids; /* all rows' ids end to end; owned */
    size_t n_ids;
    size_t cap_ids;
    enc_row *rows;        /* [n]; their ids point into ids only after rank_rows_seal(); owned */
    uint32_t *passage_of; /* [n]; owned */
    size_t n;
    size_t cap;
} rank_rows;

void rank_rows_free(rank_rows *rows);

/* A row that speaks for no passage: the query of a bi-encoder. */
#define RANK_NO_PASSAGE UINT32_MAX

/* What stands around a passage in a row, the same for all passages of a list. */
typedef struct rank_frame {
    enc_ids before;
    enc_ids after;
    bool has_second_segment; /* tokens are of type 1 from the passage on */
} rank_frame;

void rank_frame_free(rank_frame *frame); /* also for RRK_AUTO */

/* Adds ids, or a text's, to one end of a part of a frame. */
rrk_status rank_ids_add(enc_ids *part, const int32_t *ids, size_t n, rrk_error *err);
rrk_status rank_ids_add_text(enc_ids *part, const rrk_encoder *encoder, const char *text, rrk_error *err);

/* A text of an embedding model's: [CLS], which T5 lacks, the prompt of its kind, the text, [SEP]. */
rrk_status rank_frame_of_text(const rrk_encoder *encoder, rrk_embed_kind kind, rank_frame *frame, rrk_error *err);

/* How many tokens of text a row has room for beside the frame; RRK_E_INVALID when it is none. */
rrk_status rank_room_in_row(const rrk_encoder *encoder, const rank_frame *frame, size_t *out, rrk_error *err);

/* Starts a row; ids are then added to it until the next one starts. */
rrk_status rank_rows_begin(rank_rows *rows, uint32_t passage, rrk_error *err);
rrk_status rank_rows_add(rank_rows *rows, const int32_t *ids, size_t n, rrk_error *err);
/* The tokens of the row from here on are of type 1. */
void rank_rows_second_segment(rank_rows *rows);
/* A whole row: the frame with ids in it. */
rrk_status rank_rows_add_framed(rank_rows *rows, uint32_t passage, const rank_frame *frame, const int32_t *ids,
                                size_t n, rrk_error *err);
/* Points every row at its ids; call once, when all rows are there. */
void rank_rows_seal(rank_rows *rows);

/* A passage's tokens, as many as its rows will need. */
typedef struct rank_cut {
    enc_ids ids;
    size_t row_cap; /* tokens of the passage that one row takes, at least 1 */
    size_t stride;  /* from one chunk's start to the next's */
} rank_cut;

/*
 * Tokenises "title text" of passage i of the task. row_cap is what one row has room for beside everything else; the
 * caller's max_tokens_per_passage is applied here. Counts truncation and chunking.
 */
rrk_status rank_cut_passage(const rank_task *task, size_t i, size_t row_cap, rank_counts *counts, rank_cut *out,
                            rrk_error *err);
void rank_cut_free(rank_cut *cut); /* also for RRK_AUTO */

/* Chunk number c of a cut: true and its ids while there is one. An unchunked passage is one chunk. */
bool rank_cut_chunk(const rank_cut *cut, size_t c, const int32_t **ids, size_t *n);

/* The query's ids, cut at the caller's cap and at most limit. */
rrk_status rank_query_ids(const rank_task *task, size_t limit, enc_ids *out, rrk_error *err);

/* The query as a row of its own, as an embedding model reads it: at most cap ids of it, and what fits. */
rrk_status rank_rows_add_query(rank_rows *rows, const rank_task *task, size_t cap, rrk_error *err);

#endif
