/*
 * What the comparisons of token ids share: hashes as the generators in tools/ compute them, golden files read line by
 * line, and the records of public collections.
 */
#ifndef RRK_TESTS_ENCODER_GOLDEN_DATA_H
#define RRK_TESTS_ENCODER_GOLDEN_DATA_H

#include "base/buf.h"
#include "base/lines.h"
#include "encoder/tokenizer.h"

struct json_t;

enum { GOLDEN_MAX_LINE_BYTES = 1 << 22, GOLDEN_MAX_TEXT_BYTES = 1 << 24 };
#define GOLDEN_EMPTY_HASH 0xcbf29ce484222325u

/* The shared data's file as name in a folder of its own; NULL when the data is not there. */
enc_tokenizer *golden_open_tokenizer(const char *data, const char *name);

/* Adds a text's ids to a hash and a count. */
void golden_take(const enc_tokenizer *t, rrk_text text, uint64_t *hash, size_t *n);
/* "a?b" for each code point of a plane. */
void golden_take_plane(const enc_tokenizer *t, uint32_t plane, uint64_t *hash, size_t *n);
/* json's text, as often as its "times" says. */
void golden_take_text(const enc_tokenizer *t, const struct json_t *json, uint64_t *hash, size_t *n);

base_lines *golden_open(const char *name);
bool golden_next_line(base_lines *lines, rrk_text *line);
/* The record hashes of one set, read from as many lines as they take. */
void golden_read_hashes(base_lines *golden, size_t n_records, uint16_t *out);

/* Title and text of a collection's record as the generators join them, in b. */
void golden_record_text(rrk_text line, base_buf *b);

#endif
