/* A translator of sentences: a folder as Hugging Face has it for Marian networks (opus-mt), with config.json,
 * source.spm, vocab.json and the weights (model.safetensors or pytorch_model.bin). It computes on the
 * processor, whatever draws the pictures: a sentence is little work. One thread at a time. */
#ifndef FC_ENGINE_TRANSLATOR_H
#define FC_ENGINE_TRANSLATOR_H

#include "base/arena.h"

typedef struct fc_translator fc_translator;

/* NOT_FOUND: a file is missing; UNSUPPORTED: another kind of model; FORMAT: files that do not fit. */
fc_status fc_translator_open(fc_translator **out, const char *folder, fc_err *err) FC_MUST_USE;
void fc_translator_close(fc_translator *t); /* NULL is fine */
/* The translation of one sentence, in the arena. cancel as in fc_hooks; may be NULL. */
fc_status fc_translator_run(fc_translator *t, const char *sentence, const int *cancel, fc_arena *arena,
                            const char **out, fc_err *err) FC_MUST_USE;

#endif
