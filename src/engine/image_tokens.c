/* See image_tokens.h. */
#include "engine/image_tokens.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

void fc_image_tokens_fini(fc_image_tokens *c)
{
    for (int i = 0; i < FC_IMAGE_TOKEN_ENTRIES; i++) fc_free(c->entry[i].tokens);
    *c = (fc_image_tokens){0};
}

static bool same_key(const fc_image_key *a, const fc_image_key *b)
{
    return a->vision == b->vision && a->adapter == b->adapter && strcmp(a->hash, b->hash) == 0;
}

const float *fc_image_tokens_get(fc_image_tokens *c, const fc_image_key *key)
{
    for (int i = 0; i < FC_IMAGE_TOKEN_ENTRIES; i++) {
        if (!c->entry[i].tokens || !same_key(&c->entry[i].key, key)) continue;
        c->entry[i].used = ++c->clock;
        return c->entry[i].tokens;
    }
    return NULL;
}

void fc_image_tokens_put(fc_image_tokens *c, const fc_image_key *key, const float *tokens, size_t count)
{
    fc_image_entry *e = &c->entry[0];
    for (int i = 1; i < FC_IMAGE_TOKEN_ENTRIES; i++)
        if (c->entry[i].used < e->used) e = &c->entry[i];
    float *copy = fc_alloc(count * sizeof *copy);
    if (!copy) return;
    memcpy(copy, tokens, count * sizeof *copy);
    fc_free(e->tokens);
    *e = (fc_image_entry){*key, copy, ++c->clock};
}
