/*
 * Random numbers from a counter: number i of a seed is a function of the two, so that C, numpy and any order of
 * evaluation agree. The mix is splitmix64's finaliser. For tests, shuffles and significance tests; not for secrets.
 */
#ifndef RRK_BASE_RNG_H
#define RRK_BASE_RNG_H

#include <stdint.h>

uint64_t base_rng_at(uint64_t seed, uint64_t counter);

/* In 0..1, 1 excluded; 53 bits. */
double base_rng_uniform_at(uint64_t seed, uint64_t counter);

#endif
