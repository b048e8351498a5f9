/*
 * What the levels above see of encoders: turning texts into token ids, joining ids into rows, and running rows. A row
 * is what one pass of the model reads; its ids were joined from segments here or in a strategy, so that no user text
 * can forge a special token.
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

/*
 * Where a segment of a prompt stands in its row. T5's and XLM-R's tokenizers put a mark of a new word before a text; a
 * segment that goes on inside a word is to have none. Kinds without such a mark give the same ids for both.
 */
typedef enum enc_segment {
    ENC_SEGMENT_WORD,  /* after a special token, or after white space, which the mark then stands for */
    ENC_SEGMENT_INSIDE /* right behind another segment's last character */
} enc_segment;

/* enc_tokenize() is this with ENC_SEGMENT_WORD. */
rrk_status enc_tokenize_segment(const rrk_encoder *encoder, rrk_text text, enc_segment segment, size_t max_ids,
                                enc_ids *out, size_t *n_total, rrk_error *err);

/* The model's special tokens; -1 stands for one that it does not have. */
typedef struct enc_specials {
    int32_t cls; /* begins a row: [CLS], <s>; T5 has none */
    int32_t sep; /* ends a row: [SEP], </s> */
    int32_t pad;
    int32_t unk;
    int32_t n_pair_seps; /* times sep stands between the two texts of a pair: 1, with XLM-R 2, with Pegasus 0 */
} enc_specials;

const enc_specials *enc_special_ids(const rrk_encoder *encoder);

/* Whether the second text of a pair is of token type 1; RoBERTa's are all of type 0. */
bool enc_pair_has_types(const rrk_encoder *encoder);

/* The id of a special piece by its name ("<extra_id_0>", "[unused1]"), -1 when the model has no such special piece. */
int32_t enc_special_id(const rrk_encoder *encoder, const char *name);

/* The tokens that a row of a model with views begins with, behind [CLS] if it has that: [enc_n_views()]. */
const int32_t *enc_view_ids(const rrk_encoder *encoder);
size_t enc_n_views(const rrk_encoder *encoder); /* 0: a model without */

/* The tokens whose logits a decoder's first step gives (RRK_HEAD_SEQ2SEQ), in the order of a row's results. */
typedef enum enc_answer {
    ENC_ANSWER_TRUE,  /* "true" */
    ENC_ANSWER_FALSE, /* "false" */
    ENC_ANSWER_SCORE, /* "<extra_id_10>" */
    ENC_N_ANSWERS
} enc_answer;

/* Whether the vocabulary has that token; otherwise its logit means nothing. */
bool enc_has_answer(const rrk_encoder *encoder, enc_answer answer);

/*
 * The text that the model wants before a query or a passage ("query:"), "" when none. Owned by the encoder. Blanks at its
 * end are left out: the mark that begins the next segment's first word stands for them.
 */
rrk_text enc_prompt(const rrk_encoder *encoder, rrk_embed_kind kind);

rrk_encoder_head enc_head(const rrk_encoder *encoder);
size_t enc_max_tokens(const rrk_encoder *encoder); /* a row's cap, specials included */
/*
 * Floats a row: d_model for embeddings, 1 for a cross-encoder, ENC_N_ANSWERS, and with views n_views * d_model, and one
 * more where the query is read apart: what all views add to their scores.
 */
size_t enc_output_dim(const rrk_encoder *encoder);

/* What a model's scores mean: a score's probability is 1 / (1 + exp(-(slope * score + intercept))). */
typedef struct enc_calibration {
    bool is_known;
    double slope; /* more than 0: the order stays */
    double intercept;
} enc_calibration;

const enc_calibration *enc_calibration_of(const rrk_encoder *encoder);

/* Whether rows are of passages alone, and a list's query is read once, apart from them (doc/mvp-bert.md, "block"). */
bool enc_reads_query_apart(const rrk_encoder *encoder);

/* A query that such a model has read. */
typedef struct enc_query enc_query;

/* One row: ids with specials in place. Borrowed for the duration of the call. */
typedef struct enc_row {
    const int32_t *ids;
    uint32_t n_ids;      /* 1 .. enc_max_tokens() */
    uint32_t type1_from; /* token types are 0 before this position and 1 from it on; n_ids: all 0 */
    enc_query *query;    /* of models that read it apart, otherwise NULL */
} enc_row;

/*
 * Runs rows through the model and its head; out is [n_rows, enc_output_dim()] in the order of rows, and undefined after
 * a failure. Thread-safe: rows of all callers wait in one queue and share batches (batcher.h). The deadline is looked at
 * while the call waits, on the calling thread; one that has passed ends the call at once.
 */
rrk_status enc_run(rrk_encoder *encoder, const enc_row *rows, size_t n_rows, float *out, const base_deadline *deadline,
                   rrk_error *err);

/* rrk_encoder_embed() with a deadline, which is looked at while the call waits. RRK_E_FORMAT for results that are no numbers. */
rrk_status enc_embed(rrk_encoder *encoder, rrk_embed_kind kind, const rrk_text *texts, size_t n_texts, float *out,
                     const base_deadline *deadline, rrk_error *err);

/*
 * Reads a list's query for a model that reads it apart. Thread-safe; runs on the calling thread, and the deadline is
 * looked at between layers. The query may be freed at any time: a batch that still runs holds what it needs.
 */
rrk_status enc_query_read(enc_query **out, rrk_encoder *encoder, const enc_row *row, const base_deadline *deadline,
                          rrk_error *err);
void enc_query_free(enc_query *query); /* NULL is fine */

/*
 * One list of a model with views: vectors [n, enc_output_dim()] are the results of its n rows, at least one. Each view
 * gets an anchor, a function of all of its vectors in the list, and a row's score for a view is their dot product, plus
 * what the row says for all views: scores [n, n_views]. anchors [n_views, d_model] gets the anchors unless it is NULL.
 * Thread-safe; the deadline is looked at between layers.
 */
rrk_status enc_anchors(rrk_encoder *encoder, const float *vectors, size_t n, float *scores, float *anchors,
                       const base_deadline *deadline, rrk_error *err);

/* RRK_E_INVALID when the encoder crossed a fork. */
rrk_status enc_check_owner(const rrk_encoder *encoder, rrk_error *err);

#endif
