/* The Mersenne Twister (Matsumoto and Nishimura 1998, MT19937): 32-bit outputs, period 2^19937 - 1.
 * Shared by the picture's noise (diffusion/rng.h) and by Python-compatible choices (base/pyrandom.h), which
 * seed it differently. A plain value: copying the struct copies the stream. */
#ifndef FC_BASE_MT19937_H
#define FC_BASE_MT19937_H

#include <stddef.h>
#include <stdint.h>

enum { FC_MT19937_N = 624 };

typedef struct fc_mt19937 {
    uint32_t state[FC_MT19937_N];
    uint32_t next; /* index of the next word to hand out; FC_MT19937_N = the state must be advanced first */
} fc_mt19937;

void fc_mt19937_seed(fc_mt19937 *mt, uint32_t seed);
/* Seeding by an array of count > 0 words, as Python's random and the authors' init_by_array do. */
void fc_mt19937_seed_array(fc_mt19937 *mt, const uint32_t *key, size_t count);
void fc_mt19937_advance(fc_mt19937 *mt); /* makes the next 624 words; fc_mt19937_next calls it when needed */

static inline uint32_t fc_mt19937_next(fc_mt19937 *mt)
{
    if (mt->next >= FC_MT19937_N) fc_mt19937_advance(mt);
    uint32_t y = mt->state[mt->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

#endif
