/* FNV-1a and the string map: linear probing, at most 3/4 full. The hash of a key starts from a random seed,
 * so that a file cannot be made whose names all collide. */
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>
#include "base/mem.h"

#ifdef FC_HARD
enum { FIRST_CAP = 2 };
#else
enum { FIRST_CAP = 16 };
#endif

struct fc_strmap_slot {
    const char *key; /* NULL = free */
    size_t key_len;
    uint64_t hash;
    uint32_t value;
};

static const uint64_t FNV_BASIS = 0xCBF29CE484222325u, FNV_PRIME = 0x100000001B3u;

static uint64_t fnv1a_from(uint64_t state, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) state = (state ^ bytes[i]) * FNV_PRIME;
    return state;
}

uint64_t fc_fnv1a(const void *data, size_t size)
{
    return fnv1a_from(FNV_BASIS, data, size);
}

void fc_strmap_init(fc_strmap *m)
{
    *m = (fc_strmap){0};
    /* Without entropy the map still works, only unseeded. */
    if (getrandom(&m->seed, sizeof m->seed, GRND_NONBLOCK) != (ssize_t)sizeof m->seed) m->seed = 0;
}

void fc_strmap_fini(fc_strmap *m)
{
    fc_free(m->slots);
    *m = (fc_strmap){0};
}

static uint64_t hash_key(const fc_strmap *m, const char *key, size_t key_len)
{
    return fc_splitmix64(fnv1a_from(FNV_BASIS ^ m->seed, key, key_len));
}

/* The slot that holds the key, or the free one where it belongs; cap is a power of two and one slot is always
 * free. */
static struct fc_strmap_slot *probe(struct fc_strmap_slot *slots, size_t cap, uint64_t hash, const char *key,
                                    size_t key_len)
{
    for (size_t i = (size_t)hash & (cap - 1);; i = (i + 1) & (cap - 1)) {
        struct fc_strmap_slot *slot = &slots[i];
        if (!slot->key) return slot;
        if (slot->hash == hash && slot->key_len == key_len && memcmp(slot->key, key, key_len) == 0)
            return slot;
    }
}

static fc_status grow(fc_strmap *m)
{
    size_t cap;
    if (!fc_size_mul(m->cap ? m->cap : FIRST_CAP / 2, 2, &cap)) return FC_NOMEM;
    struct fc_strmap_slot *slots = fc_calloc(cap, sizeof *slots);
    if (!slots) return FC_NOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        const struct fc_strmap_slot *old = &m->slots[i];
        if (old->key) *probe(slots, cap, old->hash, old->key, old->key_len) = *old;
    }
    fc_free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return FC_OK;
}

fc_status fc_strmap_put(fc_strmap *m, const char *key, size_t key_len, uint32_t value, bool *was_present)
{
    uint64_t hash = hash_key(m, key, key_len);
    struct fc_strmap_slot *slot = m->cap ? probe(m->slots, m->cap, hash, key, key_len) : NULL;
    bool present = slot && slot->key;
    if (was_present) *was_present = present;
    if (present) return FC_OK;
    if (m->count >= m->cap / 4 * 3) {
        if (grow(m) != FC_OK) return FC_NOMEM;
        slot = probe(m->slots, m->cap, hash, key, key_len);
    }
    *slot = (struct fc_strmap_slot){.key = key, .key_len = key_len, .hash = hash, .value = value};
    m->count++;
    return FC_OK;
}

bool fc_strmap_get(const fc_strmap *m, const char *key, size_t key_len, uint32_t *value)
{
    if (!m->cap) return false;
    const struct fc_strmap_slot *slot = probe(m->slots, m->cap, hash_key(m, key, key_len), key, key_len);
    if (!slot->key) return false;
    if (value) *value = slot->value;
    return true;
}
