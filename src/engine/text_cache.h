/* Encoded texts, kept between pictures and jobs: the same prompt is encoded once. Private to the engine. */
#ifndef FC_ENGINE_TEXT_CACHE_H
#define FC_ENGINE_TEXT_CACHE_H

#include <stdint.h>
#include "base/status.h"

enum { FC_TEXT_CACHE_ENTRIES = 64 };

typedef struct fc_text_key {
    uint64_t model;      /* serial */
    uint64_t patches;    /* state of its LoRAs */
    uint64_t embeddings; /* those that the text may name; 0: it names none */
    int32_t recipe, skip;
    const char *text;
} fc_text_key;

/* context [tokens][width], pooled [pooled_width], one block of memory behind the entry */
typedef struct fc_text_entry {
    fc_text_key key; /* key.text is owned */
    float *context, *pooled;
    int32_t tokens, width, pooled_width;
    uint64_t used; /* larger: more recently */
} fc_text_entry;

typedef struct fc_text_cache {
    fc_text_entry entry[FC_TEXT_CACHE_ENTRIES];
    uint64_t clock;
} fc_text_cache;

void fc_text_cache_init(fc_text_cache *c);
void fc_text_cache_fini(fc_text_cache *c);
/* Valid until the next put. NULL: not there. */
const fc_text_entry *fc_text_cache_get(fc_text_cache *c, const fc_text_key *key);
/* Makes an entry with memory for its arrays, dropping the one not used for longest; NULL when out of memory.
 * The caller fills it. */
fc_text_entry *fc_text_cache_put(fc_text_cache *c, const fc_text_key *key, int32_t tokens, int32_t width,
                                 int32_t pooled_width);

#endif
