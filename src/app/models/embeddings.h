/* The textual inversions that texts name ("embedding:NAME"), found among the files of models/embeddings,
 * else in the LoRAs of the job. */
#ifndef FC_APP_MODELS_EMBEDDINGS_H
#define FC_APP_MODELS_EMBEDDINGS_H

#include "app/common/warn.h"
#include "app/models/files.h"

enum { FC_MAX_EMBEDDINGS = 64 }; /* of one job */

typedef struct fc_embedding_search {
    const fc_model_folder *folder;
    const fc_lora_choice *loras; /* that may bring some along */
    int32_t lora_count;
    bool (*brings)(const char *lora_path, const char *name); /* NULL: none does */
    fc_warn warn; /* told about names that no file has: the texts do without them */
    fc_embedding_choice items[FC_MAX_EMBEDDINGS]; /* found so far, each name once; texts in the arena */
    int32_t count;
    fc_arena *arena;
} fc_embedding_search;

/* Adds what one text names. LIMIT: more than FC_MAX_EMBEDDINGS. */
fc_status fc_embeddings_search(fc_embedding_search *s, const char *text, fc_err *err) FC_MUST_USE;

#endif
