/* Who adds words to prompts; the caller of a plan brings one. */
#ifndef FC_APP_PROMPT_ADDED_WORDS_H
#define FC_APP_PROMPT_ADDED_WORDS_H

#include "base/arena.h"

typedef struct fc_added_words {
    void *user;
    /* The prompt with its words, in the arena; NULL: none are added, for a reason that was told. */
    fc_status (*run)(void *user, const char *prompt, uint64_t seed, fc_arena *arena, const char **out,
                     fc_err *err);
} fc_added_words;

#endif
