/* A language model (GPT-2) that continues a prompt, for app/prompt/expansion. It computes on the processor,
 * whatever draws the pictures: a prompt is little work. One thread at a time. */
#ifndef FC_ENGINE_EXPANDER_H
#define FC_ENGINE_EXPANDER_H

#include <stdint.h>
#include "base/status.h"

typedef struct fc_expander fc_expander;

/* path: the model's file. UNSUPPORTED: another kind of model. */
fc_status fc_expander_open(fc_expander **out, const char *path, fc_err *err) FC_MUST_USE;
void fc_expander_close(fc_expander *e);            /* NULL is fine */
int32_t fc_expander_words(const fc_expander *e);   /* ids are below it */
int32_t fc_expander_context(const fc_expander *e); /* tokens it can read in all */
/* A new text begins: what was read is forgotten. */
void fc_expander_begin(fc_expander *e);
/* Reads n more tokens and tells the logits [words] of the one that follows. cancel as in fc_hooks; may be
 * NULL. */
fc_status fc_expander_read(fc_expander *e, const int32_t *ids, int32_t n, const int *cancel, float *logits,
                           fc_err *err) FC_MUST_USE;

#endif
