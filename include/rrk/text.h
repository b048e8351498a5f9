/*
 * rrk/text.h: the plain values that cross the API: text, passages, hits.
 *
 * A text is a pointer and a length in bytes, UTF-8, not NUL-terminated and never modified. A passage is what gets
 * ranked; a hit says which passage of an input array it is about and what score it got. Callers pass these in arrays,
 * so their layout is frozen: the reserved fields must be zero and are where later versions grow.
 *
 * Ownership: structs here borrow. Nothing in rrk frees a text it was given, and every text handed out says who owns it.
 */
#ifndef RRK_TEXT_H
#define RRK_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what librrk exports; everything else is hidden. */
#if defined(__GNUC__)
#define RRK_API __attribute__((visibility("default")))
#else
#define RRK_API
#endif

/* UTF-8 bytes. data may be NULL when len is 0. */
typedef struct rrk_text {
    const char *data;
    size_t len; /* bytes */
} rrk_text;

/* The text of a NUL-terminated string; NULL gives the empty text. */
static inline rrk_text rrk_text_of(const char *string)
{
    rrk_text text;
    text.data = string;
    text.len = string ? strlen(string) : 0;
    return text;
}

/* One passage. Only text is required; a title is joined to it as "title text" before it reaches a model. */
typedef struct rrk_passage {
    rrk_text id;       /* the caller's own identifier ("external id"), unique in a store */
    rrk_text title;    /* may be empty */
    rrk_text text;     /* may be empty only when the title is not */
    rrk_text metadata; /* a JSON object, or empty */
    uint64_t reserved[4];
} rrk_passage;

/* One line of a reranker's answer. */
typedef struct rrk_hit {
    size_t index; /* into the passages that were given */
    double score; /* larger is better; what it means depends on the strategy, see rrk/rerank.h */
    uint64_t reserved[2];
} rrk_hit;

/* One line of a retriever's answer. */
typedef struct rrk_candidate {
    int64_t row;  /* the passage's row in the store, for rrk_store_fetch() */
    double score; /* larger is better; what it means depends on the retriever, see rrk/retriever.h */
    uint64_t reserved[2];
} rrk_candidate;

#ifdef __cplusplus
}
#endif
#endif
