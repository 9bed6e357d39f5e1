/* Describes pictures in words: BLIP's captioner and its vocabulary. It computes on the processor, whatever
 * draws the pictures. One thread at a time. */
#ifndef FC_ENGINE_CAPTIONER_H
#define FC_ENGINE_CAPTIONER_H

#include "base/arena.h"
#include "format/pixels.h"

typedef struct fc_captioner fc_captioner;

/* model: a file of model/blip.h; vocabulary: BERT's vocab.txt. */
fc_status fc_captioner_open(fc_captioner **out, const char *model, const char *vocabulary,
                            fc_err *err) FC_MUST_USE;
void fc_captioner_close(fc_captioner *c); /* NULL is fine */
/* What an RGB picture shows, as a sentence in the arena: "a cat sitting on a sofa". cancel as in fc_engine's;
 * may be NULL. */
fc_status fc_captioner_run(fc_captioner *c, const fc_pixels *rgb, const int *cancel, fc_arena *arena,
                           const char **out, fc_err *err) FC_MUST_USE;

#endif
