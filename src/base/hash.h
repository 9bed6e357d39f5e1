/* FNV-1a, splitmix64 and an insert-only string map (open addressing, keys borrowed). */
#ifndef FC_BASE_HASH_H
#define FC_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

uint64_t fc_fnv1a(const void *data, size_t size);
static inline uint64_t fc_splitmix64(uint64_t state)
{
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

typedef struct fc_strmap {
    struct fc_strmap_slot *slots;
    size_t cap, count;
    uint64_t seed;
} fc_strmap;

void fc_strmap_init(fc_strmap *m);
void fc_strmap_fini(fc_strmap *m);
/* Keys are borrowed (never NULL) and must outlive the map. *was_present (may be NULL) says whether the key
 * was there already; nothing changes then. Fails only with NOMEM. */
fc_status fc_strmap_put(fc_strmap *m, const char *key, size_t key_len, uint32_t value,
                        bool *was_present) FC_MUST_USE;
/* value may be NULL. */
bool fc_strmap_get(const fc_strmap *m, const char *key, size_t key_len, uint32_t *value);

#endif
