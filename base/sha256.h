/* SHA-256 in hex, for names that must not collide: cache keys, prompt and model hashes in provenance, files fetched. */
#ifndef RRK_BASE_SHA256_H
#define RRK_BASE_SHA256_H

#include <rrk/text.h>

#define BASE_SHA256_HEX_SIZE 65 /* with the NUL */

void base_sha256_hex(rrk_text text, char out[BASE_SHA256_HEX_SIZE]);

/* In pieces: start, add any number of times, end. A copy of it goes on by itself. */
typedef struct base_sha256 {
    uint64_t state[32];
} base_sha256;

void base_sha256_start(base_sha256 *sha);
void base_sha256_add(base_sha256 *sha, const void *data, size_t len);
void base_sha256_end(base_sha256 *sha, char out[BASE_SHA256_HEX_SIZE]); /* and starts again */

#endif
