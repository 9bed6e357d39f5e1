/* Samplers: from noise to a latent, by walking a model down a list of sigmas.
 *
 * The model is a callback: denoise(x, sigma) -> the clean latent (guidance and everything below included),
 * with x in sigma space (x = clean + sigma * noise). on_step fires where the reference's callback does, after
 * the first model evaluation of step i; exchanging models inside it (refiner swap) therefore leaves
 * evaluation i to the first model. Either callback may return a status other than OK to stop; fc_sample
 * returns it.
 *
 * A run may be cut in two: sigmas[0..k], which leaves the noise of sigma k, then sigmas[k..n] from that
 * result as `latent` without `noise`, with the same rng and path (multistep samplers start anew at the cut).
 *
 * All state of a run is in the job, its arena and the stack. Buffers: at most 11 latents.
 */
#ifndef FC_DIFFUSION_SOLVERS_SOLVERS_H
#define FC_DIFFUSION_SOLVERS_SOLVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "diffusion/brownian.h"
#include "diffusion/model_sampling.h"
#include "diffusion/recipe.h"
#include "diffusion/rng.h"

struct fc_solver;

enum {
    FC_SAMPLER_RANDOM = 1,              /* draws noise from the job's generator during the run */
    FC_SAMPLER_PATH = 2,                /* draws noise from a Brownian path */
    FC_SAMPLER_DISCARD_PENULTIMATE = 4, /* wants fc_schedule_request.discard_penultimate */
    FC_SAMPLER_OWN_SPACE = 8,           /* starts and masks by its own rules (variance-preserving space) */
    FC_SAMPLER_UNMASKED = 16            /* looks at no mask: so does the reference, which pastes back alone */
};

typedef struct fc_sampler {
    const char *name;
    fc_recipe_set recipes; /* a name may stand for two methods */
    unsigned flags;
    const char *help; /* half a sentence */
    void (*solve)(struct fc_solver *s);
} fc_sampler;

const fc_sampler *fc_sampler_find(const char *name, const fc_recipe *recipe); /* NULL: unknown */
/* The index-th sampler of a recipe in the order of help texts; NULL behind the last. */
const fc_sampler *fc_sampler_at(size_t index, const fc_recipe *recipe);

/* What a step callback sees; arrays [count] are valid during the call only. */
typedef struct fc_sample_step {
    int index, steps; /* 0-based; steps is 0 when the sampler cannot know (dpm_adaptive) */
    float sigma;
    const float *x;        /* before the step; after it for uni_pc, dpm_adaptive and the ddim of recipe 1.0 */
    const float *denoised; /* model scale */
} fc_sample_step;

/* Part of the latent is given: mask 1 = paint, 0 = keep the start latent. Arrays [count]. */
typedef struct fc_sample_mask {
    const float *mask;
    const float *
        keep; /* model scale; what is kept where the run starts from something else; NULL: the start latent */
    /* Draws new noise for the kept part at every model call (recipe 2.5, seeded with seed + 1 modulo 2^63 -
     * 1); NULL: the start noise each time (recipe 1.0). */
    fc_rng *fresh;
} fc_sample_mask;

typedef struct fc_sample_job {
    const fc_sampler *sampler;
    const fc_model_sampling *sampling;
    const float *sigmas; /* [sigma_count], falling, 0 only at the end */
    int sigma_count;
    size_t count;        /* values of a latent: FC_LATENT_CHANNELS * height * width */
    const float *noise;  /* [count] standard normal; NULL: `latent` holds its noise already */
    const float *latent; /* [count] model scale; NULL: an empty one (zeros of the VAE) */
    bool full_noise;     /* fc_recipe_full_noise */
    fc_rng *rng; /* the generator that drew `noise`; needed by FC_SAMPLER_RANDOM and by masks of recipe 1.0 */
    uint64_t seed; /* of the Brownian path */
    fc_brownian
        *path; /* of `count` values, to share between runs; NULL: one over the range of these sigmas */
    const fc_sample_mask *mask; /* NULL: paint everything */
    void *user;
    fc_status (*denoise)(void *user, const float *x, float sigma, float *denoised, fc_err *err);
    fc_status (*on_step)(void *user, const fc_sample_step *step, fc_err *err); /* may be NULL */
} fc_sample_job;

/* Runs the job; out[count] is the result in model scale. NUMERIC when the model gives infinities or NaN. */
fc_status fc_sample(const fc_sample_job *job, fc_arena *arena, float *out, fc_err *err) FC_MUST_USE;

#endif
