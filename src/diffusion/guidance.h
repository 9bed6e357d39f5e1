/* Guidance: from a network's outputs for the positive and the negative text to one denoised latent.
 * Recipe 1.0: the positive prediction of the noise is blurred a little (which sharpens the picture), then
 * mixed. Recipe 2.5: the same on x - denoised with the denoised latent as the blur's guide, and a guidance
 * scale that falls back to a mimicked one at high noise. One instance per run and latent size. */
#ifndef FC_DIFFUSION_GUIDANCE_H
#define FC_DIFFUSION_GUIDANCE_H

#include <stdbool.h>
#include "diffusion/filters.h"
#include "diffusion/recipe.h"

typedef struct fc_guidance {
    const fc_recipe *recipe;
    const fc_model_sampling *sampling; /* may be exchanged between steps */
    double scale;                      /* 1: the negative side is not needed */
    double mimic;                      /* recipe 2.5: the scale at the highest noise when `scale` is larger */
    double sharpness;                  /* 0: off; Fooocus: 2 */
    size_t count;                      /* values of a latent */
    fc_bilateral filter;
    float *work, *blurred; /* [count], in the arena */
} fc_guidance;

typedef struct fc_guidance_params {
    const fc_recipe *recipe;
    const fc_model_sampling *sampling;
    double scale, mimic, sharpness;
    int width, height; /* of the latent */
} fc_guidance_params;

fc_status fc_guidance_init(fc_guidance *g, const fc_guidance_params *params, fc_arena *arena,
                           fc_err *err) FC_MUST_USE;

/* Whether the network must also be run with the negative text. */
bool fc_guidance_needs_negative(const fc_guidance *g);

/* x [4][height][width] at noise level sigma; positive and negative are the network's outputs for it at
 * `timestep` and are overwritten; negative may be NULL when it is not needed. denoised may be x. */
void fc_guidance_apply(fc_guidance *g, const float *x, float sigma, float timestep, float *positive,
                       float *negative, float *denoised);

/* Recipe 2.5's mix: out = uncond + scale * (cond - uncond), the mimicked scale's share falling with progress.
 */
void fc_guidance_mix(double scale, double mimic, float progress, const float *uncond, const float *cond,
                     float *out, size_t count);

#endif
