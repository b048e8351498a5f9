/* Lucene's one-byte document lengths. */
#ifndef RRK_STORE_FTS_H
#define RRK_STORE_FTS_H

#include <stdint.h>

uint8_t store_length_code(uint64_t length); /* exact below 24, then four leading bits of the rest */
uint32_t store_length_of_code(uint8_t code);

#endif
