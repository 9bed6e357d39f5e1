/* See seedseq.h. */
#include "diffusion/seedseq.h"
#include <string.h>

enum { POOL = 24, MAX_WORDS = POOL + 4 };

/* Appends v as little-endian 32-bit words, at least one. */
static size_t append_words(uint32_t *words, size_t count, uint64_t v)
{
    words[count++] = (uint32_t)v;
    if (v >> 32) words[count++] = (uint32_t)(v >> 32);
    return count;
}

static uint32_t hash(uint32_t v, uint32_t *state)
{
    v ^= *state;
    *state *= 0x931e8875u;
    v *= *state;
    return v ^ (v >> 16);
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    uint32_t r = 0xca01f9ddu * x - 0x4973f715u * y;
    return r ^ (r >> 16);
}

/* words must hold at least POOL words; count is how many of them count, padding behind is zero. */
static void generate(const uint32_t *words, size_t count, uint32_t *out, size_t out_count)
{
    uint32_t pool[POOL];
    uint32_t state = 0x43b0d7e5u;
    for (size_t i = 0; i < POOL; i++) pool[i] = hash(words[i], &state);
    for (size_t i = 0; i < POOL; i++) {
        for (size_t j = 0; j < POOL; j++) {
            if (j != i) pool[j] = mix(pool[j], hash(pool[i], &state));
        }
    }
    for (size_t k = POOL; k < count; k++) {
        for (size_t j = 0; j < POOL; j++) pool[j] = mix(pool[j], hash(words[k], &state));
    }
    uint32_t out_state = 0x8b51f9ddu;
    for (size_t k = 0; k < out_count; k++) {
        uint32_t v = pool[k % POOL] ^ out_state;
        out_state *= 0x58f38dedu;
        v *= out_state;
        out[k] = v ^ (v >> 16);
    }
}

void fc_seedseq_root(uint64_t entropy, uint32_t *out, size_t count)
{
    uint32_t words[MAX_WORDS] = {0};
    generate(words, append_words(words, 0, entropy), out, count);
}

void fc_seedseq_spawned(uint64_t entropy, uint64_t key, uint64_t depth, uint32_t *out, size_t count)
{
    uint32_t words[MAX_WORDS] = {0};
    append_words(words, 0,
                 entropy); /* zero-padded to the pool, so that the spawn key cannot be mistaken for entropy */
    size_t n = append_words(words, POOL, key);
    generate(words, append_words(words, n, depth), out, count);
}
