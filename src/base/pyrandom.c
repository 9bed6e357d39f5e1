/* See pyrandom.h. */
#include "base/pyrandom.h"
#include <assert.h>

void fc_pyrandom_seed(fc_pyrandom *r, uint64_t seed)
{
    const uint32_t words[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    fc_mt19937_seed_array(&r->mt, words, words[1] ? 2 : 1);
}

uint64_t fc_pyrandom_getrandbits(fc_pyrandom *r, unsigned bits)
{
    assert(bits >= 1 && bits <= 64);
    if (bits <= 32) return fc_mt19937_next(&r->mt) >> (32 - bits);
    uint64_t low = fc_mt19937_next(&r->mt);
    uint64_t high = fc_mt19937_next(&r->mt) >> (64 - bits);
    return high << 32 | low;
}

static unsigned bit_length(uint64_t v)
{
    unsigned n = 0;
    for (; v; v >>= 1) n++;
    return n;
}

uint64_t fc_pyrandom_choice(fc_pyrandom *r, uint64_t count)
{
    assert(count > 0);
    unsigned bits = bit_length(count);
    uint64_t v;
    do v = fc_pyrandom_getrandbits(r, bits);
    while (v >= count);
    return v;
}
