/* What image prompts became: the tokens of the last pictures, so that only the first picture of a job runs
 * the vision encoder. */
#ifndef FC_ENGINE_IMAGE_TOKENS_H
#define FC_ENGINE_IMAGE_TOKENS_H

#include <stddef.h>
#include <stdint.h>

enum { FC_IMAGE_TOKEN_ENTRIES = 16 };

typedef struct fc_image_key {
    uint64_t vision, adapter; /* serial numbers of models */
    char hash[65];            /* of the pixels; "": no picture */
} fc_image_key;

typedef struct fc_image_entry {
    fc_image_key key;
    float *tokens; /* NULL: unused */
    uint64_t used;
} fc_image_entry;

/* All zero: empty. */
typedef struct fc_image_tokens {
    fc_image_entry entry[FC_IMAGE_TOKEN_ENTRIES];
    uint64_t clock;
} fc_image_tokens;

void fc_image_tokens_fini(fc_image_tokens *c);
const float *fc_image_tokens_get(fc_image_tokens *c, const fc_image_key *key); /* NULL: unknown */
/* Keeps a copy, for which the least recently used goes; without memory for it nothing happens. */
void fc_image_tokens_put(fc_image_tokens *c, const fc_image_key *key, const float *tokens, size_t count);

#endif
