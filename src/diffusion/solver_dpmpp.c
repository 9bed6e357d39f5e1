/* DPM-Solver++ (Lu et al. 2022) in its k-diffusion forms. t = -log sigma throughout; h is a step in t. */
#include "diffusion/solver_impl.h"
#include <string.h>

void fc_solve_dpmpp_2m_sde(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *old = fc_solver_buffer(s);
    float h_last = 0.0f;
    for (int i = 0; i < s->steps && !s->status; i++) {
        fc_solver_denoise(s, s->x, sigmas[i], denoised);
        fc_solver_step(s, i, s->steps, sigmas[i], s->x, denoised);
        if (s->status) return;
        if (sigmas[i + 1] == 0.0f) {
            memcpy(s->x, denoised, s->n * sizeof *s->x);
            return;
        }
        float h = f32_log(sigmas[i]) - f32_log(sigmas[i + 1]);
        float gain = -f32_expm1(-2.0f * h);
        vec_mix(s->n, s->x, sigmas[i + 1] / sigmas[i] * f32_exp(-h), s->x, gain, denoised);
        if (i > 0) { /* midpoint correction with the last step's estimate */
            float weight = 0.5f * gain * (h / h_last);
            for (size_t k = 0; k < s->n; k++) s->x[k] += weight * (denoised[k] - old[k]);
        }
        fc_solver_add_path(s, s->x, sigmas[i], sigmas[i + 1], sigmas[i + 1] * sqrtf(gain));
        h_last = h;
        float *swap = old;
        old = denoised;
        denoised = swap;
    }
}
