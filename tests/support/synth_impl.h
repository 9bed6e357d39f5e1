/* Private to tests/support/synth*.c: layers of synthetic checkpoints. Weights get a standard deviation of
 * 1 / sqrt(fan_in). */
#ifndef FC_TESTS_SYNTH_IMPL_H
#define FC_TESTS_SYNTH_IMPL_H

#include <stdbool.h>
#include "support/synth.h"

/* A name made of parts, by value: synth_name(...).text lives until the end of the full expression. */
typedef struct synth_text {
    char text[200];
} synth_text;
synth_text synth_name(const char *format, ...) FC_PRINTF(1, 2);

/* layer: name without ".weight" and ".bias" */
void synth_matrix(fc_synth *s, const char *name, int64_t out, int64_t in); /* name: the whole */
void synth_linear(fc_synth *s, const char *layer, int64_t out, int64_t in);
void synth_conv(fc_synth *s, const char *layer, int64_t out, int64_t in, int64_t k);
void synth_norm(fc_synth *s, const char *layer, int64_t channels);
void synth_embedding(fc_synth *s, const char *name, int64_t rows, int64_t width);
/* The UNet of tiny_base. */
void synth_tiny_unet(fc_synth *s, const char *prefix);

/* Adds the tensors of one of the kinds in synth_guides.c; false: it is none of them. */
bool synth_build_guide(fc_synth *s, const char *kind);
/* The same for synth_words.c. */
bool synth_build_words(fc_synth *s, const char *kind);

#endif
