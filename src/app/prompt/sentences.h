/* A prompt line translated sentence by sentence by a translation model: brackets, weights, tags and names of
 * embeddings stay as they are, and so does what needs no translation. */
#ifndef FC_APP_PROMPT_SENTENCES_H
#define FC_APP_PROMPT_SENTENCES_H

#include <stdbool.h>
#include "base/arena.h"

/* Who translates; the caller of a plan brings one where the user has a model. */
typedef struct fc_sentence_translator {
    void *user;
    /* Whether a model for lines of this language ("zh"; NULL: in letters that English has, too) is there. */
    bool (*reads)(void *user, const char *language);
    /* The English of one sentence, in the arena; reads() said yes. */
    fc_status (*run)(void *user, const char *language, const char *sentence, fc_arena *arena,
                     const char **english, fc_err *err);
} fc_sentence_translator;

/* The language that a text's letters tell: "zh", "ja", "ko", "ru", "ar" ...; NULL: none but those that
 * English has, too. */
const char *fc_text_language(const char *text);

fc_status fc_line_translate(const fc_sentence_translator *t, const char *line, fc_arena *arena,
                            const char **english, fc_err *err) FC_MUST_USE;

#endif
