/* The smallest checkpoints that still have every kind of layer, for tests that run a model hundreds of times
 * or need files of unusual shape. */
#ifndef FC_TESTS_NANO_H
#define FC_TESTS_NANO_H

#include "support/synth.h"

enum {
    FC_NANO_WIDTH = 64,
    FC_NANO_CONTEXT = 64,
    FC_NANO_LABEL = 32,
    FC_NANO_VOCABULARY = 100,
    FC_NANO_TOKENS = 77
};

/* The middle block of the UNet: whole as in SDXL, one residual block (SSD-1B, Vega), or none at all (KOALA).
 */
typedef enum fc_nano_middle { FC_NANO_MIDDLE_FULL, FC_NANO_MIDDLE_RES, FC_NANO_MIDDLE_NONE } fc_nano_middle;

/* Each adds its tensors under the names of a single-file checkpoint. */
void fc_nano_unet(fc_synth *s, fc_nano_middle middle);
void fc_nano_clip_l(fc_synth *s);
void fc_nano_clip_g(fc_synth *s);
void fc_nano_vae(fc_synth *s);
void fc_nano_taesd(fc_synth *s);

/* Writes a file of these tensors but those whose names begin with `dropped` (at least one must), and returns
 * its path. */
const char *fc_nano_without(const fc_synth *all, const char *dropped);

#endif
