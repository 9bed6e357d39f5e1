/* The words that the style "Fooocus V2" adds to a prompt: with the language model and the list of words in
 * the folder prompt_expansion/fooocus_expansion, which are the user's to bring. Their author allows their use
 * inside Fooocus, elsewhere for non-commercial purposes only, so neither comes with this program. */
#ifndef FC_APP_PROMPT_WORDS_H
#define FC_APP_PROMPT_WORDS_H

#include "app/common/warn.h"
#include "app/prompt/added_words.h"
#include "app/settings/config.h"
#include "engine/expander.h"
#include "text/byte_bpe.h"

typedef struct fc_prompt_words {
    const fc_config *config;
    fc_warn warn;
    const int *cancel;
    fc_arena *arena;
    bool dry;    /* nothing is opened: a request is checked */
    bool failed; /* it is not there, which was told */
    fc_expander *model;
    fc_byte_bpe bpe;
    uint8_t *allowed;
    fc_added_words added;
} fc_prompt_words;

/* What is pointed to must stay. Nothing is opened before a prompt is expanded. */
void fc_prompt_words_init(fc_prompt_words *w, const fc_config *config, bool dry, const int *cancel,
                          fc_warn warn, fc_arena *arena);
void fc_prompt_words_fini(fc_prompt_words *w); /* zeroed is fine */

#endif
