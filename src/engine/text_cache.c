/* Encoded texts of the last prompts, the least recently used given up first. See text_cache.h. */
#include "engine/text_cache.h"

#include <string.h>

#include "base/mem.h"

void fc_text_cache_init(fc_text_cache *c)
{
    *c = (fc_text_cache){0};
}

static void drop(fc_text_entry *e)
{
    fc_free((void *)(uintptr_t)e->key.text);
    fc_free(e->context);
    *e = (fc_text_entry){0};
}

void fc_text_cache_fini(fc_text_cache *c)
{
    for (int i = 0; i < FC_TEXT_CACHE_ENTRIES; i++) drop(&c->entry[i]);
}

static bool same_key(const fc_text_key *a, const fc_text_key *b)
{
    return a->text && a->model == b->model && a->patches == b->patches && a->embeddings == b->embeddings &&
           a->recipe == b->recipe && a->skip == b->skip && strcmp(a->text, b->text) == 0;
}

const fc_text_entry *fc_text_cache_get(fc_text_cache *c, const fc_text_key *key)
{
    for (int i = 0; i < FC_TEXT_CACHE_ENTRIES; i++) {
        if (!same_key(&c->entry[i].key, key)) continue;
        c->entry[i].used = ++c->clock;
        return &c->entry[i];
    }
    return NULL;
}

fc_text_entry *fc_text_cache_put(fc_text_cache *c, const fc_text_key *key, int32_t tokens, int32_t width,
                                 int32_t pooled_width)
{
    fc_text_entry *e = &c->entry[0];
    for (int i = 1; i < FC_TEXT_CACHE_ENTRIES; i++)
        if (c->entry[i].used < e->used) e = &c->entry[i];
    drop(e);
    size_t context = (size_t)tokens * (size_t)width;
    char *text = fc_strdup(key->text);
    float *memory = fc_alloc((context + (size_t)pooled_width) * sizeof *memory);
    if (!text || !memory) {
        fc_free(text);
        fc_free(memory);
        return NULL;
    }
    *e = (fc_text_entry){.key = *key,
                         .context = memory,
                         .pooled = memory + context,
                         .tokens = tokens,
                         .width = width,
                         .pooled_width = pooled_width,
                         .used = ++c->clock};
    e->key.text = text;
    return e;
}
