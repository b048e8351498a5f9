/* SHA-256 in hex, for names that must not collide: cache keys, prompt and model hashes in provenance. */
#ifndef RRK_BASE_SHA256_H
#define RRK_BASE_SHA256_H

#include <rrk/text.h>

#define BASE_SHA256_HEX_SIZE 65 /* with the NUL */

void base_sha256_hex(rrk_text text, char out[BASE_SHA256_HEX_SIZE]);

#endif
