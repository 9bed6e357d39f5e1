/* See embeddings.h. */
#include "engine/embeddings.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/engine_impl.h"

static uint64_t key_of(const fc_embedding_set *set)
{
    uint64_t key = 0;
    for (int32_t i = 0; i < set->count; i++) {
        const fc_embedding *v = &set->items[i].vectors;
        key = fc_splitmix64(key + fc_fnv1a(set->items[i].name, strlen(set->items[i].name)));
        for (int k = 0; k < 2; k++)
            key = fc_splitmix64(
                key + fc_fnv1a(v->rows[k], (size_t)v->count * (size_t)v->width[k] * sizeof *v->rows[k]));
    }
    return set->count ? key | 1 : 0;
}

static void warn(const fc_hooks *hooks, const char *path, const fc_embedding *v, int32_t l, int32_t g)
{
    char text[500];
    const char *name = fc_path_basename(path);
    bool fits_l = l && v->width[0] == l, fits_g = v->width[1] == g;
    if (fits_g && (fits_l || !l)) return;
    if (!fits_l && !fits_g)
        snprintf(text, sizeof text,
                 "the embedding %.200s was made for another kind of model and was left out: its vectors have "
                 "%d values, this model's have %d and %d",
                 name, v->width[0], l, g);
    else
        snprintf(text, sizeof text,
                 "the embedding %.200s fits one of the model's two text encoders, it works in part", name);
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_WARNING, .text = text, .seconds_left = -1});
}

static fc_status read_all(fc_embedding_set *set, const fc_model_choice *choice, fc_err *err)
{
    fc_status status = FC_OK;
    set->items = fc_calloc((size_t)choice->embedding_count + 1, sizeof *set->items);
    if (!set->items) return fc_fail(err, FC_NOMEM, "out of memory");
    for (int32_t i = 0; i < choice->embedding_count && !status; i++) {
        fc_embedding_entry *e = &set->items[set->count++];
        e->name = fc_strdup(choice->embeddings[i].name);
        const fc_embedding_choice *file = &choice->embeddings[i];
        if (!e->name) return fc_fail(err, FC_NOMEM, "out of memory");
        status = file->bundled ? fc_embedding_open_bundled(&e->vectors, file->path, file->name, err)
                               : fc_embedding_open(&e->vectors, file->path, err);
    }
    return status;
}

fc_status fc_embedding_set_load(fc_embedding_set *set, const fc_model_choice *choice, int32_t l, int32_t g,
                                const fc_hooks *hooks, fc_err *err)
{
    fc_embedding_set fresh = {0};
    fc_status status = read_all(&fresh, choice, err);
    if (status) {
        fc_embedding_set_fini(&fresh);
        return status;
    }
    for (int32_t i = 0; i < fresh.count; i++)
        warn(hooks, choice->embeddings[i].path, &fresh.items[i].vectors, l, g);
    fresh.key = key_of(&fresh);
    fc_embedding_set_fini(set);
    *set = fresh;
    return FC_OK;
}

void fc_embedding_set_fini(fc_embedding_set *set)
{
    for (int32_t i = 0; i < set->count; i++) {
        fc_free(set->items[i].name);
        fc_embedding_fini(&set->items[i].vectors);
    }
    fc_free(set->items);
    *set = (fc_embedding_set){0};
}

/* The handle is the place in the list, from 1. */
static bool find(void *user, const char *name, size_t size, uint32_t *handle, uint32_t *rows)
{
    const fc_embedding_set *set = user;
    for (int32_t i = 0; i < set->count; i++) {
        const fc_embedding_entry *e = &set->items[i];
        if (strlen(e->name) != size || memcmp(e->name, name, size) != 0) continue;
        *handle = (uint32_t)i + 1;
        *rows = (uint32_t)e->vectors.count;
        return true;
    }
    return false;
}

static const float *row_of(void *user, uint32_t handle, uint32_t row, bool g, int32_t width)
{
    const fc_embedding_set *set = user;
    const fc_embedding *v = &set->items[handle - 1].vectors;
    return v->width[g] == width ? v->rows[g] + (size_t)row * (size_t)width : NULL;
}

fc_text_embeddings fc_embedding_set_get(fc_embedding_set *set)
{
    return (fc_text_embeddings){.names = {.user = set, .find = find}, .row = row_of};
}

bool fc_engine_lora_brings(const char *path, const char *name)
{
    return fc_embedding_is_bundled(path, name);
}
