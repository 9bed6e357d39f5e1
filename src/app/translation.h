/* Translation models of the user's, in models/translation: one folder each, named as they are published
 * (opus-mt-zh-en). They translate prompts in place of the word list that is built in. */
#ifndef FC_APP_TRANSLATION_H
#define FC_APP_TRANSLATION_H

#include "app/common/lines.h"
#include "app/common/warn.h"
#include "app/prompt/sentences.h"
#include "app/settings/config.h"
#include "engine/translator.h"

typedef struct fc_translation {
    fc_arena *arena;
    fc_warn warn;
    const int *cancel;
    fc_lines names, paths; /* of the folders */
    size_t chosen;         /* by name; SIZE_MAX: by the language */
    bool off;              /* the word list was chosen */
    bool dry;              /* nothing is opened: only what was chosen is looked up */
    fc_translator *model;  /* open one, of names[open] */
    size_t open;
    fc_lines broken;         /* paths that could not be opened, each told once */
    fc_lines known, english; /* sentences that have been translated */
    fc_sentence_translator translator;
} fc_translation;

/* choice: "auto", "glossary" or a folder's name. NOT_FOUND: there is none of that name. dry: for checking a
 * request. What is pointed to must stay. */
fc_status fc_translation_init(fc_translation *t, const fc_config *config, const char *choice, bool dry,
                              const int *cancel, fc_warn warn, fc_arena *arena, fc_err *err) FC_MUST_USE;
void fc_translation_fini(fc_translation *t); /* zeroed is fine */

#endif
