/* DDIM (eta 0) as recipe 1.0 runs it: in the variance-preserving space, on the table's timesteps nearest to
 * the sigmas, with its own start and mask rules. */
#include "diffusion/solvers/solver_impl.h"
#include <string.h>

/* Index into alphas_cumprod; sigma 0 is the lowest timestep. */
static int timestep_of(const fc_solver *s, float sigma)
{
    return sigma > 0.0f ? (int)fc_model_sampling_timestep(s->job->sampling, sigma) : 0;
}

void fc_solver_predict_vp(fc_solver *s, const float *x, float sigma, float *scaled, float *eps)
{
    vec_scale(s->n, scaled, x, sqrtf(sigma * sigma + 1.0f));
    fc_solver_denoise(s, scaled, sigma, eps);
    if (!s->status) vec_slope(s->n, eps, scaled, eps, sigma);
}

static void start(fc_solver *s, float a)
{
    const fc_sample_job *job = s->job;
    float latent_scale = sqrtf(a), noise_scale = job->full_noise ? 1.0f : sqrtf(1.0f - a);
    for (size_t i = 0; i < s->n; i++) {
        float noise = job->noise ? noise_scale * job->noise[i] : 0.0f;
        s->x[i] = job->latent ? latent_scale * job->latent[i] + noise : noise;
    }
}

/* The kept part becomes the start latent at this noise level, with noise drawn anew. */
static void mix_kept(fc_solver *s, float a)
{
    fc_solver_draw(s, s->scratch);
    vec_mix(s->n, s->scratch, sqrtf(a), s->job->latent, sqrtf(1.0f - a), s->scratch);
    vec_blend(s->n, s->x, s->job->mask->mask, s->x, s->scratch);
}

void fc_solve_ddim(fc_solver *s)
{
    const fc_model_sampling *ms = s->job->sampling;
    float *eps = fc_solver_buffer(s), *denoised = fc_solver_buffer(s), *scaled = fc_solver_buffer(s);
    if (s->status) return;
    start(s, ms->alphas_cumprod[timestep_of(s, s->sigmas[0])]);
    for (int i = 0; i < s->steps && !s->status; i++) {
        int t = timestep_of(s, s->sigmas[i]);
        float a = ms->alphas_cumprod[t], a_next = ms->alphas_cumprod[timestep_of(s, s->sigmas[i + 1])];
        if (s->job->mask) mix_kept(s, a);
        fc_solver_predict_vp(s, s->x, fc_model_sampling_sigma(ms, (float)t), scaled, eps);
        if (s->status) return;
        for (size_t k = 0; k < s->n; k++) denoised[k] = (s->x[k] - sqrtf(1.0f - a) * eps[k]) / sqrtf(a);
        vec_mix(s->n, s->x, sqrtf(a_next), denoised, sqrtf(1.0f - a_next), eps);
        if (s->job->mask)
            fc_solver_draw(s, s->scratch); /* the reference draws for eta, too, and multiplies by 0 */
        fc_solver_step(s, i, s->steps, s->sigmas[i], s->x, denoised);
    }
    if (s->status) return;
    float last = s->sigmas[s->steps];
    if (last == 0.0f)
        memcpy(s->x, denoised, s->n * sizeof *s->x);
    else
        vec_scale(s->n, s->x, s->x, 1.0f / sqrtf(ms->alphas_cumprod[timestep_of(s, last)]));
}
