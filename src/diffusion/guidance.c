/* See guidance.h. */
#include "diffusion/guidance.h"
#include <math.h>
#include <string.h>
#include "diffusion/vec.h"

fc_status fc_guidance_init(fc_guidance *g, const fc_guidance_params *params, fc_arena *arena, fc_err *err)
{
    *g = (fc_guidance){.recipe = params->recipe,
                       .sampling = params->sampling,
                       .scale = params->scale,
                       .mimic = params->mimic,
                       .sharpness = params->sharpness};
    fc_status status = fc_bilateral_init(&g->filter, params->width, params->height, arena, err);
    if (status) return status;
    g->count = (size_t)params->width * (size_t)params->height * FC_LATENT_CHANNELS;
    g->work = fc_arena_array(arena, g->count, sizeof *g->work);
    g->blurred = fc_arena_array(arena, g->count, sizeof *g->blurred);
    if (!g->blurred) return fc_fail(err, arena->status, "not enough memory for guidance");
    return FC_OK;
}

bool fc_guidance_needs_negative(const fc_guidance *g)
{
    return fabs(g->scale - 1.0) > 1e-9 * fmax(fabs(g->scale), 1.0);
}

/* 0 at the highest noise, 1 at the lowest */
static float progress_at(float timestep)
{
    return 1.0f - timestep / 999.0f;
}

/* direction = blur(direction) * a + direction * (1 - a) */
static void soften(fc_guidance *g, float *direction, const float *guide, float progress)
{
    float a = (float)(0.001 * g->sharpness * (double)progress);
    if (a == 0.0f) return;
    fc_bilateral_apply(&g->filter, direction, guide, g->blurred);
    vec_mix(g->count, direction, a, g->blurred, 1.0f - a, direction);
}

void fc_guidance_mix(double scale, double mimic, float progress, const float *uncond, const float *cond,
                     float *out, size_t count)
{
    float real = (float)scale, copied = (float)mimic;
    bool adaptive = scale > mimic;
    for (size_t i = 0; i < count; i++) {
        float u = uncond[i], difference = cond[i] - u;
        float guided = u + real * difference;
        out[i] = adaptive ? guided * progress + (u + copied * difference) * (1.0f - progress) : guided;
    }
}

/* Recipe 1.0, on the network's outputs. Its engine divides each side by the sum of its area weights, 1 +
 * 1e-5. */
static void apply_to_outputs(fc_guidance *g, float timestep, float *positive, const float *negative)
{
    const float weight = 1.00001f;
    float scale = (float)g->scale;
    soften(g, positive, positive, progress_at(timestep));
    if (!fc_guidance_needs_negative(g)) {
        for (size_t i = 0; i < g->count; i++) positive[i] = positive[i] / weight * scale;
        return;
    }
    for (size_t i = 0; i < g->count; i++) {
        float u = negative[i] / weight;
        positive[i] = u + (positive[i] / weight - u) * scale;
    }
}

/* Recipe 2.5, on the directions x - denoised; positive and negative are denoised latents. */
static void apply_to_directions(fc_guidance *g, const float *x, float timestep, float *positive,
                                float *negative, float *denoised)
{
    float progress = progress_at(timestep);
    if (g->sharpness != 0.0) fc_standardise(positive, g->work, g->count);
    for (size_t i = 0; i < g->count; i++) {
        positive[i] = x[i] - positive[i];
        negative[i] = x[i] - negative[i];
    }
    soften(g, positive, g->work, progress);
    fc_guidance_mix(g->scale, g->mimic, progress, negative, positive, positive, g->count);
    for (size_t i = 0; i < g->count; i++) denoised[i] = x[i] - positive[i];
}

void fc_guidance_apply(fc_guidance *g, const float *x, float sigma, float timestep, float *positive,
                       float *negative, float *denoised)
{
    if (g->recipe->guides_outputs) {
        apply_to_outputs(g, timestep, positive, negative);
        fc_model_sampling_denoised(g->sampling, sigma, x, positive, denoised, g->count);
        return;
    }
    fc_model_sampling_denoised(g->sampling, sigma, x, positive, positive, g->count);
    if (!fc_guidance_needs_negative(g)) {
        memcpy(denoised, positive, g->count * sizeof *denoised);
        return;
    }
    fc_model_sampling_denoised(g->sampling, sigma, x, negative, negative, g->count);
    apply_to_directions(g, x, timestep, positive, negative, denoised);
}
