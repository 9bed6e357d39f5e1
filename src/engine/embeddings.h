/* The textual inversions of a job, by the names its prompts use. Private to the engine. */
#ifndef FC_ENGINE_EMBEDDINGS_H
#define FC_ENGINE_EMBEDDINGS_H

#include "diffusion/cond.h"
#include "engine/task.h"
#include "model/embedding.h"

typedef struct fc_embedding_entry {
    char *name;
    fc_embedding vectors;
} fc_embedding_entry;

typedef struct fc_embedding_set {
    fc_embedding_entry *items;
    int32_t count;
    uint64_t key; /* tells names and vectors apart: part of the key of encoded texts; 0: none */
} fc_embedding_set;

/* Reads the chosen files. Warns of those that fit the encoders of width l and g (0: there is none) in part or
 * not at all. On failure *set is as it was. */
fc_status fc_embedding_set_load(fc_embedding_set *set, const fc_model_choice *choice, int32_t l, int32_t g,
                                const fc_hooks *hooks, fc_err *err) FC_MUST_USE;
void fc_embedding_set_fini(fc_embedding_set *set);
/* How texts find them; set must stay while the answer is used. */
fc_text_embeddings fc_embedding_set_get(fc_embedding_set *set);

#endif
