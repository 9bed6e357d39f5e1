/* Solvers that jump to the denoised latent and put noise back: DDPM, latent consistency (LCM), trajectory
 * consistency (TCD, Zheng et al. 2024, eta 0.3). */
#include "diffusion/solvers/solver_impl.h"
#include <string.h>

void fc_solve_ddpm(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *eps = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        float sigma = sigmas[i], next = sigmas[i + 1];
        fc_solver_denoise(s, s->x, sigma, denoised);
        fc_solver_step(s, i, s->steps, sigma, s->x, denoised);
        if (s->status) return;
        vec_slope(s->n, eps, s->x, denoised, sigma);
        /* in the variance-preserving space, where x / sqrt(1 + sigma^2) lives; a = cumulative, alpha = of
         * this step */
        float a = 1.0f / (sigma * sigma + 1.0f), a_next = 1.0f / (next * next + 1.0f), alpha = a / a_next;
        float mean = sqrtf(1.0f / alpha), lean = (1.0f - alpha) / sqrtf(1.0f - a),
              norm = sqrtf(1.0f + sigma * sigma);
        for (size_t k = 0; k < s->n; k++) s->x[k] = mean * (s->x[k] / norm - lean * eps[k]);
        if (next == 0.0f) return;
        fc_solver_add_noise(s, s->x, sqrtf((1.0f - alpha) * (1.0f - a_next) / (1.0f - a)));
        vec_scale(s->n, s->x, s->x, sqrtf(1.0f + next * next));
    }
}

void fc_solve_lcm(fc_solver *s)
{
    float *denoised = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        fc_solver_denoise(s, s->x, s->sigmas[i], denoised);
        fc_solver_step(s, i, s->steps, s->sigmas[i], s->x, denoised);
        if (s->status) return;
        memcpy(s->x, denoised, s->n * sizeof *s->x);
        if (s->sigmas[i + 1] > 0.0f) fc_solver_add_noise(s, s->x, s->sigmas[i + 1]);
    }
}

/* The cumulative product at the timestep down to which a step that ends at `sigma` goes before noise is put
 * back. */
static float tcd_target(const fc_solver *s, float sigma)
{
    const float eta = 0.3f;
    int t = 0;
    if (sigma > 0.0f) t = (int)floorf((1.0f - eta) * fc_model_sampling_timestep(s->job->sampling, sigma));
    return s->job->sampling->alphas_cumprod[t < 0 ? 0 : t];
}

void fc_solve_tcd(fc_solver *s)
{
    float *denoised = fc_solver_buffer(s), *eps = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        float sigma = s->sigmas[i], next = s->sigmas[i + 1];
        fc_solver_denoise(s, s->x, sigma, denoised);
        fc_solver_step(s, i, s->steps, sigma, s->x, denoised);
        if (s->status) return;
        float a = tcd_target(s, next);
        vec_slope(s->n, eps, s->x, denoised, sigma);
        vec_mix(s->n, s->x, sqrtf(a), denoised, sqrtf(1.0f - a), eps);
        if (next == 0.0f) return;
        vec_scale(s->n, s->x, s->x, 1.0f / sqrtf(a));
        float missing = next * next + 1.0f - 1.0f / a; /* of the variance; rounding may leave it below 0 */
        fc_solver_add_noise(s, s->x, sqrtf(fmaxf(missing, 0.0f)));
    }
}
