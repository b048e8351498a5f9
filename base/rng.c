/* The counter-based generator: see rng.h. */
#include "base/rng.h"

uint64_t base_rng_at(uint64_t seed, uint64_t counter)
{
    uint64_t z = seed * 0xd1342543de82ef95u + (counter + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double base_rng_uniform_at(uint64_t seed, uint64_t counter)
{
    return (double)(base_rng_at(seed, counter) >> 11) * 0x1p-53;
}
