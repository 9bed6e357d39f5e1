/* See mt19937.h. */
#include "base/mt19937.h"

enum { MIDDLE = 397 };

static uint32_t twist(uint32_t high, uint32_t low)
{
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (y >> 1) ^ ((0u - (low & 1u)) & 0x9908b0dfu);
}

void fc_mt19937_seed(fc_mt19937 *mt, uint32_t seed)
{
    uint32_t *s = mt->state;
    s[0] = seed;
    for (uint32_t i = 1; i < FC_MT19937_N; i++) s[i] = 1812433253u * (s[i - 1] ^ (s[i - 1] >> 30)) + i;
    mt->next = FC_MT19937_N;
}

void fc_mt19937_seed_array(fc_mt19937 *mt, const uint32_t *key, size_t count)
{
    uint32_t *s = mt->state;
    fc_mt19937_seed(mt, 19650218u);
    uint32_t i = 1;
    size_t rounds = count > FC_MT19937_N ? count : FC_MT19937_N;
    for (size_t k = 0; k < rounds; k++) {
        size_t j = k % count;
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1664525u)) + key[j] + (uint32_t)j;
        if (++i == FC_MT19937_N) {
            s[0] = s[FC_MT19937_N - 1];
            i = 1;
        }
    }
    for (size_t k = 1; k < FC_MT19937_N; k++) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i == FC_MT19937_N) {
            s[0] = s[FC_MT19937_N - 1];
            i = 1;
        }
    }
    s[0] = 0x80000000u;
}

void fc_mt19937_advance(fc_mt19937 *mt)
{
    uint32_t *s = mt->state;
    int i = 0;
    for (; i < FC_MT19937_N - MIDDLE; i++) s[i] = s[i + MIDDLE] ^ twist(s[i], s[i + 1]);
    for (; i < FC_MT19937_N - 1; i++) s[i] = s[i + MIDDLE - FC_MT19937_N] ^ twist(s[i], s[i + 1]);
    s[i] = s[MIDDLE - 1] ^ twist(s[i], s[0]);
    mt->next = 0;
}
