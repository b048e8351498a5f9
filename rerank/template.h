/*
 * What a prompt template is made of, for the files that make and use one: built-in wording, YAML files, building. A
 * part is a format as Python's str.format() has it, with names only: {query}, {num}, {rank}, {candidate}; "{{" and "}}"
 * are braces. It is checked once, when the template is made.
 */
#ifndef RRK_RERANK_TEMPLATE_H
#define RRK_RERANK_TEMPLATE_H

#include "rerank/prompt.h"

/*
 * In the order in which a chat shows them. An assistant's part ends the user's turn before it; without one, the user's
 * turn goes on: with neither, all is one user turn.
 */
typedef enum rank_part {
    RANK_PART_SYSTEM, /* no format: braces are braces */
    RANK_PART_PREFIX,
    RANK_PART_PREFIX_ASSISTANT,
    RANK_PART_BODY, /* once a passage */
    RANK_PART_BODY_ASSISTANT,
    RANK_PART_SUFFIX,
    RANK_PART_SUFFIX_FEWER, /* instead of the suffix where fewer than all are asked for */
    RANK_N_PARTS
} rank_part;

typedef enum rank_field {
    RANK_FIELD_LITERAL, /* no placeholder */
    RANK_FIELD_QUERY,
    RANK_FIELD_NUM,
    RANK_FIELD_RANK,
    RANK_FIELD_CANDIDATE,
    RANK_FIELD_WANTED,  /* built-in wording only: how many are asked for */
    RANK_FIELD_EXAMPLE, /* built-in wording only: "[2] > [1] > [3]", no longer than what is asked for */
    RANK_N_FIELDS
} rank_field;

/* As it stands between braces; not for a literal. */
const char *rank_field_name(rank_field field);

/* Placeholders that a part may hold, as bits 1 << field. */
#define RANK_FIELDS_OF_QUERY (1u << RANK_FIELD_QUERY | 1u << RANK_FIELD_NUM)
#define RANK_FIELDS_OF_BODY (1u << RANK_FIELD_RANK | 1u << RANK_FIELD_CANDIDATE)

typedef struct rank_template_part {
    bool present;
    rrk_text text; /* into memory, or static */
} rank_template_part;

struct rank_template {
    rank_template_part parts[RANK_N_PARTS];
    bool suffix_goes_on; /* SUFFIX_FEWER follows the suffix instead of replacing it */
    char *memory;        /* owned; NULL for built-in wording */
};

/* rrk's own wording; NULL when name is none of them. Never freed. */
const rank_template *rank_template_builtin(const char *name);

/* rrk's own sentence for fewer than all, for template files. */
extern const char RANK_FEWER_SENTENCE[];

/*
 * The next piece of a format: text of its own, or a placeholder. *more is false at its end. Fails (RRK_E_FORMAT, with
 * the message "what" alone) at a brace that means nothing and at an unknown name.
 */
typedef struct rank_piece {
    rank_field field;
    rrk_text literal;
} rank_piece;
rrk_status rank_format_next(rrk_text format, size_t *pos, rank_piece *piece, bool *more, rrk_error *err);

/* Which placeholders a format holds; fails as above. */
rrk_status rank_format_check(rrk_text format, unsigned *fields, rrk_error *err);

#endif
