/* See embeddings.h. The text layer takes prompts apart, so that the names are the ones it will ask for. */
#include "app/models/embeddings.h"

#include <string.h>

#include "text/chunks.h"
#include "text/clip_vocab.h"

typedef struct visit {
    fc_embedding_search *search;
    bool full;
} visit;

/* The LoRA that brings the embedding along; NULL: none. */
static const char *bringing(const fc_embedding_search *s, const char *name)
{
    for (int32_t i = 0; s->brings && i < s->lora_count; i++)
        if (s->brings(s->loras[i].path, name)) return s->loras[i].path;
    return NULL;
}

static bool find(void *user, const char *name, size_t size, uint32_t *handle, uint32_t *rows)
{
    visit *v = user;
    fc_embedding_search *s = v->search;
    char *word = fc_arena_strndup(s->arena, name, size);
    const char *path = word && *word ? fc_model_folder_path(s->folder, word) : NULL;
    *handle = *rows = 1; /* only the names are wanted */
    for (int32_t i = 0; word && i < s->count; i++)
        if (strcmp(s->items[i].name, word) == 0) return true;
    const char *lora = path || !word || !*word ? NULL : bringing(s, word);
    if (!path && !lora) return false;
    v->full = s->count == FC_MAX_EMBEDDINGS;
    if (!v->full) s->items[s->count++] = (fc_embedding_choice){word, path ? path : lora, lora != NULL};
    return true;
}

static void missing(void *user, const char *name, size_t size)
{
    const fc_embedding_search *s = ((const visit *)user)->search;
    fc_warn_emit(s->warn, "there is no embedding \"%.*s\" in %s; it was left out of the prompt",
                 (int)(size < 100 ? size : 100), name, s->folder->dir);
}

fc_status fc_embeddings_search(fc_embedding_search *s, const char *text, fc_err *err)
{
    visit v = {.search = s};
    const fc_clip_embeddings names = {.user = &v, .find = find, .missing = missing};
    fc_clip_chunks chunks;
    if (!strstr(text, "embedding:")) return FC_OK;
    fc_status status = fc_clip_chunks_make(&chunks, &fc_clip_vocab_builtin, text, strlen(text),
                                           &(fc_clip_chunk_opts){.embeddings = &names}, err);
    if (status == FC_OK) fc_clip_chunks_fini(&chunks);
    if (status != FC_OK) return status;
    if (s->arena->status != FC_OK)
        status = fc_fail(err, s->arena->status, "out of memory for the prompt's embeddings");
    if (status != FC_OK) return status;
    if (v.full)
        status = fc_fail(err, FC_LIMIT, "the prompts name more than %d embeddings", (int)FC_MAX_EMBEDDINGS);
    return status;
}
