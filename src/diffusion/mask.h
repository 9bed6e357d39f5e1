/* Masks of a latent: which part is painted (1) and which is kept (0). */
#ifndef FC_DIFFUSION_MASK_H
#define FC_DIFFUSION_MASK_H

#include "diffusion/model_sampling.h"

/* A mask [mask_height][mask_width] of any size -> out [FC_LATENT_CHANNELS][height][width] of zeros and ones:
 * bilinear with half-pixel centres, no antialiasing, rounded (ties to even). */
void fc_mask_to_latent(const float *mask, int mask_width, int mask_height, float *out, int width, int height);

#endif
