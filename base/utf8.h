/* UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef RRK_BASE_UTF8_H
#define RRK_BASE_UTF8_H

#include "base/macros.h"
#include <rrk/text.h>

#define BASE_UTF8_BAD UINT32_MAX

/* True when all of it is valid; otherwise *bad_at (may be NULL) is the offset of the first bad byte. */
bool base_utf8_valid(const char *data, size_t len, size_t *bad_at);

/* Reads the character at data[*pos] and moves *pos past it; BASE_UTF8_BAD for a bad byte, which is one byte long. */
uint32_t base_utf8_next(const char *data, size_t len, size_t *pos);

/* Writes a character's 1 to 4 bytes and returns how many. */
size_t base_utf8_put(uint32_t code_point, char out[4]);

/* The largest length <= max at which text of length len can be cut without splitting a character. */
size_t base_utf8_cut(const char *data, size_t len, size_t max);

#endif
