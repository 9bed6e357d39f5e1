/* The draws of Python 3's random.Random(seed) that prompts need (wildcards, random styles): same seed, same
 * words. Matches CPython's getrandbits() and choice() for non-negative seeds below 2^64. */
#ifndef FC_BASE_PYRANDOM_H
#define FC_BASE_PYRANDOM_H

#include "base/mt19937.h"

typedef struct fc_pyrandom {
    fc_mt19937 mt;
} fc_pyrandom;

void fc_pyrandom_seed(fc_pyrandom *r, uint64_t seed);
uint64_t fc_pyrandom_getrandbits(fc_pyrandom *r, unsigned bits); /* 1..64 bits */
/* A number in [0, count), count > 0: random.choice(items) is items[fc_pyrandom_choice(r, len(items))]. */
uint64_t fc_pyrandom_choice(fc_pyrandom *r, uint64_t count);

#endif
